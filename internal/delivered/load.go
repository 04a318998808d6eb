// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"context"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// get reads the records of keys in one Batch; nil for those that are not there.
func (s *Set) get(ctx context.Context, keys []string) ([][]byte, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	ops := make([]*storage.Operation, len(keys))
	for i, k := range keys {
		ops[i] = storage.GetOperation(k)
	}
	if err := s.client.Batch(ctx, ops...); err != nil {
		return nil, storageError(err)
	}
	values := make([][]byte, len(ops))
	for i, op := range ops {
		values[i] = op.Value
	}
	return values, nil
}

// loadMonths makes months available.
func (s *Set) loadMonths(ctx context.Context, months []Month) error {
	months = slices.DeleteFunc(months, func(m Month) bool { return s.months[m] != nil })
	for part := range slices.Chunk(months, batchGets) {
		keys := make([]string, len(part))
		for i, m := range part {
			keys[i] = s.monthKey(m)
		}
		values, err := s.get(ctx, keys)
		if err != nil {
			return err
		}
		for i, m := range part {
			if err := s.loadMonth(ctx, m, values[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Set) loadMonth(ctx context.Context, m Month, value []byte) error {
	at, indexed := slices.BinarySearch(s.index.months, m)
	var days []*day
	var err error
	switch {
	case value != nil:
		days, err = decodeMonth(m, value)
	case indexed:
		err = damaged("it is missing")
	}
	r := &month{days: map[mlflow.Day]*day{}}
	if err != nil {
		d := Damage{Key: s.monthKey(m), From: m.first(), To: (m + 1).first(), Err: err}
		if err := s.damaged(d); err != nil {
			return err
		}
		if days, err = s.rebuild(ctx, m); err != nil {
			return err
		}
		s.index.listed = s.index.listed.remove(Range{d.From, d.To})
		s.index.changed, r.changed = true, true
	}
	for _, d := range days {
		d.enter(s.index.epoch)
		r.days[d.Date] = d
	}
	if len(days) > 0 && !indexed { // the index was damaged, or not written with the month
		s.index.months = slices.Insert(s.index.months, at, m)
		s.index.changed = true
	}
	s.months[m] = r
	return nil
}

// rebuild makes the days of a month anew from their chunks, which are found by asking for 0, 1, 2 …
// The days are not closed. Chunks that can't be read are met again, and named, when they are used.
func (s *Set) rebuild(ctx context.Context, m Month) ([]*day, error) {
	var days []*day
	hashes := map[mlflow.Day][]uint64{}
	asked := make([]mlflow.Day, 0, 31)
	for d := m.first(); d < (m + 1).first(); d++ {
		asked = append(asked, d)
	}
	byDate := map[mlflow.Day]*day{}
	for k := 0; len(asked) > 0; k++ {
		keys := make([]string, 0, 2*len(asked))
		for _, d := range asked {
			keys = append(keys, s.chunkKey(place{d, k}), s.digestsKey(place{d, k}))
		}
		values, err := s.get(ctx, keys)
		if err != nil {
			return nil, err
		}
		var more []mlflow.Day
		for i, date := range asked {
			value := values[2*i]
			if value == nil {
				continue
			}
			more = append(more, date)
			d := byDate[date]
			if d == nil {
				d = newDay(date)
				d.lost()
				byDate[date] = d
				days = append(days, d)
			}
			d.digests = d.digests || values[2*i+1] != nil
			c := allMinutes
			entries, err := decodeChunk(value)
			if err == nil {
				c.length = uint16(len(entries) / entrySize)
				hashes[date] = appendHashes(hashes[date], entries)
			}
			d.chunks = append(d.chunks, c)
		}
		asked = more
	}
	for _, d := range days {
		d.Delivered = distinct(hashes[d.Date])
	}
	return days, nil
}

func appendHashes(hashes []uint64, entries []byte) []uint64 {
	for e := range slices.Chunk(entries, entrySize) {
		hashes = append(hashes, le.Uint64(e))
	}
	return hashes
}

func distinct(hashes []uint64) int64 {
	slices.Sort(hashes)
	return int64(len(slices.Compact(hashes)))
}

// load makes chunks of loaded months available, at most batchGets.
func (s *Set) load(ctx context.Context, places []place) error {
	s.tick++
	var absent []place
	var keys []string
	for _, p := range places {
		if k := s.chunks[p]; k != nil {
			k.used = s.tick
			continue
		}
		absent = append(absent, p)
		keys = append(keys, s.chunkKey(p))
		if s.day(p.day).digests {
			keys = append(keys, s.digestsKey(p))
		}
	}
	values, err := s.get(ctx, keys)
	if err != nil {
		return err
	}
	for _, p := range absent {
		d := s.day(p.day)
		value, late := values[0], []byte(nil)
		values = values[1:]
		if d.digests {
			late, values = values[0], values[1:]
		}
		k := newChunk()
		k.used = s.tick
		s.chunks[p] = k
		if err := s.loadEntries(p, d, k, value); err != nil {
			delete(s.chunks, p)
			return err
		}
		if err := s.loadDigests(p, k, late); err != nil {
			delete(s.chunks, p)
			return err
		}
	}
	s.evict()
	return nil
}

// loadEntries takes the stored entries of a chunk. They may be more than the month says, when the
// Batch that wrote both was applied in part.
func (s *Set) loadEntries(p place, d *day, k *chunk, value []byte) error {
	entries, err := decodeChunk(value)
	c := &d.chunks[p.k]
	had, has := int(c.length), len(entries)/entrySize
	switch {
	case value == nil:
		err = damaged("it is missing")
	case err == nil && has < had:
		err = damaged("it has %d entries of %d", has, had)
	}
	k.entries = append(k.entries, entries...)
	if err == nil && has == had {
		return nil
	}
	if err != nil {
		if err := s.damaged(Damage{Key: s.chunkKey(p), From: p.day, To: p.day + 1, Err: err}); err != nil {
			return err
		}
		k.ids.changed, k.late.changed = true, d.digests
		d.lost()
	}
	s.lost += max(0, int64(had-has))
	d.Delivered = max(0, d.Delivered+int64(has-had))
	*c = span{allMinutes.first, allMinutes.last, uint16(has)}
	if has == 0 {
		*c = noMinutes
	}
	s.change(d)
	return nil
}

func (s *Set) loadDigests(p place, k *chunk, value []byte) error {
	if value == nil || k.ids.changed {
		return nil
	}
	digests, err := decodeDigests(value)
	if err != nil {
		k.late.changed = true
		return s.damaged(Damage{Key: s.digestsKey(p), From: p.day, To: p.day + 1, Err: err})
	}
	k.digests = append(k.digests, digests[:min(len(digests), k.length()*digestSize)]...)
	return nil
}

// evict forgets the chunks that were not used for longest, as long as there are too many of those
// that need not be written.
func (s *Set) evict() {
	var free []place
	for p, k := range s.chunks {
		if !k.ids.pinned() && !k.late.pinned() {
			free = append(free, p)
		}
	}
	if len(free) <= cacheChunks {
		return
	}
	slices.SortFunc(free, func(a, b place) int {
		if x, y := s.chunks[a].used, s.chunks[b].used; x != y {
			return int(x) - int(y)
		}
		return a.compare(b)
	})
	for _, p := range free[:len(free)-cacheChunks] {
		delete(s.chunks, p)
	}
}
