package databricksexporter

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// counted answers statement execution with the spans that are in the table, whatever is asked.
func counted(w *databrickstest.Workspace) {
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if !strings.HasPrefix(r.URL.Path, "/api/2.0/sql/statements") {
			return nil
		}
		var rows []string
		byTrace := map[string][]string{}
		for _, row := range w.Rows(spansTable) {
			id := row["trace_id"].(string)
			byTrace[id] = append(byTrace[id], row["span_id"].(string))
		}
		for id, s := range byTrace { // spans() numbers them in ascending order
			rows = append(rows, fmt.Sprintf(`[%q,"%d","%d",%q,%q]`, id, len(s), len(s), s[0], s[len(s)-1]))
		}
		return &databrickstest.Fault{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: fmt.Sprintf(
			`{"statement_id":"st-1","status":{"state":"SUCCEEDED"},"manifest":{"schema":{"columns":[{},{},{},{},{}]},"total_row_count":%d},"result":{"data_array":[%s]}}`,
			len(rows), strings.Join(rows, ","))}
	})
}

// ender is an extension that knows that the run has come to its end.
type ender struct {
	component.StartFunc
	component.ShutdownFunc
	finished bool
}

func (e ender) Finished() bool { return e.finished }

// The answer 200 proves nothing: what is not in the table at the end of a run makes Shutdown fail, and the report says how much.
func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		drop, finished bool
		warehouse      string
		want           progress.Verification
		detail, err    string
	}{
		"arrived":        {false, true, "wh", progress.Arrived, "", ""},
		"silent drop":    {true, true, "wh", progress.Short, "sent 6, arrived 0", "sent 6, arrived 0"},
		"no warehouse":   {true, true, "", progress.NotVerified, "verify::warehouse_id names no SQL warehouse", ""},
		"stopped midway": {true, false, "wh", progress.NotVerified, "the process was stopped", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			counted(w)
			if c.drop {
				w.SetOutcome(spansTable, databrickstest.SilentDrop)
			}
			cfg := configure(w)
			cfg.Verify.WarehouseID, cfg.Verify.Timeout = c.warehouse, time.Millisecond
			h := newHost(ender{finished: c.finished})
			e, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
			require.NoError(t, err)
			require.NoError(t, e.Start(t.Context(), h))
			require.NoError(t, e.ConsumeTraces(t.Context(), spans("1", 0, 2, 3)))
			err = e.Shutdown(context.WithoutCancel(t.Context()))
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
			d := h.destination(spansTable)
			require.Equal(t, c.want, d.Verification)
			require.Contains(t, d.Detail, c.detail)
			require.EqualValues(t, 6, d.Sent)
			if c.want == progress.NotVerified {
				require.Zero(t, w.Count("POST", "/api/2.0/sql/"))
			}
			require.NoError(t, e.Shutdown(context.WithoutCancel(t.Context())), "a second time nothing is counted")
		})
	}
}

// Before anything is sent, a missing grant holds the data; the status names it with its statement. Once it is given the data flows, and nothing was lost.
func TestPreflightHolds(t *testing.T) {
	w := workspace(t)
	w.Revoke(writer, spansTable, "MODIFY")
	w.Set(func(s *databrickstest.Switches) { s.NoGrantStatus = http.StatusOK }) // ingest would answer 200 and store nothing
	cfg := configure(w)
	cfg.Preflight = preflight.DefaultConfig()
	r := start(t, cfg)
	done := r.send(t.Context(), spans("1", 0, 2, 3))
	eventually(t, func() bool {
		return strings.Contains(r.host.destination(spansTable).Held, "GRANT MODIFY ON TABLE `main`")
	}, "held")
	status, text := r.host.status()
	require.Equal(t, componentstatus.StatusRecoverableError, status)
	require.Contains(t, text, "GRANT MODIFY ON TABLE `main`.`traces`.`agents_otel_spans` TO `"+writer+"`")
	require.Zero(t, w.Ingested(spansTable).Requests, "nothing was sent into the void")

	w.Grant(writer, spansTable, "MODIFY")
	r.Traces.(tracesExporter).gate.Refused(r.Traces.(tracesExporter).plan.targets[0].table) // what would come by itself within 30 s
	require.NoError(t, within(t, done))
	require.Len(t, w.Rows(spansTable), 6)
}

// With on_failure: fail a definite fault fails the start, naming the statement; findings are in the report either way.
func TestPreflightFails(t *testing.T) {
	w := workspace(t)
	w.Revoke(writer, spansTable, "SELECT")
	cfg := configure(w)
	cfg.Preflight.OnFailure = preflight.Fail
	h := newHost()
	e, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	err = e.Start(t.Context(), h)
	require.ErrorContains(t, err, "preflight: "+writer+" lacks SELECT on the table "+spansTable)
	require.ErrorContains(t, err, "GRANT SELECT ON TABLE")
	require.Len(t, h.destination(spansTable).Problems, 1)

	cfg.Host = "http://127.0.0.1:1"
	e, err = NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), newHost()), "an unreachable workspace never fails the start")
	require.NoError(t, e.Shutdown(context.WithoutCancel(t.Context())))
}

func TestPreflightAndVerifyAreConfigured(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"host": "https://dbc.example.com", "auth": map[string]any{"token": "x"}, "catalog": "main", "schema": "traces", "table_prefix": "a",
		"preflight": map[string]any{"on_failure": "warn"}, "verify": map[string]any{"when": "never", "warehouse_id": "abc", "timeout": "5m", "max_traces": 7},
	}).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	require.Equal(t, preflight.Warn, cfg.Preflight.OnFailure)
	require.Equal(t, 7, cfg.Verify.MaxTraces)
	cfg.Preflight.OnFailure, cfg.Verify.WarehouseID = "no", "/sql/1.0/warehouses/abc"
	require.ErrorContains(t, confmap.Validate(cfg), `preflight: on_failure: "no" is not one of hold, fail, warn`)
	require.ErrorContains(t, confmap.Validate(cfg), "verify: warehouse_id: write the id alone: abc")
}
