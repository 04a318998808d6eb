// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSource serves traces from memory. A filter is what their ids begin with.
type fakeSource struct {
	mu          sync.Mutex
	experiments []mlflow.Experiment
	infos       map[string][]mlflow.Info // by experiment, sorted
	skips       map[string]*mlflow.Skip
	infosErr    map[string]error
	reads       map[string]int
	pause       time.Duration  // before each trace
	spans       map[string]int // of a trace; 1 for those that are not in it
	cuts        map[string]int // how many answers hold one span less
	old         bool           // it can't count by day
}

func newFake(experiments, traces int) *fakeSource {
	f := &fakeSource{infos: map[string][]mlflow.Info{}, skips: map[string]*mlflow.Skip{}, infosErr: map[string]error{},
		reads: map[string]int{}, spans: map[string]int{}, cuts: map[string]int{}}
	for x := 1; x <= experiments; x++ {
		id := strconv.Itoa(x)
		f.experiments = append(f.experiments, mlflow.Experiment{ID: id, Name: "exp-" + id})
		for i := range traces {
			// Four traces share each millisecond.
			f.add(mlflow.Info{ID: fmt.Sprintf("tr-%s-%04d", id, i), ExperimentID: id, Timestamp: int64(1000 + i/4),
				State: mlflow.StateOK})
		}
	}
	return f
}

func (f *fakeSource) add(i mlflow.Info) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := append(slices.Clip(f.infos[i.ExperimentID]), i)
	slices.SortFunc(list, func(a, b mlflow.Info) int {
		if position(a).Less(position(b)) {
			return -1
		}
		return 1
	})
	f.infos[i.ExperimentID] = list
}

func position(i mlflow.Info) mlflow.Position {
	return mlflow.Position{Timestamp: i.Timestamp, ID: i.ID}
}

func (f *fakeSource) Describe(context.Context) (mlflow.Description, error) {
	return mlflow.Description{}, nil
}

func (f *fakeSource) Experiments(context.Context) ([]mlflow.Experiment, error) {
	return f.experiments, nil
}

func (f *fakeSource) Count(_ context.Context, r mlflow.Range) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := int64(0)
	for _, i := range f.infos[r.ExperimentID] {
		if strings.HasPrefix(i.ID, r.Filter) && i.Timestamp >= r.From && i.Timestamp < r.To {
			n++
		}
	}
	return n, nil
}

func (f *fakeSource) Infos(_ context.Context, r mlflow.Range, after mlflow.Position, limit int) ([]mlflow.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.infosErr[r.ExperimentID]; err != nil {
		return nil, err
	}
	var page []mlflow.Info
	for _, i := range f.infos[r.ExperimentID] {
		if strings.HasPrefix(i.ID, r.Filter) && i.Timestamp >= r.From && i.Timestamp < r.To &&
			after.Less(position(i)) && len(page) < limit {
			page = append(page, i)
		}
	}
	return page, nil
}

func (f *fakeSource) Detailed(context.Context, []mlflow.Info) error { return nil }

func (f *fakeSource) Daily(_ context.Context, experiments []string, from, to int64) (map[mlflow.Day]mlflow.DayCounts,
	error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.old {
		return nil, mlflow.ErrUnsupported
	}
	days := map[mlflow.Day]mlflow.DayCounts{}
	for _, x := range experiments {
		for _, i := range f.infos[x] {
			if i.Timestamp >= from && (to == 0 || i.Timestamp < to) {
				d := days[mlflow.DayOf(i.Timestamp)]
				d.Traces++
				d.Duration += i.Duration
				days[mlflow.DayOf(i.Timestamp)] = d
			}
		}
	}
	return days, nil
}

func (f *fakeSource) SpanCount(_ context.Context, experiments []string, from, to int64) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := int64(0)
	for _, x := range experiments {
		for _, i := range f.infos[x] {
			if i.Timestamp >= from && (to == 0 || i.Timestamp < to) {
				n += int64(max(f.spans[i.ID], 1))
			}
		}
	}
	return n, nil
}

func (f *fakeSource) Exactly(ctx context.Context, r mlflow.Range, n int64) (bool, error) {
	have, err := f.Count(ctx, r)
	return have == n, err
}

func (f *fakeSource) Ended(_ context.Context, r mlflow.Range, since int64, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var page []mlflow.Info
	for _, i := range f.infos[r.ExperimentID] {
		if strings.HasPrefix(i.ID, r.Filter) && i.Timestamp >= r.From && (r.To == 0 || i.Timestamp < r.To) &&
			after.Less(position(i)) && i.Timestamp+i.Duration >= since && len(page) < limit {
			page = append(page, i)
		}
	}
	return page, nil
}

func (f *fakeSource) Recent(_ context.Context, r mlflow.Recency, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var page []mlflow.Info
	for _, x := range r.Experiments {
		for _, i := range f.infos[x] {
			if i.Timestamp >= max(r.From, r.Since) && after.Less(position(i)) {
				page = append(page, i)
			}
		}
	}
	slices.SortFunc(page, func(a, b mlflow.Info) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.ID, b.ID))
	})
	return page[:min(len(page), limit)], nil
}

func (f *fakeSource) Lookup(_ context.Context, _ string, ids []string) ([]mlflow.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []mlflow.Info
	for _, list := range f.infos {
		for _, i := range list {
			if slices.Contains(ids, i.ID) {
				found = append(found, i)
			}
		}
	}
	return found, nil
}

func (f *fakeSource) Traces(ctx context.Context, infos []mlflow.Info,
	yield func(int, *mlflow.Trace, *mlflow.Skip) error) error {
	for n, i := range infos {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.pause > 0 && !sleep(ctx, f.pause) {
			return ctx.Err()
		}
		f.mu.Lock()
		f.reads[i.ID]++
		skip := f.skips[i.ID]
		spans := max(f.spans[i.ID], 1)
		if f.cuts[i.ID] > 0 {
			f.cuts[i.ID]--
			spans--
		}
		f.mu.Unlock()
		var t *mlflow.Trace
		if skip == nil {
			one := mlflow.Span{TraceID: [16]byte([]byte(fmt.Sprintf("%-16s", i.ID))[:16])}
			t = &mlflow.Trace{Info: i, Size: batchBytes / 8, Spans: slices.Repeat([]mlflow.Span{one}, spans)}
		}
		if err := yield(n, t, skip); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeSource) Close() error { return nil }

// failingStore is a storage client in memory that can fail.
type failingStore struct {
	storage.Client
	mu   sync.Mutex
	fail func() error
	keys map[string]bool // that were written
}

func newFailingStore() *failingStore {
	id := component.MustNewID("mlflow")
	return &failingStore{Client: storagetest.NewInMemoryClient(component.KindReceiver, id, ""), keys: map[string]bool{}}
}

func (s *failingStore) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		return nil
	}
	return s.fail()
}

func (s *failingStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Client.Get(ctx, key)
}

func (s *failingStore) Set(ctx context.Context, key string, value []byte) error {
	if err := s.err(); err != nil {
		return err
	}
	s.wrote(key)
	return s.Client.Set(ctx, key, value)
}

func (s *failingStore) wrote(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key] = true
}

// values is everything that is stored.
func (s *failingStore) values(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for k := range s.keys {
		v, err := s.Get(t.Context(), k)
		require.NoError(t, err)
		if v != nil {
			all[k] = v
		}
	}
	return all
}

func (s *failingStore) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if err := s.err(); err != nil {
		return err
	}
	for _, op := range ops {
		if op.Type == storage.Set {
			s.wrote(op.Key)
		}
	}
	return s.Client.Batch(ctx, ops...)
}

type observer struct {
	mu      sync.Mutex
	refused int
}

func (*observer) Read(int)                   {}
func (*observer) Revisited(int)              {}
func (*observer) Accepted(int)               {}
func (*observer) Skipped(mlflow.Reason, int) {}
func (*observer) Rejected(int)               {}
func (o *observer) Refused(bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused++
}

// epoch is when virtual time begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// world is what a test runs in; it survives restarts.
type world struct {
	source   *fakeSource
	store    *failingStore
	mu       sync.Mutex
	got      map[string]int // accepted traces
	spans    int            // accepted ones
	listed   map[string]mlflow.Reason
	counters *progress.Counters
	later    time.Duration // how far the clock of a run is ahead
	obs      *observer
	status   []error
	ended    time.Duration // how long the last run took
	result   Result
	shard    progress.Shard // of a process that shares the source with others
}

func newWorld(experiments, traces int) *world {
	return &world{source: newFake(experiments, traces), store: newFailingStore(),
		got:    map[string]int{},
		listed: map[string]mlflow.Reason{}, obs: &observer{}}
}

// settings are those of a run whose destination answers with answer.
func (w *world) settings(answer func(ctx context.Context, x string, ids []string) error) Settings {
	w.counters = &progress.Counters{}
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = time.Second, 30*time.Second, 0
	return Settings{
		Source: w.source,
		Send: func(ctx context.Context, x mlflow.Experiment, traces []*mlflow.Trace, _ func(string) bool) error {
			var ids []string
			for _, t := range traces {
				ids = append(ids, t.Info.ID)
			}
			if err := answer(ctx, x.ID, ids); err != nil {
				return err
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, t := range traces {
				w.got[t.Info.ID]++
				w.spans += len(t.Spans)
			}
			return nil
		},
		Select: func(all []mlflow.Experiment) ([]mlflow.Experiment, error) { return all, nil },
		To:     1 << 42, PageSize: 10, Workers: 3, Retry: retry, RejectAfter: 30 * time.Second, Ends: true,
		GiveUpAfter:  15 * time.Minute,
		RetrySkipped: true, UnfinishedAfter: time.Hour,
		Delivery: func() progress.Delivery { return progress.Acknowledged },
		Store:    Store{Client: w.store, Source: "s"}, Counters: w.counters, Aggregates: &Aggregates{},
		Skip: func(list []progress.SkippedTrace) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, s := range list {
				w.listed[s.TraceID] = s.Reason
			}
			return nil
		},
		Receiver: "mlflow", Observer: w.obs, Now: func() time.Time { return time.Now().Add(w.later) },
		Log: zap.NewNop(),
		Status: func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.status = append(w.status, err)
		},
	}
}

// run makes a run in virtual time and returns its error.
func (w *world) run(t *testing.T, s Settings) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		w.result, err = Run(t.Context(), nil, s)
		w.ended = time.Since(begin)
	})
	return err
}

// verdict is what the numbers amount to after a run.
func (w *world) verdict(t *testing.T, fault error) progress.Verdict {
	t.Helper()
	require.NoError(t, w.counters.Check())
	experiments, _ := w.counters.Snapshot()
	return progress.Judge(progress.Outcome{
		Experiments: experiments, Details: w.counters.Details(), Fault: fault, Delivery: progress.Acknowledged,
		MaxSkipped: "1%", Allowed: func(read int64) int64 { return read / 100 },
	})
}

// record is what is stored of an experiment, with its open traces.
func (w *world) record(t *testing.T, experiment string) (progress.Record, []progress.OpenTrace) {
	t.Helper()
	s := Store{Client: w.store, Source: "s"}
	rec, _, err := s.Load(t.Context(), experiment)
	require.NoError(t, err)
	var open []progress.OpenTrace
	for _, page := range rec.Open {
		list, err := s.LoadOpen(t.Context(), experiment, page)
		require.NoError(t, err)
		open = append(open, list...)
	}
	require.Equal(t, rec.Totals.Read,
		rec.Totals.Accepted+rec.Totals.SkippedSum()+rec.Totals.Rejected+rec.Totals.PendingSum())
	require.EqualValues(t, len(open), rec.Totals.Read-rec.Totals.Accepted,
		"every trace that was not accepted is known by its id")
	return rec, open
}

func (w *world) all() []string {
	var ids []string
	for _, list := range w.source.infos {
		for _, i := range list {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

func accept(context.Context, string, []string) error { return nil }

var errDown = errors.New("down")
