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

func account(id string, run Totals) Account {
	return Account{Experiment: mlflow.Experiment{ID: id, Name: "exp " + id}, SourceCount: -1, Run: run, Done: true}
}

func skips(r mlflow.Reason, n int64) map[mlflow.Reason]int64 {
	return map[mlflow.Reason]int64{r: n}
}

func TestJudge(t *testing.T) {
	whole := account("1", Totals{Read: 100, Accepted: 100, Spans: 300})
	for name, tc := range map[string]struct {
		accounts     []Account
		details      map[mlflow.Reason]string
		fault, books error
		complete     bool
		headline     string
		problem      string
	}{
		"all": {accounts: []Account{whole}, complete: true,
			headline: "complete: 100 of 100 traces accepted, with 300 spans"},
		"nothing there": {accounts: []Account{account("1", Totals{})}, complete: true,
			headline: "complete: 0 of 0 traces accepted, with 0 spans"},
		"as many skipped as allowed": {
			accounts: []Account{account("1",
				Totals{Read: 100, Accepted: 99, Spans: 9, Skipped: skips(mlflow.ReasonNoSpans, 1)})}, complete: true,
			headline: "complete: 99 of 100 traces accepted, with 9 spans, 1 skipped",
		},
		"too many skipped": {
			accounts: []Account{account("1", Totals{Read: 100, Accepted: 98, Skipped: skips(mlflow.ReasonNoSpans, 2)})},
			headline: "not complete: 98 of 100 traces accepted, with 0 spans, 2 skipped",
			problem:  "2 of 100 traces were skipped (2 no_spans), more than max_skipped 1%",
		},
		"skipped earlier": {
			accounts: []Account{{Done: true,
				Earlier: Totals{Read: 10, Accepted: 8, Spans: 8, Skipped: skips(mlflow.ReasonCorrupt, 2)}}},
			headline: "not complete: nothing new; 8 traces with 8 spans were accepted earlier, 2 skipped",
			problem:  "2 of 10",
		},
		"a whole experiment": {
			accounts: []Account{whole, account("2", Totals{Read: 1, Skipped: skips(mlflow.ReasonCorrupt, 1)})},
			headline: "not complete: 100 of 101 traces accepted, with 300 spans, 1 skipped",
			problem:  "experiment exp 2 (2): every trace was skipped (1 corrupt)",
		},
		"not finished yet": {
			accounts: []Account{account("1", Totals{Read: 2, Accepted: 1, Skipped: skips(mlflow.ReasonInProgress, 1)})},
			complete: true,
			headline: "complete: 1 of 2 traces accepted, with 0 spans, 1 not finished yet",
		},
		"rejected": {
			accounts: []Account{account("1", Totals{Read: 1000, Accepted: 999, Rejected: 1})},
			headline: "not complete: 999 of 1000 traces accepted, with 0 spans, 1 rejected",
			problem:  "1 traces were refused by the destination",
		},
		"in flight": {
			accounts: []Account{{Experiment: mlflow.Experiment{ID: "1", Name: "x"}, Run: Totals{Read: 5, Accepted: 4},
				InFlight: 1}},
			headline: "not complete: 4 of 5 traces accepted, with 0 spans",
			problem:  "1 traces were read and not settled",
		},
		"unreachable": {
			accounts: []Account{account("1", Totals{Read: 3, Skipped: skips(mlflow.ReasonUnreachable, 3)})},
			details:  map[mlflow.Reason]string{mlflow.ReasonUnreachable: "spans are in s3://b/ (not readable here)"},
			headline: "0 of 3 delivered: spans are in s3://b/ (not readable here)", problem: "every trace was skipped",
		},
		"a fault": {accounts: []Account{whole}, fault: errors.New("no more"),
			headline: "not complete: 100 of 100 traces accepted, with 300 spans", problem: "no more"},
		"books": {accounts: []Account{whole}, books: errors.New("do not balance"),
			headline: "not complete: 100 of 100 traces accepted, with 300 spans", problem: "do not balance"},
		"unreadable lane": {accounts: []Account{whole, {Experiment: mlflow.Experiment{ID: "2", Name: "y"},
			Error: "forbidden"}}, headline: "not complete: 100 of 100 traces accepted, with 300 spans",
			problem: "experiment y (2): forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			v := Judge(tc.accounts, tc.details, 0.01, tc.fault, tc.books)
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

func TestLedgerThatDoesNotBalance(t *testing.T) {
	var l Ledger
	l.Open(mlflow.Experiment{ID: "1"}, 1, Totals{})
	l.Update("1", func(a *Account) { a.Run.Read, a.InFlight = 2, 2 })
	require.NoError(t, l.Check())
	l.Update("1", func(a *Account) { a.InFlight-- })
	require.ErrorContains(t, l.Check(),
		"the counters of experiment 1 do not agree: read 2, accepted 0 + skipped 0 + rejected 0 + in flight 1 = 1")
	l.Update("1", func(a *Account) { a.Run.Skip(mlflow.ReasonCorrupt, 1) })
	require.NoError(t, l.Check())
}

func TestExamplesAreBounded(t *testing.T) {
	var l Ledger
	for range 250 {
		l.Sample(mlflow.ReasonCorrupt, "tr", "detail")
	}
	_, samples := l.Snapshot()
	require.Len(t, samples[mlflow.ReasonCorrupt], samplesPerReason)
}

// The reason why traces were skipped is the headline only when it is the whole story.
func TestHeadlineOfNothingDelivered(t *testing.T) {
	account := func(read, unreachable int64) []Account {
		a := Account{Done: true, Run: Totals{Read: read}, InFlight: read - unreachable}
		a.Run.Skip(mlflow.ReasonUnreachable, unreachable)
		return []Account{a}
	}
	details := map[mlflow.Reason]string{mlflow.ReasonUnreachable: "spans are in s3://bucket (not readable here)"}
	if got := Judge(account(5, 5), details, 0.01, nil,
		nil).Headline; got != "0 of 5 delivered: spans are in s3://bucket (not readable here)" {
		t.Errorf("all skipped: %s", got)
	}
	if got := Judge(account(5, 1), details, 0.01, nil, nil).Headline; !strings.HasPrefix(got,
		"not complete: 0 of 5 traces accepted") {
		t.Errorf("one skipped, the others not settled: %s", got)
	}
}

// What is said where arrival counts: without the word complete, which accepted alone doesn't bear.
func TestAccepted(t *testing.T) {
	for want, accounts := range map[string][]Account{
		"read and accepted 20 of 20 traces, with 40 spans": {account("1", Totals{Read: 15, Accepted: 15, Spans: 30}),
			account("2", Totals{Read: 5, Accepted: 5, Spans: 10})},
		"read and accepted 17 of 20 traces, with 0 spans, 1 rejected, 1 skipped, 1 not finished yet": {
			account("1",
				Totals{Read: 20, Accepted: 17, Rejected: 1, Skipped: map[mlflow.Reason]int64{mlflow.ReasonNoSpans: 1,
					mlflow.ReasonInProgress: 1}})},
		"nothing new; 8 traces with 9 spans were accepted earlier": {{Done: true,
			Earlier: Totals{Read: 8, Accepted: 8, Spans: 9}}},
	} {
		require.Equal(t, want, Accepted(accounts))
	}
}
