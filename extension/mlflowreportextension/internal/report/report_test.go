// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

var (
	now    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	bricks = component.MustNewID("databricks")
	table  = "main.genai.team_otel_spans"
)

// run is a backfill of 20 traces with 40 spans.
func run(id string, change func(*progress.Run)) progress.Run {
	r := progress.Run{
		Receiver: component.MustNewIDWithName("mlflow", id), Mode: "backfill", Delivery: progress.Acknowledged,
		Started: now.Add(-time.Second), Ended: now,
		Experiments: []progress.Experiment{{
			Experiment: mlflow.Experiment{ID: "1", Name: "x"}, SourceCount: -1, Done: true,
			Run: progress.Totals{Read: 20, Accepted: 20, Spans: 40}}},
	}
	if change != nil {
		change(&r)
	}
	if r.Headline == "" {
		v := progress.Judge(progress.Outcome{Experiments: r.Experiments, Delivery: r.Delivery,
			Allowed: func(int64) int64 { return 0 }})
		r.Complete, r.Headline, r.Problems = v.Complete, v.Headline, v.Problems
	}
	return r
}

func to(name string, change func(*progress.Destination)) progress.Destination {
	d := progress.Destination{Exporter: bricks, Name: name, Signal: "traces", Sent: 40, Verification: progress.Arrived,
		Arrived: 40}
	if change != nil {
		change(&d)
	}
	return d
}

func notVerified(d *progress.Destination) {
	d.Verification, d.Arrived, d.Detail = progress.NotVerified, 0, "verify::warehouse_id is not set"
}

func short(d *progress.Destination) {
	d.Verification, d.Arrived, d.Missing, d.Repeated = progress.Short, 38, 2, 1
}

func held(d *progress.Destination) {
	d.Sent, d.Verification, d.Arrived, d.Held, d.HeldSince = 0, progress.NotVerified, 0, "GRANT MODIFY ON TABLE "+
		table+"\nTO `writer`", now
}

// Rows that did not arrive are a line of the list of what is missing: nobody knows of which traces they are.
func TestMissingAtADestination(t *testing.T) {
	expected, arrived := int64(40), int64(38)
	in := Input{Destinations: []progress.Destination{to("a.b.full", nil), to("a.b.short", short),
		to("a.b.unknown", notVerified)}}
	require.Equal(t, []progress.Missing{{Reason: progress.NotArrived, Exporter: bricks.String(),
		Destination: "a.b.short", Signal: "traces", Expected: &expected, Arrived: &arrived}}, Missing(&in))
}

func behind(exporters ...string) (list []delivery.Destination) {
	for _, id := range exporters {
		list = append(list, delivery.Destination{Exporter: id, Name: "somewhere", Delivery: progress.Acknowledged})
	}
	return list
}

func document(runs []progress.Run, exporters []string, destinations ...progress.Destination) Document {
	return New(Input{Runs: runs, Destinations: destinations, SkipFile: "skipped.jsonl", Version: "v",
		Behind: func(string) delivery.Guarantee {
			return delivery.Guarantee{Destinations: behind(exporters...)}
		}}, now)
}

func summary(t *testing.T, d Document) (first, all string) {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Summary(&b, d, "report.html", "report.json"))
	first, _, _ = strings.Cut(b.String(), "\n")
	return first, b.String()
}

// The first line never says more than what is known of the arrival.
func TestFirstLine(t *testing.T) {
	ok := []progress.Run{run("a", nil)}
	files, databricks := []string{"file"}, []string{"databricks"}
	for name, tc := range map[string]struct {
		runs         []progress.Run
		exporters    []string
		destinations []progress.Destination
		want         string
		complete     bool
	}{
		"no destination reports": {ok, files, nil, "complete: 20 of 20 traces acknowledged, with 40 spans", true},
		"arrived": {ok, databricks, []progress.Destination{to(table, nil)},
			"complete: 20 of 20 traces verified, with 40 spans; sent 40, arrived 40 spans", true},
		"not verified": {ok, databricks, []progress.Destination{to(table, notVerified)},
			"20 of 20 traces acknowledged, with 40 spans; arrived: not verified", true},
		"no state is not verified": {ok, databricks,
			[]progress.Destination{to(table, func(d *progress.Destination) { d.Verification = "" })},
			"20 of 20 traces acknowledged, with 40 spans; arrived: not verified", true},
		"databricks says nothing": {ok, databricks, nil,
			"20 of 20 traces acknowledged, with 40 spans; arrived: not verified", true},
		"one of two says nothing": {ok, []string{"databricks", "databricks/b"}, []progress.Destination{to(table, nil)},
			"20 of 20 traces acknowledged, with 40 spans; sent 40, arrived 40 spans; elsewhere arrived: not verified",
			true},
		"short": {ok, databricks, []progress.Destination{to(table, short)},
			"not complete: 20 of 20 traces acknowledged, with 40 spans; sent 40, arrived 38 spans (2 missing in " +
				"main.genai.team_otel_spans)", false},
		"another table does not make up for it": {ok, databricks, []progress.Destination{to(table, short),
			to("main.genai.b_otel_spans", func(d *progress.Destination) { d.Sent, d.Arrived = 2, 4 })},
			"not complete: 20 of 20 traces acknowledged, with 40 spans; sent 40, arrived 38 spans (2 missing in " +
				"main.genai.team_otel_spans)", false},
		"short and not verified": {ok, databricks,
			[]progress.Destination{to(table, short), to("main.genai.b_otel_spans", notVerified)},
			"not complete: 20 of 20 traces acknowledged, with 40 spans; sent 40, arrived 38 spans (2 missing in " +
				"main.genai.team_otel_spans); elsewhere arrived: not verified", false},
		"held": {ok, databricks, []progress.Destination{to(table, held)},
			"not complete: 20 of 20 traces acknowledged, with 40 spans; data is held for " +
				"main.genai.team_otel_spans; arrived: not verified", false},
		"rejected there": {ok, databricks,
			[]progress.Destination{to(table, func(d *progress.Destination) { d.Rejected, d.DeadLettered = 3, 2 })},
			"not complete: 20 of 20 traces acknowledged, with 40 spans; sent 40, arrived 40 spans; 3 items rejected " +
				"by main.genai.team_otel_spans", false},
		"two signals": {ok, databricks,
			[]progress.Destination{to(table, nil), to("main.genai.team_otel_logs", func(d *progress.Destination) {
				d.Signal, d.Sent, d.Arrived = "logs", 5, 5
			})},
			"complete: 20 of 20 traces verified, with 40 spans; sent 45, arrived 45 items", true},
		"the receiver is not done": {
			[]progress.Run{run("a", func(r *progress.Run) {
				r.Experiments[0].Run.Rejected, r.Experiments[0].Run.Accepted = 1, 19
			})}, databricks, []progress.Destination{to(table, notVerified)},
			"not complete: 19 of 20 traces acknowledged, with 40 spans, 1 rejected; arrived: not verified", false,
		},
		"nothing new": {
			[]progress.Run{run("a", func(r *progress.Run) {
				r.Experiments[0].Earlier, r.Experiments[0].Run = r.Experiments[0].Run, progress.Totals{}
			})}, databricks, []progress.Destination{to(table, func(d *progress.Destination) {
				d.Sent = 0
				notVerified(d)
			})},
			"nothing new; 20 traces with 40 spans acknowledged earlier; arrived: not verified", true,
		},
		"a check sends nothing": {
			[]progress.Run{run("a", func(r *progress.Run) {
				r.Mode, r.Check, r.Headline, r.Complete = "check", &progress.Findings{},
					"20 traces in 1 experiments", true
			})}, databricks, nil, "20 traces in 1 experiments", true,
		},
		"a check that failed": {
			[]progress.Run{run("a", func(r *progress.Run) {
				r.Mode, r.Headline = "check", "not complete: no such host"
			})}, databricks, nil, "not complete: no such host", false,
		},
		"two receivers": {[]progress.Run{run("a", nil), run("b", nil)}, databricks,
			[]progress.Destination{to(table, notVerified)},
			"40 of 40 traces acknowledged, with 80 spans; arrived: not verified", true},
		"two receivers, one not done": {
			[]progress.Run{run("a", nil), run("b", func(r *progress.Run) { r.Headline = "not complete: gone" })},
			databricks, []progress.Destination{to(table, nil)},
			"mlflow/b: not complete: gone; sent 40, arrived 40 spans", false,
		},
		"no receiver": {nil, nil, []progress.Destination{to(table, notVerified)},
			"no mlflow receiver reported; arrived: not verified", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := document(tc.runs, tc.exporters, tc.destinations...)
			first, all := summary(t, d)
			assert.Equal(t, tc.want, first)
			assert.Equal(t, tc.want, d.Headline)
			assert.Equal(t, tc.complete, d.Complete)
			if strings.Contains(all, "arrived: not verified") {
				assert.NotRegexp(t, `(?m)(^|[^t] )complete\b`, all, "complete is not said of what was not verified")
			}
			for _, r := range d.Receivers {
				if !tc.complete && len(d.Receivers) == 1 {
					assert.False(t, r.Complete)
				}
			}
		})
	}
}

// Each receiver is judged by the destinations behind it.
func TestReceiversAreJudgedBySeparateDestinations(t *testing.T) {
	other := component.MustNewIDWithName("databricks", "b")
	d := New(Input{
		Runs: []progress.Run{run("a", nil), run("b", nil)},
		Destinations: []progress.Destination{to(table, nil),
			to("main.b.team_otel_spans", func(d *progress.Destination) { d.Exporter = other; short(d) })},
		Behind: func(receiver string) delivery.Guarantee {
			return delivery.Guarantee{Destinations: behind(map[string]string{"mlflow/a": "databricks",
				"mlflow/b": "databricks/b"}[receiver])}
		},
	}, now)
	require.True(t, d.Receivers[0].Complete)
	require.Equal(t, "complete: 20 of 20 traces verified, with 40 spans; sent 40, arrived 40 spans",
		d.Receivers[0].Headline)
	require.False(t, d.Receivers[1].Complete)
	require.Contains(t, d.Receivers[1].Headline, "not complete: ")
	require.False(t, d.Complete)
	require.Equal(t, "mlflow/b: not complete: 20 of 20 traces acknowledged, with 40 spans; sent 40, arrived 38 "+
		"spans (2 missing in main.b.team_otel_spans)", d.Headline)
}

func TestLinesOfDestinations(t *testing.T) {
	for name, tc := range map[string]struct {
		destination progress.Destination
		want        []string
	}{
		"arrived": {to(table, func(d *progress.Destination) { d.Repeated = 3 }), []string{
			"  sent      40 spans to main.genai.team_otel_spans (databricks): 40 arrived, 0 missing, 3 repeated\n",
			"  next      run again at any time"}},
		"not verified": {to(table, notVerified), []string{
			"  sent      40 spans to main.genai.team_otel_spans (databricks): arrived: not verified; " +
				"verify::warehouse_id is not set\n"}},
		"short": {to(table, short), []string{
			": 38 arrived, 2 missing, 1 repeated\n",
			"  next      what is missing at the destination is not sent again by itself"}},
		"held": {to(table, held), []string{
			"  held      data for main.genai.team_otel_spans since 2026-03-01T12:00:00Z: GRANT MODIFY ON TABLE " +
				"main.genai.team_otel_spans\n            TO `writer`\n",
			"  next      fix what holds the data, named above, and run again"}},
		"refused": {to(table, func(d *progress.Destination) {
			d.Rejected, d.DeadLettered, d.Problems = 3, 2, []string{"the table has no column attributes"}
		}), []string{
			"  rejected  3 spans by main.genai.team_otel_spans, 2 of them in the dead-letter file\n",
			"  problem   main.genai.team_otel_spans: the table has no column attributes\n"}},
		"logs": {to("main.genai.x_otel_logs", func(d *progress.Destination) { d.Signal = "logs" }),
			[]string{"  sent      40 log records to main.genai.x_otel_logs"}},
		"metrics": {to("main.genai.x_otel_metrics", func(d *progress.Destination) { d.Signal = "metrics" }),
			[]string{"  sent      40 data points to main.genai.x_otel_metrics"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := document([]progress.Run{run("a", nil)}, []string{"databricks"}, tc.destination)
			_, all := summary(t, d)
			for _, part := range tc.want {
				assert.Contains(t, all, part)
			}
		})
	}
	_, all := summary(t, document([]progress.Run{run("a", nil)}, []string{"databricks"}))
	require.Contains(t, all, "  sent      databricks: arrived: not verified; the exporter reported nothing\n")
}

func TestRefinementOfAReport(t *testing.T) {
	full := progress.Refinement{
		Processor: component.MustNewID("genai"), Spans: 598, ModelCalls: 167, Counted: 123, CountedRequest: 3750,
		CountedResponse: 4200,
		Reported:        167, ReportedInput: 30467, ReportedOutput: 4473,
		Scores: []progress.Score{{Name: "metric_a", Count: 2, Mean: 0.5}, {Name: "metric_longer", Count: 1, Mean: 3}},
		Prices: true, Cost: 0.0420338, Currency: "EUR", PriceList: "2026", Priced: 160, Unpriced: 7, WithoutUsage: 2,
	}
	for name, tc := range map[string]struct {
		change func(*progress.Refinement)
		want   []string
		not    []string
	}{
		"everything": {func(*progress.Refinement) {}, []string{
			"  tokens    counted: 3750 in requests, 4200 in responses, on 123 spans\n            reported: 30467 " +
				"input, 4473 output, by 167 model calls\n",
			"  scores    metric_a       mean 0.5  on 2 spans\n            metric_longer  mean 3    on 1 span\n",
			"  cost      0.04203 EUR by price list \"2026\", for 160 model calls\n", "7 calls without a price",
			"2 calls without usage",
		}, []string{"no prices"}},
		"no prices": {func(r *progress.Refinement) {
			r.Prices = false
		}, []string{
			"  cost      no prices in processors::genai::cost::models\n"},
			[]string{"EUR"}},
		"no prices, nothing to price": {func(r *progress.Refinement) {
			r.Prices, r.ModelCalls = false, 0
		}, nil, []string{"cost"}},
		"every call has a price": {func(r *progress.Refinement) { r.Unpriced, r.WithoutUsage, r.PriceList = 0, 0, "" },
			[]string{"  cost      0.04203 EUR, for 160 model calls\n"}, []string{"have no price", "no usage"}},
		"nothing counted": {func(r *progress.Refinement) { r.Counted = 0 },
			[]string{"  tokens    reported: 30467"}, []string{"counted"}},
		"nothing reported": {func(r *progress.Refinement) { r.Reported = 0 },
			[]string{"  tokens    counted: 3750"}, []string{"reported"}},
		"no spans": {func(r *progress.Refinement) { r.Spans = 0 }, nil,
			[]string{"tokens", "scores", "cost"}},
		"many names": {func(r *progress.Refinement) {
			for range 23 {
				r.Scores = append(r.Scores, progress.Score{Name: "metric_z", Count: 1})
			}
		}, []string{"            and 5 more, in the report\n"}, nil},
		"what is left out": {func(r *progress.Refinement) {
			r.LeftOut = map[string]int64{"span_limit": 2, "no_number": 3, "overridden": 5, "collision": 1}
			r.SharedScores = 4
		}, []string{"            left out: 3 without a number, 1 with a name that gives the attribute of another " +
			"one, 2 beyond max_metrics\n            4 under an attribute that another name gives, too; " +
			"processors::genai::assessments::rename tells them apart\n"}, []string{"overridden"}},
		"no score at all": {func(r *progress.Refinement) {
			r.Scores, r.LeftOut = nil, map[string]int64{"no_name": 1}
		}, []string{"  scores    left out: 1 without a name of letters or digits\n"}, nil},
		"images": {func(r *progress.Refinement) { r.MediaCounted = 12 }, []string{"            12 images or other " +
			"base64 files were counted as text; processors::genai::tokens::media: skip leaves them out\n"}, nil},
		"costs that may be wrong": {func(r *progress.Refinement) { r.PricedTools, r.Uncertain, r.Limited = 3, 2, 1 },
			[]string{", for 160 model calls and 3 tool calls\n", "2 calls perhaps too low",
				"1 call with more tokens"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := full
			tc.change(&r)
			d := New(Input{Runs: []progress.Run{run("a", nil)}, Refinements: []progress.Refinement{r},
				Behind: func(string) delivery.Guarantee { return delivery.Guarantee{} }}, now)
			_, all := summary(t, d)
			for _, part := range tc.want {
				assert.Contains(t, all, part)
			}
			for _, part := range tc.not {
				assert.NotContains(t, all, part)
			}
			assert.True(t, strings.HasPrefix(all, "complete: 20 of 20 traces acknowledged, with 40 spans\n"),
				"what processors did changes no headline")
		})
	}
}

func TestNumbers(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 1: "1", 0.5: "0.5", 70.30188679: "70.3019", 0.04203385: "0.04203",
		1234.5: "1234.5", 100: "100", -0.25: "-0.25", 0.00000123456: "0.000001235"} {
		assert.Equal(t, want, number(f))
	}
}

func TestMoney(t *testing.T) {
	for amount, want := range map[float64]string{0: "$0", 0.00000552: "$0.000006", 1e-9: "less than $0.000001",
		0.03789: "$0.03789", 0.25: "$0.25", 1: "$1.00", 1234.567: "$1234.57", 1e21: "$1000000000000000000000.00"} {
		assert.Equal(t, want, money(amount, "USD"))
	}
	assert.Equal(t, "12.30 EUR", money(12.3, "EUR"))
}

// A run that failed before it delivered anything says nothing of delivery and outputs.
func TestSummaryOfGrants(t *testing.T) {
	d := document([]progress.Run{run("a", func(r *progress.Run) {
		r.Mode, r.Complete, r.Headline = "check", false, "not complete: the user may not read spans"
		r.Check = &progress.Findings{Grants: []mlflow.Grant{
			{Statement: "GRANT A", Table: "trace_info", State: mlflow.GrantGiven},
			{Statement: "GRANT B", Table: "spans", State: mlflow.GrantMissing},
			{Statement: "GRANT C", Table: "assessments", State: mlflow.GrantNoTable},
		}}
	})}, nil)
	first, all := summary(t, d)
	require.Equal(t, "not complete: the user may not read spans", first)
	require.Contains(t, all, "\n  grants    granted   GRANT A\n            missing   GRANT B\n"+
		"            no table  GRANT C\n")
}

func TestSummaryOfNothing(t *testing.T) {
	failed := run("a", func(r *progress.Run) { r.Experiments, r.Headline = nil, "not complete: nothing listens" })
	_, all := summary(t, document([]progress.Run{failed}, []string{"file"}))
	assert.Contains(t, all, "not complete: nothing listens")
	for _, word := range []string{"delivery", "output", "acknowledged", "traces"} {
		assert.NotContains(t, all, word)
	}
}

// The names that programs read.
func TestDocument(t *testing.T) {
	of := run("a", nil)
	of.List = true
	d := New(Input{
		Runs: []progress.Run{of}, Destinations: []progress.Destination{to(table, short),
			to("main.genai.b_otel_spans", notVerified)},
		Refinements: []progress.Refinement{{Processor: component.MustNewID("genai"), Spans: 1,
			Prices: true, Currency: "USD"}},
		Behind: func(string) delivery.Guarantee {
			return delivery.Guarantee{Destinations: []delivery.Destination{{Exporter: "databricks",
				Name: "databricks to https://h", Delivery: progress.Acknowledged}}}
		},
	}, now)
	body, err := json.Marshal(d)
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(body, &doc))
	require.Equal(t,
		[]any{map[string]any{"exporter": "databricks", "name": "databricks to https://h", "delivery": "acknowledged"}},
		doc["receivers"].([]any)[0].(map[string]any)["destinations"])
	require.Equal(t, []any{
		map[string]any{"exporter": "databricks", "destination": "main.genai.b_otel_spans", "signal": "traces",
			"sent": 40.0, "rejected": 0.0, "dead_lettered": 0.0,
			"verification": "not_verified", "detail": "verify::warehouse_id is not set"},
		map[string]any{"exporter": "databricks", "destination": table, "signal": "traces", "sent": 40.0,
			"rejected": 0.0, "dead_lettered": 0.0,
			"verification": "short", "arrived": 38.0, "missing": 2.0, "repeated": 1.0},
	}, doc["destination_results"])
	require.Equal(t, true, doc["receivers"].([]any)[0].(map[string]any)["list"])
	require.Equal(t, []any{map[string]any{
		"processor": "genai", "genai_spans": 1.0, "model_calls": 0.0,
		"counted_tokens":  map[string]any{"spans": 0.0, "request": 0.0, "response": 0.0},
		"reported_tokens": map[string]any{"calls": 0.0, "input": 0.0, "output": 0.0}, "scores": []any{},
		"cost": map[string]any{"amount": 0.0, "currency": "USD", "priced_calls": 0.0, "unpriced_calls": 0.0,
			"calls_without_usage": 0.0},
	}}, doc["refinements"])
}
