// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
)

// changed is an assessment with other members.
func changed(doc json.RawMessage, members map[string]any) json.RawMessage {
	all := map[string]any{}
	_ = json.Unmarshal(doc, &all)
	maps.Copy(all, members)
	doc, _ = json.Marshal(all)
	return doc
}

// valid says of each assessment of which records came whether the newest one says that it counts, and of each
// revision how many records came.
func (f *tailing) valid(trace string) (valid map[string]bool, revisions map[string]int) {
	valid, revisions = map[string]bool{}, map[string]int{}
	for _, ld := range f.logs.AllLogs() {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					about, _ := lr.Attributes().Get(genai.TraceRequestID)
					if about.Str() != trace || lr.EventName() != genai.EvaluationResult {
						continue
					}
					id, _ := lr.Attributes().Get(genai.AssessmentID)
					is, _ := lr.Attributes().Get(genai.AssessmentValid)
					valid[id.Str()] = is.Bool()
					revisions[id.Str()+" "+lr.Timestamp().String()+" "+is.AsString()]++
				}
			}
		}
	}
	return valid, revisions
}

// MLflow does not date that an assessment is overridden, nor that it counts again after the one that
// overrode it was deleted. Both are told, also by a process that does not know what was told.
func TestOverriddenLater(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 0)
	f.logs = new(consumertest.LogsSink)
	f.cfg.LateChanges.Interval = minInterval
	ago := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano)
	old := changed(score("a-1", true, 0), map[string]any{"create_time": ago, "last_update_time": ago})
	untouched := changed(score("a-0", true, 0), map[string]any{"create_time": ago, "last_update_time": ago})
	trace := f.write("1", func(x *mlflowtest.Trace) { x.Assessments = []json.RawMessage{untouched, old} })
	told := func(want map[string]bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			valid, _ := f.valid(trace)
			for id, is := range want {
				if got, ok := valid[id]; !ok || got != is {
					return false
				}
			}
			return true
		}, time.Minute, 10*time.Millisecond)
	}
	set := func(list ...json.RawMessage) {
		f.server.Change(trace, func(x *mlflowtest.Trace) { x.Assessments = list })
	}
	override := changed(score("b-2", false, 0), map[string]any{"overrides": "a-1"})
	off := changed(old, map[string]any{"valid": false})
	f.run(t, func() { told(map[string]bool{"a-1": true}) })
	f.run(t, func() {
		set(untouched, off, override)
		told(map[string]bool{"a-1": false, "b-2": true})
	})
	f.run(t, func() {
		set(untouched, old)
		told(map[string]bool{"a-1": true})
		set(untouched, off, override) // and within one process
		told(map[string]bool{"a-1": false})
		set(untouched, old)
		told(map[string]bool{"a-1": true})
	})
}

// Clients date an assessment when they make it, and may log it hours later: it is told whatever its date is.
func TestScoreDatedBack(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 0)
	f.logs = new(consumertest.LogsSink)
	f.cfg.LateChanges.Interval = minInterval
	trace := f.write("1", nil)
	ago := time.Now().Add(-3 * time.Hour).UTC().Format(time.RFC3339Nano)
	f.run(t, func() {
		f.wait(t, 1)
		f.server.Change(trace, func(x *mlflowtest.Trace) {
			x.Assessments = []json.RawMessage{changed(score("a-1", true, 0),
				map[string]any{"create_time": ago, "last_update_time": ago})}
		})
		require.Eventually(t, func() bool { valid, _ := f.valid(trace); return valid["a-1"] }, 10*time.Second,
			10*time.Millisecond)
	})
}

// A trace that was delivered without all of its spans waits for the others. Its scores do not.
func TestScoreOfATraceThatLacksSpans(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 0)
	f.logs = new(consumertest.LogsSink)
	f.cfg.LateChanges.Interval = minInterval
	trace := f.write("1", func(x *mlflowtest.Trace) {
		x.Metadata["mlflow.trace.sizeStats"] = `{"total_size_bytes": 10, "num_spans": 5}`
	})
	var records int
	f.run(t, func() {
		f.wait(t, 1)
		f.server.Change(trace, func(x *mlflowtest.Trace) { x.Assessments = []json.RawMessage{score("a-1", true, 0)} })
		require.Eventually(t, func() bool {
			scores, there, _ := f.told(trace)
			return len(scores) == 1 && len(there) == 1
		}, 10*time.Second, 10*time.Millisecond)
		f.server.Change(trace, func(x *mlflowtest.Trace) { x.Assessments = nil })
		require.Eventually(t, func() bool { _, there, _ := f.told(trace); return len(there) == 0 },
			10*time.Second, 10*time.Millisecond)
		_, _, records = f.told(trace)
	})
	f.run(t, func() { f.write("1", nil); f.wait(t, 2) })
	_, _, again := f.told(trace)
	require.Equal(t, records, again, "nothing is told again")
	for id, n := range f.arrived() {
		require.Equal(t, 1, n, id)
	}
}

// A process tells each revision of an assessment once, however often its trace changes.
func TestRevisionsAreToldOnce(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 0)
	f.logs = new(consumertest.LogsSink)
	f.cfg.LateChanges.Interval = minInterval
	trace := f.write("1", func(x *mlflowtest.Trace) { x.Assessments = []json.RawMessage{score("a", 1, 0)} })
	f.run(t, func() {
		for _, id := range []string{"b", "c", "d"} {
			require.Eventually(t, func() bool { valid, _ := f.valid(trace); return len(valid) == int(id[0]-'a') },
				time.Minute, 10*time.Millisecond)
			f.server.Change(trace, func(x *mlflowtest.Trace) {
				x.Assessments = append(x.Assessments, score(id, 1, 0))
			})
		}
		require.Eventually(t, func() bool { valid, _ := f.valid(trace); return valid["d"] }, time.Minute,
			10*time.Millisecond)
	})
	_, revisions := f.valid(trace)
	require.Len(t, revisions, 4)
	for revision, n := range revisions {
		require.Equal(t, 1, n, revision)
	}
}

// revisions are those of the topmost span of a trace, in the order in which they came, and how often its
// other spans came.
func (f *tailing) revisions(trace string) (revisions []int64, inner map[string]int) {
	inner = map[string]int{}
	for _, td := range f.got.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					if "tr-"+s.TraceID().String() != trace {
						continue
					}
					if v, ok := s.Attributes().Get(genai.Revision); ok {
						revisions = append(revisions, v.Int())
					} else {
						inner[s.SpanID().String()]++
					}
				}
			}
		}
	}
	return revisions, inner
}

// With resend_spans the spans of a changed trace come again, each time with a higher revision: also
// without a pipeline of logs, and after edits that have no date. What has not changed comes once.
func TestResendSpans(t *testing.T) {
	for name, logs := range map[string]*consumertest.LogsSink{"with logs": new(consumertest.LogsSink), "without": nil} {
		t.Run(name, func(t *testing.T) {
			f := newTailing(t, "3.17.2", ModeBackfillThenTail, 0)
			f.logs = logs
			f.cfg.LateChanges.Interval, f.cfg.LateChanges.ResendSpans = minInterval, true
			trace := f.write("1", nil)
			f.write("1", nil)
			came := func(n int) {
				t.Helper()
				require.Eventually(t, func() bool {
					revisions, _ := f.revisions(trace)
					return len(revisions) >= n
				}, time.Minute, 10*time.Millisecond)
			}
			f.run(t, func() {
				f.wait(t, 2)
				for n, change := range []func(*mlflowtest.Trace){
					func(x *mlflowtest.Trace) {
						x.Assessments = []json.RawMessage{score("a", 1, 0), score("b", 1, 0)}
					},
					func(x *mlflowtest.Trace) { x.Assessments = x.Assessments[:1] },
					func(x *mlflowtest.Trace) { x.Tags["team"] = "a" },
				} {
					f.server.Change(trace, change)
					came(n + 2)
				}
			})
			revisions, inner := f.revisions(trace)
			require.Len(t, revisions, 4)
			for i := range revisions[1:] {
				require.Greater(t, revisions[i+1], revisions[i])
			}
			for id, n := range inner {
				require.Equal(t, 4, n, id)
			}
			for id, n := range f.arrived() {
				if id != trace {
					require.Equal(t, 1, n, id)
				}
			}
		})
	}
}
