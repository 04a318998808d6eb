// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// A token that ends in the middle of a run is renewed once, without an error.
func TestTokenExpires(t *testing.T) {
	w := workspace(t)
	w.AddServicePrincipal("app-1", "s3cret")
	w.GrantWriting("app-1", spansTable)
	cfg := configure(w)
	cfg.Auth.Credentials.Token = ""
	cfg.Auth.Credentials.ClientID, cfg.Auth.Credentials.ClientSecret = "app-1", "s3cret"
	counted := counting(t)
	r := startOn(t, cfg, counted.settings(), newHost())
	require.NoError(t, within(t, r.send(t.Context(), spans("1", 0, 1, 3))))
	w.RevokeTokens("app-1")
	require.NoError(t, within(t, r.send(t.Context(), spans("1", 1, 1, 3))))
	require.Len(t, ids(w, spansTable), 6)
	require.EqualValues(t, 2, counted.sum("otelcol_exporter_databricks_requests", "outcome", "accepted"))
	require.Equal(t, 2, w.Count("POST", "/oidc/v1/token"))
	s, _ := r.host.status()
	require.Equal(t, componentstatus.StatusNone, s)
}

// A token that is revoked in the middle of a run, and can't be replaced yet, holds the data with
// preflight and without it. Nobody is told of a grant. The new token is taken from where the old one
// was, without a restart.
func TestRotatedOnDisk(t *testing.T) {
	for name, f := range map[string]factory{"by an answer": unchecked, "in preflight": checked} {
		for place, write := range map[string]func(path, host, token string) string{
			"profile": func(_, host, token string) string { return "[team]\nhost = " + host + "\ntoken = " + token },
			"token":   func(_, _, token string) string { return token + "\n" },
		} {
			t.Run(place+" "+name, func(t *testing.T) {
				t.Parallel()
				w := workspace(t)
				path := t.TempDir() + "/secret"
				put := func(token string) {
					require.NoError(t, os.WriteFile(path+".new", []byte(write(path, w.URL(), token)), 0o600))
					require.NoError(t, os.Rename(path+".new", path))
				}
				put(writerToken)
				cfg := configure(w)
				cfg.Auth.Credentials.Token = ""
				if place == "profile" {
					cfg.Host, cfg.Profile, cfg.Auth.Credentials.ConfigFile = "", "team", path
				} else {
					cfg.Auth.Credentials.TokenFile = path
				}
				counted := counting(t)
				r := f.start(t, cfg, counted.settings(), newHost())
				require.NoError(t, within(t, r.send(t.Context(), spans("1", 0, 1, 3))))
				w.RevokeTokens(writer)
				done := r.send(t.Context(), spans("1", 1, 1, 3))
				eventually(
					t,
					func() bool { s, _ := r.host.status(); return s == componentstatus.StatusRecoverableError },
					"status",
				)
				_, text := r.host.status()
				require.Contains(t, text, "sign-in: the workspace does not take the token (status 403); it says: "+
					"Invalid access token.")
				w.AddToken(writerToken+"-2", writer)
				put(writerToken + "-2")
				require.NoError(t, within(t, done))
				require.Len(t, ids(w, spansTable), 6)
				require.EqualValues(t, 6, counted.sum("otelcol_exporter_databricks_sent"))
				require.Zero(t, counted.sum("otelcol_exporter_databricks_rejected"))
				for _, l := range r.logs.All() {
					require.NotContains(t, fmt.Sprint(l.Message, l.ContextMap()), "GRANT")
				}
			})
		}
	}
}

// A secret that is refused holds the data, is never a reason to give it up, and says what to do.
func TestSecretIsRefused(t *testing.T) {
	for name, f := range map[string]factory{"by an answer": unchecked, "in preflight": checked} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := workspace(t)
			w.AddServicePrincipal("app-1", "another")
			w.GrantWriting("app-1", spansTable)
			cfg := configure(w)
			cfg.Auth.Credentials.Token = ""
			cfg.Auth.Credentials.ClientID, cfg.Auth.Credentials.ClientSecret = "app-1", "s3cret"
			cfg.DeadLetter = t.TempDir() + "/dead.jsonl"
			cfg.HoldMax = time.Nanosecond
			r := f.start(t, cfg, exportertest.NewNopSettings(metadata.Type), newHost())
			done, other := r.send(t.Context(), spans("1", 0, 1, 3)), r.send(t.Context(), spans("1", 1, 1, 3))
			eventually(
				t,
				func() bool { s, _ := r.host.status(); return s == componentstatus.StatusRecoverableError },
				"status",
			)
			_, text := r.host.status()
			require.Contains(t, text, "check client_id and client_secret")
			require.NotContains(t, text, "s3cret")
			w.AddServicePrincipal("app-1", "s3cret")
			require.NoError(t, within(t, done))
			require.NoError(t, within(t, other))
			require.Len(t, ids(w, spansTable), 6)
		})
	}
}

// signs is an authenticator extension.
type signs struct {
	component.StartFunc
	component.ShutdownFunc
	token string
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func (s signs) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	return transport(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+s.token)
		return base.RoundTrip(r)
	}), nil
}

var _ extensionauth.HTTPClient = signs{}

// An extension can sign, for data and for preflight.
func TestAuthenticator(t *testing.T) {
	w := workspace(t)
	cfg := configure(w)
	id := component.MustNewIDWithName("extension", "0")
	cfg.Auth.Authenticator, cfg.Auth.Credentials.Token = &id, ""
	r := startChecked(t, cfg, signs{token: writerToken})
	require.NoError(t, within(t, r.send(t.Context(), spans("1", 0, 1, 2))))
	require.Len(t, w.Rows(spansTable), 2)
	for _, q := range w.Requests() {
		require.Equal(t, writer, q.Principal)
	}

	missing := configure(w)
	missing.Auth.Authenticator, missing.Auth.Credentials.Token = &id, ""
	e, err := unchecked.createTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), missing)
	require.NoError(t, err)
	require.ErrorContains(t, e.Start(t.Context(), newHost()), `"extension/0"`)
}

// Settings of http, such as the certificate of a company's proxy, count for data, preflight and
// sign-in; headers go to the workspace only.
func TestHTTPSettings(t *testing.T) {
	w := workspace(t)
	w.AddServicePrincipal("app-1", "s3cret")
	w.GrantWriting("app-1", spansTable)
	to, err := url.Parse(w.URL())
	require.NoError(t, err)
	front := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(to))
	defer front.Close()
	cfg := configure(w)
	cfg.Host = front.URL
	cfg.HTTP.TLS.CAPem = configopaque.String(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}),
	)
	cfg.HTTP.Headers.Set("X-Team", "blue")
	cfg.Auth.Credentials.Token = ""
	cfg.Auth.Credentials.ClientID, cfg.Auth.Credentials.ClientSecret = "app-1", "s3cret"
	r := startChecked(t, cfg)
	require.NoError(t, within(t, r.send(t.Context(), spans("1", 0, 1, 2))))
	require.Len(t, w.Rows(spansTable), 2)
	require.Equal(t, "blue", w.RequestsTo("POST", "/api/2.0/otel")[0].Header.Get("X-Team"))
	for _, q := range w.RequestsTo("", "/oidc/") {
		require.Empty(t, q.Header.Get("X-Team"))
	}
	require.NoError(t, r.Shutdown(t.Context()))
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() // of the proxy
}

// Nothing secret and nothing that users wrote leaves by logs, metrics, status, errors, reports or
// the configuration as the collector prints it.
func TestNothingSecretIsTold(t *testing.T) {
	const canary = "canary-3f1c9b"
	w := workspace(t)
	w.AddServicePrincipal("app-1", canary)
	w.AddToken(canary+"-pat", "other@example.com") // may do nothing
	core, logs := observer.New(zapcore.DebugLevel)
	counted := counting(t)
	var told strings.Builder
	for i, broken := range []func(*Config){
		func(c *Config) { c.Auth.Credentials.Token = canary + "-pat" },
		func(c *Config) { c.Auth.Credentials.Token = canary + "-unknown" },
		func(c *Config) {
			c.Auth.Credentials.Token, c.Auth.Credentials.ClientID, c.Auth.Credentials.ClientSecret = "", "app-2", canary
		},
		func(c *Config) {
			c.Auth.Credentials.Token, c.Auth.Credentials.ClientID, c.Auth.Credentials.ClientSecret = "", "app-1", canary
		},
		func(*Config) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if r.Method != http.MethodPost {
					return nil
				}
				return &databrickstest.Fault{Status: 400, Code: "X", Body: "bad: 'Bearer " + canary + "' and " +
					"dapi" + canary}
			})
		},
	} {
		cfg := configure(w)
		cfg.HTTP.Headers.Set("X-Secret", canary)
		broken(cfg)
		conf := confmap.New()
		require.NoError(t, conf.Marshal(cfg))
		printed, err := json.Marshal(conf.ToStringMap())
		require.NoError(t, err)
		set := counted.settings()
		set.Logger = zap.New(core)
		h := newHost()
		e, err := checked.createTraces(t.Context(), set, cfg)
		require.NoError(t, err)
		require.NoError(t, e.Start(t.Context(), h))
		td := spans(strconv.Itoa(i), i, 1, 1)
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("mlflow.spanOutputs", canary)
		ctx, cancel := context.WithCancel(t.Context())
		done := (&started{Traces: e}).send(ctx, td)
		eventually(t, func() bool { // it waits and says why, or it is refused
			s, _ := h.status()
			return s == componentstatus.StatusRecoverableError || len(done) > 0
		}, "something is told")
		cancel()
		err = within(t, done)
		require.Error(t, err)
		_, status := h.status()
		require.NoError(t, e.Shutdown(t.Context()))
		fmt.Fprintln(&told, err, status, string(printed), h.destinations)
	}
	for _, l := range logs.All() {
		fmt.Fprintln(&told, l.Message, l.ContextMap())
	}
	for _, name := range []string{"sent", "rejected", "returned", "requests", "waiting", "dead_lettered"} {
		fmt.Fprintln(&told, counted.points("otelcol_exporter_databricks_"+name))
	}
	require.Positive(t, strings.Count(told.String(), "GRANT"), "there is something to look at")
	require.NotContains(t, told.String(), canary)
	require.NotContains(t, told.String(), "where is my order")
}
