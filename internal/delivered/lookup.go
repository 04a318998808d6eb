// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// lookup finds traces in chunks. Each chunk is read once from front to back: that is faster than to
// sort it, and keeps the order of delivery.
type lookup struct {
	traces []Trace
	days   []mlflow.Day // of the traces
	known  []Known
	// places are the chunks whose minutes overlap those of the traces of their day, in ascending
	// order.
	places []place
	first  map[uint64]int32 // index of a trace with this hash, plus 1
	next   []int32          // of the next trace with the same hash, plus 1
	// maybe has a bit for each hash by its lowest bits: nearly all entries of a chunk end there.
	maybe [1 << (maybeBits - 6)]uint64
}

const maybeBits = 16

// indexed is a lookup that knows the traces, and no places.
func indexed(traces []Trace) *lookup {
	l := &lookup{
		traces: traces, days: make([]mlflow.Day, len(traces)),
		first: make(map[uint64]int32, len(traces)), next: make([]int32, len(traces)),
	}
	for i := range traces {
		t := &traces[i]
		l.days[i] = t.Day()
		l.next[i] = l.first[t.Hash]
		l.first[t.Hash] = int32(i) + 1
		bit := t.Hash % (1 << maybeBits)
		l.maybe[bit/64] |= 1 << (bit % 64)
	}
	return l
}

// newLookup prepares a lookup and loads the months of the traces.
func (s *Set) newLookup(ctx context.Context, traces []Trace, known []Known) (*lookup, error) {
	l := indexed(traces)
	l.known = known
	minutes := map[mlflow.Day]span{}
	months := map[Month]bool{}
	for i := range traces {
		t := &traces[i]
		c, ok := minutes[l.days[i]]
		if !ok {
			c = noMinutes
			months[monthOf(l.days[i])] = true
		}
		c.first, c.last = min(c.first, t.minute()), max(c.last, t.minute())
		minutes[l.days[i]] = c
	}
	if err := s.loadMonths(ctx, slices.Sorted(maps.Keys(months))); err != nil {
		return nil, err
	}
	for date, m := range minutes {
		for k, c := range s.day(date).chunks {
			if c.first <= m.last && m.first <= c.last {
				l.places = append(l.places, place{date, k})
			}
		}
	}
	slices.SortFunc(l.places, place.compare)
	return l, nil
}

// match looks for the traces in a chunk. Chunks of a day come in ascending order, so that the last
// entry of a trace counts.
func (l *lookup) match(p place, k *chunk) {
	l.each(k, func(i, n int, shape uint16) {
		if l.days[i] != p.day {
			return
		}
		t := &l.traces[i]
		was := &l.known[i]
		switch digest := k.digest(n); {
		case t.Shape != shape:
			*was = Grown
		case t.Digest == 0 || t.Digest&^digestInvalid == digest&^digestInvalid:
			*was = Delivered
		case digest == 0:
			*was = Unchecked
		case digest&digestInvalid != 0:
			*was = Overridden
		default:
			*was = Changed
		}
	})
}

// each calls found for each entry n of a chunk that has the hash of a trace i.
func (l *lookup) each(k *chunk, found func(i, n int, shape uint16)) {
	entries := k.entries[headerSize:]
	for n := 0; len(entries) >= entrySize; n++ {
		hash, shape := le.Uint64(entries), le.Uint16(entries[8:])
		entries = entries[entrySize:]
		bit := hash % (1 << maybeBits)
		if l.maybe[bit/64]&(1<<(bit%64)) == 0 {
			continue
		}
		for i := l.first[hash]; i != 0; i = l.next[i-1] {
			found(int(i-1), n, shape)
		}
	}
}

// MovedBack reports of each trace that is New whether it was delivered before its start moved back, which
// MLflow does when a span comes that began earlier. Has does not find it: it looks at the day, and around the
// minute, that the trace has now. Days before from are not looked at.
func (s *Set) MovedBack(ctx context.Context, traces []Trace, from mlflow.Day) ([]bool, error) {
	moved := make([]bool, len(traces))
	if len(traces) == 0 {
		return moved, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := indexed(traces)
	first := slices.MinFunc(traces, func(a, b Trace) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	months := slices.DeleteFunc(slices.Clone(s.index.months), func(m Month) bool {
		return m < monthOf(max(from, first.Day()))
	})
	if err := s.loadMonths(ctx, slices.Clone(months)); err != nil {
		return nil, err
	}
	for _, m := range months {
		for _, d := range s.months[m].sorted() {
			if d.Date < from || d.Date < first.Day() {
				continue
			}
			for k, c := range d.chunks {
				if d.Date > first.Day() || c.last >= first.minute() {
					l.places = append(l.places, place{d.Date, k})
				}
			}
		}
	}
	return moved, s.search(ctx, l.places, func(p place, k *chunk) {
		l.each(k, func(i, _ int, _ uint16) { moved[i] = moved[i] || l.days[i] <= p.day })
	})
}
