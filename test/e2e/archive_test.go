// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// archivedAtOnce bounds how many traces a test archives: each takes MLflow a tenth of a second.
const archivedAtOnce = 100

// Spans that the server has moved into its archive are the same as before, from the archive below a store
// and from the server.
func TestArchived(t *testing.T) {
	t.Parallel()
	s := need(t, database)
	dir := filepath.Join(t.TempDir(), "a store")
	archive := filepath.Join(dir, "the archive")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	copied := copyOf(t, filepath.Join(s.Dir, "mlflow.db"), dir)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "artifacts"), os.DirFS(filepath.Join(s.Dir, "artifacts"))))
	for label, id := range s.Generated.Traces { // protobuf's limit: one of these ends a pass of the archival
		if strings.Contains(label, "depth_") {
			copied.exec(`INSERT INTO trace_tags (request_id, key, value) `+
				`VALUES (?, 'mlflow.trace.archivalFailure', 'DEEP')`, id)
		}
	}
	n, err := mlflowserver.Archive(dir, "file://"+archive, archivedAtOnce, nil, "wide-second", "wide")
	require.NoError(t, err)
	require.Greater(t, n, 20)
	files, err := filepath.Glob(filepath.Join(archive, "*", "traces", "*", "artifacts", "traces.pb"))
	require.NoError(t, err)
	require.Len(t, files, n)

	names := []any{"wide", "wide-second"}
	before := readSpans(t, s.SQLite(), names)
	fromArchive := readSpans(t, copied.URI(), names)
	require.Len(t, fromArchive, len(before))
	moved := 0
	for k, span := range fromArchive {
		if withoutStorage(t, span) != asJSON(t, span) {
			moved++
		}
		require.JSONEq(t, withoutStorage(t, before[k]), withoutStorage(t, span), "span %s of trace %s", k.Span, k.Trace)
	}
	assert.Positive(t, moved)

	archived, err := start(mlflowserver.Database, dir)
	require.NoError(t, err)
	sameBothWays(t, archived.URL, copied.URI(), names)
}

// readSpans returns what a backfill of the experiments delivers.
func readSpans(t *testing.T, source string, names []any) map[otlpsink.SpanKey][]byte {
	t.Helper()
	dir, sink := t.TempDir(), otlpsink.New(t)
	c := collector.Backfill(source, dir).Set("receivers::mlflow::experiments::names", names).
		Set("receivers::mlflow::max_skipped", "50%").Set("receivers::mlflow::end_time", farOff)
	collector.Run(t, dir, c.ToOTLP(sink.URL, nil), 0)
	return single(t, sink.Accepted())
}

// withoutStorage is a span as JSON without the attributes that say where its trace is stored.
func withoutStorage(t *testing.T, proto []byte) string {
	t.Helper()
	var read ptrace.ProtoUnmarshaler
	td, err := read.UnmarshalTraces(proto)
	require.NoError(t, err)
	otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
		s.Attributes().RemoveIf(func(k string, _ pcommon.Value) bool {
			return k == "mlflow.trace.spansLocation" || strings.HasPrefix(k, "mlflow.trace.archiv")
		})
	})
	var write ptrace.JSONMarshaler
	text, err := write.MarshalTraces(td)
	require.NoError(t, err)
	return string(text)
}
