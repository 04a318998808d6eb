// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

// Every field of two instances adds up, and means stay means.
func TestRefinementsAddUp(t *testing.T) {
	genai := component.MustNewID("genai")
	a := Refinement{
		Processor: genai, Spans: 1, ModelCalls: 2, Counted: 3, CountedRequest: 4, CountedResponse: 5, Reported: 6,
		ReportedInput: 7, ReportedOutput: 8,
		Scores: []Score{{"metric_a", 1, 1}, {"metric_b", 3, 1}}, Prices: true, Cost: 0.5, Currency: "EUR",
		PriceList: "p", Priced: 9, Unpriced: 10, WithoutUsage: 11, PricedTools: 12, Uncertain: 13, Limited: 14,
		MediaCounted: 15, MediaSkipped: 16, LeftOut: map[string]int64{"no_name": 17}, SharedScores: 18,
	}
	b := a
	b.LeftOut = map[string]int64{"no_name": 1, "no_number": 2}
	b.Scores = []Score{{"metric_b", 1, 0}, {"metric_c", 2, 4}}
	sum := Refinement{Processor: genai}
	sum.Add(a)
	require.Equal(t, a, sum)
	sum.Add(b)
	require.Equal(t, Refinement{
		Processor: genai, Spans: 2, ModelCalls: 4, Counted: 6, CountedRequest: 8, CountedResponse: 10, Reported: 12,
		ReportedInput: 14, ReportedOutput: 16,
		Scores: []Score{{"metric_a", 1, 1}, {"metric_b", 4, 0.75}, {"metric_c", 2, 4}},
		Prices: true, Cost: 1, Currency: "EUR", PriceList: "p", Priced: 18, Unpriced: 20, WithoutUsage: 22,
		PricedTools: 24, Uncertain: 26, Limited: 28, MediaCounted: 30, MediaSkipped: 32,
		LeftOut: map[string]int64{"no_name": 18, "no_number": 2}, SharedScores: 36,
	}, sum)
}
