// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
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

// newLookup prepares a lookup and loads the months of the traces.
func (s *Set) newLookup(ctx context.Context, traces []Trace, known []Known) (*lookup, error) {
	l := &lookup{
		traces: traces, known: known, days: make([]mlflow.Day, len(traces)),
		first: make(map[uint64]int32, len(traces)), next: make([]int32, len(traces)),
	}
	minutes := map[mlflow.Day]span{}
	months := map[Month]bool{}
	for i := range traces {
		t := &traces[i]
		l.days[i] = t.Day()
		l.next[i] = l.first[t.Hash]
		l.first[t.Hash] = int32(i) + 1
		bit := t.Hash % (1 << maybeBits)
		l.maybe[bit/64] |= 1 << (bit % 64)
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
	entries := k.entries[headerSize:]
	for n := 0; len(entries) >= entrySize; n++ {
		hash, shape := le.Uint64(entries), le.Uint16(entries[8:])
		entries = entries[entrySize:]
		bit := hash % (1 << maybeBits)
		if l.maybe[bit/64]&(1<<(bit%64)) == 0 {
			continue
		}
		for i := l.first[hash]; i != 0; i = l.next[i-1] {
			if l.days[i-1] != p.day {
				continue
			}
			t := &l.traces[i-1]
			was := &l.known[i-1]
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
		}
	}
}
