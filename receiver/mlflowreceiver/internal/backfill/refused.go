// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// refusedTrace is a single trace that the destination refused alone.
type refusedTrace struct {
	trace *mlflow.Trace
	err   error
}

// missing returns the traces that a partial error says were not taken, or nil when it doesn't say: see
// refusal.Missing. An id that none of the traces has may be that of any of them, changed on the way.
func missing(err error, traces []*mlflow.Trace) []*mlflow.Trace {
	ids := refusal.Missing(err)
	if ids == nil {
		return nil
	}
	var rest []*mlflow.Trace
	named := map[[16]byte]bool{}
	for _, t := range traces {
		if len(t.Spans) > 0 && ids[t.Spans[0].TraceID] {
			rest = append(rest, t)
			named[t.Spans[0].TraceID] = true
		}
	}
	if len(rest) == len(traces) || len(named) < len(ids) {
		return nil
	}
	return rest
}
