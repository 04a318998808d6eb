package verify

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestFinish(t *testing.T) {
	const whole = 2 * time.Minute // the timeout of these verifiers
	drop := func(s *scene, n int) { s.w.NextOutcomes(one.String(), n, databrickstest.SilentDrop) }
	for name, tc := range map[string]struct {
		set    func(*Settings)
		act    func(*scene, *Verifier)
		want   progress.Destination // of the table one; Detail is a part
		err    string               // part; empty: none
		within time.Duration        // that was slept at most
	}{
		"all arrived": {
			act:  func(s *scene, v *Verifier) { s.send(v, one, traces(0, 20, 3)) },
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60},
		},
		"silent drop": {
			act: func(s *scene, v *Verifier) {
				drop(s, 1)
				s.send(v, one, traces(0, 20, 3))
			},
			want:   progress.Destination{Verification: progress.Short, Missing: 60, Detail: "sent 60, arrived 0: 60 of the spans that the workspace acknowledged are not in the table"},
			err:    "verify: cat.sch.pre_otel_spans: sent 60, arrived 0",
			within: whole,
		},
		"one request of three dropped": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 5, 2))
				drop(s, 1)
				s.send(v, one, traces(5, 5, 2))
				s.send(v, one, traces(10, 5, 2))
			},
			want: progress.Destination{Verification: progress.Short, Arrived: 20, Missing: 10, Detail: "e.g. of the traces ab000000000000000000000000000005, ab000000000000000000000000000006, " +
				"ab000000000000000000000000000007, …"},
			err: "sent 30, arrived 20", within: whole,
		},
		"part of a trace dropped": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 1, 3))
				drop(s, 1)
				s.send(v, one, traces(0, 1, 5))
			},
			want: progress.Destination{Verification: progress.Short, Arrived: 3, Missing: 2}, err: "sent 5, arrived 3", within: whole,
		},
		"repeats": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 10, 3))
				s.send(v, one, traces(5, 10, 3))
				s.send(v, one, traces(5, 1, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 45, Repeated: 18, Detail: "18 spans were acknowledged once more"},
		},
		"a trace in pieces": {
			act: func(s *scene, v *Verifier) {
				for n := range 5 {
					s.send(v, one, traces(0, 1, 40*(n+1)))
				}
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 200, Repeated: 400},
		},
		"visible after minutes": {
			act: func(s *scene, v *Verifier) {
				s.w.Set(func(sw *databrickstest.Switches) { sw.VisibleAfter = 80 * time.Second })
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60}, within: whole,
		},
		"visible too late": {
			act: func(s *scene, v *Verifier) {
				s.w.Set(func(sw *databrickstest.Switches) { sw.VisibleAfter = time.Hour })
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Short, Missing: 60}, err: "arrived 0", within: whole,
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
		"slow start of the warehouse": {
			act: func(s *scene, v *Verifier) {
				s.w.SetWarehouse(databrickstest.Warehouse{ID: "wh", State: "STOPPED", StartsIn: 4 * time.Minute, PendingAnswers: 2, RunningAnswers: 3})
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60}, within: 5 * time.Minute,
		},
		"result in chunks": {
			act: func(s *scene, v *Verifier) {
				s.w.Set(func(sw *databrickstest.Switches) { sw.ChunkRows = 3 })
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60},
		},
		"warehouse FAILED": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 20, 3))
				s.w.DropTable(one.String())
			},
			want: progress.Destination{Verification: progress.NotVerified, Detail: "60 of 60 spans were not counted: running a statement in the warehouse wh: [TABLE_OR_VIEW_NOT_FOUND]"},
			err:  "not counted",
		},
		"no such warehouse": {
			set: func(s *Settings) { s.Config.WarehouseID = "nope" },
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.NotVerified, Detail: "SQL warehouse nope does not exist"}, err: "SQL warehouse nope does not exist",
		},
		"no CAN_USE": {
			act: func(s *scene, v *Verifier) {
				s.w.SetWarehouse(databrickstest.Warehouse{ID: "wh", Denied: []string{databrickstest.Admin}})
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.NotVerified, Detail: "CAN_USE"}, err: "permission to use the SQL warehouse wh",
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
			want: progress.Destination{Verification: progress.Arrived, Arrived: 60}, within: whole,
		},
		"overloaded for good": {
			act: func(s *scene, v *Verifier) {
				s.answer = func(string) string { return `503 {"error_code":"TEMPORARILY_UNAVAILABLE","message":"try later"}` }
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.NotVerified, Detail: "60 of 60 spans were not counted: running a statement in the warehouse wh: try later"}, err: "try later",
			within: whole,
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
			want: progress.Destination{Verification: progress.NotVerified, Arrived: 10, Detail: "10 of 20 spans were not counted"}, err: "10 of 20 spans were not counted", within: whole,
		},
		"rows that nobody asked for": {
			act: func(s *scene, v *Verifier) {
				s.answer = func(string) string {
					return `{"statement_id":"st-1","status":{"state":"SUCCEEDED"},"manifest":{"schema":{"columns":[{},{},{},{},{}]},"total_row_count":1},"result":{"data_array":[["x","1","1","a","b"]]}}`
				}
				s.send(v, one, traces(0, 20, 3))
			},
			want: progress.Destination{Verification: progress.NotVerified, Detail: "a row that was not asked for"}, err: "not asked for",
		},
		"other spans in the same traces": {
			act: func(s *scene, v *Verifier) {
				s.send(v, one, traces(0, 10, 3))
				s.send(New(Settings{}), one, traces(0, 10, 6)) // another writer's, with the same ids for the first three
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 30, Repeated: 30},
		},
		"other spans in place of ours": {
			act: func(s *scene, v *Verifier) {
				drop(s, 1)
				s.send(v, one, traces(0, 1, 3))
				other := traces(0, 1, 6)
				n := 0
				other.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(ptrace.Span) bool { n++; return n <= 3 })
				s.send(New(Settings{}), one, other)
			},
			want: progress.Destination{Verification: progress.Short, Missing: 3, Detail: "sent 3, arrived 0"}, err: "arrived 0", within: whole,
		},
		"other spans first, ours later": {
			act: func(s *scene, v *Verifier) {
				other := traces(0, 1, 6)
				n := 0
				other.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(ptrace.Span) bool { n++; return n <= 3 })
				s.send(New(Settings{}), one, other)
				s.w.Set(func(sw *databrickstest.Switches) { sw.VisibleAfter = 80 * time.Second })
				s.send(v, one, traces(0, 1, 3))
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 3}, within: whole,
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
			want: progress.Destination{Verification: progress.Short, Arrived: 56, Missing: 3}, err: "arrived 56", within: whole,
		},
		"more traces than are remembered": {
			set:  func(s *Settings) { s.Config.MaxTraces = 15 },
			act:  func(s *scene, v *Verifier) { s.send(v, one, traces(0, 20, 3)) },
			want: progress.Destination{Verification: progress.NotVerified, Arrived: 45, Detail: "15 spans were not counted: they are more than verify::max_traces: 15 lets"}, err: "raise it",
		},
		"more spans than are remembered": {
			set:  func(s *Settings) { s.Config.MaxTraces = 1 },
			act:  func(s *scene, v *Verifier) { s.send(v, one, traces(0, 1, 40)) },
			want: progress.Destination{Verification: progress.NotVerified, Arrived: 32, Detail: "8 spans were not counted"}, err: "raise it",
		},
		"spans without ids": {
			act: func(s *scene, v *Verifier) {
				td := traces(0, 2, 2)
				td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{})
				td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(3).SetSpanID(pcommon.SpanID{})
				v.Acknowledged(one, td, 0)
				s.send(v, one, traces(0, 2, 2))
			},
			want: progress.Destination{Verification: progress.NotVerified, Arrived: 4, Detail: "2 spans were not counted: they have no trace id or no span id"}, err: "no trace id",
		},
		"a span of 1970": {
			act: func(s *scene, v *Verifier) {
				td := traces(0, 1, 1)
				td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetStartTimestamp(0)
				s.send(v, one, td)
			},
			want: progress.Destination{Verification: progress.Arrived, Arrived: 1},
		},
		"never":          {set: func(s *Settings) { s.Config.When = WhenNever }, act: sent, want: notVerified("verify::when is never")},
		"no warehouse":   {set: func(s *Settings) { s.Config.WarehouseID = "" }, act: sent, want: notVerified("verify::warehouse_id names no SQL warehouse")},
		"stopped midway": {set: func(s *Settings) { s.Ending = ended(false) }, act: sent, want: notVerified("the process was stopped")},
		"nobody knows":   {set: func(s *Settings) { s.Ending = nil }, act: sent, want: notVerified("list it under service::extensions")},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			var v *Verifier
			if tc.set != nil {
				v = s.verifier(tc.set)
			} else {
				v = s.verifier()
			}
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
			if strings.Contains(tc.want.Detail, "nobody counted") {
				require.Zero(t, s.asked())
			}
		})
	}
}

func sent(s *scene, v *Verifier) { s.send(v, one, traces(0, 20, 3)) }

func notVerified(detail string) progress.Destination {
	return progress.Destination{Verification: progress.NotVerified, Detail: detail}
}

// Tables are counted each by itself; the error names those that are short, and only these.
func TestTables(t *testing.T) {
	s := newScene(t)
	s.w.SetOutcome(two.String(), databrickstest.SilentDrop)
	v := s.verifier()
	s.send(v, two, traces(0, 4, 1))
	s.send(v, one, traces(0, 4, 2))
	s.send(v, old, traces(0, 4, 3))
	got, err := v.Verify(t.Context())
	require.Len(t, got, 3)
	require.Equal(t, []progress.Verification{progress.Arrived, progress.Arrived, progress.Short}, []progress.Verification{got[0].Verification, got[1].Verification, got[2].Verification})
	require.Equal(t, []string{old.String(), one.String(), two.String()}, []string{got[0].Name, got[1].Name, got[2].Name})
	require.Equal(t, int64(12), got[0].Arrived)
	require.ErrorContains(t, err, "cat.sch.two_otel_spans: sent 4, arrived 0")
	require.NotContains(t, err.Error(), "pre_otel_spans")
}

// A warehouse that may not be used is asked once, not once a table; a statement that fails concerns its table only.
func TestTroubleOfTheWarehouse(t *testing.T) {
	s := newScene(t)
	s.w.SetWarehouse(databrickstest.Warehouse{ID: "wh", Denied: []string{databrickstest.Admin}})
	v := s.verifier()
	s.send(v, one, traces(0, 4, 1))
	s.send(v, two, traces(0, 4, 1))
	got, err := v.Verify(t.Context())
	require.Error(t, err)
	require.Equal(t, 1, s.asked())
	require.Equal(t, progress.NotVerified, got[0].Verification)
	require.Equal(t, progress.NotVerified, got[1].Verification)

	s = newScene(t)
	v = s.verifier()
	s.send(v, one, traces(0, 4, 1))
	s.send(v, two, traces(0, 4, 1))
	s.w.DropTable(one.String())
	got, err = v.Verify(t.Context())
	require.ErrorContains(t, err, "cat.sch.pre_otel_spans: 4 of 4 spans were not counted")
	require.Equal(t, progress.NotVerified, got[0].Verification)
	require.Equal(t, progress.Arrived, got[1].Verification)
}

// Thousands of traces are asked for in pieces, each within the time of its own traces.
func TestPieces(t *testing.T) {
	s := newScene(t)
	v := s.verifier()
	const n = 12000
	td := traces(0, n, 1)
	rows := make([]databrickstest.Row, 0, n)
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		rows = append(rows, databrickstest.Row{
			"trace_id": span.TraceID().String(), "span_id": span.SpanID().String(), "start_time_unix_nano": int64(span.StartTimestamp()),
			"time": span.StartTimestamp().AsTime().Format(time.RFC3339),
		})
	}
	s.w.AddRows(one.String(), rows...)
	v.Acknowledged(one, td, 0)
	got, err := v.Verify(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(n), got[0].Arrived)
	statements := s.w.Statements()
	require.Len(t, statements, 3)
	first := begin.Add(-1000 * time.Hour)
	for k, last := range []int{4999, 9999, 11999} {
		require.Contains(t, statements[k].SQL, fmt.Sprintf("time >= timestamp_seconds(%d) AND time <= timestamp_seconds(%d)",
			first.Add(time.Duration(k*5000)*time.Minute).Unix()-slack, first.Add(time.Duration(last)*time.Minute).Unix()+slack))
	}
}

// A run that ended is not counted for ever: when the context ends, what is not known is said.
func TestGivenUp(t *testing.T) {
	s := newScene(t)
	s.w.SetWarehouse(databrickstest.Warehouse{ID: "wh", PendingAnswers: 1000})
	v := s.verifier()
	s.send(v, one, traces(0, 4, 1))
	ctx, cancel := context.WithCancel(t.Context())
	s.answer = func(string) string { cancel(); return "" }
	got, err := v.Verify(ctx)
	require.Error(t, err)
	require.Equal(t, progress.NotVerified, got[0].Verification)
	require.Contains(t, got[0].Detail, "4 of 4 spans were not counted")
}

func TestNothingSent(t *testing.T) {
	got, err := newScene(t).verifier().Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestConcurrentAcknowledgements(t *testing.T) {
	s := newScene(t)
	v := s.verifier()
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for n := range 10 {
				v.Acknowledged(one, traces(100*k+n, 5, 3), 0)
			}
		})
	}
	wg.Wait()
	got, err := v.Verify(t.Context())
	require.ErrorContains(t, err, "sent 336, arrived 0") // 14 traces for each of 8
	require.Equal(t, int64(336), got[0].Missing)
}

func TestWarnsWhenNobodyKnowsTheEnd(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	New(Settings{Config: Config{When: WhenEndOfBackfill, WarehouseID: "wh"}, Logger: zap.New(core)})
	require.Equal(t, 1, logs.FilterMessageSnippet("mlflow_report").Len())
	New(Settings{Config: Config{When: WhenEndOfBackfill}, Logger: zap.New(core)})
	require.Equal(t, 1, logs.Len())
}

func TestConfig(t *testing.T) {
	c := NewDefaultConfig()
	require.NoError(t, c.Validate())
	for change, text := range map[*Config]string{
		{When: "always", Timeout: 1, MaxTraces: 1}: `when: "always" is not one of`,
		{When: WhenNever, MaxTraces: 1}:            "timeout:",
		{When: WhenNever, Timeout: 1}:              "max_traces:",
		{When: WhenNever, Timeout: 1, MaxTraces: 1, WarehouseID: "/sql/1.0/warehouses/abc123"}: "warehouse_id: write the id alone: abc123",
		{When: WhenNever, Timeout: 1, MaxTraces: 1, WarehouseID: "x'; DROP"}:                   "warehouse_id: this is no id",
	} {
		require.ErrorContains(t, change.Validate(), text)
	}
}

// The signal is spelled as the report spells it.
func TestSignal(t *testing.T) {
	require.Equal(t, "traces", signal(one))
	require.Equal(t, "logs", signal(route.Destination{Signal: unity.Logs}))
}
