// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func TestOf(t *testing.T) {
	id := [16]byte{1}
	refined := &aggregate.Refined{Request: 7}
	list := Of("5", []*mlflow.Trace{
		{Info: mlflow.Info{ID: "tr-1", Timestamp: 1000, Duration: 50, State: mlflow.StateError}, Spans: []mlflow.Span{
			{TraceID: id, Name: "call", Start: 10, End: 40, Status: mlflow.StatusCodeError,
				Attributes: []mlflow.Attribute{{Key: "mlflow.spanType", Raw: []byte(`"LLM"`)}}},
			{TraceID: id, Name: "open", Start: 10},
			{TraceID: id, Name: "own", Start: 1, End: 2,
				Attributes: []mlflow.Attribute{{Key: "mlflow.spanType", Raw: []byte(`"pr\u00fcfung \"A\""`)}}},
		}},
		{Info: mlflow.Info{ID: "tr-2", Timestamp: 2000, Untimed: true, State: mlflow.StateOK, RequestPreview: "q"}},
	}, false, func(of [16]byte) *aggregate.Refined {
		assert.Equal(t, id, of)
		return refined
	})
	require.Equal(t, []aggregate.Trace{
		{ID: "tr-1", Experiment: "5", Start: 1000, Duration: 50, Failed: true, Refined: refined,
			Spans: []aggregate.Span{{Type: "LLM", Name: "call", Duration: 30, Failed: true},
				{Type: "UNKNOWN", Name: "open", Duration: -10}, {Type: `prüfung "A"`, Name: "own", Duration: 1}}},
		{ID: "tr-2", Experiment: "5", Start: 2000, Untimed: true, Spans: []aggregate.Span{}},
	}, list)
}

// Texts are those of the info, or of the metadata of servers before 3.0, and only where they are asked for.
func TestTexts(t *testing.T) {
	long := strings.Repeat("é", 5000)
	list := Of("5", []*mlflow.Trace{
		{Info: mlflow.Info{RequestPreview: "q", ResponsePreview: long}},
		{Info: mlflow.Info{Metadata: []mlflow.KeyValue{{Key: "mlflow.traceInputs", Value: "in"},
			{Key: "mlflow.traceOutputs", Value: "out"}, {Key: "mlflow.source.name", Value: "x"}}}},
	}, true, func([16]byte) *aggregate.Refined { return nil })
	require.Equal(t, "q", list[0].Request)
	require.Len(t, list[0].Response, maxText)
	require.Equal(t, "in", list[1].Request)
	require.Equal(t, "out", list[1].Response)
}
