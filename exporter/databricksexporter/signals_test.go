// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Logs and metrics go to tables of their own, by routes as spans do, and the quota of traces is
// none of their business.
func TestOtherSignals(t *testing.T) {
	w := workspace(t)
	arrange(w, prefixed("one"))
	cfg := configure(w)
	cfg.OnNoRoute = route.OnNoRouteDefault
	cfg.Routes = []route.Route{{ExperimentID: "1", TablePrefix: "one"}}
	cfg.TracesPerSecond = 0.001
	set := exportertest.NewNopSettings(metadata.Type)
	h := newHost()

	logs, err := unchecked.createLogs(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, logs.Start(t.Context(), h))
	for range 2 {
		ld := plog.NewLogs()
		for _, experiment := range []string{"1", "other"} {
			rl := ld.ResourceLogs().AppendEmpty()
			rl.Resource().Attributes().PutStr("mlflow.experimentId", experiment)
			rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
		}
		require.NoError(t, logs.ConsumeLogs(t.Context(), ld))
	}
	require.False(t, logs.Capabilities().MutatesData)
	require.NoError(t, logs.Shutdown(t.Context()))
	require.Len(t, w.Rows("main.traces.one_otel_logs"), 2)
	require.Len(t, w.Rows("main.traces.agents_otel_logs"), 2)
	require.EqualValues(t, 2, h.destination("main.traces.one_otel_logs").Sent)
	require.Equal(t, "logs", h.destination("main.traces.one_otel_logs").Signal)

	metrics, err := unchecked.createMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, metrics.Start(t.Context(), h))
	md := pmetric.NewMetrics()
	for _, experiment := range []string{"1", "other"} {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("mlflow.experimentId", experiment)
		points := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints()
		points.AppendEmpty().SetIntValue(1)
		points.AppendEmpty().SetIntValue(2)
	}
	require.NoError(t, metrics.ConsumeMetrics(t.Context(), md))
	require.NoError(t, metrics.Shutdown(t.Context()))
	require.Len(t, w.Rows("main.traces.one_otel_metrics"), 2)
	require.EqualValues(t, 2, h.destination("main.traces.agents_otel_metrics").Sent)
}

// A route can leave it to an experiment of the workspace to name the table. Until there is such an
// experiment data waits; ids become those of the destination.
func TestTablesFromExperimentTags(t *testing.T) {
	w := workspace(t)
	cfg := configure(w)
	cfg.Catalog, cfg.Schema, cfg.TablePrefix = "", "", ""
	cfg.Routes = []route.Route{{ExperimentID: "1", FromExperimentTags: "/Shared/agents"}}
	counted := counting(t)
	r := startOn(t, cfg, counted.settings(), newHost())
	done := r.send(t.Context(), spans("1", 0, 1, 2))
	eventually(t, func() bool { s, _ := r.host.status(); return s == componentstatus.StatusRecoverableError }, "status")
	_, text := r.host.status()
	require.Contains(t, text, "experiment:/Shared/agents: experiment /Shared/agents is not there")

	l := prefixed("linked")
	id := w.CreateExperiment("/Shared/agents", &l)
	arrange(w, l)
	require.NoError(t, within(t, done))
	rows := w.Rows("main.traces.linked_otel_spans")
	require.Len(t, rows, 2)
	root := rows[0]["attributes"].(map[string]any)
	require.Equal(t, "trace:/main.traces.linked/"+rows[0]["trace_id"].(string), root["mlflow.traceRequestId"])
	resource := rows[0]["resource"].(map[string]any)["attributes"].(map[string]any)
	require.Equal(t, id, resource["mlflow.experimentId"])
	require.Equal(t, "1", resource["mlflow.source.experimentId"])

	// What comes again is routed by the source's id.
	again := spans(id, 5, 1, 1)
	again.ResourceSpans().At(0).Resource().Attributes().PutStr("mlflow.source.experimentId", "1")
	require.NoError(t, within(t, r.send(t.Context(), again)))
	require.Len(t, w.Rows("main.traces.linked_otel_spans"), 3)
	require.NoError(t, r.Shutdown(t.Context()))
	require.EqualValues(t, 3, r.host.destination("main.traces.linked_otel_spans").Sent)
	require.Zero(t, r.host.destination("experiment:/Shared/agents"))
	require.EqualValues(
		t,
		3,
		counted.sum("otelcol_exporter_databricks_sent", "destination", "main.traces.linked_otel_spans"),
	)
}

// Preflight holds data that would be lost without a word: no request is sent before the grant is
// there.
func TestPreflightHolds(t *testing.T) {
	w := workspace(t)
	w.Set(func(s *databrickstest.Switches) { s.NoGrantStatus = 200 })
	w.Revoke(writer, spansTable, "SELECT")
	cfg := configure(w)
	r := startChecked(t, cfg)
	done := r.send(t.Context(), spans("1", 0, 1, 2))
	eventually(
		t,
		func() bool { return strings.Contains(r.host.destination(spansTable).Held, "GRANT SELECT ON TABLE") },
		"held",
	)
	require.Zero(t, w.Ingested(spansTable).Requests)
	w.Grant(writer, spansTable, "SELECT")
	require.NoError(t, within(t, done))
	require.Len(t, w.Rows(spansTable), 2)
}

func TestPreflightFailsTheStart(t *testing.T) {
	w := workspace(t)
	w.DropTable(spansTable)
	cfg := configure(w)
	cfg.Preflight.OnFailure = preflight.OnFailureFail
	e, err := checked.createTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.ErrorContains(t, e.Start(t.Context(), newHost()), spansTable)
	require.NoError(t, e.Shutdown(t.Context()))
}

// ended says that the runs have come to their end.
type ended struct {
	component.StartFunc
	component.ShutdownFunc
}

func (ended) Finished() bool { return true }

// The end of a run is verified: what is not known to have arrived makes the process fail, and is in
// the report.
func TestVerifies(t *testing.T) {
	for name, c := range map[string]struct {
		warehouse   string
		err, detail string
	}{
		"without a warehouse":            {"", "", "verify::warehouse_id names no SQL warehouse"},
		"with one that does not answer.": {"wh", "not counted", "were not counted"},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.HasPrefix(r.URL.Path, "/api/2.0/sql/") {
					return &databrickstest.Fault{Status: 403, Code: "PERMISSION_DENIED", Body: "no CAN_USE"}
				}
				return nil
			})
			cfg := configure(w)
			cfg.Verify.WarehouseID = c.warehouse
			h := newHost(ended{})
			e, err := unchecked.createTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
			require.NoError(t, err)
			require.NoError(t, e.Start(t.Context(), h))
			require.NoError(t, e.ConsumeTraces(t.Context(), spans("1", 0, 1, 2)))
			err = e.Shutdown(t.Context())
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
			d := h.destination(spansTable)
			require.EqualValues(t, 2, d.Sent)
			require.Equal(t, progress.NotVerified, d.Verification)
			require.Contains(t, d.Detail, c.detail)
		})
	}
}

// Requests are what the workspace's route wants: protobuf without compression, one table, our name,
// no redirect followed.
func TestRequests(t *testing.T) {
	w := workspace(t)
	cfg := configure(w)
	cfg.PathPrefix = "/api/2.0/tracing/otel/v1"
	r := start(t, cfg)
	require.NoError(t, r.ConsumeTraces(t.Context(), spans("1", 0, 1, 2)))
	q := w.RequestsTo("POST", "/api/")[0]
	require.Equal(t, "/api/2.0/tracing/otel/v1/traces", q.Path)
	require.Equal(t, "application/x-protobuf", q.Header.Get("Content-Type"))
	require.Empty(t, q.Header.Get("Content-Encoding"))
	require.Equal(t, []string{spansTable}, q.Header["X-Databricks-Uc-Table-Name"])
	require.True(t, strings.HasPrefix(q.Header.Get("User-Agent"), "otelcol-mlflow/"))
}

// A location in the old layout has fixed names and ids without a prefix.
func TestOldLayout(t *testing.T) {
	w := workspace(t)
	l := unity.Location{Catalog: "main", Schema: "old"}
	w.CreateTables(l, unity.LayoutV1)
	table := l.Table(unity.SignalSpans, unity.LayoutV1).String()
	w.GrantWriting(writer, table)
	cfg := configure(w)
	cfg.Layout, cfg.Schema, cfg.TablePrefix = unity.LayoutV1, "old", ""
	r := startChecked(t, cfg)
	require.NoError(t, within(t, r.send(t.Context(), spans("1", 0, 1, 1))))
	rows := w.Rows(table)
	require.Len(t, rows, 1)
	require.Contains(t, fmt.Sprint(rows[0]["attributes"]), "trace:/main.old/00000000000000010000000000000001")
}
