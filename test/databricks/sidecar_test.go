// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// The shipped sidecar takes what an agent sends while the workspace is away, keeps it over a crash,
// and delivers it refined once the workspace is there.
func TestSidecar(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	workspace, intake := collector.FreeAddress(t), collector.FreeAddress(t)
	text, err := os.ReadFile(filepath.Join(collector.Root(), "config", "databricks-sidecar.yaml"))
	require.NoError(t, err)
	config := filepath.Join(dir, "config.yaml")
	shipped := strings.NewReplacer("127.0.0.1:4318", intake, "127.0.0.1:4317",
		collector.FreeAddress(t)).Replace(string(text))
	require.Contains(t, shipped, intake)
	require.NoError(t, os.WriteFile(config, []byte(shipped), 0o600))
	env := []string{
		"DATABRICKS_HOST=http://" + workspace, "DATABRICKS_CLIENT_ID=" + writer, "DATABRICKS_CLIENT_SECRET=" + secret,
		"OTELCOL_MLFLOW_CATALOG=" + agents.Catalog, "OTELCOL_MLFLOW_SCHEMA=" + agents.Schema, "OTELCOL_MLFLOW_PREFIX=" +
			agents.Prefix, "OTELCOL_MLFLOW_STATE=" + filepath.Join(dir, "state"),
	}
	start := func() *collector.Process {
		return collector.Command(t, dir, env, collector.Default(), "--config", config)
	}

	away := start()
	const sent = 20
	for i := range sent {
		deliver(t, intake, byte(i+1))
	}
	assert.False(t, away.Ended())
	away.Kill()

	w := databrickstest.New(databrickstest.Options{Address: workspace})
	t.Cleanup(w.Close)
	w.AddServicePrincipal(writer, secret)
	table := agents.Table(unity.SignalSpans, unity.LayoutV2).String()
	w.CreateTables(agents, unity.LayoutV2)
	w.GrantWriting(writer, table)
	back := start()
	traces := func() map[string]bool {
		found := map[string]bool{}
		for _, r := range w.Rows(table) {
			found[r["trace_id"].(string)] = true
		}
		return found
	}
	require.Eventually(t, func() bool { return len(traces()) == sent }, patience, 20*time.Millisecond,
		"not everything that was taken arrived")
	for _, r := range w.Rows(table) {
		attributes := r["attributes"].(map[string]any)
		assert.EqualValues(t, 2, attributes["token_count_request"])
	}
	back.Kill()
}

// deliver sends one trace as an agent does, until it is taken.
func deliver(t testing.TB, address string, number byte) {
	t.Helper()
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID([16]byte{15: number})
	s.SetSpanID([8]byte{7: 1})
	s.SetName("agent")
	now := time.Now()
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Second)))
	s.Attributes().PutStr("mlflow.spanType", "AGENT")
	s.Attributes().PutStr("mlflow.spanInputs", "hello world")
	s.Attributes().PutStr("mlflow.spanOutputs", "hi")
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		answer, err := http.Post("http://"+address+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, patience, 20*time.Millisecond)
}
