// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// traces are n traces of a span of time, with what is drawn of them.
func traces(n int, span time.Duration, refined bool) []aggregate.Trace {
	r := rand.New(rand.NewPCG(7, 7))
	list := make([]aggregate.Trace, n)
	models := []string{"gpt-4o-mini", "claude-sonnet-4-5", "embed"}
	for i := range list {
		at := now.Add(-span).Add(time.Duration(float64(span) * float64(i) / float64(max(n-1, 1))))
		ms := int64(900 * math.Exp(r.NormFloat64()/2))
		list[i] = aggregate.Trace{ID: fmt.Sprintf("tr-%032x", i), Experiment: []string{"1", "2"}[i%5/4],
			Start: at.UnixMilli(), Duration: ms, Failed: r.IntN(25) == 0, Spans: []aggregate.Span{
				{Type: "AGENT", Name: "answer_customer", Duration: ms * 1e6, Failed: r.IntN(25) == 0},
				{Type: "CHAT_MODEL", Name: "completions", Duration: ms * 6e5},
				{Type: "TOOL", Name: "lookup_order", Duration: ms * 5e4, Failed: r.IntN(9) == 0}}}
		if !refined {
			continue
		}
		cost := 0.0004 * math.Exp(r.NormFloat64())
		list[i].Refined = &aggregate.Refined{CountedSpans: 1, Request: 30, Response: 45, Priced: true, Cost: cost,
			Models: []aggregate.Use{{Name: models[i%3], Calls: 1, Reported: 1, Priced: 1, Input: 900, Output: 80,
				Cost: cost}},
			Tools: []aggregate.Use{{Name: "lookup_order", Calls: 1}},
			Scores: []aggregate.Score{{Name: "metric_groundedness", Source: "LLM_JUDGE", Value: r.Float64()},
				{Name: "metric_helpful", Source: "HUMAN", Value: float64(r.IntN(2))},
				{Name: "metric_rating", Source: "HUMAN", Value: float64(1 + r.IntN(5))}}}
	}
	return list
}

// withData is a page about traces that were delivered.
func withData(list []aggregate.Trace) Input {
	var sum aggregate.Sum
	sum.Add(list)
	n := int64(len(list))
	in := state{runs: []progress.Run{ended(func(r *progress.Run) { r.Data = sum.Data() },
		seen("1", "support-bot", n, n, nil), seen("2", "support-bot-eval", 0, 0, nil))}}.input()
	in.Document.Refinements = []report.Refinement{{Cost: &report.Cost{Currency: "USD", PriceList: "contract-2026"}}}
	return in
}

// The states of the data: each has what it can show, says what is missing and how to get it, and is small enough.
func TestDataStates(t *testing.T) {
	for name, tc := range map[string]struct {
		list []aggregate.Trace
		want []string
		not  []string
	}{
		"ninety days": {traces(10_000, 89*24*time.Hour, true),
			[]string{"Traces per day, by start time", "P99", "Cost by model", "metric_groundedness", "by people",
				"price list “contract-2026”", "by a model that judges", "Costliest", "Lowest metric_groundedness",
				`per trace</th><td class="g"></td><td class="n">900</td><td class="n">80</td>`},
			[]string{`class="empty"`}},
		"three years": {traces(2000, 3*365*24*time.Hour, true), []string{"Traces per week"}, []string{`class="hits"`}},
		"one day":     {traces(50, 20*time.Hour, true), []string{"Traces per hour"}, nil},
		"one trace":   {traces(1, 0, true), []string{"1 trace with 3 spans"}, []string{"NaN", "Inf"}},
		"without the genai processor": {traces(300, 20*24*time.Hour, false),
			[]string{"<b>No tokens here.</b>", "<b>No call was priced.</b>", "<b>No scores in this data.</b>"},
			[]string{"Costliest"}},
		"nothing to refine": {func() []aggregate.Trace {
			list := traces(300, 20*24*time.Hour, false)
			for i := range list {
				list[i].Refined = &aggregate.Refined{}
			}
			return list
		}(), []string{"the genai processor counted no text", "No price list is configured",
			"mlflow.log_feedback"}, nil},
		"no errors, no durations": {func() []aggregate.Trace {
			list := traces(300, 20*24*time.Hour, false)
			for i := range list {
				list[i].Failed, list[i].Untimed, list[i].Spans = false, true, nil
			}
			return list
		}(), []string{"No span ended in an error.", "<b>No durations.</b>"}, []string{"Slowest"}},
		"a date that is wrong": {append(traces(300, 20*24*time.Hour, true), aggregate.Trace{ID: "tr-1970"},
			aggregate.Trace{ID: "tr-9999", Start: math.MaxInt64}), []string{"302 traces"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(t, withData(tc.list))
			harmless(t, got)
			for _, part := range tc.want {
				assert.Contains(t, got, part)
			}
			for _, part := range append(tc.not, "NaN", "+Inf", "%!(") {
				assert.NotContains(t, got, part)
			}
			t.Logf("%d bytes", len(got))
		})
	}
}

// Names of experiments, types, spans, models, tools, scores and sources are hostile, and there are many of each.
func TestHostileData(t *testing.T) {
	list := traces(1600, 89*24*time.Hour, true)
	for i := range list {
		text := hostile[i%len(hostile)] + strconv.Itoa(i%400)
		x := &list[i]
		x.ID, x.Experiment = text, text
		for j := range x.Spans {
			x.Spans[j].Type, x.Spans[j].Name, x.Spans[j].Failed = text, text, true
		}
		x.Refined.Models[0].Name, x.Refined.Tools[0].Name = text, text
		for j := range x.Refined.Scores {
			x.Refined.Scores[j].Name, x.Refined.Scores[j].Source = text, text
		}
	}
	in := withData(list)
	r := &in.Document.Receivers[0]
	r.Experiments = nil
	for i := range 400 {
		text := hostile[i%len(hostile)] + strconv.Itoa(i)
		r.Experiments = append(r.Experiments, report.Experiment{ID: text, Name: text,
			Run: report.Numbers{Read: 10, Accepted: 10}})
	}
	in.Document.Refinements[0].Cost.PriceList, in.Document.Refinements[0].Cost.Currency = hostile[0], hostile[1]
	harmless(t, render(t, in))
}

// Where a stage regroups data, the page shows the sums of the processor and says what they are.
func TestAsTheyPassed(t *testing.T) {
	in := withData(traces(100, time.Hour, false))
	in.Document.Refinements = []report.Refinement{{Processor: "genai", Spans: 300, Counted: report.Counted{Spans: 100,
		Request: 1234}, Reported: report.Reported{Calls: 1, Input: 7}, Cost: &report.Cost{Amount: 1.5, Currency: "EUR"},
		Scores: []report.Score{{Name: "metric_a", Count: 2, Mean: 0.5}}}}
	got := render(t, in)
	harmless(t, got)
	for _, part := range []string{"As they passed, repeats included", "1,234", "1.50\u00a0EUR", "metric_<wbr>a",
		"mean on 2 spans"} {
		assert.Contains(t, got, part)
	}
	assert.NotContains(t, got, "No tokens")
}

func TestScope(t *testing.T) {
	in := withData(traces(100, time.Hour, true))
	in.Document.Receivers[0].Experiments[0].Run.Accepted += 20
	v := newView(&in, details[0])
	assert.Contains(t, v.Data[0].Scope, "20 traces were delivered by a list, or before these numbers were kept")
}

// Texts of traces are hostile, too; the page says that it holds them.
func TestExamples(t *testing.T) {
	list := traces(10, time.Hour, true)
	for i := range list {
		list[i].Request, list[i].Response = "<script>alert(1)</script>"+strings.Repeat("q", 300), "\u202egnp.exe"
	}
	in := withData(list)
	in.Examples = true
	got := render(t, in)
	harmless(t, got)
	require.Contains(t, got, "asked: <bdi>&lt;script&gt;")
	require.Contains(t, got, "answered: <bdi>")
	require.NotContains(t, got, strings.Repeat("q", 201))
	require.NotContains(t, got, "\u202e")
	require.Contains(t, got, "examples: true")

	got = render(t, withData(traces(10, time.Hour, true)))
	require.NotContains(t, got, "asked:")
	require.NotContains(t, got, "examples: true")
}

// Each receiver has a part of its own, and no two elements have one id.
func TestDataOfSeveralReceivers(t *testing.T) {
	in := withData(traces(100, time.Hour, true))
	first := in.Document.Receivers[0]
	in.Document.Receivers = nil
	for i := range partsShown + 2 {
		r := first
		r.Receiver = fmt.Sprintf("mlflow/r%d", i)
		part := *first.Data
		part.Traces += int64(i % 5)
		r.Data = &part
		in.Document.Receivers = append(in.Document.Receivers, r)
	}
	v := newView(&in, details[0])
	require.Len(t, v.Data, partsShown)
	require.Equal(t, "mlflow/r1", v.Data[0].Receiver) // of r0 and r5 are the fewest traces
	require.Contains(t, v.Data[0].Scope, "2 more receivers are in the report for programs.")

	in.Document.Receivers = in.Document.Receivers[:2]
	got := render(t, in)
	harmless(t, got)
	require.Contains(t, got, "What is in the data: <bdi>mlflow/<wbr>r0")
	require.Contains(t, got, "What is in the data: <bdi>mlflow/<wbr>r1")
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(got, -1) {
		require.False(t, ids[m[1]], m[1])
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby=")([^" ]+)`).FindAllStringSubmatch(got, -1) {
		require.True(t, ids[m[1]], m[1])
	}
}

// The bars of the page are those of the data: as many, and in the right places.
func TestCharts(t *testing.T) {
	var sum aggregate.Sum
	day := 24 * time.Hour
	begin := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for i, n := range []int{1, 0, 3, 0, 5} {
		for k := range n {
			sum.Add([]aggregate.Trace{{ID: fmt.Sprint(i, k), Start: begin.Add(time.Duration(i) * day).UnixMilli(),
				Duration: 1000, Failed: k == 0}})
		}
	}
	d := &data{Data: sum.Data()}
	d.axis = newAxis(d.Data)
	c := d.Traffic()
	require.Equal(t, 5, c.Width)
	require.Len(t, c.Paths, 2)
	assert.Equal(t, 3, strings.Count(c.Paths[1].D, "M"), "errors of three days")
	assert.Equal(t, 2, strings.Count(c.Paths[0].D, "M"), "the only trace of the first day failed")
	assert.Equal(t, []string{"2 Mar 2026", "6 Mar 2026"}, []string{c.X[0].Label, c.X[len(c.X)-1].Label})
	require.Len(t, c.Hits, 3)
	assert.Equal(t, "6 Mar 2026: 5 traces, 1 error", c.Hits[2].Label)
	l := d.Latency()
	require.NotNil(t, l)
	assert.Contains(t, l.Paths[1].Class, "gap")
}

func BenchmarkRender(b *testing.B) {
	in := withData(traces(20_000, 89*24*time.Hour, true))
	b.ReportAllocs()
	for b.Loop() {
		body, err := Render(in)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(body)))
	}
}

// No bar is longer than its cell, whatever is folded into others.
func TestBarsFit(t *testing.T) {
	width := regexp.MustCompile(`class="b [^"]*" style="width:([0-9.]+)%"`)
	for name, in := range pages() {
		for _, m := range width.FindAllStringSubmatch(render(t, in), -1) {
			percent, err := strconv.ParseFloat(m[1], 64)
			require.NoError(t, err)
			require.LessOrEqual(t, percent, 100.0, name)
		}
	}
}

func TestWordsOfBuckets(t *testing.T) {
	for bucket, want := range map[string][2]string{"hour": {"an hour", "hours"}, "day": {"a day", "days"},
		"four weeks": {"per four weeks", "stretches of four weeks"}} {
		d := &data{Data: &aggregate.Data{Bucket: bucket}}
		require.Equal(t, want, [2]string{d.Each(), d.buckets()})
	}
}
