// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func TestRewriteIDs(t *testing.T) {
	agents := Destination{Location: unity.Location{Catalog: "main", Schema: "traces", Prefix: "agents"}}
	linked := agents
	linked.Experiment = "99"
	const here = "trace:/main.traces.agents/01020000000000000000000000000000"
	for name, c := range map[string]struct {
		to                       Destination
		resource, span           map[string]any
		wantResource, wantedSpan map[string]any
	}{
		"an id of a server": {
			agents, map[string]any{"mlflow.experimentId": "1"}, map[string]any{"mlflow.traceRequestId": "tr-1"},
			map[string]any{"mlflow.experimentId": "1"},
			map[string]any{"mlflow.traceRequestId": here, "mlflow.source.traceRequestId": "tr-1"},
		},
		"an id of another location": {
			agents, nil, map[string]any{"mlflow.traceRequestId": "trace:/a.b.c/0102"},
			nil, map[string]any{"mlflow.traceRequestId": here, "mlflow.source.traceRequestId": "trace:/a.b.c/0102"},
		},
		"as long as ours, and another": {
			agents, nil,
			map[string]any{"mlflow.traceRequestId": "trace:/main.traces.agents/ffff0000000000000000000000000000"},
			nil, map[string]any{"mlflow.traceRequestId": here,
				"mlflow.source.traceRequestId": "trace:/main.traces.agents/ffff0000000000000000000000000000"},
		},
		"ours": {
			agents, nil, map[string]any{"mlflow.traceRequestId": here}, nil,
			map[string]any{"mlflow.traceRequestId": here},
		},
		"the first source counts": {
			agents, nil, map[string]any{"mlflow.traceRequestId": "tr-2", "mlflow.source.traceRequestId": "tr-1"},
			nil, map[string]any{"mlflow.traceRequestId": here, "mlflow.source.traceRequestId": "tr-1"},
		},
		"a span without": {agents, nil, map[string]any{"a": "b"}, nil, map[string]any{"a": "b"}},
		"an experiment of the destination": {
			linked, map[string]any{"mlflow.experimentId": "1"}, map[string]any{"mlflow.experimentId": int64(1)},
			map[string]any{"mlflow.experimentId": "99", "mlflow.source.experimentId": "1"},
			map[string]any{"mlflow.experimentId": "99", "mlflow.source.experimentId": "1"},
		},
		"a table that tells nothing": {
			Destination{}, map[string]any{"mlflow.experimentId": "1"}, map[string]any{"mlflow.traceRequestId": "tr-1"},
			map[string]any{"mlflow.experimentId": "1"}, map[string]any{"mlflow.traceRequestId": "tr-1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			td := ptrace.NewTraces()
			rs := td.ResourceSpans().AppendEmpty()
			require.NoError(t, rs.Resource().Attributes().FromRaw(c.resource))
			s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			s.SetTraceID([16]byte{1, 2})
			require.NoError(t, s.Attributes().FromRaw(c.span))
			for range 2 { // the second time changes nothing
				RewriteIDs(c.to, td)
				if c.wantResource == nil {
					c.wantResource = map[string]any{}
				}
				require.Equal(t, c.wantResource, rs.Resource().Attributes().AsRaw())
				require.Equal(t, c.wantedSpan, s.Attributes().AsRaw())
			}
		})
	}
}
