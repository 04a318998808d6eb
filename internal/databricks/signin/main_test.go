// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long something that must happen may take on a busy machine.
const patience = 30 * time.Second

const (
	clientID     = "app-1"
	clientSecret = "canary-client-secret"
	tokenPath    = "/oidc/v1/token"
	mePath       = "/api/2.0/preview/scim/v2/Me"
)

// workspace is a fake with one service principal.
func workspace(t *testing.T) *databrickstest.Workspace {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.AddServicePrincipal(clientID, clientSecret)
	return w
}

// m2m is a configuration that signs in as that service principal.
func m2m(host string) Config {
	return Config{Host: host, Credentials: Credentials{ClientID: clientID, ClientSecret: clientSecret}}
}

// session opens a session and closes it at the end of the test.
func session(t *testing.T, cfg Config, set Settings) *Session {
	t.Helper()
	s, err := New(cfg, set)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// client sends requests through the signer, over connections of its own.
func client(t *testing.T, s *Session) *http.Client {
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	return &http.Client{Transport: s.RoundTripper(base)}
}

// me asks the workspace who the sender is, and returns the status.
func me(t *testing.T, s *Session, c *http.Client) int {
	t.Helper()
	res, err := c.Get(s.Host() + mePath)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

// bearer is the token that the session signs with now.
func bearer(t *testing.T, s *Session) string {
	t.Helper()
	h, err := s.Headers(t.Context())
	require.NoError(t, err)
	token, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	require.True(t, ok, "a bearer token is expected, not %q", h.Get("Authorization"))
	return token
}

// refusal requires a sign-in error.
func refusal(t *testing.T, err error) *SignInError {
	t.Helper()
	var e *SignInError
	require.ErrorAs(t, err, &e)
	return e
}
