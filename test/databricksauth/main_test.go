// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksauth

import (
	"bytes"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// patience is how long something that must happen may take on a busy machine, often how often it is
// checked.
const (
	patience = time.Minute
	often    = 10 * time.Millisecond
)

const (
	principal = "app-1"
	secret    = "canary-secret"
)

// workspace is a fake with the tables main.traces.agents_otel_… and a service principal that may
// write them.
func workspace(t *testing.T) *databrickstest.Workspace {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.CreateSchema("main", "traces")
	w.CreateTables(unity.Location{Catalog: "main", Schema: "traces", Prefix: "agents"}, unity.LayoutV2)
	w.AddServicePrincipal(principal, secret)
	w.GrantWriting(principal, table("spans"), table("logs"), table("metrics"))
	return w
}

func table(signal string) string { return "main.traces.agents_otel_" + signal }

// agent is a collector that takes OTLP at an address, and what it runs with.
type agent struct {
	*collector.Process
	url string
}

// environment is what the comments of the shipped configurations ask for.
func environment(host, zerobus string) []string {
	return []string{
		"DATABRICKS_HOST=" + host, "DATABRICKS_WORKSPACE_ID=" + databrickstest.WorkspaceID, "DATABRICKS_CLIENT_ID=" +
			principal, "DATABRICKS_CLIENT_SECRET=" + secret,
		"OTELCOL_MLFLOW_ZEROBUS=" + zerobus, "OTELCOL_MLFLOW_CATALOG=main", "OTELCOL_MLFLOW_SCHEMA=traces",
		"OTELCOL_MLFLOW_PREFIX=agents",
	}
}

// start runs a shipped configuration at debug level.
func start(t *testing.T, w *databrickstest.Workspace, config string) agent {
	t.Helper()
	dir := t.TempDir()
	address := collector.FreeAddress(t)
	env := append(environment(w.URL(), w.ZerobusURL()), "OTELCOL_MLFLOW_OTLP="+address, "OTELCOL_MLFLOW_STATE="+dir,
		"OTELCOL_MLFLOW_LOG_LEVEL=debug", "HOME="+dir)
	p := collector.Command(t, dir, env, collector.Default(), "--config",
		filepath.Join(collector.Root(), "config", config))
	a := agent{p, "http://" + address}
	a.ready(t)
	return a
}

// ready waits until the agent listens.
func (a agent) ready(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil || a.Ended()
	}, patience, often)
	require.False(t, a.Ended(), "it has ended: %s", a.Logs())
}

// post sends a request of OTLP as an agent does.
func (a agent) post(t *testing.T, signal string, body []byte) {
	t.Helper()
	res, err := http.Post(a.url+"/v1/"+signal, "application/x-protobuf", bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// span sends one span with inputs that can be counted.
func (a agent) span(t *testing.T, number byte) {
	t.Helper()
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID([16]byte{number})
	span.SetSpanID([8]byte{number})
	span.SetName("chat")
	span.Attributes().PutStr("mlflow.spanType", "CHAT_MODEL")
	span.Attributes().PutStr("mlflow.spanInputs", "hello world")
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	a.post(t, "traces", body)
}

// everything sends one item of each signal.
func (a agent) everything(t *testing.T) {
	t.Helper()
	a.span(t, 1)
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("line")
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(t, err)
	a.post(t, "logs", body)
	md := pmetric.NewMetrics()
	metric := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("calls")
	metric.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	body, err = pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)
	a.post(t, "metrics", body)
}

// stop ends the collector as a service manager does, and requires that its log holds no credential.
func (a agent) stop(t *testing.T) {
	t.Helper()
	a.Signal(syscall.SIGTERM)
	a.Done(0)
	for _, word := range []string{"canary", "eyJ", "Bearer", "Basic "} {
		require.NotContains(t, a.Logs(), word)
	}
}

// written waits until a table has so many rows.
func written(t *testing.T, a agent, w *databrickstest.Workspace, signal string, rows int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(w.Rows(table(signal))) == rows }, patience, often,
		"%s\n%s", signal, a.Logs())
}
