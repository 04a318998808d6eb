// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	sdkclient "github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

func TestServicePrincipal(t *testing.T) {
	w := workspace(t)
	s := session(t, m2m(w.URL()+"/"), Settings{Version: "1.2.3"})
	require.Equal(t, w.URL(), s.Host(), "one form, without the slash")
	require.Equal(t, "oauth-m2m", s.AuthType())
	require.Equal(t, "client_id app-1", s.Identity())
	require.Equal(t, clientID, s.ClientID())
	require.Empty(t, w.Requests(), "nothing is asked before the first request")

	c := client(t, s)
	for range 5 {
		require.Equal(t, http.StatusOK, me(t, s, c))
	}
	require.Equal(t, 1, w.Count("POST", tokenPath), "the token is kept")
	require.Zero(t, w.Count("", "/.well-known/"), "the host is not asked about itself")
	require.Equal(t, clientID, w.RequestsTo("GET", mePath)[0].Principal)
	agent := w.RequestsTo("POST", tokenPath)[0].Header.Get("User-Agent")
	require.True(t, strings.HasPrefix(agent, "otelcol-mlflow/"), agent)
}

func TestPersonalAccessToken(t *testing.T) {
	w := workspace(t)
	s := session(t, Config{Host: w.URL(), Credentials: Credentials{Token: databrickstest.AdminToken}}, Settings{})
	require.Equal(t, "pat", s.AuthType())
	require.Equal(t, http.StatusOK, me(t, s, client(t, s)))
	require.Len(t, w.Requests(), 1, "a token needs no sign-in")
}

func TestConcurrentRequestsShareOneSignIn(t *testing.T) {
	w := workspace(t)
	gate := make(chan struct{})
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if r.URL.Path == tokenPath {
			return &databrickstest.Fault{Until: gate}
		}
		return nil
	})
	s := session(t, m2m(w.URL()), Settings{})
	var wg sync.WaitGroup
	errs := make(chan error, 20)
	for range cap(errs) {
		wg.Go(func() {
			r, _ := http.NewRequest(http.MethodGet, w.URL(), http.NoBody)
			errs <- s.Authenticate(r)
		})
	}
	require.Eventually(t, func() bool { return w.Count("GET", "/oidc/.well-known") == 1 }, patience, time.Millisecond)
	close(gate)
	wg.Wait()
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 1, w.Count("POST", tokenPath))
}

// Tokens that live for 3 s are renewed in time: no request is ever signed with one that has run
// out.
func TestRenewedBeforeExpiry(t *testing.T) {
	w := workspace(t)
	w.Set(func(s *databrickstest.Switches) { s.TokenLife = 3 * time.Second })
	s := session(t, m2m(w.URL()), Settings{})
	c := client(t, s)
	seen := map[string]bool{}
	require.Eventually(t, func() bool {
		headers, err := s.Headers(t.Context())
		assert.NoError(t, err)
		seen[headers.Get("Authorization")] = true
		res, err := c.Get(s.Host() + mePath)
		if assert.NoError(t, err) {
			assert.NoError(t, res.Body.Close())
			assert.Equal(t, http.StatusOK, res.StatusCode)
		}
		return len(seen) >= 3 || t.Failed()
	}, patience, 20*time.Millisecond)
	for _, r := range w.RequestsTo("GET", mePath) {
		require.Equal(t, http.StatusOK, r.Status, "signed with a token that has run out, at %s", r.Time)
	}
	require.LessOrEqual(t, w.Count("POST", tokenPath), 4, "no more token requests than tokens")
}

func TestWrongSecretIsShown(t *testing.T) {
	w := workspace(t)
	cfg := m2m(w.URL())
	cfg.Credentials.ClientSecret = "canary-wrong"
	s := session(t, cfg, Settings{})
	_, err := s.Headers(t.Context())
	e := refusal(t, err)
	require.True(t, e.Permanent)
	require.Equal(t, http.StatusUnauthorized, e.Status)
	require.Equal(t, "invalid_client", e.Code)
	require.ErrorContains(t, err, "sign-in to "+w.URL()+
		" as oauth-m2m, client_id app-1 is refused: status 401 invalid_client: Client authentication failed")
	require.ErrorContains(t, err, "check client_id and client_secret")
	require.NotContains(t, err.Error(), "canary")

	for range 10 {
		_, again := s.Headers(t.Context())
		require.Equal(t, err, again)
	}
	require.Equal(t, 1, w.Count("POST", tokenPath), "a refusal is remembered for a while")
	w.AddServicePrincipal(clientID, "canary-wrong")
	require.NoError(t, s.Renew(t.Context()))
	require.NotEmpty(t, bearer(t, s), "a renewal asks again")
}

func TestUnreachableHostFailsInSeconds(t *testing.T) {
	s := session(t, m2m("http://127.0.0.1:1"), Settings{})
	start := time.Now()
	_, err := s.Headers(t.Context())
	e := refusal(t, err)
	require.False(t, e.Permanent, "it passes by itself")
	require.Zero(t, e.Status)
	require.ErrorContains(t, err, "127.0.0.1:1 does not answer: dial tcp 127.0.0.1:1: connect: connection refused")
	require.Less(t, time.Since(start), 10*time.Second)
}

// The same when the workspace goes away later: the token at hand is used to its end, then a request
// waits for the timeout at most and is told the reason.
func TestHostGoesAway(t *testing.T) {
	w := workspace(t)
	w.Set(func(s *databrickstest.Switches) { s.TokenLife = 2 * time.Second })
	s := session(t, m2m(w.URL()), Settings{Timeout: 500 * time.Millisecond})
	first := bearer(t, s)
	w.Close()
	require.Equal(t, first, bearer(t, s))
	var err error
	var took time.Duration
	require.Eventually(t, func() bool {
		start := time.Now()
		_, err = s.Headers(t.Context())
		took = time.Since(start)
		return err != nil
	}, patience, 20*time.Millisecond)
	require.False(t, refusal(t, err).Permanent)
	require.ErrorContains(t, err, "connection refused")
	require.Less(t, took, 10*time.Second)
}

// A workspace that takes the connection and says nothing: a request waits no longer than its
// context or the timeout, and the sign-in is found by a later one.
func TestSilentHost(t *testing.T) {
	w := workspace(t)
	release := make(chan struct{})
	var once sync.Once
	free := func() { once.Do(func() { close(release) }) }
	t.Cleanup(free)
	w.SetFault(func(r *http.Request) *databrickstest.Fault { return &databrickstest.Fault{Until: release} })
	s := session(t, m2m(w.URL()), Settings{Timeout: 20 * time.Second})

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	_, err := s.Headers(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, refusal(t, err).Permanent)
	require.Less(t, time.Since(start), 5*time.Second, "a canceled request returns at once")

	before := runtime.NumGoroutine()
	for range 100 {
		_, err = s.Headers(ctx)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Less(t, runtime.NumGoroutine(), before+50,
		"requests that were given up leave nothing behind but the one sign-in")

	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = s.Headers(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	hasty := session(t, m2m(w.URL()), Settings{Timeout: 50 * time.Millisecond})
	start = time.Now()
	_, err = hasty.Headers(t.Context())
	require.False(t, refusal(t, err).Permanent)
	require.ErrorContains(t, err, "no answer within 50ms")
	require.Less(t, time.Since(start), 5*time.Second)

	free()
	w.SetFault(nil)
	require.NotEmpty(t, bearer(t, s), "what the canceled requests started is of use to others")
}

func TestTroubleThatPasses(t *testing.T) {
	for status, code := range map[int]string{http.StatusServiceUnavailable: "TEMPORARILY_UNAVAILABLE",
		http.StatusInternalServerError: "INTERNAL_ERROR"} {
		w := workspace(t)
		w.SetFault(func(r *http.Request) *databrickstest.Fault {
			return &databrickstest.Fault{Status: status, Code: code, Body: "try again",
				Header: http.Header{"Content-Type": {"application/json"}}}
		})
		s := session(t, m2m(w.URL()), Settings{})
		_, err := s.Headers(t.Context())
		e := refusal(t, err)
		require.False(t, e.Permanent)
		require.Equal(t, status, e.Status)
		require.Equal(t, code, e.Code)
		w.SetFault(nil)
		require.NotEmpty(t, bearer(t, s), "the next request signs in")
	}
}

func TestNoWorkspaceAtTheAddress(t *testing.T) {
	w := workspace(t)
	w.SetFault(func(*http.Request) *databrickstest.Fault {
		return &databrickstest.Fault{Status: http.StatusNotFound, Body: "<html>not here</html>"}
	})
	s := session(t, m2m(w.URL()), Settings{})
	_, err := s.Headers(t.Context())
	require.True(t, refusal(t, err).Permanent)
	require.ErrorContains(t, err, "status 404: not found")
	require.ErrorContains(t, err, "check that host is the address of a workspace")
	require.NotContains(t, err.Error(), "html")
}

// A token that the workspace takes no more is replaced by Renew, at most once in a few seconds.
func TestRenew(t *testing.T) {
	w := workspace(t)
	s := session(t, m2m(w.URL()), Settings{})
	first := bearer(t, s)
	require.Equal(t, first, bearer(t, s))
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { _ = s.Renew(t.Context()) })
	}
	wg.Wait()
	require.NotEqual(t, first, bearer(t, s))
	require.Equal(t, 2, w.Count("POST", tokenPath), "many renewals at a time are one")
}

// API clients of the SDK are signed by the session too, over renewals, and hold no credential
// themselves.
func TestSDKClient(t *testing.T) {
	w := workspace(t)
	s := session(t, m2m(w.URL()), Settings{})
	cfg := s.SDK()
	require.Empty(t, cfg.ClientSecret)
	api, err := sdkclient.New(cfg)
	require.NoError(t, err)
	user, err := iam.NewCurrentUser(api).Me(t.Context(), iam.MeRequest{})
	require.NoError(t, err)
	require.Equal(t, clientID, user.UserName)
	sent := w.RequestsTo("GET", mePath)[0]
	require.Contains(t, sent.Header.Get("User-Agent"), "auth/oauth-m2m")
	require.True(t, strings.HasPrefix(sent.Header.Get("User-Agent"), "otelcol-mlflow/"))

	w.RevokeTokens(clientID)
	_, err = iam.NewCurrentUser(api).Me(t.Context(), iam.MeRequest{})
	require.NoError(t, err, "after a 401 the session signs in anew")
	require.Equal(t, 2, w.Count("POST", tokenPath))

	bad := m2m(w.URL())
	bad.Credentials.ClientSecret = "wrong"
	api, err = sdkclient.New(session(t, bad, Settings{}).SDK())
	require.NoError(t, err)
	_, err = iam.NewCurrentUser(api).Me(t.Context(), iam.MeRequest{})
	require.Equal(t, "invalid_client", refusal(t, err).Code, "the sign-in's error is found below the SDK's")
}

func TestClose(t *testing.T) {
	w := workspace(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	asked := make(chan struct{}, 10)
	w.SetFault(func(*http.Request) *databrickstest.Fault {
		asked <- struct{}{}
		return &databrickstest.Fault{Until: release}
	})
	s := session(t, m2m(w.URL()), Settings{})
	done := make(chan error, 1)
	go func() {
		_, err := s.Headers(context.Background())
		done <- err
	}()
	<-asked
	s.Close()
	select {
	case err := <-done:
		require.ErrorContains(t, err, "the session is closed")
		require.False(t, refusal(t, err).Permanent)
	case <-time.After(patience):
		require.Fail(t, "a sign-in in flight outlives the session")
	}
	_, err := s.Headers(t.Context())
	require.ErrorContains(t, err, "the session is closed")
	s.Close()
}
