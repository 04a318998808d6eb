// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// The contract's cost is the one that MLflow's client computes, for the same usage and MLflow's own
// prices, but for the differences that test/py/cost.py states.
func TestCostAgainstMLflow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := filepath.Join(dir, "mlflow.db")
	require.NoError(t, copyFile(sample, store))
	out, err := mlflowserver.Script(mlflowserver.Database, nil, "cost.py", store)
	require.NoError(t, err)
	type prices struct {
		Input  float64 `json:"input_cost"`
		Output float64 `json:"output_cost"`
		Total  float64 `json:"total_cost"`
	}
	var made struct {
		Models []any
		Calls  map[string]struct {
			Model   string
			Usage   map[string]int
			Differs string
			Cost    *prices // by MLflow
			SameAs  prices  `json:"same_as"` // by MLflow, of what the processor reads
		}
	}
	require.NoError(t, json.Unmarshal(out, &made))
	require.Len(t, made.Models, 4)

	c := collector.Backfill("sqlite:///"+store, dir).Set("receivers::mlflow::experiments::names", []any{"cost"}).
		Set("processors::genai::cost", map[string]any{"currency": "USD", "models": made.Models}).
		Set("service::pipelines::traces::processors", []any{"genai"})
	collector.Run(t, dir, c, 0)
	agree, differ, found := 0, 0, map[string]bool{}
	for _, td := range collector.Traces(t, dir) {
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, span ptrace.Span) {
			call, ok := made.Calls[span.SpanID().String()]
			if !ok {
				return
			}
			found[span.SpanID().String()] = true
			if call.Cost == nil {
				require.NotEmpty(t, call.Differs, "%s %v", call.Model, call.Usage)
				call.Cost = &prices{Total: -1}
			}
			for _, x := range []struct {
				key          string
				mlflow, same float64
			}{
				{"contract_cost_input", call.Cost.Input, call.SameAs.Input},
				{"contract_cost_output", call.Cost.Output, call.SameAs.Output},
				{"contract_cost_total", call.Cost.Total, call.SameAs.Total},
			} {
				v, ok := span.Attributes().Get(x.key)
				require.True(t, ok, "%s of %s %v", x.key, call.Model, call.Usage)
				assert.InDelta(t, x.same, v.Double(), 1e-12*max(1, x.same), "%s of %s %v: %s", x.key, call.Model,
					call.Usage, call.Differs)
				if call.Differs == "" {
					assert.InDelta(t, x.mlflow, v.Double(), 1e-12*max(1, x.mlflow), "%s of %s %v", x.key, call.Model,
						call.Usage)
				}
			}
			if call.Differs == "" {
				agree++
				return
			}
			differ++
			assert.Less(t, call.Cost.Total, call.SameAs.Total, "%s %v: no difference: %s", call.Model, call.Usage,
				call.Differs)
		})
	}
	assert.Len(t, found, len(made.Calls))
	assert.Positive(t, agree)
	assert.Positive(t, differ)
}
