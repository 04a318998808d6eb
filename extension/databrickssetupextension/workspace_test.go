// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

const (
	spansTable  = "cat.sch.pre_otel_spans"
	tracesView  = "cat.sch.pre_genai_traces"
	scoresView  = "cat.sch.pre_genai_scores"
	spansView   = "cat.sch.pre_genai_spans"
	evalView    = "cat.sch.pre_genai_eval"
	contentView = "cat.sch.pre_genai_content"
	currentAPI  = "/api/data-quality/v1/monitors"
)

var at = unity.Location{Catalog: "cat", Schema: "sch", Prefix: "pre"}

// workspace is a fake one with a schema, a warehouse and a service principal that delivers.
func workspace(t *testing.T) *databrickstest.Workspace {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.CreateSchema("cat", "sch")
	w.SetWarehouse(databrickstest.Warehouse{ID: "wh"})
	w.AddServicePrincipal("app-1", "s3cret")
	for _, name := range []string{"analysts", "account users"} {
		w.AddPrincipal(name)
	}
	return w
}

// keys are what a user writes; of merges others over the usual ones.
type keys map[string]any

func (k keys) of(w *databrickstest.Workspace) *confmap.Conf {
	all := map[string]any{
		"host": w.URL(), "auth": map[string]any{"token": databrickstest.AdminToken}, "warehouse_id": "wh",
		"catalog": "cat", "schema": "sch", "table_prefix": "pre",
		"experiment": map[string]any{"name": "/Shared/x"}, "on_complete": "stay",
	}
	maps.Copy(all, k)
	return confmap.NewFromStringMap(all)
}

func configOf(t testing.TB, conf *confmap.Conf) *Config {
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(cfg))
	return cfg
}

// run starts the extension, waits until it is done and returns what it printed and how it ended.
func run(t testing.TB, w *databrickstest.Workspace, k keys) (string, error) {
	cfg := configOf(t, k.of(w))
	require.NoError(t, cfg.Validate())
	var out bytes.Buffer
	s := newSetup(extensiontest.NewNopSettings(metadata.Type), cfg, &out)
	s.sleep, s.requestsPerSecond = atOnce, unlimited
	require.NoError(t, s.Start(context.Background(), componenttest.NewNopHost()))
	<-s.done
	err := s.err
	require.NoError(t, s.Shutdown(context.Background()))
	return out.String(), err
}

// unlimited is a number of requests per second that no test reaches.
const unlimited = 100_000

// atOnce is a sleep that takes no time.
func atOnce(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// apply runs with apply: true and expects it to succeed.
func apply(t testing.TB, w *databrickstest.Workspace, k keys) string {
	with := keys{"apply": true}
	maps.Copy(with, k)
	out, err := run(t, w, with)
	require.NoError(t, err, out)
	return out
}

// mutations are the requests that change something: all but GET, searches and statements that only
// read.
func mutations(w *databrickstest.Workspace) (out []string) {
	for _, r := range w.Requests() {
		if r.Method != http.MethodGet && r.Path != "/api/3.0/mlflow/traces/search" &&
			r.Path != "/api/2.0/sql/statements" {
			out = append(out, r.Method+" "+r.Path)
		}
	}
	for _, s := range w.Statements() {
		if !isQuery(s.SQL) {
			out = append(out, s.SQL)
		}
	}
	return out
}

// script are the statements of a printed plan.
func script(out string) (list []string) {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "--") {
			b.WriteString(line)
		}
	}
	for s := range strings.SplitSeq(b.String(), "\n;\n") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

func columns(w *databrickstest.Workspace, table string) (out []string) {
	for _, c := range w.Table(table).Columns {
		out = append(out, c.Name)
	}
	return out
}

// isQuery reports whether a statement of databricks_setup only reads.
func isQuery(sql string) bool {
	return strings.HasPrefix(sql, "SELECT ") || strings.HasPrefix(sql, "WITH ")
}
