// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// experiment is an engine for one experiment: it lists traces, delivers some, keeps the others as
// open in pages of two, and tries these again.
type experiment struct {
	name   string
	traces []Trace // of the source, in ascending order
	ids    map[uint64]string
	set    *Set
	open   map[int][]uint64 // pages
	dirty  map[int]bool
	sent   map[uint64]bool // accepted by the destination, ever
	added  map[uint64]bool // to the set, by this process
}

// positionOf is a position: the numbers of the pages of open traces.
type positionOf struct{ Open []int }

const openPerPage = 2

func (x *experiment) pageKey(n int) string { return fmt.Sprintf("open/%s/%d", x.name, n) }
func (x *experiment) positionKey() string  { return "position/" + x.name }

// load is a start of the process.
func (x *experiment) load(ctx context.Context, c *memory) error {
	var err error
	if x.set, err = Open(ctx, c, x.name, 0); err != nil {
		return err
	}
	x.open, x.dirty, x.added = map[int][]uint64{}, map[int]bool{}, map[uint64]bool{}
	var pos positionOf
	if b := c.m[x.positionKey()]; b != nil {
		if err := json.Unmarshal(b, &pos); err != nil {
			return err
		}
	}
	for _, n := range pos.Open {
		b := c.m[x.pageKey(n)]
		if b == nil {
			return fmt.Errorf("page %d is missing", n)
		}
		var page []uint64
		if err := json.Unmarshal(b, &page); err != nil {
			return err
		}
		x.open[n] = page
	}
	return nil
}

func (x *experiment) isOpen(hash uint64) bool {
	for _, page := range x.open {
		if slices.Contains(page, hash) {
			return true
		}
	}
	return false
}

func (x *experiment) leave(hash uint64) {
	if x.isOpen(hash) {
		return
	}
	n := 0
	for len(x.open[n]) >= openPerPage {
		n++
	}
	x.open[n] = append(x.open[n], hash)
	x.dirty[n] = true
}

func (x *experiment) settle(hash uint64) {
	for n, page := range x.open {
		if i := slices.Index(page, hash); i >= 0 {
			x.open[n] = slices.Delete(slices.Clone(page), i, i+1)
			x.dirty[n] = true
		}
	}
}

func (x *experiment) changes() *Changes {
	c := x.set.Changes()
	var pos positionOf
	for n, page := range x.open {
		if len(page) == 0 {
			c.Delete = append(c.Delete, storage.DeleteOperation(x.pageKey(n)))
			continue
		}
		pos.Open = append(pos.Open, n)
		if x.dirty[n] {
			b, _ := json.Marshal(page)
			c.Open = append(c.Open, storage.SetOperation(x.pageKey(n), b))
		}
	}
	maps.DeleteFunc(x.open, func(_ int, page []uint64) bool { return len(page) == 0 })
	clear(x.dirty)
	b, _ := json.Marshal(pos)
	c.Position = append(c.Position, storage.SetOperation(x.positionKey(), b))
	return c
}

// check returns what is wrong with a state of the storage: each trace behind a cursor or in a closed
// day was delivered or is open, each entry that was written by a whole Batch is there, and nothing
// looks damaged.
func (x *experiment) check(ctx context.Context, c *memory, written map[uint64]bool) error {
	o := &experiment{name: x.name}
	if err := o.load(ctx, c); err != nil {
		return err
	}
	known, err := o.set.Has(ctx, x.traces)
	if err != nil {
		return err
	}
	list, err := o.set.Days(ctx)
	if err != nil {
		return err
	}
	byDate := map[mlflow.Day]Day{}
	for _, d := range list {
		byDate[d.Date] = d
	}
	for i, t := range x.traces {
		if known[i] == New && written[t.Hash] {
			return fmt.Errorf("entry %d was lost", i)
		}
		if known[i] != New && !x.sent[t.Hash] {
			return fmt.Errorf("entry %d was never sent", i)
		}
		d, recorded := byDate[t.Day()]
		at := mlflow.Position{Timestamp: t.Timestamp, ID: x.ids[t.Hash]}
		listed := recorded && (d.Closed || !d.Cursor.Less(at)) || !recorded && slices.ContainsFunc(o.set.Listed(),
			func(r Range) bool { return r.From <= t.Day() && t.Day() < r.To })
		if listed && !x.sent[t.Hash] && !o.isOpen(t.Hash) {
			return fmt.Errorf("trace %d is passed, not delivered and not open", i)
		}
	}
	if d := o.set.Damage(); len(d) > 0 {
		return fmt.Errorf("%s: %w", d[0].Key, d[0].Err)
	}
	return nil
}

func newExperiment(r *rand.Rand, name string) *experiment {
	x := &experiment{name: name, ids: map[uint64]string{}, sent: map[uint64]bool{}}
	for i := range 30 + r.IntN(40) {
		id := fmt.Sprintf("%s-%d", name, i)
		t := NewTrace(&mlflow.Info{ID: id, Timestamp: someDay.Start() + r.Int64N(40*mlflow.MillisPerDay)}, 1)
		if r.IntN(2) == 0 {
			t.Digest = r.Uint64()
		}
		x.ids[t.Hash] = id
		x.traces = append(x.traces, t)
	}
	slices.SortFunc(x.traces, func(a, b Trace) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), strings.Compare(x.ids[a.Hash], x.ids[b.Hash]))
	})
	return x
}

// lives plays lives of two experiments in one storage. After each Batch it looks at every prefix of
// it. Most Batches are applied, some in part, which ends the process. order returns the operations
// of a Batch.
func lives(ctx context.Context, seed uint64, order func(*Changes) []*storage.Operation) error {
	r := rand.New(rand.NewPCG(seed, 1))
	c := newMemory()
	experiments := []*experiment{newExperiment(r, "src/1"), newExperiment(r, "src/2")}
	written := map[uint64]bool{}
	for range 4 {
		type lister struct {
			*experiment
			listing *Listing
			after   mlflow.Position
			done    bool
		}
		var listers []*lister
		for _, x := range experiments {
			if err := x.load(ctx, c); err != nil {
				return err
			}
			from := someDay.Start()
			list, err := x.set.Days(ctx)
			if err != nil {
				return err
			}
			for _, d := range list { // go on where a listing stands, or anywhere
				if d.Cursor.ID != "" && r.IntN(3) > 0 {
					from = d.Date.Start()
				}
			}
			listing, after, err := x.set.List(ctx, from, (someDay + 40).Start())
			if err != nil {
				return err
			}
			if after == (mlflow.Position{}) {
				after.Timestamp = from
			}
			listers = append(listers, &lister{x, listing, after, false})
			if r.IntN(3) == 0 {
				if err := x.set.ForgetDigests(ctx, someDay+mlflow.Day(r.IntN(40))); err != nil {
					return err
				}
			}
		}
		for step := 0; slices.ContainsFunc(listers, func(l *lister) bool { return !l.done }); step++ {
			l := listers[r.IntN(len(listers))]
			if l.done {
				continue
			}
			var page, accepted []Trace
			for _, t := range l.traces {
				at := mlflow.Position{Timestamp: t.Timestamp, ID: l.ids[t.Hash]}
				if l.after.Less(at) && len(page) < 6 {
					page = append(page, t)
				}
			}
			known, err := l.set.Has(ctx, page)
			if err != nil {
				return err
			}
			for i, t := range page {
				switch {
				case known[i] == Delivered || known[i] == Unchecked:
				case r.IntN(4) == 0:
					l.leave(t.Hash)
				default:
					accepted = append(accepted, t)
				}
			}
			for _, t := range l.traces { // open ones of any day are tried again
				if l.isOpen(t.Hash) && r.IntN(8) == 0 {
					accepted = append(accepted, t)
				}
			}
			for _, t := range accepted {
				l.sent[t.Hash], l.added[t.Hash] = true, true
				l.settle(t.Hash)
			}
			if err := l.set.Add(ctx, accepted); err != nil {
				return err
			}
			if len(page) == 0 {
				l.done = true
				err = l.listing.End(ctx, 0)
			} else {
				last := page[len(page)-1]
				l.after = mlflow.Position{Timestamp: last.Timestamp, ID: l.ids[last.Hash]}
				err = l.listing.Page(ctx, page, l.after, 0)
			}
			if err != nil {
				return err
			}
			if r.IntN(2) == 0 && step > 0 {
				continue
			}
			all := &Changes{}
			for _, x := range experiments {
				all.Append(x.changes())
			}
			ops := order(all)
			for n := range len(ops) + 1 {
				part := c.clone()
				_ = part.Batch(ctx, ops[:n]...)
				for _, x := range experiments {
					if err := x.check(ctx, part, written); err != nil {
						return fmt.Errorf("seed %d, %d of %d operations applied: %s: %w", seed, n, len(ops), x.name,
							err)
					}
				}
			}
			if r.IntN(12) == 0 { // killed in the middle
				_ = c.Batch(ctx, ops[:r.IntN(len(ops)+1)]...)
				break
			}
			_ = c.Batch(ctx, ops...)
			for _, x := range experiments {
				x.set.Applied()
				maps.Copy(written, x.added)
			}
		}
	}
	return nil
}

var seeds = flag.Uint64("seeds", 12, "lives that TestAnyPrefixIsValid plays")

// TestAnyPrefixIsValid: a storage may apply a part of a Batch, and a process may end at any moment.
func TestAnyPrefixIsValid(t *testing.T) {
	for seed := range *seeds {
		require.NoError(t, lives(t.Context(), seed, (*Changes).Operations))
	}
}

// TestOrderMatters: the test above finds the orders that lose traces.
func TestOrderMatters(t *testing.T) {
	for name, order := range map[string]func(c *Changes) []*storage.Operation{
		"days before chunks": func(c *Changes) []*storage.Operation {
			return slices.Concat(c.Days, c.Index, c.IDs, c.Late, c.Open, c.Position, c.Delete)
		},
		"days before open traces": func(c *Changes) []*storage.Operation {
			return slices.Concat(c.IDs, c.Late, c.Days, c.Index, c.Open, c.Position, c.Delete)
		},
		"index before days": func(c *Changes) []*storage.Operation {
			return slices.Concat(c.IDs, c.Late, c.Open, c.Position, c.Index, c.Days, c.Delete)
		},
		"position before open traces": func(c *Changes) []*storage.Operation {
			return slices.Concat(c.IDs, c.Late, c.Position, c.Open, c.Days, c.Index, c.Delete)
		},
		"deletions first": func(c *Changes) []*storage.Operation {
			return slices.Concat(c.Delete, c.IDs, c.Late, c.Open, c.Position, c.Days, c.Index)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			for seed := uint64(0); seed < 60 && err == nil; seed++ {
				err = lives(t.Context(), seed, order)
			}
			require.ErrorContains(t, err, "operations applied")
		})
	}
}
