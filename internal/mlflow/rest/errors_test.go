// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
)

func recorded(t *testing.T, name string) string {
	doc, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(doc)
}

// TestAnswersThatAreErrors answers searches as servers and what stands before them do.
func TestAnswersThatAreErrors(t *testing.T) {
	const asJSON, asPage = "application/json", "text/html"
	for name, tt := range map[string]struct {
		status        int
		content, body string
		header        http.Header
		configure     func(*Config)
		kind          Kind
		permanent     bool
		want          string
	}{
		"wrong prefix": {status: 404, content: asPage, body: recorded(t, "3.17.2-unknown-route.html"),
			kind: KindAddress, permanent: true, want: "check host, port and path prefix"},
		"no credentials": {status: 401, content: "text/plain", body: "You are not authenticated.",
			kind: KindCredentials, permanent: true, want: "http::auth"},
		"no permission": {status: 403, content: "text/plain", body: "Permission denied", kind: KindPermission,
			permanent: true, want: "lack the permission"},
		"host check": {status: 403, content: "text/plain",
			body: "Invalid Host header - possible DNS rebinding attack detected", kind: KindHostCheck, permanent: true,
			want: "--allowed-hosts 127.0.0.1"},
		"login page": {status: 200, content: asPage, body: "<!doctype html><title>Sign in</title>",
			kind: KindCredentials, permanent: true, want: "a web page, not JSON"},
		"something else": {status: 200, content: "text/plain", body: "OK", kind: KindAnswer,
			permanent: true, want: "not JSON"},
		"broken JSON": {status: 200, content: asJSON, body: `{"traces": [!]}`, kind: KindAnswer,
			permanent: true, want: "can't be understood"},
		"bad filter": {status: 400, content: asJSON, body: recorded(t, "3.17.2-bad-filter.json"),
			kind: KindRequest, permanent: true, want: "Invalid comparator '>>='"},
		"filter with OR": {status: 400, content: asJSON, body: recorded(t, "3.4.0-filter-or.json"),
			kind: KindRequest, permanent: true, want: "Invalid clause(s) in filter string: 'OR'"},
		"experiment not a number": {status: 500, content: asJSON,
			body: recorded(t, "3.17.2-nonnumeric-experiment.json"), kind: KindServer, permanent: true,
			want: "invalid literal for int()"},
		"workspace": {
			status: 500, content: asJSON,
			body:      `{"error_code":"FEATURE_DISABLED","message":"Workspace APIs are not available"}`,
			configure: func(c *Config) { c.Workspace = "team" }, kind: KindRequest, permanent: true,
			want: "`workspace` is set, but the server has no workspaces",
		},
		"500 for ever": {status: 500, content: asPage, body: "<title>Internal Server Error</title>",
			kind: KindServer, want: "its log says why"},
		"plain to TLS": {status: 400, content: asPage, body: "The plain HTTP request was sent to HTTPS port",
			kind: KindAddress, permanent: true, want: "write https://"},
		"other login": {status: 302,
			header: http.Header{"Location": {"https://login.example.com/auth?state=secret"}}, kind: KindCredentials,
			permanent: true,
			want:      "redirects to https://login.example.com, which looks like a login; nothing is sent there"},
		"redirect to https": {status: 301, header: http.Header{"Location": {"https://127.0.0.1/x"}}, kind: KindAddress,
			permanent: true, want: "write that into the address"},
		"redirect to a path": {status: 302, header: http.Header{"Location": {"/mlflow/search?state=secret"}},
			kind: KindAddress, permanent: true,
			want: "redirects /api/3.0/mlflow/traces/search to /mlflow/search; if MLflow is served below another path"},
		"proxy": {status: 407, kind: KindCredentials, permanent: true, want: "proxy_url"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, "3.17.2")
			s.SetFault(func(r *http.Request) *mlflowtest.Fault {
				h := http.Header{"Content-Type": {tt.content}}
				maps.Copy(h, tt.header)
				return &mlflowtest.Fault{Status: tt.status, Body: tt.body, Header: h}
			})
			c := newClient(t, s.URL(), tt.configure)
			c.api.Store(apiV3)
			_, err := c.Infos(t.Context(), mlflow.Range{ExperimentID: "0"}, mlflow.Position{}, 10)
			check(t, err, tt.kind, tt.permanent, tt.want)
			if tt.permanent {
				assert.Equal(t, 1, s.Count(""))
			}

			// The first request of a run meets the same.
			if name != "bad filter" && name != "filter with OR" && name != "experiment not a number" &&
				name != "no permission" && name != "broken JSON" {
				_, err = newClient(t, s.URL(), tt.configure).Describe(t.Context())
				require.ErrorContains(t, err, tt.want)
			}
		})
	}
}

// TestExperimentsThatCannotBeRead: such an answer is a fault of the answer, not of the connection, and
// is not asked for again.
func TestExperimentsThatCannotBeRead(t *testing.T) {
	for _, body := range []string{`{"experiments": [{"name": 5}]}`, `{"experiments": [5]}`, `{"next_page_token": {}}`,
		`{"experiments": [!]}`} {
		s := newServer(t, "3.17.2")
		s.SetFault(func(*http.Request) *mlflowtest.Fault { return &mlflowtest.Fault{Status: 200, Body: body} })
		_, err := newClient(t, s.URL(), nil).Experiments(t.Context())
		check(t, err, KindAnswer, true, "can't be understood")
		assert.Equal(t, 1, s.Count(""), body)
	}
}

func check(t *testing.T, err error, kind Kind, permanent bool, want string) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, kind, e.Kind, err)
	assert.Equal(t, permanent, e.Permanent(), err)
	assert.ErrorContains(t, err, want)
	assert.NotContains(t, err.Error(), "secret")
	assert.Less(t, len(err.Error()), 700)
}

// TestAnswersOfTheEdge reads what the edge of a Databricks workspace says: a refused token is no
// missing permission, and a success with a reason is none.
func TestAnswersOfTheEdge(t *testing.T) {
	for name, tt := range map[string]struct {
		status       int
		reason, body string
		kind         Kind
		permanent    bool
		want         string
	}{
		"refused token": {http.StatusForbidden, "Invalid access token.",
			`{"error_code":403,"message":"Invalid access token. [ReqId: 1]"}`, KindCredentials, true,
			"the workspace refuses the credentials"},
		"refused token by the reason": {http.StatusForbidden, "Invalid access token.", "", KindCredentials, true,
			"the workspace refuses the credentials"},
		"a reason": {http.StatusForbidden, "IP is blocked", "", KindPermission, true, "IP is blocked"},
		"a success with a reason": {http.StatusOK, "Workspace is moving", "{}", KindUnavailable, false,
			"a reason why this is no success: Workspace is moving"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, "3.17.2")
			s.SetFault(func(*http.Request) *mlflowtest.Fault {
				return &mlflowtest.Fault{Status: tt.status, Body: tt.body,
					Header: http.Header{"X-Databricks-Reason-Phrase": {tt.reason}}}
			})
			_, err := newClient(t, s.URL(), func(cfg *Config) {
				cfg.Databricks, cfg.Retry.Enabled = &Databricks{Storage: http.DefaultClient}, false
			}).Experiments(t.Context())
			check(t, err, tt.kind, tt.permanent, tt.want)
		})
	}
}

// TestConnections meets what goes wrong before an answer comes.
func TestConnections(t *testing.T) {
	ask := func(t *testing.T, address string, configure func(*Config)) error {
		c := newClient(t, address, func(cfg *Config) {
			cfg.Retry.Enabled = false
			if configure != nil {
				configure(cfg)
			}
		})
		_, err := c.Experiments(t.Context())
		return err
	}
	plain := newServer(t, "3.17.2")
	secure := mlflowtest.NewUnstarted("3.17.2")
	secure.HTTP.Config.ErrorLog = nil
	secure.HTTP.StartTLS()
	t.Cleanup(secure.Close)

	t.Run("http against https", func(t *testing.T) {
		check(t, ask(t, "http://"+secure.HTTP.Listener.Addr().String(), nil), KindAddress, true,
			"write https:// in the address")
	})
	t.Run("https against http", func(t *testing.T) {
		check(t, ask(t, "https://"+plain.HTTP.Listener.Addr().String(), nil), KindAddress, true,
			"write http:// in the address")
	})
	t.Run("unknown authority", func(t *testing.T) {
		check(t, ask(t, secure.URL(), nil), KindAddress, true, "http::tls::ca_file")
	})
	t.Run("trusted authority", func(t *testing.T) {
		require.NoError(t, ask(t, secure.URL(), func(c *Config) { c.HTTP = secure.HTTP.Client() }))
	})
	t.Run("nothing listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		check(t, ask(t, "http://"+l.Addr().String(), nil), KindUnavailable, false, "connection refused")
	})
	t.Run("name unknown", func(t *testing.T) {
		unresolved := func(c *Config) {
			c.HTTP = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				return nil, &net.OpError{Op: "dial",
					Err: &net.DNSError{Err: "no such host", Name: "mlflow.invalid", IsNotFound: true}}
			})}
		}
		check(t, ask(t, "http://mlflow.invalid", unresolved), KindUnavailable, false,
			"mlflow.invalid can't be resolved")
	})
	t.Run("no answer in time", func(t *testing.T) {
		s := newServer(t, "3.17.2")
		s.SetFault(func(*http.Request) *mlflowtest.Fault { return &mlflowtest.Fault{Delay: time.Minute} })
		check(t, ask(t, s.URL(), func(c *Config) { c.HTTP.Timeout = 20 * time.Millisecond }), KindUnavailable, false,
			"doesn't answer in time")
	})
	t.Run("cut off", func(t *testing.T) {
		s := newServer(t, "3.17.2")
		s.SetFault(func(*http.Request) *mlflowtest.Fault { return &mlflowtest.Fault{Truncate: 5} })
		check(t, ask(t, s.URL(), nil), KindUnavailable, false, "before the answer was complete")
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRedirects: credentials are added below the client to whatever it asks, so it must not ask
// strangers.
func TestRedirects(t *testing.T) {
	strangers := 0
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers++ }))
	t.Cleanup(stranger.Close)
	s := newServer(t, "3.17.2")
	s.Add(s.Synthetic("0", 1, 1, 10))
	to := ""
	s.SetFault(func(r *http.Request) *mlflowtest.Fault {
		if r.URL.Query().Get("again") != "" || mlflowtest.Route(r.URL.Path) == "other" {
			return nil
		}
		return &mlflowtest.Fault{Status: http.StatusTemporaryRedirect,
			Header: http.Header{"Location": {to + r.URL.Path + "?again=1"}}}
	})
	c := newClient(t, s.URL(), nil)
	require.Len(t, all(t, c, "0", 10), 1, "within the server")
	to = stranger.URL
	_, err := c.Infos(t.Context(), mlflow.Range{ExperimentID: "0"}, mlflow.Position{}, 10)
	check(t, err, KindAddress, true, "redirects to "+stranger.URL)
	require.Zero(t, strangers)
}

// TestSecretsStayOut: neither the address nor the query is in the text of an error or its cause.
func TestSecretsStayOut(t *testing.T) {
	c := newClient(t, "http://127.0.0.1:1", func(cfg *Config) { cfg.Retry.Enabled = false })
	c.api.Store(apiV2)
	_, err := c.Infos(t.Context(), mlflow.Range{ExperimentID: "0", Filter: "name = 'secret'"}, mlflow.Position{}, 10)
	for ; err != nil; err = errors.Unwrap(err) {
		require.NotContains(t, err.Error(), "secret")
	}
}
