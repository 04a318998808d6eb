// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Changes are the operations that make a storage agree with what is in memory. A Set fills in all
// but Open and Position.
type Changes struct {
	IDs  []*storage.Operation // chunks
	Late []*storage.Operation // digests
	// Open are pages of open traces, Position is the record that lists them. A page that is deleted
	// belongs into Delete: its position must not miss it.
	Open, Position []*storage.Operation
	Days           []*storage.Operation // months
	Index          []*storage.Operation
	Delete         []*storage.Operation
}

// Append adds the changes of another experiment.
func (c *Changes) Append(o *Changes) {
	for _, p := range []struct {
		to   *[]*storage.Operation
		from []*storage.Operation
	}{
		{&c.IDs, o.IDs}, {&c.Late, o.Late}, {&c.Open, o.Open}, {&c.Position, o.Position}, {&c.Days, o.Days},
		{&c.Index, o.Index}, {&c.Delete, o.Delete},
	} {
		*p.to = append(*p.to, p.from...)
	}
}

// Operations returns all operations for one Batch, in an order of which every prefix is valid.
func (c *Changes) Operations() []*storage.Operation {
	return slices.Concat(c.IDs, c.Late, c.Open, c.Position, c.Days, c.Index, c.Delete)
}

// state says whether a record is to be written. Both may be true: it changed while a Batch with an
// older state of it was being applied.
type state struct{ changed, writing bool }

func (s *state) pinned() bool { return s.changed || s.writing }

// take reports whether the record is part of the next Batch.
func (s *state) take() bool {
	s.writing = s.writing || s.changed
	s.changed = false
	return s.writing
}

// Changes returns what is to be written. Until Applied is called, each call returns what the last
// one did as well, in its newest state.
func (s *Set) Changes() *Changes {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Changes{}
	for _, p := range s.sortedChunks() {
		k := s.chunks[p]
		if k.ids.take() {
			c.IDs = append(c.IDs, storage.SetOperation(s.chunkKey(p), seal(slices.Clone(k.entries))))
		}
		if k.late.take() {
			c.Late = append(c.Late, storage.SetOperation(s.digestsKey(p), seal(slices.Clone(k.digests))))
		}
	}
	for _, m := range s.sortedMonths() {
		if r := s.months[m]; r.take() {
			c.Days = append(c.Days, storage.SetOperation(s.monthKey(m), encodeMonth(m, r.sorted())))
		}
	}
	if s.index.take() {
		c.Index = append(c.Index, storage.SetOperation(s.indexKey(), encodeIndex(s.index)))
	}
	for p, d := range s.obsolete {
		d.take()
		c.Delete = append(c.Delete, storage.DeleteOperation(s.digestsKey(p)))
	}
	return c
}

// Applied says that what the last Changes returned is in the storage.
func (s *Set) Applied() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.chunks {
		k.ids.writing, k.late.writing = false, false
	}
	for _, r := range s.months {
		r.writing = false
	}
	s.index.writing = false
	for p, d := range s.obsolete {
		if d.writing {
			delete(s.obsolete, p)
		}
	}
	s.evict()
}
