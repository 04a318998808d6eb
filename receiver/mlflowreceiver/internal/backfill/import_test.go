// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

var receiver = component.MustNewID("mlflow")

// stored writes what is in the store of a world into a file of file_storage in a new folder, as a process that was
// killed leaves it.
func (w *world) stored(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	db, err := bbolt.Open(filepath.Join(folder, "receiver_mlflow_"), 0o600, nil)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("default"))
		for k, v := range w.store.values(t) {
			err = errors.Join(err, b.Put([]byte(k), v))
		}
		return err
	}))
	return folder
}

// process is a shard with a store of its own over the source of a world.
func (w *world) process(index, count int) *world {
	p := &world{source: w.source, store: newFailingStore(), got: w.got, listed: w.listed, obs: w.obs}
	p.shard = progress.Shard{Index: index, Count: count}
	return p
}

// backfill runs a shard; answer is that of the destination.
func (w *world) backfill(t *testing.T, answer func(ctx context.Context, x string, ids []string) error) error {
	t.Helper()
	s := w.settings(answer)
	s.Shard, s.RetrySkipped = w.shard, false
	require.NoError(t, s.Store.SetClaim(t.Context(), progress.Claim{Shard: w.shard}))
	return w.run(t, s)
}

// imports copies what former shards delivered into the store of a shard.
func (w *world) imports(t *testing.T, former []*world) {
	t.Helper()
	var folders []string
	for _, f := range former {
		folders = append(folders, f.stored(t))
	}
	from, err := OpenFormer(t.Context(), folders, receiver, "s")
	require.NoError(t, err)
	s := Store{Client: w.store, Source: "s"}
	require.NoError(t, s.Import(t.Context(), from, w.shard, 1, zap.NewNop()))
	before := maps.Clone(w.store.values(t))
	require.NoError(t, s.Import(t.Context(), from, w.shard, 1, zap.NewNop()), "it can be made again")
	assert.Equal(t, before, w.store.values(t))
	require.NoError(t, from.Close(t.Context()))
}

// A backfill goes on with other numbers of shards, some of which were killed: nothing is lost, and only what the
// killed ones had in work is delivered again. Skipped traces stay known, and the totals add up.
func TestResharding(t *testing.T) {
	w := weeks()
	for day := range 4 {
		w.source.skips[fmt.Sprintf("tr-%02d-03", 6+day)] = &mlflow.Skip{Reason: mlflow.ReasonNoSpans}
	}
	var former []*world
	for step, count := range []int{1, 2, 3, 1, 4} {
		var now []*world
		for index := range count {
			p := w.process(index, count)
			if step > 0 {
				p.imports(t, former)
			}
			now = append(now, p)
			if step == 4 {
				continue
			}
			accepts, units := atomic.Int64{}, int64(8+2*index) // the process dies after some units
			p.store.fail = func() error {
				if accepts.Load() > units {
					return errDown
				}
				return nil
			}
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s := p.settings(func(context.Context, string, []string) error {
					if accepts.Add(1) > units {
						cancel()
						return errDown
					}
					return nil
				})
				s.Shard, s.RetrySkipped, s.PageSize = p.shard, false, 5
				require.NoError(t, s.Store.SetClaim(ctx, progress.Claim{Shard: p.shard}))
				_, _ = Run(ctx, nil, s)
			})
			p.store.fail = nil
		}
		former = now
	}
	require.Less(t, len(w.got), len(w.all())-4, "the runs were over before they could be killed")
	for _, p := range former {
		require.NoError(t, p.backfill(t, accept))
	}
	require.Len(t, w.got, len(w.all())-4)
	repeated := 0
	for _, n := range w.got {
		repeated += n - 1
	}
	t.Logf("%d traces were delivered again", repeated)
	assert.LessOrEqual(t, repeated, 7*12*5, "7 deaths with at most 12 units of 5 traces in work or unwritten")

	var totals progress.Totals
	for _, p := range former {
		rec, _ := p.record(t, "1")
		totals.Add(rec.Totals)
	}
	assert.EqualValues(t, len(w.got), totals.Accepted)
	assert.EqualValues(t, 4, totals.SkippedSum())
	last := w.process(0, 1)
	last.imports(t, former)
	before := maps.Clone(w.got)
	require.NoError(t, last.backfill(t, accept))
	assert.Equal(t, before, w.got)
	rec, open := last.record(t, "1")
	assert.EqualValues(t, len(w.got), rec.Totals.Accepted)
	assert.Len(t, open, 4)
	assert.Positive(t, rec.Totals.Spans)
	assert.Positive(t, rec.LastRun)
}

// Folders that are not those of one backfill are refused, and named.
func TestFoldersThatCanNotBeImported(t *testing.T) {
	w := weeks()
	folder := func(index, count int) string {
		p := w.process(index, count)
		require.NoError(t, Store{Client: p.store}.SetClaim(t.Context(), progress.Claim{Shard: p.shard}))
		return p.stored(t)
	}
	claimed := func(c progress.Claim) string {
		p := w.process(0, 2)
		require.NoError(t, Store{Client: p.store}.SetClaim(t.Context(), c))
		return p.stored(t)
	}
	several := t.TempDir()
	for _, name := range []string{"receiver_mlflow_a", "receiver_mlflow_b", "receiver_mlflow_a.backup", "notes"} {
		require.NoError(t, os.WriteFile(filepath.Join(several, name), nil, 0o600))
	}
	used := folder(0, 1)
	db, err := bbolt.Open(filepath.Join(used, "receiver_mlflow_"), 0o600, nil)
	require.NoError(t, err)
	defer db.Close()
	half := claimed(progress.Claim{Shard: progress.Shard{Index: 0, Count: 2}, Importing: true})
	damaged := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(damaged, "receiver_mlflow_"), bytes.Repeat([]byte("x"), 9000), 0o600))
	first := folder(0, 2)
	for name, tc := range map[string]struct {
		folders []string
		want    string
	}{
		"missing":          {[]string{filepath.Join(several, "none")}, "there is no folder " + several},
		"without a file":   {[]string{t.TempDir()}, "holds no position of an mlflow receiver (receiver_mlflow_)"},
		"several files":    {[]string{several}, "(receiver_mlflow_a, receiver_mlflow_b), and none of mlflow"},
		"in use":           {[]string{used}, "is in use; stop the process"},
		"damaged":          {[]string{damaged}, "is damaged"},
		"half an import":   {[]string{half, folder(1, 2)}, half + ": its own import did not come to its end"},
		"a shard too few":  {[]string{first}, "the folder of shard 2 of 2 (index 1) is missing"},
		"the same twice":   {[]string{first, first}, "both hold the position of shard 1 of 2 (index 0)"},
		"of two backfills": {[]string{first, folder(1, 3)}, "name the folders of one backfill"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := OpenFormer(t.Context(), tc.folders, receiver, "s")
			require.ErrorContains(t, err, tc.want)
		})
	}
	from, err := OpenFormer(t.Context(), []string{first, folder(1, 2)}, receiver, "s")
	require.NoError(t, err)
	defer from.Close(t.Context())
	s := Store{Client: newFailingStore(), Source: "s"}
	require.ErrorContains(t, s.Import(t.Context(), from, progress.Shard{}, 1, zap.NewNop()),
		"the folders hold no position of this source")
	require.Error(t, from[0].reader.Set(t.Context(), "k", nil))
	require.Error(t, from[0].reader.Delete(t.Context(), "k"))
}

// A start that is relative to now stays where the first of the former shards began.
func TestImportOfRelativeStart(t *testing.T) {
	w := weeks()
	var folders []string
	for index := range 2 {
		p := w.process(index, 2)
		require.NoError(t, p.backfill(t, accept))
		_, err := Store{Client: p.store, Source: "s"}.FixStart(t.Context(), "-90d", int64(2000-index))
		require.NoError(t, err)
		folders = append(folders, p.stored(t))
	}
	from, err := OpenFormer(t.Context(), folders, receiver, "s")
	require.NoError(t, err)
	defer from.Close(t.Context())
	to := w.process(0, 1)
	s := Store{Client: to.store, Source: "s"}
	require.NoError(t, s.Import(t.Context(), from, to.shard, 1, zap.NewNop()))
	at, err := s.FixStart(t.Context(), "-90d", time.Now().UnixMilli())
	require.NoError(t, err)
	assert.EqualValues(t, 1999, at)
}
