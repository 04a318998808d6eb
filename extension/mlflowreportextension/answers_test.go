// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreportextension

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

// Two extensions read the answers to the exporters that name them; the one that the receiver finds
// knows what both have read, and has a row for each.
func TestAnswers(t *testing.T) {
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(`
receivers: {mlflow: {}, mlflow/b: {}}
exporters:
  otlp_http/a: {endpoint: http://a, sending_queue: {wait_for_result: true}, middlewares: [{id: mlflow_report}]}
  otlp_grpc/a: {endpoint: a, sending_queue: {wait_for_result: true}, middlewares: [{id: mlflow_report}]}
  otlp_http/b: {endpoint: http://b, sending_queue: {wait_for_result: true}, middlewares: [{id: mlflow_report/b}]}
service:
  extensions: [mlflow_report, mlflow_report/b]
  pipelines:
    traces: {receivers: [mlflow], exporters: [otlp_http/a, otlp_grpc/a]}
    traces/b: {receivers: [mlflow/b], exporters: [otlp_http/b]}`))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	dir, host := t.TempDir(), extensions{}
	var reporters []*reporter
	var out bytes.Buffer
	for _, name := range []string{"", "b"} {
		set := extensiontest.NewNopSettings(metadata.Type)
		set.ID = component.NewIDWithName(metadata.Type, name)
		r := newReporter(set, &Config{Path: filepath.Join(dir, name+"report.json")}, &out)
		reporters, host[set.ID] = append(reporters, r), r
	}
	for _, r := range reporters {
		require.NoError(t, r.Start(t.Context(), host))
		t.Cleanup(func() { require.NoError(t, r.Shutdown(context.WithoutCancel(t.Context()))) })
		require.NoError(t, r.NotifyConfigSnapshot(t.Context(), extensioncapabilities.NewConfigSnapshot(conf, conf)))
	}
	first, b := progress.Find[progress.Sink](host).(*reporter), component.MustNewIDWithName("mlflow", "b")
	require.Same(t, reporters[0], first)

	media := "text/html"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		_, _ = io.WriteString(w, "sign in")
	}))
	defer server.Close()
	wrap, err := reporters[1].GetHTTPRoundTripper(t.Context())
	require.NoError(t, err)
	base, err := wrap(t.Context(), server.Client().Transport)
	require.NoError(t, err)
	client := &http.Client{Transport: base}
	_, err = client.Post(server.URL+"/v1/traces", "application/x-protobuf", strings.NewReader("body"))
	require.ErrorContains(t, err, "a web page")
	require.Contains(t, first.Held(b), "answered 200 with a web page")
	require.Empty(t, first.Held(receiver))
	require.Equal(t, progress.Acknowledged, first.Delivery(b).Delivery)

	media = "text/plain"
	resp, err := client.Post(server.URL+"/v1/traces", "application/x-protobuf", strings.NewReader("body"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Empty(t, first.Held(b))
	check := first.Delivery(b)
	require.Equal(t, progress.Unknown, check.Delivery)
	require.Contains(t, check.Reason, "exporter otlp_http/b: "+server.URL+"/v1/traces answered 200 with "+
		"text/plain, 7 bytes")
	require.Equal(t, progress.Acknowledged, first.Delivery(receiver).Delivery)

	done := run(false)
	done.Receiver, done.Delivery = b, check.Delivery
	first.Publish(done)
	require.NoError(t, first.Shutdown(t.Context()))
	require.NoError(t, reporters[1].Shutdown(t.Context()))
	body, err := os.ReadFile(first.cfg.Path)
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(body, &doc))
	require.Equal(t, []any{
		map[string]any{"extension": "mlflow_report", "exporters": []any{"otlp_grpc/a", "otlp_http/a"}, "requests": 0.0,
			"confirmed": 0.0, "unconfirmed": 0.0, "refused": 0.0, "rejected": 0.0},
		map[string]any{"extension": "mlflow_report/b", "exporters": []any{"otlp_http/b"}, "requests": 2.0,
			"confirmed": 0.0, "unconfirmed": 1.0, "refused": 1.0, "rejected": 0.0},
	}, doc["answers"])
	to := doc["receivers"].([]any)[0].(map[string]any)["destinations"].([]any)[0].(map[string]any)
	require.Equal(t, "unknown", to["delivery"])
	require.Contains(t, out.String(), "  answers   2 requests of otlp_http/b, 0 confirmed, 1 with another body, "+
		"1 with a web page or a redirect\n")
}
