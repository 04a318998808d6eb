// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"testing"

	"github.com/gobwas/glob"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
)

var rules = Rules{
	Ordered: []Rule{
		{ExperimentID: "17", Target: 0},
		{Experiment: glob.MustCompile("/teams/support-*"), Target: 1},
		{Attribute: "team", Value: glob.MustCompile("blue"), Experiment: glob.MustCompile("*"), Target: 2},
		{Attribute: "team", Value: glob.MustCompile("*"), Target: 3},
	},
	Fallback: None,
}

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		attributes map[string]any
		want       int
	}{
		"nothing":             {nil, None},
		"id":                  {map[string]any{"mlflow.experimentId": "17"}, 0},
		"id as a number":      {map[string]any{"mlflow.experimentId": 17}, 0},
		"the source's id":     {map[string]any{"mlflow.experimentId": "99", "mlflow.source.experimentId": "17"}, 0},
		"not the source's id": {map[string]any{"mlflow.experimentId": "17", "mlflow.source.experimentId": "1"}, None},
		"name":                {map[string]any{"mlflow.experimentName": "/teams/support-eu/bot"}, 1},
		"the first rule wins": {map[string]any{"mlflow.experimentName": "/teams/support-eu",
			"mlflow.experimentId": "17"}, 0},
		"both must hold":       {map[string]any{"team": "blue", "mlflow.experimentName": "x"}, 2},
		"one of two is not it": {map[string]any{"team": "blue"}, 3},
		"truth value":          {map[string]any{"team": true}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			m := pcommon.NewMap()
			require.NoError(t, m.FromRaw(c.attributes))
			require.Equal(t, c.want, rules.Match(m))
		})
	}
}

func TestSplit(t *testing.T) {
	td := ptrace.NewTraces()
	for _, team := range []string{"red", "", "red", "green", ""} {
		rs := td.ResourceSpans().AppendEmpty()
		rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(team)
		if team != "" {
			rs.Resource().Attributes().PutStr("team", team)
		}
	}
	rules := &Rules{
		Ordered: []Rule{
			{Attribute: "team", Value: glob.MustCompile("red"), Target: 5},
			{Attribute: "team", Value: glob.MustCompile("green"), Target: 2},
		},
		Fallback: None,
	}
	parts := Split(batch.Traces{}, rules, td)
	require.Len(t, parts, 3)
	require.Equal(t, []int{5, None, 2}, []int{parts[0].Target, parts[1].Target, parts[2].Target})
	require.Equal(
		t,
		[]int{2, 2, 1},
		[]int{parts[0].Batch.SpanCount(), parts[1].Batch.SpanCount(), parts[2].Batch.SpanCount()},
	)
	require.Equal(t, 5, td.SpanCount(), "the input is as it was")

	one := Split(batch.Traces{}, rules, parts[0].Batch)
	require.Equal(t, []Part[ptrace.Traces]{{5, parts[0].Batch}}, one, "the batch itself, not a copy")
	require.Equal(t, []Part[ptrace.Traces]{{7, td}}, Split(batch.Traces{}, &Rules{Fallback: 7}, td))
	require.Len(t, Split(batch.Traces{}, rules, ptrace.NewTraces()), 1)
}
