// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 2 * time.Minute

// Who writes in these tests, and his secret: a canary that must not show up anywhere.
const (
	writer = "00000000-aaaa-4000-8000-000000000001"
	secret = "dose-canary-client-secret"
	// admin prepares the workspace.
	admin = "00000000-aaaa-4000-8000-000000000002"
)

var (
	work    string // folder of this run
	mu      sync.Mutex
	running []*mlflowserver.Server
)

func TestMain(m *testing.M) {
	if _, err := os.Stat(collector.Default()); err != nil {
		fmt.Fprintln(os.Stderr, "run make build first:", err)
		os.Exit(1)
	}
	var err error
	if work, err = os.MkdirTemp("", "mlflow-databricks-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	for _, s := range running {
		s.Stop()
	}
	_ = os.RemoveAll(work)
	os.Exit(status)
}

// source is a real MLflow server with the generated data, and what MLflow's own client returns for
// it.
type source struct {
	*mlflowserver.Server
	Truth string
	Names []any
}

var generated = sync.OnceValues(func() (*source, error) {
	s, err := mlflowserver.Start(mlflowserver.Database, filepath.Join(work, "source"))
	if err != nil {
		return nil, err
	}
	mu.Lock()
	running = append(running, s)
	mu.Unlock()
	x := &source{Server: s, Truth: filepath.Join(work, "truth.jsonl"), Names: []any{"wide", "wide-second"}}
	if _, err := s.Generate(mlflowserver.Login{}, "--count", "120"); err != nil {
		return nil, err
	}
	return x, s.Expected(x.Truth, "wide", "wide-second")
})

func need[T any](t testing.TB, get func() (T, error)) T {
	t.Helper()
	v, err := get()
	require.NoError(t, err)
	return v
}

// agents is where these tests write to.
var agents = unity.Location{Catalog: "main", Schema: "agents", Prefix: "support_bot"}

// tables is a fake workspace with tables at the locations that the writer may write to.
func tables(t testing.TB, locations ...unity.Location) *databrickstest.Workspace {
	t.Helper()
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.AddServicePrincipal(writer, secret)
	for _, l := range locations {
		w.CreateTables(l, unity.LayoutV2)
		for _, s := range []unity.Signal{unity.SignalSpans, unity.SignalLogs, unity.SignalMetrics} {
			w.GrantWriting(writer, l.Table(s, unity.LayoutV2).String())
		}
	}
	return w
}

// exporter is the configuration of a databricks exporter that writes to a location of a workspace.
func exporter(w *databrickstest.Workspace, l unity.Location) map[string]any {
	return map[string]any{
		"host": w.URL(), "auth": map[string]any{"auth_type": "oauth-m2m", "client_id": writer, "client_secret": secret},
		"catalog": l.Catalog, "schema": l.Schema, "table_prefix": l.Prefix, "traces_per_second": 0,
		"retry_on_failure": map[string]any{"initial_interval": "50ms", "max_interval": "500ms"},
	}
}

// backfill is a backfill of a server into Databricks, refined on the way.
func backfill(s *source, dir string, export map[string]any) collector.Config {
	c := collector.Backfill(s.URL, dir).Set("receivers::mlflow::experiments::names",
		s.Names).Set("receivers::mlflow::max_skipped", "20%")
	delete(c["exporters"].(map[string]any), "file")
	return c.Set("exporters::databricks", export).Set("processors::genai", map[string]any{}).
		Set("service::pipelines::traces::processors", []any{"genai"}).Set("service::pipelines::traces::exporters",
		[]any{"databricks"})
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// writeConfig writes a configuration where a test starts the binary itself.
func writeConfig(t testing.TB, path string, c collector.Config) {
	t.Helper()
	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}
