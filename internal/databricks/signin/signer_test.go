// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// After an answer that refuses the token the request goes again with another token, once, with the
// same body and headers.
func TestUnauthorizedIsRepeatedOnce(t *testing.T) {
	w := workspace(t)
	s := session(t, m2m(w.URL()), Settings{})
	c := client(t, s)
	require.Equal(t, http.StatusOK, me(t, s, c))
	w.RevokeTokens(clientID)
	w.ForgetRequests()

	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Host()+"/api/2.0/none",
		bytes.NewReader([]byte("body")))
	require.NoError(t, err)
	r.Header.Set("X-Mine", "1")
	res, err := c.Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNotFound, res.StatusCode, "past the sign-in")
	require.Empty(t, r.Header.Get("Authorization"), "the caller's request is left alone")
	sent := w.RequestsTo("POST", "/api/2.0/none")
	require.Len(t, sent, 2)
	require.Equal(t, http.StatusForbidden, sent[0].Status)
	for _, s := range sent {
		require.Equal(t, "body", string(s.Body))
		require.Equal(t, "1", s.Header.Get("X-Mine"))
	}
	require.NotEqual(t, sent[0].Header.Get("Authorization"), sent[1].Header.Get("Authorization"))

	// A workspace that refuses every token gets each request once more at most, and few sign-ins.
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			return &databrickstest.Fault{Status: http.StatusUnauthorized, Code: "UNAUTHENTICATED", Body: "no"}
		}
		return nil
	})
	w.ForgetRequests()
	for range 5 {
		require.Equal(t, http.StatusUnauthorized, me(t, s, c))
	}
	require.LessOrEqual(t, w.Count("GET", mePath), 10)
	require.LessOrEqual(t, w.Count("POST", tokenPath), 1)
}

// A refusal that can't be repeated is handed on whole: a body that is gone, a personal access token.
func TestUnauthorizedIsHandedOn(t *testing.T) {
	w := workspace(t)
	s := session(t, m2m(w.URL()), Settings{})
	c := client(t, s)
	require.Equal(t, http.StatusOK, me(t, s, c))
	w.RevokeTokens(clientID)
	w.ForgetRequests()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Host()+"/api/2.0/none",
		io.NopCloser(strings.NewReader("body")))
	require.NoError(t, err)
	res, err := c.Do(r)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusForbidden, res.StatusCode)
	require.Contains(t, string(body), `"error_code":403,"message":"Invalid access token. [ReqId: `)
	require.Equal(t, 1, w.Count("POST", "/api/2.0/none"))

	s = session(t, Config{Host: w.URL(), Credentials: Credentials{Token: "unknown"}}, Settings{})
	w.ForgetRequests()
	require.Equal(t, http.StatusForbidden, me(t, s, client(t, s)))
	require.Len(t, w.Requests(), 1)
}

// When the new sign-in is refused, its error is what the caller sees: it says what to do, the 401
// doesn't.
func TestUnauthorizedAndNoNewToken(t *testing.T) {
	w := workspace(t)
	s := session(t, m2m(w.URL()), Settings{})
	c := client(t, s)
	require.Equal(t, http.StatusOK, me(t, s, c))
	w.RevokeTokens(clientID)
	w.AddServicePrincipal(clientID, "another secret")
	_, err := c.Get(s.Host() + mePath) //nolint:bodyclose // there is none
	require.Equal(t, "invalid_client", refusal(t, err).Code)
}

// Credentials go to the workspace and nowhere else, whatever the configuration of a client or a
// redirect says.
func TestOtherHostsAreRefused(t *testing.T) {
	w := workspace(t)
	var seen atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	t.Cleanup(other.Close)
	s := session(t, m2m(w.URL()), Settings{})
	c := client(t, s)

	closed := &closing{Reader: strings.NewReader("body")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, other.URL+"/v1/traces?x=canary", closed)
	require.NoError(t, err)
	_, err = c.Transport.RoundTrip(r) //nolint:bodyclose // there is none
	require.ErrorContains(t, err, "the request goes to "+other.URL+", and the credentials are those of "+w.URL())
	require.NotContains(t, err.Error(), "canary")
	require.True(t, closed.closed, "a round tripper closes the body also when it fails")

	for _, url := range []string{strings.Replace(w.URL(), "http:", "https:", 1), "http://127.0.0.1.example.com",
		"/relative"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		require.ErrorContains(t, s.Authenticate(r), "the request goes to")
		require.Empty(t, r.Header)
	}
	require.ErrorContains(t, s.Authenticate(&http.Request{}), "the request goes to an address without a host")
	r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, strings.ToUpper(w.URL())+"/API", http.NoBody)
	require.NoError(t, err)
	require.NoError(t, s.Authenticate(r), "the same host in other letters")

	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if r.URL.Path == mePath {
			return &databrickstest.Fault{Status: http.StatusTemporaryRedirect,
				Header: http.Header{"Location": {other.URL}}}
		}
		return nil
	})
	_, err = c.Get(s.Host() + mePath) //nolint:bodyclose // there is none
	require.ErrorContains(t, err, "or the redirect that led there")
	require.Zero(t, seen.Load(), "nothing has reached the other host")
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// A request that is given up does not wait for the sign-in, and the error says so through net/http,
// too.
func TestRequestIsGivenUp(t *testing.T) {
	w := workspace(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	w.SetFault(func(*http.Request) *databrickstest.Fault { return &databrickstest.Fault{Until: release} })
	s := session(t, m2m(w.URL()), Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Host(), http.NoBody)
	require.NoError(t, err)
	_, err = client(t, s).Do(r) //nolint:bodyclose // there is none
	require.ErrorIs(t, err, context.Canceled)
}
