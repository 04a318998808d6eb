// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

const timeout = 2 * time.Minute // of the verifiers of these tests

// verification is what a verifier says of the table one after something happened.
type verification struct {
	set    func(*Settings)
	act    func(*scene, *Verifier)
	want   progress.Destination // Detail is a part
	err    string               // part; empty: none
	within time.Duration        // that was slept at most
}

// check runs each case with a scene of its own.
func check(t *testing.T, cases map[string]verification) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { tc.check(t) })
	}
}

func (tc verification) check(t *testing.T) {
	s := newScene(t)
	if tc.set == nil {
		tc.set = func(*Settings) {}
	}
	v := s.verifier(tc.set)
	tc.act(s, v)
	got, err := v.Verify(t.Context())
	if tc.err == "" {
		require.NoError(t, err)
	} else {
		require.ErrorContains(t, err, tc.err)
	}
	require.Len(t, got, 1)
	require.Contains(t, got[0].Detail, tc.want.Detail)
	tc.want.Name, tc.want.Signal, tc.want.Detail = one.String(), "traces", got[0].Detail
	require.Equal(t, tc.want, got[0])
	var slept time.Duration
	for _, d := range s.slept {
		slept += d
	}
	require.Less(t, slept, tc.within+3*time.Second, "%v", s.slept) // looking at statements takes a moment
	if strings.Contains(tc.want.Detail, "not counted in the table") {
		require.Zero(t, s.asked())
	}
}

// drop makes the workspace acknowledge the next n requests and store nothing.
func drop(s *scene, n int) { s.w.NextOutcomes(one.String(), n, databrickstest.SilentDrop) }

// What was sent is counted, each span once, however often and in whatever pieces it was sent.
func TestArrival(t *testing.T) {
	check(t, map[string]verification{
		"all arrived": {
			act:  func(s *scene, v *Verifier) { s.send(v, one, traces(0, 20, 3)) },
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60},
		},
		"repeats": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 10, 3))
				s.send(v, one, traces(5, 10, 3))
				s.send(v, one, traces(5, 1, 3))
			},
			want: progress.Destination{
				Verification: progress.Arrived,
				Arrived:      45,
				Repeated:     18,
				Detail:       "18 spans were acknowledged once more",
			},
		},
		"a trace in pieces": {
			act: func(s *scene, v *Verifier) {
				for n := range 5 {
					s.send(v, one, traces(0, 1, 40*(n+1)))
				}
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 200, Repeated: 400},
		},
		"a span of 1970": {
			act: func(s *scene, v *Verifier) {
				td := traces(0, 1, 1)
				td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetStartTimestamp(0)
				s.send(v, one, td)
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 1},
		},
		"result in chunks": {
			act: func(s *scene, v *Verifier) {
				s.w.Set(func(sw *databrickstest.Switches) { sw.ChunkRows = 3 })
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60},
		},
	})
}

// What the workspace acknowledged and did not store is missing, and examples say where.
func TestMissing(t *testing.T) {
	check(t, map[string]verification{
		"silent drop": {
			act: func(s *scene, v *Verifier) {
				drop(s, 1)
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{
				Verification: progress.Short,
				Missing:      60,
				Detail: "sent 60, arrived 0: 60 of the spans that the workspace acknowledged are not in the " +
					"table",
			},
			err:    "verify: cat.sch.pre_otel_spans: sent 60, arrived 0",
			within: timeout,
		},
		"one request of three dropped": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 5, 2))
				drop(s, 1)
				s.send(v, one, traces(5, 5, 2))
				s.send(v, one, traces(10, 5, 2))
			},
			want: progress.Destination{
				Verification: progress.Short,
				Arrived:      20,
				Missing:      10,
				Detail: "e.g. of the traces ab000000000000000000000000000005, ab000000000000000000000000000006, " +
					"ab000000000000000000000000000007, …",
			},
			err: "sent 30, arrived 20", within: timeout,
		},
		"part of a trace dropped": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 1, 3))
				drop(s, 1)
				s.send(v, one, traces(0, 1, 5))
			},
			want: progress.Destination{
				Verification: progress.Short,
				Arrived:      3,
				Missing:      2,
			}, err: "sent 5, arrived 3", within: timeout,
		},
	})
}

// Rows become visible late: they are waited for, up to the timeout after the last answer.
func TestVisibility(t *testing.T) {
	check(t, map[string]verification{
		"visible after minutes": {
			act: func(s *scene, v *Verifier) {
				s.w.Set(func(sw *databrickstest.Switches) { sw.VisibleAfter = 80 * time.Second })
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60}, within: timeout,
		},
		"visible too late": {
			act: func(s *scene, v *Verifier) {
				s.w.Set(func(sw *databrickstest.Switches) { sw.VisibleAfter = time.Hour })
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Short, Missing: 60}, err: "arrived 0", within: timeout,
		},
		"stopped long after the last answer: nothing is waited for": {
			act: func(s *scene, v *Verifier) {
				drop(s, 1)
				s.send(v, one, traces(0, 20, 3))
				_ = s.Sleep(context.Background(), time.Hour)
				s.slept = nil
			},
			want: progress.Destination{Verification: progress.Short, Missing: 60}, err: "arrived 0",
		},
	})
}

// A warehouse that starts slowly or is busy is waited for; one that can't count leaves spans not
// verified, with the reason.
func TestWarehouse(t *testing.T) {
	check(t, map[string]verification{
		"slow start of the warehouse": {
			act: func(s *scene, v *Verifier) {
				s.w.SetWarehouse(
					databrickstest.Warehouse{
						ID:             "wh",
						State:          "STOPPED",
						StartsIn:       4 * time.Minute,
						PendingAnswers: 2,
						RunningAnswers: 3,
					},
				)
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60}, within: 5 * time.Minute,
		},
		"warehouse FAILED": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 20, 3))
				s.w.DropTable(one.String())
			},
			want: progress.Destination{
				Verification: progress.NotVerified,
				Detail: "60 of 60 spans were not counted: running a statement in the warehouse wh: " +
					"[TABLE_OR_VIEW_NOT_FOUND]",
			},
			err: "not counted",
		},
		"no such warehouse": {
			set: func(s *Settings) { s.Config.WarehouseID = "nope" },
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{
				Verification: progress.NotVerified,
				Detail:       "SQL warehouse nope does not exist",
			}, err: "SQL warehouse nope does not exist",
		},
		"no CAN_USE": {
			act: func(s *scene, v *Verifier) {
				s.w.SetWarehouse(databrickstest.Warehouse{ID: "wh", Denied: []string{databrickstest.Admin}})
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{
				Verification: progress.NotVerified,
				Detail:       "CAN_USE",
			}, err: "permission to use the SQL warehouse wh",
		},
		"overloaded for a while": {
			act: func(s *scene, v *Verifier) {
				s.answer = func(string) string {
					if s.Now().Before(begin.Add(time.Minute)) {
						return `503 {"error_code":"TEMPORARILY_UNAVAILABLE","message":"try later"}`
					}
					return ""
				}
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60}, within: timeout,
		},
		"overloaded for good": {
			act: func(s *scene, v *Verifier) {
				s.answer = func(string) string {
					return `503 {"error_code":"TEMPORARILY_UNAVAILABLE","message":"try later"}`
				}
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{
				Verification: progress.NotVerified,
				Detail:       "60 of 60 spans were not counted: running a statement in the warehouse wh: try later",
			}, err: "try later",
			within: timeout,
		},
		"no answer about what is still missing": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 10, 1))
				drop(s, 1)
				s.send(v, one, traces(10, 10, 1))
				s.answer = func(string) string {
					if s.Now().After(begin) {
						return `503 {"error_code":"TEMPORARILY_UNAVAILABLE","message":"try later"}`
					}
					return ""
				}
			},
			want: progress.Destination{
				Verification: progress.NotVerified,
				Arrived:      10,
				Detail:       "10 of 20 spans were not counted",
			}, err: "10 of 20 spans were not counted", within: timeout,
		},
		"rows that were not asked for": {
			act: func(s *scene, v *Verifier) {
				s.answer = func(string) string {
					return `{"statement_id":"st-1","status":{"state":"SUCCEEDED"},` +
						`"manifest":{"schema":{"columns":[{},{},{},{},{}]},"total_row_count":1},` +
						`"result":{"data_array":[["x","1","1","a","b"]]}}`
				}
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{
				Verification: progress.NotVerified,
				Detail:       "a row that was not asked for",
			}, err: "not asked for",
		},
		"stopped long after the last answer, and the warehouse is busy": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 20, 3))
				_ = s.Sleep(context.Background(), time.Hour)
				s.slept = nil
				s.answer = func(string) string {
					if s.Now().Before(begin.Add(time.Hour + time.Minute)) {
						return `429 {"error_code":"REQUEST_LIMIT_EXCEEDED","message":"try later"}`
					}
					return ""
				}
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60}, within: 2 * time.Minute,
		},
	})
}

// Spans of other writers in the same traces are told apart.
func TestOtherWriters(t *testing.T) {
	check(t, map[string]verification{
		"other spans in the same traces": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 10, 3))
				s.send(
					New(Settings{}),
					one,
					traces(0, 10, 6),
				) // another writer's, with the same ids for the first three
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 30, Repeated: 30},
		},
		"other spans in place of ours": {
			act: func(s *scene, v *Verifier) {
				drop(s, 1)
				s.send(v, one, traces(0, 1, 3))
				other := traces(0, 1, 6)
				n := 0
				other.ResourceSpans().
					At(0).
					ScopeSpans().
					At(0).
					Spans().
					RemoveIf(func(ptrace.Span) bool { n++; return n <= 3 })
				s.send(New(Settings{}), one, other)
			},
			want: progress.Destination{
				Verification: progress.Short,
				Missing:      3,
				Detail:       "sent 3, arrived 0",
			}, err: "arrived 0", within: timeout,
		},
		"other spans first, ours later": {
			act: func(s *scene, v *Verifier) {
				other := traces(0, 1, 6)
				n := 0
				other.ResourceSpans().
					At(0).
					ScopeSpans().
					At(0).
					Spans().
					RemoveIf(func(ptrace.Span) bool { n++; return n <= 3 })
				s.send(New(Settings{}), one, other)
				s.w.Set(func(sw *databrickstest.Switches) { sw.VisibleAfter = 80 * time.Second })
				s.send(v, one, traces(0, 1, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 3}, within: timeout,
		},
	})
}

// What a partial success refused is not missing.
func TestPartialSuccess(t *testing.T) {
	check(t, map[string]verification{
		"a partial success": {
			act: func(s *scene, v *Verifier) {
				s.w.NextOutcomes(one.String(), 1, databrickstest.Partly(4))
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 56},
		},
		"a partial success, and more is gone": {
			act: func(s *scene, v *Verifier) {
				s.w.NextOutcomes(one.String(), 1, databrickstest.Partly(4))
				s.send(v, one, traces(0, 20, 3))
				drop(s, 1)
				s.send(v, one, traces(20, 1, 3))
			},
			want: progress.Destination{
				Verification: progress.Short,
				Arrived:      56,
				Missing:      3,
			}, err: "arrived 56", within: timeout,
		},
		"what was rejected arrives later, and something else is gone": {
			act: func(s *scene, v *Verifier) {
				s.w.NextOutcomes(one.String(), 1, databrickstest.Partly(4))
				s.send(v, one, traces(0, 2, 3))
				s.send(v, one, traces(0, 2, 3))
				drop(s, 1)
				s.send(v, one, traces(20, 1, 3))
			},
			want: progress.Destination{
				Verification: progress.Short,
				Arrived:      6,
				Missing:      3,
				Repeated:     2,
			}, err: "sent 9, arrived 6", within: timeout,
		},
	})
}

// Spans that were not recorded are not verified, and it is said how many.
func TestNotRecorded(t *testing.T) {
	check(t, map[string]verification{
		"more traces than are remembered": {
			set: func(s *Settings) { s.Config.MaxTraces = 15 },
			act: func(s *scene, v *Verifier) { s.send(v, one, traces(0, 20, 3)) },
			want: progress.Destination{
				Verification: progress.NotVerified,
				Arrived:      45,
				Detail:       "15 spans were not counted: they are more than verify::max_traces: 15 lets",
			}, err: "raise it",
		},
		"more spans than are remembered": {
			set: func(s *Settings) { s.Config.MaxTraces = 1 },
			act: func(s *scene, v *Verifier) { s.send(v, one, traces(0, 1, 40)) },
			want: progress.Destination{
				Verification: progress.NotVerified,
				Arrived:      32,
				Detail:       "8 spans were not counted",
			}, err: "raise it",
		},
		"spans without ids": {
			act: func(s *scene, v *Verifier) {
				td := traces(0, 2, 2)
				td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{})
				td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(3).SetSpanID(pcommon.SpanID{})
				v.Acknowledged(one, td, 0)
				s.send(v, one, traces(0, 2, 2))
			},
			want: progress.Destination{
				Verification: progress.NotVerified,
				Arrived:      4,
				Detail:       "2 spans were not counted: they have no trace id or no span id",
			}, err: "no trace id",
		},
	})
}

// Where nothing is to be counted, no statement is sent and the report says why.
func TestNothingIsCounted(t *testing.T) {
	check(t, map[string]verification{
		"never": {
			set:  func(s *Settings) { s.Config.When = WhenNever },
			act:  sent,
			want: notVerified("verify::when is never"),
		},
		"no warehouse": {
			set:  func(s *Settings) { s.Config.WarehouseID = "" },
			act:  sent,
			want: notVerified("verify::warehouse_id names no SQL warehouse"),
		},
		"stopped midway": {
			set:  func(s *Settings) { s.Ending = ended(false) },
			act:  sent,
			want: notVerified("the process was stopped"),
		},
		"no extension": {
			set:  func(s *Settings) { s.Ending = nil },
			act:  sent,
			want: notVerified("list it under service::extensions"),
		},
	})
}

func sent(s *scene, v *Verifier) { s.send(v, one, traces(0, 20, 3)) }

func notVerified(detail string) progress.Destination {
	return progress.Destination{Verification: progress.NotVerified, Detail: detail}
}
