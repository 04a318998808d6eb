// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configretry"
	"go.uber.org/goleak"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	warehouse = "wh1"
	spans     = "main.traces.agent_otel_spans"
)

var place = unity.Location{Catalog: "main", Schema: "traces", Prefix: "agent"}

// heard keeps what an Observer hears.
type heard struct {
	mu      sync.Mutex
	retries int
	routes  map[string]int
}

func (h *heard) Request(route string, _ int, _ int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.routes == nil {
		h.routes = map[string]int{}
	}
	h.routes[route]++
}

func (h *heard) Retry() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retries++
}

// settings read a workspace with the token of its owner.
func settings(w *databrickstest.Workspace) Settings {
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = time.Millisecond,
		10*time.Millisecond, 20*time.Second
	return Settings{
		URI: "databricks", HTTP: confighttp.NewDefaultClientConfig(), Concurrency: 2, RequestsPerSecond: 1000,
		MaxTraceSize: 1 << 20, Retry: retry, Poll: time.Millisecond,
		Databricks: Databricks{SignIn: signin.Config{Host: w.URL(),
			Credentials: signin.Credentials{Token: databrickstest.AdminToken}}, Warehouse: warehouse},
		Host: componenttest.NewNopHost(), Telemetry: componenttest.NewNopTelemetrySettings(), Observer: &heard{},
	}
}

func open(t *testing.T, s Settings) mlflow.Source {
	t.Helper()
	src, _, err := Open(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	return src
}

func workspace(t *testing.T) *databrickstest.Workspace {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.SetWarehouse(databrickstest.Warehouse{ID: warehouse})
	return w
}

// at is the start of a trace of the tests.
var at = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// row is a span as its table holds it.
func row(trace, span, parent int, more databrickstest.Row) databrickstest.Row {
	r := databrickstest.Row{
		"trace_id": hex(trace), "span_id": fmt.Sprintf("%016x", span), "parent_span_id": nil,
		"name":                 fmt.Sprintf("span %d", span),
		"start_time_unix_nano": at.Add(time.Duration(trace) * time.Second).UnixNano(),
		"end_time_unix_nano":   at.Add(time.Duration(trace)*time.Second).UnixNano() + 1_500_000,
		"status":               map[string]any{"code": "STATUS_CODE_OK"},
	}
	if parent != 0 {
		r["parent_span_id"] = fmt.Sprintf("%016x", parent)
	}
	maps.Copy(r, more)
	return r
}

func hex(trace int) string { return fmt.Sprintf("%032x", trace) }

// read takes everything that the source has of an experiment, as a backfill does.
func read(t *testing.T, src mlflow.Source, r mlflow.Range, page int) (traces map[string]*mlflow.Trace,
	skipped map[string]*mlflow.Skip, order []string) {
	t.Helper()
	ctx := context.Background()
	traces, skipped = map[string]*mlflow.Trace{}, map[string]*mlflow.Skip{}
	for after := (mlflow.Position{}); ; {
		infos, err := src.Infos(ctx, r, after, page)
		require.NoError(t, err)
		if len(infos) == 0 {
			return traces, skipped, order
		}
		for i := range infos {
			p := mlflow.Position{Timestamp: infos[i].Timestamp, ID: infos[i].ID}
			require.True(t, after.Less(p), "in order, each once")
			after = p
			order = append(order, infos[i].ID)
		}
		require.NoError(t, src.Traces(ctx, infos, func(i int, tr *mlflow.Trace, skip *mlflow.Skip) error {
			id := infos[i].ID
			require.Nil(t, traces[id])
			require.Nil(t, skipped[id])
			if traces[id] = tr; tr == nil {
				delete(traces, id)
				skipped[id] = skip
			}
			return nil
		}))
	}
}

// post asks the workspace as its owner.
func post(t *testing.T, w *databrickstest.Workspace, path, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+databrickstest.AdminToken)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
}
