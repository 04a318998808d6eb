// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// part is the first configuration under a heading of a how-to.
func part(t *testing.T, page, heading string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(collector.Root(), "docs", "how-to", page))
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(body), "\n## "+heading+"\n")
	require.True(t, ok, "%s has no heading %s", page, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	block := yamlBlock.FindStringSubmatch(section)
	require.NotEmpty(t, block, heading)
	return block[1]
}

// shipped runs a configuration of config/, beside which a part of a how-to is read, and returns the folder of its
// results.
func shipped(t *testing.T, config, overlay string, env []string, status int) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--config", filepath.Join("config", config)}
	if overlay != "" {
		file := filepath.Join(dir, "config.yaml")
		require.NoError(t, os.WriteFile(file, []byte(overlay), 0o600))
		args = append(args, "--config", file)
	}
	p := collector.Command(t, dir, append(env, "OTELCOL_MLFLOW_OUT="+filepath.Join(dir, "out")), collector.Default(),
		args...)
	p.Done(status)
	return dir
}

// proxy passes requests that a check lets pass to a server, with a login of its own.
func proxy(t *testing.T, s *mlflowserver.Server, login mlflowserver.Login,
	check func(r *http.Request) bool) http.Handler {
	t.Helper()
	target, err := url.Parse(s.URL)
	require.NoError(t, err)
	reverse := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, target.Host
		r.Out.URL.Path = strings.TrimPrefix(r.Out.URL.Path, "/mlflow")
		r.Out.Header.Del("X-MLFLOW-WORKSPACE") // this server has none
		if login.Username != "" {
			r.Out.SetBasicAuth(login.Username, login.Password)
		}
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !check(r) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		reverse.ServeHTTP(w, r)
	})
}

// Each part of docs/how-to/servers.md reads a server that demands it.
func TestHowToServers(t *testing.T) {
	t.Parallel()
	s := protected(t)
	serve := func(t *testing.T, check func(r *http.Request) bool) string {
		server := httptest.NewServer(proxy(t, s, s.Reader, check))
		t.Cleanup(server.Close)
		return server.URL
	}
	for heading, source := range map[string]func(t *testing.T) (uri string, env []string){
		"A user name and a password": func(*testing.T) (string, []string) {
			return s.URL, []string{"MLFLOW_TRACKING_USERNAME=" + s.Reader.Username,
				"MLFLOW_TRACKING_PASSWORD=" + s.Reader.Password}
		},
		"A token": func(t *testing.T) (string, []string) {
			bearer := func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer canary-token" }
			return serve(t, bearer), []string{"MLFLOW_TRACKING_TOKEN=canary-token"}
		},
		"A certificate of your own, and one for the client": func(t *testing.T) (string, []string) {
			known := func(r *http.Request) bool { return len(r.TLS.PeerCertificates) == 1 }
			return serveTLS(t, proxy(t, s, s.Reader, known))
		},
		"A proxy": func(t *testing.T) (string, []string) {
			through := serve(t, func(r *http.Request) bool { return r.URL.Host == "mlflow.invalid" })
			return "http://mlflow.invalid", []string{"MLFLOW_PROXY=" + through}
		},
		"A path in front": func(t *testing.T) (string, []string) {
			return serve(t, func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/mlflow/") }), nil
		},
		"A workspace": func(t *testing.T) (string, []string) {
			return serve(t, func(r *http.Request) bool { return r.Header.Get("X-MLFLOW-WORKSPACE") == "team-a" }), nil
		},
	} {
		t.Run(heading, func(t *testing.T) {
			t.Parallel()
			sink := otlpsink.New(t)
			uri, env := source(t)
			dir := shipped(t, "otlp.yaml", part(t, "servers.md", heading), append(env, "OTELCOL_MLFLOW_SOURCE="+uri,
				"OTELCOL_MLFLOW_ENDPOINT="+sink.URL), 0)
			assert.Len(t, sink.Spans(), 10, "five traces of the experiment that the reader may read")
			noSecret(t, dir, s.Reader.Password, "canary-token")
		})
	}
}

// The sample store, sent to a server with a password, can be read there; sending it again adds nothing.
func TestHowToMLflow(t *testing.T) {
	t.Parallel()
	s := protected(t)
	target := protectedExperiment(t, s)
	env := []string{"OTELCOL_MLFLOW_EXPERIMENT=support-bot-eval", "OTELCOL_MLFLOW_ENDPOINT=" + s.URL,
		"OTELCOL_MLFLOW_TARGET=" + target, "TARGET_USERNAME=" + s.Admin.Username, "TARGET_PASSWORD=" + s.Admin.Password}
	overlay := part(t, "mlflow.md", "A target with a password")
	for range 2 {
		dir := shipped(t, "mlflow.yaml", overlay, env, 0)
		noSecret(t, dir, s.Admin.Password)
	}
	sink := otlpsink.New(t)
	shipped(t, "otlp.yaml", part(t, "servers.md", "A user name and a password"), []string{
		"OTELCOL_MLFLOW_SOURCE=" + s.URL, "OTELCOL_MLFLOW_EXPERIMENT=" + target, "OTELCOL_MLFLOW_ENDPOINT=" + sink.URL,
		"MLFLOW_TRACKING_USERNAME=" + s.Admin.Username, "MLFLOW_TRACKING_PASSWORD=" + s.Admin.Password}, 0)
	assert.Len(t, sink.Spans(), 64)
	assert.Len(t, otlpsink.TraceIDs(sink.Accepted()), 16)
}

// recorded serves a backend that demands headers at a route and gives an answer of its own.
func recorded(t *testing.T, route, contentType, answer string, headers map[string]string) (string, *otlpsink.Sink) {
	t.Helper()
	sink := otlpsink.New(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			if r.Header.Get(name) != value {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
		}
		if r.URL.Path != route {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		r.URL.Path = "/v1/traces"
		taken := httptest.NewRecorder()
		sink.ServeHTTP(taken, r)
		if taken.Code != http.StatusOK {
			w.WriteHeader(taken.Code)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return server.URL, sink
}

// Langfuse and Phoenix get every span at their routes, with their headers, and their answers count as confirmations.
func TestHowToBackends(t *testing.T) {
	t.Parallel()
	t.Run("Langfuse", func(t *testing.T) {
		t.Parallel()
		address, sink := recorded(t, "/api/public/otel/v1/traces", "application/json; charset=utf-8", "{}",
			map[string]string{"Authorization": "Basic cGstbGYtMTpjYW5hcnktc2VjcmV0",
				"x-langfuse-ingestion-version": "4"})
		dir := shipped(t, "langfuse.yaml", "", []string{"LANGFUSE_HOST=" + address, "LANGFUSE_PUBLIC_KEY=pk-lf-1",
			"LANGFUSE_SECRET_KEY=canary-secret"}, 0)
		assert.Len(t, sink.Spans(), sampleSpans)
		noSecret(t, dir, "canary-secret", "Y2FuYXJ5LXNlY3JldA")
	})
	t.Run("Phoenix", func(t *testing.T) {
		t.Parallel()
		address, sink := recorded(t, "/v1/traces", "application/x-protobuf", "",
			map[string]string{"Authorization": "Bearer canary-key"})
		dir := shipped(t, "otlp.yaml", part(t, "backends.md", "Phoenix"), []string{"OTELCOL_MLFLOW_ENDPOINT=" + address,
			"PHOENIX_API_KEY=canary-key"}, 0)
		assert.Len(t, sink.Spans(), sampleSpans)
		noSecret(t, dir, "canary-key")
	})
}

// Each team's backend gets the experiments of this team.
func TestHowToTeams(t *testing.T) {
	t.Parallel()
	a, b := otlpsink.New(t), otlpsink.New(t)
	shipped(t, "teams.yaml", "", []string{"TEAM_A_ENDPOINT=" + a.URL, "TEAM_B_ENDPOINT=" + b.URL,
		"TEAM_A_EXPERIMENTS=support-bot", "TEAM_B_EXPERIMENTS=*-eval"}, 0)
	assert.Len(t, a.Spans(), 534)
	assert.Len(t, b.Spans(), 64)
}

// serveTLS serves https for clients that have a certificate. It returns the address, and the environment with the files
// that a client needs.
func serveTLS(t *testing.T, handler http.Handler) (string, []string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	pair := server.TLS.Certificates[0] // signed by itself, so that it can be the client's, too
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	cert, private := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, private: {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	}
	return server.URL, []string{"MLFLOW_TRACKING_SERVER_CERT_PATH=" + cert, "MLFLOW_TRACKING_CLIENT_CERT_PATH=" + cert,
		"MLFLOW_TRACKING_CLIENT_KEY_PATH=" + private}
}

// protectedExperiment makes an experiment on a server with a password.
func protectedExperiment(t *testing.T, s *mlflowserver.Server) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/2.0/mlflow/experiments/create",
		strings.NewReader(`{"name": "`+t.Name()+`"}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(s.Admin.Username, s.Admin.Password)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var made struct {
		ID string `json:"experiment_id"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&made))
	require.NotEmpty(t, made.ID)
	return made.ID
}

// The Python of docs/how-to/files.md gives a row for each trace of the sample store.
func TestHowToFiles(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(filepath.Join(collector.Root(), "docs", "how-to", "files.md"))
	require.NoError(t, err)
	_, code, ok := strings.Cut(string(body), "```python\n")
	require.True(t, ok)
	code, _, _ = strings.Cut(code, "```")
	dir := shipped(t, "quickstart.yaml", "", nil, 0)
	script := filepath.Join(dir, "traces.py")
	require.NoError(t, os.WriteFile(script, []byte(code), 0o600))
	python, err := mlflowserver.Python(mlflowserver.Database)
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), python, script,
		filepath.Join(dir, "out", "traces.jsonl")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "\n122 traces 37")
	assert.Contains(t, string(out), "metric_groundedness")
}

// What an agent sends to the sidecar is at the backend, also when that was away, and the sidecar was killed.
func TestHowToSidecar(t *testing.T) {
	t.Parallel()
	dir, intake, backend := t.TempDir(), collector.FreeAddress(t), collector.FreeAddress(t)
	env := []string{"OTELCOL_MLFLOW_ENDPOINT=http://" + backend, "OTELCOL_MLFLOW_OTLP=" + intake,
		"OTELCOL_MLFLOW_OTLP_GRPC=" + collector.FreeAddress(t), "OTELCOL_MLFLOW_STATE=" + filepath.Join(dir, "state")}
	start := func() *collector.Process {
		return collector.Command(t, dir, env, collector.Default(), "--config", "config/sidecar.yaml")
	}
	away := start()
	trace := `{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "5b8efff798038103d269b633813fc60c",
		"spanId": "eee19b7ec3c1b174", "name": "chat", "startTimeUnixNano": "1772812800000000000",
		"endTimeUnixNano": "1772812801000000000", "attributes": [
			{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]}]}]}]}`
	eventually(t, func() bool {
		answer, err := http.Post("http://"+intake+"/v1/traces", "application/json", strings.NewReader(trace))
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, "the sidecar takes it")
	away.Kill()

	sink := otlpsink.New(t)
	listener, err := net.Listen("tcp", backend)
	require.NoError(t, err)
	server := &http.Server{Handler: sink, ReadHeaderTimeout: patience}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	start()
	eventually(t, func() bool { return len(sink.Spans()) == 1 }, "the span arrives")
}
