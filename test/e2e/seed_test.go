// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

var seeded atomic.Uint32

// seed writes n traces of two spans, a millisecond apart from a time on, into an experiment of a
// server that takes OTLP, and returns their spans.
func seed(t testing.TB, s *mlflowserver.Server, login mlflowserver.Login, experimentID string, n int,
	from time.Time) map[otlpsink.SpanKey]bool {
	t.Helper()
	td, keys := seedling(n, from)
	export(t, s, login, experimentID, td)
	return keys
}

// seedling is what seed writes, and its spans.
func seedling(n int, from time.Time) (ptrace.Traces, map[otlpsink.SpanKey]bool) {
	td, keys := ptrace.NewTraces(), map[otlpsink.SpanKey]bool{}
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		number := seeded.Add(1)
		trace := pcommon.TraceID([]byte(fmt.Sprintf("seeded%010d", number)))
		for k, id := range []pcommon.SpanID{{1}, {2}} {
			span := spans.AppendEmpty()
			span.SetTraceID(trace)
			span.SetSpanID(id)
			if k > 0 {
				span.SetParentSpanID(pcommon.SpanID{1})
			}
			span.SetName(fmt.Sprint("seeded ", number))
			at := from.Add(time.Duration(i) * time.Millisecond)
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Millisecond)))
			keys[otlpsink.SpanKey{Trace: trace, Span: id}] = true
		}
	}
	return td, keys
}

// export sends spans into an experiment of a server that takes OTLP.
func export(t testing.TB, s *mlflowserver.Server, login mlflowserver.Login, experimentID string, td ptrace.Traces) {
	t.Helper()
	status, content, err := tryExport(s, login, experimentID, td)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%s", content)
}

// tryExport is export, and what the server answered.
func tryExport(s *mlflowserver.Server, login mlflowserver.Login, experimentID string, td ptrace.Traces) (status int,
	content []byte, err error) {
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequest(http.MethodPost, s.URL+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("x-mlflow-experiment-id", experimentID)
	if login.Username != "" {
		request.SetBasicAuth(login.Username, login.Password)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	content, err = io.ReadAll(answer.Body)
	return answer.StatusCode, content, err
}
