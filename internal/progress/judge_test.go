// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func seen(id string, run Totals) Experiment {
	return Experiment{Experiment: mlflow.Experiment{ID: id, Name: "exp " + id}, SourceCount: -1, Run: run, Done: true}
}

func skips(r mlflow.Reason, n int64) map[mlflow.Reason]int64 {
	return map[mlflow.Reason]int64{r: n}
}

func judge(experiments []Experiment, details map[mlflow.Reason]string, fault, unbalanced error) Verdict {
	return Judge(Outcome{
		Experiments: experiments, Details: details, Fault: fault, Unbalanced: unbalanced, Delivery: Acknowledged,
		MaxSkipped: "1%", Allowed: func(read int64) int64 { return read / 100 },
	})
}

func TestJudge(t *testing.T) {
	whole := seen("1", Totals{Read: 100, Accepted: 100, Spans: 300})
	for name, tc := range map[string]struct {
		experiments       []Experiment
		details           map[mlflow.Reason]string
		fault, unbalanced error
		complete          bool
		headline          string
		problem           string
	}{
		"all": {experiments: []Experiment{whole}, complete: true,
			headline: "complete: 100 of 100 traces acknowledged, with 300 spans"},
		"nothing there": {experiments: []Experiment{seen("1", Totals{})}, complete: true,
			headline: "complete: 0 of 0 traces acknowledged, with 0 spans"},
		"as many skipped as allowed": {
			experiments: []Experiment{seen("1",
				Totals{Read: 100, Accepted: 99, Spans: 9, Skipped: skips(mlflow.ReasonNoSpans, 1)})}, complete: true,
			headline: "complete: 99 of 100 traces acknowledged, with 9 spans, 1 skipped",
		},
		"too many skipped": {
			experiments: []Experiment{seen("1",
				Totals{Read: 100, Accepted: 98, Skipped: skips(mlflow.ReasonNoSpans, 2)})},
			headline: "not complete: 98 of 100 traces acknowledged, with 0 spans, 2 skipped",
			problem:  "2 of 100 traces were skipped (2 no_spans), more than max_skipped 1%",
		},
		"skipped earlier": {
			experiments: []Experiment{{Done: true,
				Earlier: Totals{Read: 10, Accepted: 8, Spans: 8, Skipped: skips(mlflow.ReasonCorrupt, 2)}}},
			headline: "not complete: nothing new; 8 traces with 8 spans acknowledged earlier, 2 skipped",
			problem:  "2 of 10",
		},
		"a whole experiment": {
			experiments: []Experiment{whole, seen("2", Totals{Read: 1, Skipped: skips(mlflow.ReasonCorrupt, 1)})},
			headline:    "not complete: 100 of 101 traces acknowledged, with 300 spans, 1 skipped",
			problem:     "experiment exp 2 (2): every trace was skipped (1 corrupt)",
		},
		"not finished yet": {
			experiments: []Experiment{seen("1",
				Totals{Read: 2, Accepted: 1, Pending: skips(mlflow.ReasonInProgress, 1)})},
			complete: true,
			headline: "complete: 1 of 2 traces acknowledged, with 0 spans, 1 not finished yet",
		},
		"without all spans": {
			experiments: []Experiment{seen("1", Totals{Read: 9, Accepted: 8, Spans: 20,
				Pending: skips(mlflow.ReasonSpansMissing, 1)})},
			details: map[mlflow.Reason]string{mlflow.ReasonSpansMissing: "trace tr-1: 2 of 3 spans came"},
			headline: "not complete: 8 of 9 traces acknowledged, with 20 spans, 1 incomplete; 1 lack spans: trace " +
				"tr-1: 2 of 3 spans came",
			problem: "1 traces lack spans: trace tr-1: 2 of 3 spans came; the spans that came are delivered, and " +
				"running again asks again",
		},
		"not listed": {
			experiments: []Experiment{whole, {Experiment: mlflow.Experiment{ID: "2", Name: "y"}, Done: true,
				Missing: "2026-01-02: the source has 2 traces, 1 were listed"},
				{Experiment: mlflow.Experiment{ID: "3", Name: "z"}, Done: true, Missing: "something"}},
			headline: "not complete: 100 of 100 traces acknowledged, with 300 spans; experiment y (2): 2026-01-02: " +
				"the source has 2 traces, 1 were listed; and 1 more experiments",
			problem: "experiment y (2) is not delivered completely: 2026-01-02",
		},
		"rejected": {
			experiments: []Experiment{seen("1", Totals{Read: 1000, Accepted: 999, Rejected: 1})},
			headline:    "not complete: 999 of 1000 traces acknowledged, with 0 spans, 1 rejected",
			problem:     "1 rejected by the destination; every later run tries them again",
		},
		"partially rejected": {
			experiments: []Experiment{seen("1", Totals{Read: 10, Accepted: 5, Rejected: 5, PartiallyRejected: 4})},
			details:     map[mlflow.Reason]string{PartiallyRejected: "2 of 9 spans"},
			headline:    "not complete: 5 of 10 traces acknowledged, with 0 spans, 1 rejected, 4 partially rejected",
			problem: "4 partially rejected by the destination: 2 of 9 spans; no run sends them again by itself, " +
				"since what was stored would be there twice",
		},
		"in flight": {
			experiments: []Experiment{{
				Experiment: mlflow.Experiment{ID: "1", Name: "x"}, Run: Totals{Read: 5, Accepted: 4},
				InFlight: 1}},
			headline: "not complete: 4 of 5 traces acknowledged, with 0 spans",
			problem:  "read and not settled: 1 trace",
		},
		"unreachable": {
			experiments: []Experiment{seen("1", Totals{Read: 3, Skipped: skips(mlflow.ReasonUnreachable, 3)})},
			details:     map[mlflow.Reason]string{mlflow.ReasonUnreachable: "spans are in s3://b/ (not readable here)"},
			headline:    "0 of 3 delivered: spans are in s3://b/ (not readable here)",
			problem:     "every trace was skipped",
		},
		"a fault": {experiments: []Experiment{whole}, fault: errors.New("no more"),
			headline: "not complete: 100 of 100 traces acknowledged, with 300 spans; no more", problem: "no more"},
		"unbalanced": {experiments: []Experiment{whole}, unbalanced: errors.New("do not add up"),
			headline: "not complete: 100 of 100 traces acknowledged, with 300 spans", problem: "do not add up"},
		"an experiment that can't be read": {experiments: []Experiment{whole, {
			Experiment: mlflow.Experiment{ID: "2", Name: "y"},
			Error:      "forbidden"}}, headline: "not complete: 100 of 100 traces acknowledged, with 300 spans; " +
			"experiment y (2): forbidden",
			problem: "experiment y (2): forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(tc.experiments, tc.details, tc.fault, tc.unbalanced)
			require.Equal(t, tc.complete, v.Complete, v.Problems)
			require.Equal(t, tc.headline, v.Headline)
			if tc.problem == "" {
				require.Empty(t, v.Problems)
				return
			}
			require.Contains(t, v.Problems[len(v.Problems)-1]+v.Problems[0], tc.problem)
		})
	}
}

func TestCountsThatDoNotAddUp(t *testing.T) {
	var l Counters
	l.Open(mlflow.Experiment{ID: "1"}, 1, Totals{}, "")
	l.Update("1", func(a *Experiment) { a.Run.Read, a.InFlight = 2, 2 })
	require.NoError(t, l.Check())
	l.Update("1", func(a *Experiment) { a.InFlight-- })
	require.ErrorContains(t, l.Check(), "the counts of experiment 1 do not add up: read 2, accepted 0 + skipped 0 + "+
		"rejected 0 + pending 0 + in flight 1 = 1")
	l.Update("1", func(a *Experiment) { a.Run.Skip(mlflow.ReasonCorrupt, 1) })
	require.NoError(t, l.Check())
}

func TestExamplesAreBounded(t *testing.T) {
	var l Counters
	for range 250 {
		l.Sample(mlflow.ReasonCorrupt, "tr", "detail")
	}
	_, samples := l.Snapshot()
	require.Len(t, samples[mlflow.ReasonCorrupt], samplesPerReason)
}

// The reason why traces were skipped is the headline only when it is the whole story.
func TestHeadlineOfNothingDelivered(t *testing.T) {
	read := func(read, unreachable int64) []Experiment {
		a := Experiment{Done: true, Run: Totals{Read: read}, InFlight: read - unreachable}
		a.Run.Skip(mlflow.ReasonUnreachable, unreachable)
		return []Experiment{a}
	}
	details := map[mlflow.Reason]string{mlflow.ReasonUnreachable: "spans are in s3://bucket (not readable here)"}
	if got := judge(read(5, 5), details, nil,
		nil).Headline; got != "0 of 5 delivered: spans are in s3://bucket (not readable here)" {
		t.Errorf("all skipped: %s", got)
	}
	if got := judge(read(5, 1), details, nil, nil).Headline; !strings.HasPrefix(got,
		"not complete: 0 of 5 traces acknowledged") {
		t.Errorf("one skipped, the others not settled: %s", got)
	}
}

// What is said where arrival counts: without the word complete, which accepted alone doesn't bear.
func TestSummarize(t *testing.T) {
	for want, experiments := range map[string][]Experiment{
		"20 of 20 traces acknowledged, with 40 spans": {
			seen("1", Totals{Read: 15, Accepted: 15, Spans: 30}),
			seen("2", Totals{Read: 5, Accepted: 5, Spans: 10})},
		"16 of 20 traces acknowledged, with 0 spans, 1 rejected, 1 skipped, 1 pending, 1 not finished yet": {
			seen("1", Totals{Read: 20, Accepted: 16, Rejected: 1, Skipped: skips(mlflow.ReasonNoSpans, 1),
				Pending: map[mlflow.Reason]int64{mlflow.ReasonInProgress: 1, Refused: 1}})},
		"nothing new; 8 traces with 9 spans acknowledged earlier": {{Done: true,
			Earlier: Totals{Read: 8, Accepted: 8, Spans: 9}}},
		"2 of 2 traces acknowledged, with 2 spans; with earlier runs 10 of 11, 1 skipped": {
			{Earlier: Totals{Read: 9, Accepted: 8, Skipped: skips(mlflow.ReasonNoSpans, 1)},
				Run: Totals{Read: 2, Accepted: 2, Spans: 2}}},
		"0 of 1 trace acknowledged, with 0 spans, 1 pending; with earlier runs 8 of 9": {
			{Earlier: Totals{Read: 8, Accepted: 8}, Run: Totals{Read: 1, Pending: skips(Refused, 1)}}},
		"nothing new; 8 traces with 0 spans acknowledged earlier, 1 skipped": {
			{Earlier: Totals{Read: 8, Accepted: 8}, Run: Totals{Read: 1, Skipped: skips(mlflow.ReasonNoSpans, 1)},
				Retried: 1}},
	} {
		require.Equal(t, want, Summarize(experiments, Acknowledged))
	}
}

// The word of a run is the weakest of all runs over the same positions, and the headline keeps it.
func TestDeliveryWords(t *testing.T) {
	run := seen("1", Totals{Read: 12, Accepted: 12, Spans: 24})
	before := run
	before.Earlier, before.EarlierDelivery = Totals{Read: 3, Accepted: 3}, HandedOver
	unstated := run
	unstated.Earlier = Totals{Read: 3, Accepted: 3} // by a version that did not store the word
	for name, tc := range map[string]struct {
		experiment Experiment
		word       Delivery
		want       string
		result     Delivery
	}{
		"acknowledged": {run, Acknowledged, "complete: 12 of 12 traces acknowledged, with 24 spans", Acknowledged},
		"handed over": {run, HandedOver,
			"handed over: 12 of 12 traces, with 24 spans; delivery not confirmed: the reason", HandedOver},
		"unknown": {run, Unknown, "delivery unknown: 12 of 12 traces accepted, with 24 spans; the reason", Unknown},
		"earlier": {before, Acknowledged, "handed over: 12 of 12 traces, with 24 spans; with earlier runs 15 of 15; " +
			"delivery not confirmed: an earlier run delivered without a confirmation; to deliver its traces again, " +
			"remove the storage folder", HandedOver},
		"not stated": {unstated, Acknowledged,
			"complete: 12 of 12 traces acknowledged, with 24 spans; with earlier runs 15 of 15", Acknowledged},
	} {
		t.Run(name, func(t *testing.T) {
			v := Judge(Outcome{Experiments: []Experiment{tc.experiment}, Delivery: tc.word, Reason: "the reason",
				Allowed: func(int64) int64 { return 0 }})
			require.True(t, v.Complete)
			require.Equal(t, tc.result, v.Delivery)
			require.Equal(t, tc.want, v.Headline)
		})
	}
	for i, a := range deliveries {
		for k, b := range deliveries {
			require.Equal(t, i <= k, a.AtLeast(b))
			require.Equal(t, deliveries[max(i, k)], Weakest(a, b))
		}
		require.Equal(t, a, Weakest("", a))
		require.Equal(t, a, Weakest(a, ""))
	}
}

func TestStoppedIsSaid(t *testing.T) {
	a := Experiment{SourceCount: 6000, Run: Totals{Read: 300, Accepted: 198}, InFlight: 102}
	v := Judge(Outcome{Experiments: []Experiment{a}, Delivery: Acknowledged, Allowed: func(int64) int64 { return 0 },
		Stopped: "stopped by SIGTERM"})
	require.False(t, v.Complete)
	require.Equal(t, "stopped by SIGTERM after 198 of 6000 traces; running again continues", v.Headline)
	a.SourceCount = -1
	v = Judge(Outcome{Experiments: []Experiment{a}, Allowed: func(int64) int64 { return 0 }, Stopped: "stopped"})
	require.Equal(t, "stopped after 198 traces; running again continues", v.Headline)
}

// A small experiment with a broken trace is complete, and the setting that says otherwise is named.
func TestSkippedWithinTheTolerance(t *testing.T) {
	o := Outcome{
		Experiments: []Experiment{seen("1", Totals{Read: 88, Accepted: 87, Skipped: skips(mlflow.ReasonCorrupt, 1)})},
		Delivery:    Acknowledged,
		Receiver:    "mlflow/a"}
	o.Allowed, o.MaxSkipped = func(int64) int64 { return 3 }, "1% or 3"
	v := Judge(o)
	require.True(t, v.Complete)
	require.Equal(t, "complete: 87 of 88 traces acknowledged, with 0 spans, 1 skipped", v.Headline)
	require.Equal(t,
		[]string{"what is skipped lies within receivers::mlflow/a::max_skipped: 1% or 3; to accept none, write 0"},
		v.Next)
	o.Allowed, o.MaxSkipped = func(int64) int64 { return 0 }, "1%"
	v = Judge(o)
	require.False(t, v.Complete)
	require.Equal(t, []string{"to accept what is skipped, write receivers::mlflow/a::max_skipped: 1"}, v.Next)
}

// Spans that were added inside of finished traces are missing, whatever the other numbers say.
func TestAddedSpans(t *testing.T) {
	v := Judge(Outcome{
		Experiments: []Experiment{{Run: Totals{Read: 5, Accepted: 5, Spans: 9}, SourceCount: 5, Done: true}},
		Delivery:    Acknowledged, Allowed: func(int64) int64 { return 0 }, AddedSpans: 3})
	require.False(t, v.Complete)
	require.Equal(t, "not complete: 5 of 5 traces acknowledged, with 9 spans; 3 spans added to finished traces "+
		"after their delivery and not delivered", v.Headline)
	require.Len(t, v.Problems, 1)
	require.Contains(t, v.Next[0], "another storage folder")
}

// The headline of a shard says that others read the rest.
func TestHeadlineOfShard(t *testing.T) {
	o := Outcome{
		Experiments: []Experiment{{Run: Totals{Read: 2, Accepted: 2, Spans: 4}, Done: true}}, Delivery: Acknowledged,
		Allowed: func(int64) int64 { return 0 }, Shard: Shard{Index: 1, Count: 4}}
	require.Equal(t, "complete: 2 of 2 traces acknowledged, with 4 spans; this is shard 2 of 4 (index 1)",
		Judge(o).Headline)
	o.Shard.Count = 1
	require.NotContains(t, Judge(o).Headline, "shard")
}
