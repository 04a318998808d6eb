// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksauthextension

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensionauth/extensionauthtest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databricksauthextension/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

const table = "main.traces.app_otel_spans"

// workspace is a fake with the tables and a service principal that may write them.
func workspace(t *testing.T) *databrickstest.Workspace {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.CreateSchema("main", "traces")
	w.CreateTables(unity.Location{Catalog: "main", Schema: "traces", Prefix: "app"}, unity.LayoutV2)
	w.AddServicePrincipal("app-1", "canary-secret")
	w.GrantWriting("app-1", table)
	return w
}

// host is what the collector gives components: the extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

var id = component.NewIDWithName(metadata.Type, "uc")

// start makes the extension from what a user writes and starts it.
func start(t *testing.T, log *zap.Logger, keys map[string]any) host {
	t.Helper()
	cfg, err := load(keys)
	require.NoError(t, err)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.ID = id
	if log != nil {
		set.Logger = log
	}
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		require.NoError(t, ext.Shutdown(context.Background()))
		require.NoError(t, ext.Shutdown(context.Background()), "twice is fine")
	})
	return host{id: ext}
}

func load(keys map[string]any) (*Config, error) {
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(keys).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

// exporter is an HTTP client as stock exporters make it, with our authenticator.
func exporter(t *testing.T, h host, compression configcompression.Type) *http.Client {
	cc := confighttp.NewDefaultClientConfig()
	cc.Auth = configoptional.Some(configauth.Config{AuthenticatorID: id})
	cc.Compression = compression
	cc.Headers = configopaque.MapList{{Name: "X-Databricks-UC-Table-Name", Value: table}}
	client, err := cc.ToClient(t.Context(), h, componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// export sends one span and returns the status.
func export(t *testing.T, c *http.Client, url string) (int, error) {
	t.Helper()
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID([16]byte{1})
	span.SetSpanID([8]byte{1})
	span.SetName("one")
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/2.0/otel/v1/traces",
		bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-protobuf")
	res, err := c.Do(r)
	if err != nil {
		return 0, err
	}
	require.NoError(t, res.Body.Close())
	return res.StatusCode, nil
}

// A client of the collector reaches the workspace's OTLP endpoint, compressed or not, and after its
// token was revoked, too: the compressed body can be had again.
func TestStockClient(t *testing.T) {
	for _, compression := range []configcompression.Type{"", configcompression.TypeGzip} {
		t.Run("compression "+string(compression), func(t *testing.T) {
			w := workspace(t)
			h := start(t, nil, map[string]any{"host": w.URL(), "client_id": "app-1", "client_secret": "canary-secret"})
			require.Empty(t, w.Requests(), "the start does not talk to the network")
			c := exporter(t, h, compression)
			status, err := export(t, c, w.URL())
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
			w.RevokeTokens("app-1")
			status, err = export(t, c, w.URL())
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, 2, w.Ingested(table).Written)
			require.Equal(t, "app-1", w.RequestsTo("POST", "/api/2.0/otel/v1/traces")[0].Principal)
		})
	}
}

func TestSessionIsFound(t *testing.T) {
	h := start(t, nil, map[string]any{"host": "http://127.0.0.1:1", "token": "canary"})
	s, err := signin.Lookup(h.GetExtensions(), id)
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:1", s.Host())

	other := component.MustNewID("basicauth")
	h[other] = extensionauthtest.NewNopClient()
	_, err = signin.Lookup(h, other)
	require.ErrorContains(t, err,
		`the extension "basicauth" does not sign in to Databricks; name an extension of the type databricks_auth`)
	_, err = signin.Lookup(h, component.MustNewID("none"))
	require.ErrorContains(t, err, `the extension "none" is not there`)
}

// Without a start nothing is signed and nothing panics.
func TestNotStarted(t *testing.T) {
	cfg, err := load(map[string]any{"host": "http://127.0.0.1:1", "token": "canary"})
	require.NoError(t, err)
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	a := ext.(*authenticator)
	_, err = a.RoundTripper(http.DefaultTransport)
	require.ErrorIs(t, err, errNotStarted)
	_, err = a.PerRPCCredentials()
	require.ErrorIs(t, err, errNotStarted)
	_, err = signin.Lookup(host{id: ext}, id)
	require.ErrorContains(t, err, "has not started")
	require.NoError(t, ext.Shutdown(t.Context()))
}

func TestPerRPCCredentials(t *testing.T) {
	h := start(t, nil, map[string]any{"host": "https://dbc-1.cloud.databricks.com", "token": "canary"})
	creds, err := h[id].(*authenticator).PerRPCCredentials()
	require.NoError(t, err)
	require.True(t, creds.RequireTransportSecurity())
}

// The ambient test of the issue: DATABRICKS_HOST is unset and a DEFAULT profile is there. The start
// fails naming the key, and no request leaves; nor does it with the environment full.
func TestNothingAmbient(t *testing.T) {
	var seen atomic.Int32
	recorder := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	t.Cleanup(recorder.Close)
	home := t.TempDir()
	t.Setenv("HOME", home)
	require.NoError(t, os.WriteFile(filepath.Join(home, ".databrickscfg"),
		[]byte("[DEFAULT]\nhost = "+recorder.URL+"\ntoken = canary\n"), 0o600))
	for _, full := range []bool{false, true} {
		for name, value := range map[string]string{
			"DATABRICKS_HOST": recorder.URL, "DATABRICKS_TOKEN": "canary", "DATABRICKS_CLIENT_ID": "canary",
			"DATABRICKS_CLIENT_SECRET":  "canary",
			"DATABRICKS_CONFIG_PROFILE": "DEFAULT",
		} {
			if !full {
				value = ""
			}
			t.Setenv(name, value)
		}
		for want, keys := range map[string]map[string]any{"host: required": {}, "host: required; ": {"token": "mine"},
			"auth_type: nothing says": {"host": "http://127.0.0.1:1"}} {
			_, err := load(keys)
			require.True(t, strings.HasPrefix(err.Error(), want),
				"the configuration is refused, naming the key and nothing before it: %s", err)
			require.NotContains(t, err.Error(), "canary")

			cfg := NewFactory().CreateDefaultConfig().(*Config)
			require.NoError(t, confmap.NewFromStringMap(keys).Unmarshal(cfg))
			ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), cfg)
			require.NoError(t, err)
			require.ErrorContains(t, ext.Start(t.Context(), componenttest.NewNopHost()), want,
				"and the start would fail, too")
			require.NoError(t, ext.Shutdown(t.Context()))
		}
	}
	require.Zero(t, seen.Load(), "a request left")
}

func TestConfig(t *testing.T) {
	ok := func(more map[string]any) map[string]any {
		keys := map[string]any{"host": "https://dbc-1.cloud.databricks.com", "token": "canary"}
		maps.Copy(keys, more)
		return keys
	}
	for want, keys := range map[string]map[string]any{
		"timeout: 0s is no time": ok(map[string]any{"timeout": 0}),
		"tls::insecure: token requests are always sent over TLS": ok(
			map[string]any{"tls": map[string]any{"insecure": true}}),
		"proxy_url: this is no address of a proxy": ok(map[string]any{"proxy_url": "canary:1"}),
		"tls: failed to load TLS config: invalid TLS cipher suite": ok(
			map[string]any{"tls": map[string]any{"cipher_suites": []any{"rot13"}}}),
		"token: auth_type pat needs it": {"host": "https://dbc-1.cloud.databricks.com",
			"auth_type": "pat"},
		`auth_type: "magic" is not known`: ok(map[string]any{"auth_type": "magic"}),
		"invalid keys: username":          ok(map[string]any{"username": "x"}),
	} {
		_, err := load(keys)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
	cfg, err := load(ok(map[string]any{"proxy_url": "http://user:canary@proxy:3128", "timeout": "5s"}))
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, cfg.Timeout)
	printed := confmap.New()
	require.NoError(t, printed.Marshal(cfg))
	require.NotContains(t, fmt.Sprint(printed.ToStringMap()), "canary", "print-config shows no credential")
	require.NotContains(t, fmt.Sprintf("%+v", cfg), "canary")
}

// Token requests trust the CA that is configured and no other, and go through the proxy that is
// configured.
func TestTokenRequests(t *testing.T) {
	t.Run("tls", func(t *testing.T) {
		server := httptest.NewTLSServer(tokens())
		t.Cleanup(server.Close)
		keys := map[string]any{"host": server.URL, "client_id": "app-1", "client_secret": "canary"}
		s := start(t, nil, keys)[id].(*authenticator).Session()
		_, err := s.Headers(t.Context())
		require.ErrorContains(t, err, "certificate")
		keys["tls"] = map[string]any{"ca_pem": pemOf(server)}
		s = start(t, nil, keys)[id].(*authenticator).Session()
		_, err = s.Headers(t.Context())
		require.NoError(t, err)
	})
	t.Run("proxy", func(t *testing.T) {
		var through atomic.Int32
		answers := tokens()
		proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.IsAbs() && r.URL.Host == "localhost:1" {
				through.Add(1)
			}
			answers.ServeHTTP(rw, r)
		}))
		t.Cleanup(proxy.Close)
		s := start(t, nil, map[string]any{"host": "http://localhost:1", "client_id": "app-1", "client_secret": "canary",
			"proxy_url": proxy.URL})[id].(*authenticator).Session()
		_, err := s.Headers(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 2, through.Load())
	})
}

// tokens is a token endpoint that takes everybody.
func tokens() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(rw,
			`{"authorization_endpoint":"x","token_endpoint":"%s://%s/oidc/v1/token","access_token":"tok",`+
				`"token_type":"Bearer","expires_in":3600}`, scheme, r.Host)
	})
}

// No credential and no token is in any log line at debug level, through a whole life: start,
// sign-in, a refusal, renewal, shutdown.
func TestNoCredentialInLogs(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	w := workspace(t)
	for _, secret := range []string{"canary-secret", "canary-wrong"} {
		h := start(t, zap.New(core), map[string]any{"host": w.URL(), "client_id": "app-1", "client_secret": secret})
		c := exporter(t, h, "")
		_, err := export(t, c, w.URL())
		if secret == "canary-wrong" {
			require.ErrorContains(t, err, "status 401 invalid_client: Client authentication failed")
			require.NotContains(t, err.Error(), "canary")
			continue
		}
		require.NoError(t, err)
		w.RevokeTokens("app-1")
		_, err = export(t, c, w.URL())
		require.NoError(t, err)
	}
	started := logs.FilterMessage("Signs requests to Databricks").All()
	require.Len(t, started, 2, "one line says where and as which principal")
	require.Equal(t, map[string]any{"host": w.URL(), "auth_type": "oauth-m2m", "as": "client_id app-1"},
		started[0].ContextMap())
	require.Greater(t, logs.Len(), 2, "the SDK's lines are there, too")
	for _, e := range logs.All() {
		line := fmt.Sprint(e.Message, e.ContextMap())
		require.NotContains(t, line, "canary")
		require.NotContains(t, line, "eyJ")
		require.NotContains(t, line, "Bearer")
	}
}

func pemOf(server *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}
