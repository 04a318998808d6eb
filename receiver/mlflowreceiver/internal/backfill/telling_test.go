// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// scores are what a destination of log records knows of assessments, as docs/log-records.md says.
type scores struct {
	mu      sync.Mutex
	now     int
	told    map[string]map[string]int // by trace and assessment: when it was told last
	edited  map[string]int            // when it was told last which assessments a trace has
	present map[string][]string
	kept    map[string]string // the tag of a trace
	tells   int               // traces told beside their delivery
}

func newScores() *scores {
	return &scores{told: map[string]map[string]int{}, edited: map[string]int{}, present: map[string][]string{},
		kept: map[string]string{}}
}

func (s *scores) tell(info *mlflow.Info, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now++
	if s.told[info.ID] == nil {
		s.told[info.ID] = map[string]int{}
	}
	ids := []string{}
	for i := range info.Assessments {
		id := info.Assessments[i].ID
		s.told[info.ID][id] = s.now
		ids = append(ids, id)
	}
	if whole {
		s.edited[info.ID], s.present[info.ID] = s.now, ids
	}
	s.kept[info.ID] = info.Tags[0].Value
}

// current are the assessments of a trace that count.
func (s *scores) current(trace string) []string {
	var ids []string
	for id, told := range s.told[trace] {
		if told > s.edited[trace] || slices.Contains(s.present[trace], id) {
			ids = append(ids, id)
		}
	}
	return slices.Sorted(slices.Values(ids))
}

// settings are those of a run that finds and tells late changes. before is called before anything is given away or
// written, and with whether it takes effect although the process dies.
func (s *scores) settings(w *world, before func() (effect bool, err error)) Settings {
	set := w.settings(accept)
	send := set.Send
	set.Send = func(ctx context.Context, x mlflow.Experiment, traces []*mlflow.Trace, told func(string) bool) error {
		effect, err := before()
		if !effect {
			return err
		}
		for _, t := range traces {
			s.tell(&t.Info, told(t.Info.ID))
		}
		return errors.Join(err, send(ctx, x, traces, told))
	}
	set.LateChanges = &LateChanges{
		LookBack: 30 * 24 * time.Hour,
		Tell: func(_ context.Context, _ mlflow.Experiment, edited []Edited) error {
			effect, err := before()
			if !effect {
				return err
			}
			s.mu.Lock()
			s.tells += len(edited)
			s.mu.Unlock()
			for i := range edited {
				s.tell(&edited[i].Info, !edited[i].Untold)
			}
			return err
		},
		Told: func(int) {}, Refused: func(int) {},
	}
	return set
}

// calm is the before of a process that does not die.
func calm() (bool, error) { return true, nil }

// mortalStore is a storage of a process that may die while it writes.
type mortalStore struct {
	*failingStore
	before func() (effect bool, err error)
}

func (m *mortalStore) Batch(ctx context.Context, ops ...*storage.Operation) error {
	effect, err := m.before()
	if !effect {
		return err
	}
	return errors.Join(err, m.failingStore.Batch(ctx, ops...))
}

func scored(id string, ago time.Duration, assessments ...string) mlflow.Info {
	info := late(id, ago, time.Second)
	info.Tags = []mlflow.KeyValue{{Key: "tag", Value: "0"}}
	for _, a := range assessments {
		info.Assessments = append(info.Assessments, mlflow.Assessment{ID: a})
	}
	return info
}

// Processes die at any moment: before and after what they tell, and before and after they note it. Scores that are
// deleted and tags that are changed back meanwhile are told all the same.
func TestDeletedWhileAProcessDies(t *testing.T) {
	oldest := epoch.Add(-29 * 24 * time.Hour) // looked at for late changes
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 13))
		w, s := newWorld(1, 0), newScores()
		made := 0
		step := func() {
			if r.IntN(3) == 0 {
				made++
				w.source.add(scored(fmt.Sprintf("tr-%04d", made), time.Duration(1+r.IntN(20*24))*time.Hour, "first"))
				return
			}
			w.source.mu.Lock()
			defer w.source.mu.Unlock()
			list := w.source.infos["1"]
			if len(list) == 0 {
				return
			}
			info := &list[r.IntN(len(list))]
			switch r.IntN(5) {
			case 0, 1: // a set of few ids, so that a trace is often as it was
				a := mlflow.Assessment{ID: fmt.Sprint("score ", r.IntN(2))}
				if !slices.ContainsFunc(info.Assessments, func(b mlflow.Assessment) bool { return a.ID == b.ID }) {
					info.Assessments = append(slices.Clip(info.Assessments), a)
				}
			case 2, 3:
				if n := len(info.Assessments); n > 0 {
					info.Assessments = slices.Clip(info.Assessments[:n-1])
				}
				switch r.IntN(4) {
				case 0:
					info.Duration++ // it grew in the same look
				case 1: // its start moved in the same look, to an earlier day or within the day
					back := min(time.Duration(r.IntN(5*24))*time.Hour, time.UnixMilli(info.Timestamp).Sub(oldest))
					info.Timestamp -= back.Milliseconds()
					info.Duration += back.Milliseconds()
					slices.SortFunc(list, func(a, b mlflow.Info) int {
						return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.ID, b.ID))
					})
				}
			case 4:
				info.Tags = []mlflow.KeyValue{{Key: "tag", Value: strconv.Itoa(r.IntN(2))}}
			}
		}
		for range 20 {
			step()
		}
		for range 8 {
			for range 1 + r.IntN(6) {
				step()
			}
			var mu sync.Mutex
			left, dead := r.IntN(14), false
			errDead := errors.New("the process is dead")
			synctest.Test(t, func(t *testing.T) {
				ctx, kill := context.WithCancel(t.Context())
				defer kill()
				before := func() (bool, error) {
					mu.Lock()
					defer mu.Unlock()
					if dead {
						return false, errDead
					}
					if left--; left >= 0 {
						return true, nil
					}
					dead = true
					kill()
					return r.IntN(2) == 0, errDead
				}
				set := s.settings(w, before)
				set.Store.Client = &mortalStore{w.store, before}
				_, _ = Run(ctx, nil, set)
			})
		}
		require.NoError(t, w.run(t, s.settings(w, calm)))
		for _, i := range w.source.infos["1"] {
			var want []string
			for _, a := range i.Assessments {
				want = append(want, a.ID)
			}
			require.Equal(t, slices.Sorted(slices.Values(want)), s.current(i.ID), "seed %d: %s", seed, i.ID)
			require.Equal(t, i.Tags[0].Value, s.kept[i.ID], "seed %d: %s", seed, i.ID)
		}
		told := s.tells
		require.NoError(t, w.run(t, s.settings(w, calm)))
		require.Equal(t, told, s.tells, "seed %d: what is noted is not told again", seed)
		require.Empty(t, w.telling(t), "seed %d", seed)
	}
}

// telling are the ids of traces that the storage has as being told.
func (w *world) telling(t *testing.T) []string {
	t.Helper()
	_, ids, err := Store{Client: w.store, Source: "s"}.Load(t.Context(), "1")
	require.NoError(t, err)
	return ids
}

// A process dies after it has told a score. What happens to the trace until the next one looks is told.
func TestToldAgain(t *testing.T) {
	set := func(w *world, i int, change func(*mlflow.Info)) {
		w.source.mu.Lock()
		defer w.source.mu.Unlock()
		change(&w.source.infos["1"][i])
	}
	for name, tc := range map[string]struct {
		after   func(w *world)
		current []string
		tells   int // by the next process
	}{
		"the score is deleted": {func(w *world) { set(w, 0, func(i *mlflow.Info) { i.Assessments = nil }) }, nil, 1},
		"nothing":              {func(*world) {}, []string{"late"}, 1},
		"spans are added, too": {func(w *world) {
			set(w, 0, func(i *mlflow.Info) { i.Assessments, i.Duration = nil, 5000 })
		}, nil, 0},
		"the trace is deleted": {func(w *world) { w.source.infos["1"] = w.source.infos["1"][1:] }, []string{"late"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newWorld(1, 0), newScores()
			w.source.add(scored("tr-1", time.Hour))
			w.source.add(scored("tr-2", time.Minute))
			require.NoError(t, w.run(t, s.settings(w, calm)))
			set(w, 0, func(i *mlflow.Info) { i.Assessments = []mlflow.Assessment{{ID: "late"}} })
			synctest.Test(t, func(t *testing.T) {
				ctx, kill := context.WithCancel(t.Context())
				defer kill()
				_, _ = Run(ctx, nil, s.settings(w, func() (bool, error) { kill(); return true, errors.New("dead") }))
			})
			require.Equal(t, []string{"tr-1"}, w.telling(t))
			require.Equal(t, []string{"late"}, s.current("tr-1"))
			tc.after(w)
			told := s.tells
			require.NoError(t, w.run(t, s.settings(w, calm)))
			require.Equal(t, tc.current, s.current("tr-1"))
			require.Equal(t, told+tc.tells, s.tells)
			require.Empty(t, w.telling(t))
		})
	}
}

// That the pipeline does not take late changes is trouble until it does, also where nothing else is sent.
func TestLateChangesThatThePipelineTakesLater(t *testing.T) {
	w, s := newWorld(1, 0), newScores()
	w.source.add(scored("tr-1", time.Hour))
	require.NoError(t, w.run(t, s.settings(w, calm)))
	w.source.infos["1"][0].Assessments = []mlflow.Assessment{{ID: "late"}}
	var calls atomic.Int64
	require.NoError(t, w.run(t, s.settings(w, func() (bool, error) {
		if calls.Add(1) <= 2 {
			return false, errDown
		}
		return true, nil
	})))
	require.Equal(t, []string{"late"}, s.current("tr-1"))
	require.Len(t, w.status, 2)
	require.ErrorContains(t, w.status[0], "the pipeline does not take late changes at the moment: down")
	require.NoError(t, w.status[1], "it is over")
}

// countingStore counts the writes that announce something.
type countingStore struct {
	*failingStore
	announcements atomic.Int64
}

func (c *countingStore) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if slices.ContainsFunc(ops, func(op *storage.Operation) bool {
		return op.Type == storage.Set && strings.HasPrefix(op.Key, "telling/")
	}) {
		c.announcements.Add(1)
	}
	return c.failingStore.Batch(ctx, ops...)
}

// What is told costs at most one more write for each window, and none where there is nothing to tell.
func TestAnnouncementsCostOneWrite(t *testing.T) {
	for assessed, most := range map[bool]int64{false: 0, true: 10} {
		w, s := newWorld(1, 0), newScores()
		for i := range 100 { // in windows of ten
			info := scored(fmt.Sprintf("tr-%03d", i), time.Hour)
			if assessed {
				info.Assessments = []mlflow.Assessment{{ID: "a"}}
			}
			w.source.add(info)
		}
		set := s.settings(w, calm)
		set.Workers = 1
		count := &countingStore{failingStore: w.store}
		set.Store.Client = count
		require.NoError(t, w.run(t, set))
		require.Len(t, w.got, 100)
		require.LessOrEqual(t, count.announcements.Load(), most)
		require.Equal(t, assessed, count.announcements.Load() > 0)
	}
}

// A damaged list is named, and nothing is read with it.
func TestDamagedTelling(t *testing.T) {
	w := newWorld(1, 10)
	require.NoError(t, w.store.Set(t.Context(), Store{Source: "s"}.telling("1"), []byte("mlflow-telling-1 0 []")))
	require.ErrorContains(t, w.run(t, w.settings(accept)), "the list of traces that are being told does not match")
	require.Empty(t, w.got)
}

// The list is written when it has changed, with what earlier runs left.
func TestTelling(t *testing.T) {
	x := newTelling([]string{"left"})
	decode := func() []string {
		t.Helper()
		op := x.op("k")
		require.NotNil(t, op)
		ids, err := progress.DecodeTelling(op.Value)
		require.NoError(t, err)
		return ids
	}
	require.Nil(t, x.op("k"))
	require.True(t, x.begin([]string{"b", "a"}))
	require.Equal(t, []string{"a", "b", "left"}, decode())
	require.False(t, x.begin([]string{"a", "left"}), "the storage has them")
	end := func(ids ...string) { x.end(maps.Collect(maps.All(map[string]bool{ids[0]: true}))) }
	end("a")
	require.Nil(t, x.op("k"), "another window tells of it")
	end("a")
	end("b")
	require.Equal(t, []string{"left"}, decode())
	end("left")
	require.Equal(t, storage.Delete, x.op("k").Type)
}
