// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// threeSpans is a world with 40 traces whose metadata tells three spans each, and the id of one.
func threeSpans() (*world, string) {
	w := newWorld(1, 0)
	for i := range 40 {
		info := late(fmt.Sprintf("tr-1-%04d", i), time.Duration(40-i)*time.Hour, time.Second)
		info.Spans = 3
		w.source.spans[info.ID] = 3
		w.source.add(info)
	}
	return w, "tr-1-0020"
}

// A trace that comes without all of its spans is asked for again.
func TestSpansThatAreMissingOnce(t *testing.T) {
	w, id := threeSpans()
	w.source.cuts[id] = attempts - 1
	w.complete(t, w.settings(accept))
	require.Equal(t, 1, w.got[id])
	require.Equal(t, 120, w.spans)
	require.Empty(t, w.listed)
}

// A trace whose spans stay missing is delivered with those that come and is listed, and the run is not
// complete. Later runs ask again, send nothing twice for nothing, and deliver the whole trace.
func TestSpansThatStayMissing(t *testing.T) {
	w, id := threeSpans()
	w.source.cuts[id] = 1 << 30
	for range 2 {
		require.NoError(t, w.run(t, w.settings(accept)))
		v := w.verdict(t, nil)
		require.False(t, v.Complete)
		require.Contains(t, v.Headline, "1 lack spans: trace tr-1-0020: 2 of 3 spans came")
		require.Contains(t, v.Problems[0], "1 traces lack spans")
		require.Equal(t, map[string]mlflow.Reason{id: mlflow.ReasonSpansMissing}, w.listed)
		require.Equal(t, 1, w.got[id])
		require.Equal(t, 119, w.spans)
		rec, open := w.record(t, "1")
		require.EqualValues(t, 119, rec.Totals.Spans)
		require.EqualValues(t, 39, rec.Totals.Accepted)
		require.Equal(t, map[mlflow.Reason]int64{mlflow.ReasonSpansMissing: 1}, rec.Totals.Pending)
		require.Len(t, open, 1)
		require.EqualValues(t, 2, open[0].Spans)
	}
	require.Equal(t, attempts+1, w.source.reads[id], "a later run asks once, as nothing has changed")

	w.source.cuts[id] = 0
	w.complete(t, w.settings(accept))
	require.Equal(t, 2, w.got[id])
	rec, open := w.record(t, "1")
	require.EqualValues(t, 120, rec.Totals.Spans, "those that came before count once")
	require.EqualValues(t, 40, rec.Totals.Accepted)
	require.Empty(t, open)
	require.Contains(t, w.complete(t, w.settings(accept)).Headline, "nothing new; 40 traces with 120 spans")
}

// Runs over found traces, which follow each other within seconds, ask for a trace that lacks spans for an hour: it may
// lack them for ever. A run that lists asks again.
func TestFoundTracesThatLackSpans(t *testing.T) {
	w, id := threeSpans()
	w.source.cuts[id] = 1 << 30
	require.NoError(t, w.run(t, w.settings(accept)))
	reads := w.source.reads[id]
	look := func(after time.Duration) int {
		s := w.settings(accept)
		s.Found, s.RetrySkipped, w.later = []Found{{Experiment: w.source.experiments[0]}}, false, after
		require.NoError(t, w.run(t, s))
		return w.source.reads[id] - reads
	}
	require.Equal(t, 1, look(time.Minute))
	require.Equal(t, 2, look(spansExpected))
	require.Equal(t, 2, look(spansExpected+time.Minute))
	require.Equal(t, 2, look(48*time.Hour))
	require.NoError(t, w.run(t, w.settings(accept)))
	require.Equal(t, reads+3, w.source.reads[id])
}

// A trace without all of its spans that the destination refuses is held like any other, and is still
// incomplete once it is taken.
func TestSpansMissingFromARefusedTrace(t *testing.T) {
	w, id := threeSpans()
	w.source.cuts[id] = 1 << 30
	refusals := 1
	require.NoError(t, w.run(t, w.settings(func(_ context.Context, _ string, ids []string) error {
		for _, other := range ids {
			if other == id && refusals > 0 {
				if len(ids) == 1 {
					refusals--
				}
				return consumererror.NewPermanent(errors.New("bad data"))
			}
		}
		return nil
	})))
	require.False(t, w.verdict(t, nil).Complete)
	require.Equal(t, 1, w.got[id])
	_, open := w.record(t, "1")
	require.Len(t, open, 1)
	require.Equal(t, mlflow.ReasonSpansMissing, open[0].Reason)
}

// More spans than the metadata tells are no fault: it does not count those that were added later.
func TestMoreSpansThanTold(t *testing.T) {
	w, id := threeSpans()
	w.source.spans[id] = 4
	w.complete(t, w.settings(accept))
	require.Equal(t, 121, w.spans)
}

// A trace that has only just ended is read once it has settled, in the shape that it has then, unless
// its final info is there or it is dated into the future.
func TestTraceThatHasJustEnded(t *testing.T) {
	for name, c := range map[string]struct {
		ago    time.Duration
		final  bool
		waited time.Duration
	}{
		"ended 3 s ago":            {3 * time.Second, false, 7 * time.Second},
		"its info is final":        {3 * time.Second, true, 0},
		"ended 10 s ago":           {10 * time.Second, false, 0},
		"the source's clock is on": {-5 * time.Second, false, 15 * time.Second},
		"dated into the future":    {-time.Hour, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := days()
			info := late("new", c.ago+2*time.Second, 2*time.Second)
			info.Final = c.final
			w.source.add(info)
			s := w.settings(accept)
			if c.waited > 0 {
				s.Source = grows{w.source, "new"}
			}
			w.complete(t, s)
			require.GreaterOrEqual(t, w.ended, c.waited)
			require.Less(t, w.ended, c.waited+time.Second)
			w.later = time.Minute
			w.complete(t, w.settings(accept))
			require.Equal(t, 1, w.got["new"], "it was delivered as it is now")
		})
	}
}

// grows is a source in which a trace gets an earlier start once it was read.
type grows struct {
	*fakeSource
	id string
}

func (g grows) Traces(ctx context.Context, infos []mlflow.Info,
	yield func(int, *mlflow.Trace, *mlflow.Skip) error) error {
	err := g.fakeSource.Traces(ctx, infos, yield)
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.infos["1"] {
		if info := &g.infos["1"][i]; info.ID == g.id && info.Duration < 3000 && g.reads[g.id] > 0 {
			info.Timestamp -= 1000
			info.Duration += 1000
		}
	}
	return err
}

// A stop does not wait for a trace to settle.
func TestStopWhileATraceSettles(t *testing.T) {
	w := days()
	w.source.add(late("new", 3*time.Second, time.Second))
	s := w.settings(accept)
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		begin := time.Now()
		_, err := Run(t.Context(), stop, s)
		require.NoError(t, err)
		require.Less(t, time.Since(begin), 2*time.Second)
	})
	require.Zero(t, w.got["new"])
	w.later = time.Minute
	w.complete(t, w.settings(accept))
	require.Equal(t, 1, w.got["new"])
}

// A run over traces that were found waits for none of them: those that have only just ended are told, and
// stay open where they were.
func TestFoundTraceThatHasJustEnded(t *testing.T) {
	w := days()
	open := late("open", time.Minute, 0)
	open.State = mlflow.StateInProgress
	w.source.add(open)
	w.complete(t, w.settings(accept))
	x := w.source.experiments[0]
	young, final := late("young", 4*time.Second, time.Second), late("final", 4*time.Second, time.Second)
	final.Final = true
	finished := late("open", time.Minute, 57*time.Second)
	w.source.infos["1"] = slices.DeleteFunc(w.source.infos["1"], func(i mlflow.Info) bool { return i.ID == "open" })
	for _, i := range []mlflow.Info{young, final, finished} {
		w.source.add(i)
	}
	look := func(found ...mlflow.Info) []string {
		s := w.settings(accept)
		s.Found = []Found{{Experiment: x, Infos: found}}
		require.NoError(t, w.run(t, s))
		require.Less(t, w.ended, time.Second)
		return w.result.Unsettled
	}
	require.Equal(t, []string{"young"}, look(young, final))
	require.Equal(t, 1, w.got["final"])
	require.Zero(t, w.got["young"]+w.got["open"])
	w.later = time.Minute
	require.Empty(t, look(young))
	require.Equal(t, 1, w.got["young"])
	require.Equal(t, 1, w.got["open"])
}

// inStore is threeSpans with spans in the source's database.
func inStore() (*world, string) {
	w, id := threeSpans()
	for i := range w.source.infos["1"] {
		inDatabase(&w.source.infos["1"][i])
	}
	return w, id
}

func inDatabase(i *mlflow.Info) {
	i.Tags = []mlflow.KeyValue{{Key: mlflow.TagSpansLocation, Value: mlflow.SpansInStore}}
}

// Spans that are added inside of a finished trace change nothing in its info. That there are some shows
// in the number of spans in the database, now and in later runs.
func TestSpansAddedInsideOfFinishedTraces(t *testing.T) {
	w, id := inStore()
	w.complete(t, w.settings(accept))
	w.complete(t, w.settings(accept))
	w.source.spans[id] = 5
	fresh := late("late", 30*time.Hour, time.Second)
	inDatabase(&fresh)
	w.source.spans["late"] = 7
	w.source.add(fresh)
	for range 2 {
		require.NoError(t, w.run(t, w.settings(accept)))
		require.EqualValues(t, 2, w.result.AddedSpans)
		require.Equal(t, 1, w.got[id])
		require.Equal(t, 1, w.got["late"])
	}
}

// Spans that come later of a trace that lacks some are delivered, so they are no surplus in the database.
func TestSpansThatComeLater(t *testing.T) {
	w, id := inStore()
	for i := range w.source.infos["1"] {
		if info := &w.source.infos["1"][i]; info.ID == id {
			info.Spans = 6
		}
	}
	for _, there := range []int{2, 4, 6, 6} {
		w.source.spans[id] = there
		require.NoError(t, w.run(t, w.settings(accept)))
		require.Zero(t, w.result.AddedSpans, "%d spans are there", there)
	}
	w.source.spans[id]++
	require.NoError(t, w.run(t, w.settings(accept)))
	require.EqualValues(t, 1, w.result.AddedSpans)
}

// Nothing is said of spans where it is not known what the traces had before, and nothing wrong after it.
func TestSpansThatCannotBeCompared(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, w *world){
		"a trace was deleted": func(_ *testing.T, w *world) {
			w.source.infos["1"] = slices.DeleteFunc(w.source.infos["1"],
				func(i mlflow.Info) bool { return i.ID == "tr-1-0001" })
		},
		"a trace has grown": func(_ *testing.T, w *world) {
			w.source.infos["1"][3].Duration++
			w.source.spans["tr-1-0003"] = 9
		},
		"a trace of unknown place appeared": func(_ *testing.T, w *world) {
			w.source.add(late("late", time.Hour, time.Second))
		},
		"the stored number is damaged": func(t *testing.T, w *world) {
			require.NoError(t, w.store.Client.Set(t.Context(), "spans/s", []byte("mlflow-spans-1 0 {}")))
		},
		"a run did not come to its end": func(t *testing.T, w *world) {
			fresh := late("late", time.Hour, time.Second)
			inDatabase(&fresh)
			w.source.spans["late"] = 50
			w.source.add(fresh)
			s := w.settings(accept)
			s.Source = dies{w.source}
			require.Error(t, w.run(t, s))
			require.Equal(t, 1, w.got["late"])
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, id := inStore()
			w.complete(t, w.settings(accept))
			change(t, w)
			w.source.spans[id] = 5
			for range 2 {
				require.NoError(t, w.run(t, w.settings(accept)))
				require.Zero(t, w.result.AddedSpans)
			}
			w.source.spans[id] = 6
			require.NoError(t, w.run(t, w.settings(accept)))
			require.EqualValues(t, 1, w.result.AddedSpans)
		})
	}
}

// A trace that appears after the spans were counted, and is met by its end, is no surplus in the next run.
func TestTraceThatAppearsAfterTheCount(t *testing.T) {
	w, _ := inStore()
	w.complete(t, w.settings(accept))
	s := w.settings(accept)
	s.Source = appears{w.source}
	w.complete(t, s)
	require.Equal(t, 1, w.got["late"])
	w.complete(t, w.settings(accept))
	require.Zero(t, w.result.AddedSpans)
}

// appears is a source that gets a trace once it has counted.
type appears struct{ *fakeSource }

func (a appears) Daily(ctx context.Context, experiments []string, from, to int64) (map[mlflow.Day]mlflow.DayCounts,
	error) {
	days, err := a.fakeSource.Daily(ctx, experiments, from, to)
	a.mu.Lock()
	_, there := a.spans["late"]
	a.spans["late"] = 7
	a.mu.Unlock()
	if !there {
		info := late("late", 5*time.Minute, time.Second)
		inDatabase(&info)
		a.add(info)
	}
	return days, err
}

// dies is a source that can't count once it was read.
type dies struct{ *fakeSource }

func (d dies) SpanCount(ctx context.Context, experiments []string, from, to int64) (int64, error) {
	if d.fakeSource.reads["late"] > 0 {
		return 0, errDown
	}
	return d.fakeSource.SpanCount(ctx, experiments, from, to)
}
