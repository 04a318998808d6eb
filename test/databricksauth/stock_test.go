// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksauth

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// The stock otlp_http exporter with databricks_auth fills all three tables, keeps going when its
// token is revoked, and names the product in its token requests.
func TestStockExporterWithDatabricksAuth(t *testing.T) {
	w := workspace(t)
	a := start(t, w, "databricks-otlphttp.yaml")
	require.Empty(t, w.Requests(), "the start does not talk to the network")
	a.everything(t)
	for _, signal := range []string{"spans", "logs", "metrics"} {
		written(t, a, w, signal, 1)
	}
	row := w.Rows(table("spans"))[0]
	require.EqualValues(t, 2, row["attributes"].(map[string]any)["token_count_request"],
		"processors come before the exporter")
	require.Equal(t, 1, w.Count("POST", "/oidc/v1/token"), "three exporters share one sign-in")
	require.True(t, strings.HasPrefix(w.RequestsTo("POST", "/oidc/v1/token")[0].Header.Get("User-Agent"),
		"otelcol-mlflow/0.1.0 databricks-sdk-go/"))
	for _, r := range w.RequestsTo("POST", "/api/2.0/otel/v1/") {
		require.Equal(t, principal, r.Principal)
		require.Empty(t, r.Header.Get("Content-Encoding"))
	}

	w.RevokeTokens(principal)
	a.span(t, 2)
	written(t, a, w, "spans", 2)
	require.Equal(t, 2, w.Count("POST", "/oidc/v1/token"))
	a.stop(t)
}

// Zerobus is reached with stock components only: one token for each table, none of them valid for
// another.
func TestZerobusWithStockComponents(t *testing.T) {
	w := workspace(t)
	a := start(t, w, "databricks-zerobus.yaml")
	a.everything(t)
	for _, signal := range []string{"spans", "logs", "metrics"} {
		written(t, a, w, signal, 1)
	}
	require.Equal(t, 3, w.Count("POST", "/oidc/v1/token"))
	tokens := map[string]bool{}
	for _, r := range w.RequestsTo("POST", "/v1/") {
		require.Equal(t, http.StatusOK, r.Status)
		require.Equal(t, "gzip", r.Header.Get("Content-Encoding"))
		tokens[r.Header.Get("Authorization")] = true
	}
	require.Len(t, tokens, 3)
	a.stop(t)
}

// The stock gRPC exporter is signed, too.
func TestStockGRPCExporter(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	target := &grpcServer{signed: make(chan []string, 1)}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, target)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	in, dir, address := collector.FreeAddress(t), t.TempDir(), listener.Addr().String()
	c := collector.Config{}.
		Set("receivers::otlp::protocols::http::endpoint", in).
		Set("extensions::databricks_auth", map[string]any{"host": "http://" + address, "token": secret}).
		Set("exporters::otlp_grpc", map[string]any{"endpoint": address, "compression": "none",
			"tls": map[string]any{"insecure": true}, "auth": map[string]any{"authenticator": "databricks_auth"}}).
		Set("service::extensions", []any{"databricks_auth"}).
		Set("service::pipelines::traces", map[string]any{"receivers": []any{"otlp"}, "exporters": []any{"otlp_grpc"}}).
		Set("service::telemetry", map[string]any{"metrics": map[string]any{"level": "none"},
			"logs": map[string]any{"level": "debug"}})
	a := agent{collector.Start(t, dir, c), "http://" + in}
	a.ready(t)
	a.span(t, 1)
	select {
	case got := <-target.signed:
		require.Equal(t, []string{"Bearer " + secret}, got)
	case <-time.After(patience):
		require.Fail(t, "nothing arrives", a.Logs())
	}
	a.stop(t)
}

type grpcServer struct {
	ptraceotlp.UnimplementedGRPCServer
	signed chan []string
}

func (d *grpcServer) Export(ctx context.Context, _ ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	d.signed <- md.Get("authorization")
	return ptraceotlp.NewExportResponse(), nil
}

// With a wrong secret the log says what the workspace said, data waits, and arrives once the secret
// is good.
func TestWrongSecret(t *testing.T) {
	w := workspace(t)
	w.AddServicePrincipal(principal, "another")
	a := start(t, w, "databricks-otlphttp.yaml")
	a.span(t, 1)
	require.Eventually(t, func() bool {
		return strings.Contains(a.Logs(), "status 401 invalid_client: Client authentication failed")
	}, patience, often)
	require.Contains(t, a.Logs(), "check client_id and client_secret")
	require.Empty(t, w.Rows(table("spans")))
	w.AddServicePrincipal(principal, secret)
	written(t, a, w, "spans", 1)
	a.stop(t)
}

// DATABRICKS_HOST is unset, or set but not written in the configuration, and a DEFAULT profile is
// there: the start fails naming the key, and no request leaves.
func TestNothingAmbient(t *testing.T) {
	var seen atomic.Int32
	recorder := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	t.Cleanup(recorder.Close)
	for name, env := range map[string][]string{
		"unset": nil,
		"set":   {"DATABRICKS_HOST=" + recorder.URL, "DATABRICKS_TOKEN=canary", "DATABRICKS_CONFIG_PROFILE=DEFAULT"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, ".databrickscfg"),
				[]byte("[DEFAULT]\nhost = "+recorder.URL+"\ntoken = canary\n"), 0o600))
			config := filepath.Join(dir, "config.yaml")
			require.NoError(t, os.WriteFile(config, []byte(`
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {otlp_http: {endpoint: "`+recorder.URL+`", auth: {authenticator: databricks_auth}}}
extensions: {databricks_auth: {}}
service: {extensions: [databricks_auth], pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}, `+
				`telemetry: {metrics: {level: none}}}
`), 0o600))
			unset := []string{"DATABRICKS_HOST=", "DATABRICKS_TOKEN=", "DATABRICKS_CONFIG_PROFILE="}
			p := collector.Command(t, dir, append(append(unset, env...), "HOME="+dir), collector.Default(), "--config",
				config)
			p.Done(1)
			require.Contains(t, p.Logs(), "extensions::databricks_auth: host: required; write the workspace's address")
			require.NotContains(t, p.Logs(), "canary")
		})
	}
	require.Zero(t, seen.Load(), "a request left")
}

// print-config shows the workspace and the principal, and no credential.
func TestPrintConfig(t *testing.T) {
	for _, config := range []string{"databricks-otlphttp.yaml", "databricks-zerobus.yaml"} {
		cmd := exec.Command(collector.Default(), "print-config", "--config",
			filepath.Join(collector.Root(), "config", config))
		cmd.Env = append(os.Environ(),
			environment("https://dbc-1.cloud.databricks.com", "https://1.zerobus.us-west-2.cloud.databricks.com")...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "https://dbc-1.cloud.databricks.com")
		require.Contains(t, string(out), "app-1")
		require.NotContains(t, string(out), "canary")
	}
}
