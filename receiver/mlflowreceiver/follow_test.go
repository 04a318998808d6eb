// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/selection"
)

// tailing is a receiver that follows a server, and what came of it.
type tailing struct {
	server *mlflowtest.Server
	cfg    *Config
	set    receiver.Settings
	report *sink
	host   *host
	got    *consumertest.TracesSink
	logs   *consumertest.LogsSink // nil: no pipeline of logs
	refuse func(ptrace.Traces) error
	made   int
}

func newTailing(t *testing.T, version string, mode Mode, traces int) *tailing {
	f := &tailing{server: serve(t, version, traces), cfg: configure(), report: newSink(),
		set: receivertest.NewNopSettings(metadata.Type), got: new(consumertest.TracesSink)}
	f.host = newHost(f.report, storagetest.NewFileBackedStorageExtension("s", t.TempDir()))
	f.cfg.TrackingURI, f.cfg.StorageID, f.cfg.Mode = opaque(f.server.URL()), storageID("s"), mode
	f.cfg.CollectionInterval = minInterval
	return f
}

// run follows the server while work is done, stops and returns the last report.
func (f *tailing) run(t *testing.T, work func()) (last progress.Run) {
	t.Helper()
	require.NoError(t, f.cfg.Validate())
	factory := NewFactory()
	next, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		if f.refuse != nil {
			if err := f.refuse(td); err != nil {
				return err
			}
		}
		return f.got.ConsumeTraces(ctx, td)
	})
	require.NoError(t, err)
	traces, err := factory.CreateTraces(t.Context(), f.set, f.cfg, next)
	require.NoError(t, err)
	pipelines := []component.Component{traces}
	if f.logs != nil {
		logs, err := factory.CreateLogs(t.Context(), f.set, f.cfg, f.logs)
		require.NoError(t, err)
		pipelines = append(pipelines, logs)
	}
	for _, p := range pipelines {
		require.NoError(t, p.Start(t.Context(), f.host))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for last = range f.report.runs {
			if !last.Ended.IsZero() {
				return
			}
		}
	}()
	work()
	for _, p := range pipelines {
		require.NoError(t, p.Shutdown(t.Context()))
	}
	<-ended
	return last
}

// write adds a trace that has just ended.
func (f *tailing) write(experiment string, change func(*mlflowtest.Trace)) string {
	f.made++
	trace := f.server.Synthetic(experiment, 10_000+f.made, 3, 100)
	trace.Timestamp = time.Now().Add(-time.Minute).UnixMilli()
	if change != nil {
		change(&trace)
	}
	f.server.Add(trace)
	return trace.ID
}

// arrived returns how often the root span of each trace came, by trace id.
func (f *tailing) arrived() map[string]int {
	n := map[string]int{}
	for _, td := range f.got.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					if s.ParentSpanID().IsEmpty() {
						n["tr-"+s.TraceID().String()]++
					}
				}
			}
		}
	}
	return n
}

func (f *tailing) wait(t *testing.T, traces int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(f.arrived()) >= traces }, time.Minute, 10*time.Millisecond)
}

// Without gap or repeat: what is there, what comes while the receiver runs and while it does not, and what
// finishes later.
func TestFollow(t *testing.T) {
	for _, version := range []string{"2.14.3", "3.4.0", "3.17.2"} {
		t.Run(version, func(t *testing.T) {
			f := newTailing(t, version, ModeBackfillThenTail, 10)
			last := f.run(t, func() {
				f.wait(t, 10)
				f.write("1", nil)
				f.wait(t, 11)
				late := f.write("1", func(x *mlflowtest.Trace) { x.State = "IN_PROGRESS" })
				f.write("1", nil)
				f.wait(t, 12)
				require.NotContains(t, f.arrived(), late)
				f.server.Change(late, func(x *mlflowtest.Trace) { x.State = "OK" })
				f.wait(t, 13)
			})
			require.Contains(t, last.Headline, ": 13 of 13 traces acknowledged, with 39 spans")
			f.write("1", nil)
			f.run(t, func() {
				f.wait(t, 14)
				f.write("1", nil)
				f.wait(t, 15)
			})
			for id, n := range f.arrived() {
				require.Equal(t, 1, n, id)
			}
		})
	}
}

// Experiments that are new and match are followed, too, also where looks for late changes take the place of those at
// the overlap.
func TestNewExperiment(t *testing.T) {
	for name, logs := range map[string]*consumertest.LogsSink{"with logs": new(consumertest.LogsSink), "without": nil} {
		t.Run(name, func(t *testing.T) {
			f := newTailing(t, "3.17.2", ModeBackfillThenTail, 1)
			f.logs, f.cfg.Overlap, f.cfg.LateChanges.Interval = logs, minInterval, minInterval
			f.run(t, func() {
				f.wait(t, 1)
				f.server.AddExperiment(mlflowtest.Experiment{ID: "2", Name: "support-new"})
				f.write("2", nil)
				f.wait(t, 2)
			})
		})
	}
}

// What waits of an experiment that is gone is not looked at, and goes on where it was when the experiment is back.
func TestExperimentThatIsGone(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 1)
	f.server.AddExperiment(mlflowtest.Experiment{ID: "2", Name: "support-two"})
	f.cfg.Overlap = minInterval
	looks := func() {
		before := f.server.Count("experiments/search")
		require.Eventually(t, func() bool { return f.server.Count("experiments/search") > before+2 }, time.Minute,
			time.Millisecond)
	}
	last := f.run(t, func() {
		open := f.write("2", func(x *mlflowtest.Trace) { x.State = "IN_PROGRESS" })
		f.wait(t, 1)
		looks()
		f.server.ChangeExperiment("2", func(x *mlflowtest.Experiment) { x.Deleted = true })
		looks()
		f.server.ChangeExperiment("2", func(x *mlflowtest.Experiment) { x.Deleted = false })
		f.server.Change(open, func(x *mlflowtest.Trace) { x.State = "OK" })
		f.wait(t, 2)
	})
	var ids []string
	for i := range last.Experiments {
		ids = append(ids, last.Experiments[i].Experiment.ID)
	}
	require.ElementsMatch(t, []string{"1", "2"}, ids)
}

// A named experiment that is deleted while the source is followed does not hold up the others, and is told.
func TestNamedExperimentThatIsGone(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 1)
	f.server.AddExperiment(mlflowtest.Experiment{ID: "2", Name: "billing"})
	f.cfg.Experiments.Names, f.cfg.Overlap = []string{"support-bot", "billing"}, minInterval
	status := func(want componentstatus.Status) {
		require.Eventually(t, func() bool { return f.host.last() == want }, time.Minute, time.Millisecond)
	}
	last := f.run(t, func() {
		f.write("2", nil)
		f.wait(t, 2)
		f.server.ChangeExperiment("2", func(x *mlflowtest.Experiment) { x.Deleted = true })
		status(componentstatus.StatusRecoverableError)
		f.write("1", nil)
		f.wait(t, 3)
		f.server.ChangeExperiment("2", func(x *mlflowtest.Experiment) { x.Deleted = false })
		status(componentstatus.StatusOK)
		f.write("2", nil)
		f.wait(t, 4)
		f.server.ChangeExperiment("1", func(x *mlflowtest.Experiment) { x.Name = "renamed" })
		status(componentstatus.StatusRecoverableError)
	})
	require.False(t, last.Complete)
	require.Contains(t, last.Headline, `"support-bot" matches no experiment`)
}

// An experiment that is replaced while the source is followed is told and does not hold up the others.
func TestReplacedExperimentIsNotFollowed(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 1)
	f.server.AddExperiment(mlflowtest.Experiment{ID: "2", Name: "support-two", ArtifactLocation: "s3://a/2"})
	f.cfg.Overlap = minInterval
	last := f.run(t, func() {
		f.write("2", nil)
		f.wait(t, 2)
		f.server.ChangeExperiment("2", func(x *mlflowtest.Experiment) { x.ArtifactLocation = "s3://b/2" })
		f.write("2", nil)
		require.Eventually(t, func() bool { return f.host.last() == componentstatus.StatusRecoverableError },
			time.Minute, time.Millisecond)
		f.write("1", nil)
		f.wait(t, 3)
	})
	require.False(t, last.Complete)
	require.Contains(t, last.Headline, "the source was replaced: experiment support-two (2)")
	require.Contains(t, last.Headline, ": 3 of 3 traces acknowledged")
}

// What the destination refuses of one experiment holds up no other, in the look at everything and in later ones, and is
// delivered once it is taken.
func TestRefusedExperimentHoldsUpNoOther(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 3)
	f.server.AddExperiment(mlflowtest.Experiment{ID: "2", Name: "support-two"})
	f.cfg.RejectAfter = 100 * time.Millisecond
	f.cfg.RetryOnFailure.InitialInterval, f.cfg.RetryOnFailure.MaxInterval = time.Second, time.Second
	status := func(want componentstatus.Status) {
		require.Eventually(t, func() bool { return f.host.last() == want }, time.Minute, time.Millisecond)
	}
	var granted atomic.Bool
	f.refuse = func(td ptrace.Traces) error {
		id, _ := td.ResourceSpans().At(0).Resource().Attributes().Get(genai.ExperimentID)
		if id.Str() == "2" && !granted.Load() {
			return consumererror.NewPermanent(errors.New("no grant"))
		}
		return nil
	}
	last := f.run(t, func() {
		for range 300 {
			f.write("2", nil)
		}
		f.wait(t, 3)
		for i := range 3 {
			f.write("1", nil)
			f.write("2", nil)
			f.wait(t, 4+i)
		}
		status(componentstatus.StatusRecoverableError)
		granted.Store(true)
		f.wait(t, 309)
		status(componentstatus.StatusOK)
	})
	require.Contains(t, last.Headline, ": 309 of 309 traces acknowledged")
}

// A tail begins with what comes after its first start.
func TestTailBeginsNow(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeTail, 10)
	now := func(x *mlflowtest.Trace) { x.Timestamp = time.Now().UnixMilli() }
	var first string
	f.run(t, func() {
		require.Eventually(t, func() bool { return f.server.Count("") > 3 }, time.Minute, time.Millisecond)
		first = f.write("1", now)
		f.wait(t, 1)
	})
	second := f.write("1", now)
	f.run(t, func() { f.wait(t, 2) })
	require.Equal(t, map[string]int{first: 1, second: 1}, f.arrived())
}

// score is an assessment as a server tells it, updated some seconds after it was made.
func score(id string, value any, updated time.Duration) json.RawMessage {
	at := time.Now()
	doc, _ := json.Marshal(map[string]any{
		"assessment_id": id, "assessment_name": "quality", "valid": true, "feedback": map[string]any{"value": value},
		"source":           map[string]any{"source_type": "CODE", "source_id": "check"},
		"create_time":      at.UTC().Format(time.RFC3339Nano),
		"last_update_time": at.Add(updated).UTC().Format(time.RFC3339Nano),
	})
	return doc
}

// told are the log records about a trace: its scores by the id of the assessment, the newest one, and the
// newest record of what is there.
func (f *tailing) told(trace string) (scores map[string]float64, there []string, records int) {
	scores = map[string]float64{}
	for _, ld := range f.logs.AllLogs() {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					a := lr.Attributes()
					if id, _ := a.Get(genai.TraceRequestID); id.Str() != trace {
						continue
					}
					records++
					if lr.EventName() == genai.TraceUpdated {
						list, _ := a.Get(genai.TraceAssessments)
						there = nil
						for _, v := range list.Slice().All() {
							there = append(there, v.Str())
						}
						continue
					}
					id, _ := a.Get(genai.AssessmentID)
					value, _ := a.Get(genai.EvaluationScore)
					scores[id.Str()] = value.Double()
				}
			}
		}
	}
	return scores, there, records
}

// Scores that are given, changed and deleted after a trace was delivered are told as log records, spans
// are not sent again, and a restart tells what changed meanwhile.
func TestLateScores(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 0)
	f.logs = new(consumertest.LogsSink)
	f.cfg.LateChanges.Interval = minInterval
	scored := f.write("1", func(x *mlflowtest.Trace) { x.Assessments = []json.RawMessage{score("a-1", true, 0)} })
	plain := f.write("1", nil)
	told := func(trace string, scores map[string]float64, there ...string) {
		t.Helper()
		require.Eventually(t, func() bool {
			have, ids, _ := f.told(trace)
			return maps.Equal(have, scores) && (there == nil || slices.Equal(ids, there))
		}, time.Minute, 10*time.Millisecond)
	}
	f.run(t, func() {
		told(scored, map[string]float64{"a-1": 1})
		f.wait(t, 2)
		f.server.Change(plain, func(x *mlflowtest.Trace) { x.Assessments = []json.RawMessage{score("a-2", 0.25, 0)} })
		told(plain, map[string]float64{"a-2": 0.25}, "a-2")
		f.server.Change(plain, func(x *mlflowtest.Trace) {
			x.Assessments = []json.RawMessage{score("a-2", 0.75, time.Second), score("a-3", "no", 0)}
		})
		told(plain, map[string]float64{"a-2": 0.75, "a-3": 0}, "a-2", "a-3")
	})
	f.server.Change(plain, func(x *mlflowtest.Trace) { x.Assessments = x.Assessments[1:] })
	f.run(t, func() {
		told(plain, map[string]float64{"a-2": 0.75, "a-3": 0}, "a-3")
		f.server.Change(scored, func(x *mlflowtest.Trace) { x.Tags["team"] = "a" })
		told(scored, map[string]float64{"a-1": 1}, "a-1")
	})
	_, _, before := f.told(scored)
	f.run(t, func() { f.write("1", nil); f.wait(t, 3) })
	_, _, after := f.told(scored)
	require.Equal(t, before, after, "nothing is told again")
	for id, n := range f.arrived() {
		require.Equal(t, 1, n, id)
	}
}

// Where a pipeline of logs is added later, the scores of recent traces are told, and nothing of those
// without scores.
func TestLogsAddedLater(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 0)
	scored := f.write("1", func(x *mlflowtest.Trace) { x.Assessments = []json.RawMessage{score("a-1", true, 0)} })
	plain := f.write("1", nil)
	f.run(t, func() { f.wait(t, 2) })
	f.logs = new(consumertest.LogsSink)
	for range 2 {
		f.run(t, func() {
			f.write("1", nil)
			f.wait(t, f.made)
		})
	}
	scores, _, records := f.told(scored)
	require.Equal(t, map[string]float64{"a-1": 1}, scores)
	require.Equal(t, 1, records)
	_, _, records = f.told(plain)
	require.Zero(t, records)
}

func TestTailConfiguration(t *testing.T) {
	var end selection.Time
	require.NoError(t, end.UnmarshalText([]byte("2026-01-01T00:00:00Z")))
	for name, tc := range map[string]struct {
		change func(*Config)
		err    string
	}{
		"shutdown": {func(c *Config) { c.OnComplete = OnCompleteShutdown },
			"on_complete: shutdown goes with modes check and backfill only"},
		"end":      {func(c *Config) { c.EndTime = end }, "end_time: mode tail has no end"},
		"interval": {func(c *Config) { c.CollectionInterval = 1 }, "collection_interval: 1ns is less than 100ms"},
		"overlap":  {func(c *Config) { c.Overlap = -1 }, "overlap: -1ns is negative"},
		"list":     {func(c *Config) { c.TraceIDsFile = "x" }, "trace_ids_file: goes with mode backfill only"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configure()
			cfg.TrackingURI, cfg.Mode = "http://127.0.0.1:1", ModeTail
			require.NoError(t, cfg.Validate())
			tc.change(cfg)
			require.ErrorContains(t, cfg.Validate(), tc.err)
		})
	}
}
