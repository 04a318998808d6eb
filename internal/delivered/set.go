// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// cacheChunks is how many chunks that are not to be written a set keeps in memory: 41 kB each, and
// 33 kB where they have digests.
const cacheChunks = 64

// batchGets is how many records of a kind are read in one Batch.
const batchGets = cacheChunks / 2

// Set is the delivered set of one experiment. Its methods may be called at the same time. After an
// error of the storage it can still be used.
type Set struct {
	client storage.Client
	name   string

	mu       sync.Mutex
	index    index
	months   map[Month]*month // loaded
	chunks   map[place]*chunk // loaded
	tick     uint64           // of the last use of a chunk
	obsolete map[place]*state // digests to be deleted
	damage   []Damage
	lost     int64 // entries, since Lost was called
}

// Damage is a record that could not be read. What was in it is given up: its days are listed again,
// and traces that were known by it alone are delivered again.
type Damage struct {
	Key string
	// From <= day < To are the days that it told of; both 0 for the index, which tells of all.
	From, To mlflow.Day
	Err      error
}

// index is the record that the others follow from.
type index struct {
	// epoch is when the set was reopened last, Unix milliseconds; 0 for never.
	epoch  int64
	months []Month
	listed ranges
	state
}

type month struct {
	days map[mlflow.Day]*day
	state
}

func (m *month) sorted() []*day {
	return slices.SortedFunc(maps.Values(m.days), func(a, b *day) int { return cmp.Compare(a.Date, b.Date) })
}

// place is the place of a chunk.
type place struct {
	day mlflow.Day
	k   int
}

func (p place) compare(o place) int { return cmp.Or(cmp.Compare(p.day, o.day), cmp.Compare(p.k, o.k)) }

// chunk is a chunk in memory: records without their checksum.
type chunk struct {
	entries   []byte // with a header
	digests   []byte // with a header; may be shorter than the entries
	ids, late state
	used      uint64
}

func newChunk() *chunk { return &chunk{entries: header(formatChunk), digests: header(formatDigests)} }

func (k *chunk) length() int { return (len(k.entries) - headerSize) / entrySize }

func (k *chunk) digest(i int) uint64 {
	at := headerSize + i*digestSize
	if at+digestSize > len(k.digests) {
		return 0
	}
	return le.Uint64(k.digests[at:])
}

func (k *chunk) append(t *Trace) {
	if t.Digest != 0 {
		full := headerSize + k.length()*digestSize
		k.digests = append(k.digests, make([]byte, full-len(k.digests))...)
		k.digests = le.AppendUint64(k.digests, t.Digest)
		k.late.changed = true
	}
	k.entries = le.AppendUint64(k.entries, t.Hash)
	k.entries = le.AppendUint16(k.entries, t.Shape)
	k.ids.changed = true
}

// Open returns the set with a name, which becomes a part of keys. A set that was never written is
// empty. now is the time in Unix milliseconds. The error is one of the storage, or ErrNewerFormat.
func Open(ctx context.Context, client storage.Client, name string, now int64) (*Set, error) {
	s := &Set{
		client: client, name: name, months: map[Month]*month{}, chunks: map[place]*chunk{},
		obsolete: map[place]*state{},
	}
	b, err := client.Get(ctx, s.indexKey())
	if err != nil {
		return nil, storageError(err)
	}
	if b == nil {
		return s, nil
	}
	s.index, err = decodeIndex(b)
	if err != nil {
		if err := s.damaged(Damage{Key: s.indexKey(), Err: err}); err != nil {
			return nil, err
		}
		s.reopen(now)
	}
	return s, nil
}

func storageError(err error) error { return fmt.Errorf("reading the storage: %w", err) }

func (s *Set) indexKey() string        { return "days/" + s.name }
func (s *Set) monthKey(m Month) string { return s.indexKey() + "/" + m.String() }
func (s *Set) chunkKey(p place) string {
	return "ids/" + s.name + "/" + p.day.String() + "/" + strconv.Itoa(p.k)
}
func (s *Set) digestsKey(p place) string {
	return "late/" + s.name + "/" + p.day.String() + "/" + strconv.Itoa(p.k)
}

// damaged notes a record that can't be read. It returns an error for one that a newer version wrote.
func (s *Set) damaged(d Damage) error {
	if errors.Is(d.Err, ErrNewerFormat) {
		return fmt.Errorf("%s: %w", d.Key, d.Err)
	}
	s.damage = append(s.damage, d)
	return nil
}

// Damage returns the records that could not be read so far.
func (s *Set) Damage() []Damage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.damage)
}

// Lost returns how many entries were lost with records that could not be read since it was called last.
// Their traces are delivered again.
func (s *Set) Lost() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.lost
	s.lost = 0
	return n
}

// Known says what a set knows of a trace.
type Known uint8

// What a set knows of a trace.
const (
	// New: it was not delivered.
	New Known = iota
	// Grown: it was delivered in another shape; spans were added.
	Grown
	// Changed: it was delivered in this shape with another digest.
	Changed
	// Overridden: as Changed, and of its assessments then one was not valid. Whether it is now may have
	// changed without a trace of when: MLflow leaves the time of the assessment as it was.
	Overridden
	// Unchecked: it was delivered in this shape, and its digest then is not known.
	Unchecked
	// Delivered: it was delivered as it is.
	Delivered
)

// Has tells what the set knows of each trace. Traces without a digest are never Changed, Overridden or
// Unchecked. A trace whose timestamp moved since it was delivered may be New.
func (s *Set) Has(ctx context.Context, traces []Trace) ([]Known, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has(ctx, traces)
}

func (s *Set) has(ctx context.Context, traces []Trace) ([]Known, error) {
	known := make([]Known, len(traces))
	if len(traces) == 0 {
		return known, nil
	}
	l, err := s.newLookup(ctx, traces, known)
	if err != nil {
		return nil, err
	}
	if err := s.search(ctx, l.places, l.match); err != nil {
		return nil, err
	}
	return known, nil
}

// search hands the chunks of loaded months to see, one after the other.
func (s *Set) search(ctx context.Context, places []place, see func(place, *chunk)) error {
	for part := range slices.Chunk(places, batchGets) {
		if err := s.load(ctx, part); err != nil {
			return err
		}
		for _, p := range part {
			see(p, s.chunks[p])
		}
	}
	return nil
}

// Add adds delivered traces. Those that are Delivered already, or occur twice, are left alone.
func (s *Set) Add(ctx context.Context, traces []Trace) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, err := s.has(ctx, traces)
	if err != nil {
		return err
	}
	byDay := map[mlflow.Day][]int{}
	var tails []place
	for i := range traces {
		if known[i] == Delivered {
			continue
		}
		d := traces[i].Day()
		if byDay[d] == nil {
			if n := len(s.day(d).chunks); n > 0 {
				tails = append(tails, place{d, n - 1})
			}
		}
		byDay[d] = append(byDay[d], i)
	}
	// The chunks that are appended to must be in memory at the same time as their day's turn.
	for part := range slices.Chunk(tails, batchGets) {
		if err := s.load(ctx, part); err != nil {
			return err
		}
		for _, p := range part {
			s.append(p.day, traces, byDay[p.day], known)
			delete(byDay, p.day)
		}
	}
	for d, due := range byDay {
		s.append(d, traces, due, known)
	}
	return nil
}

// append adds traces to a day whose last chunk is in memory.
func (s *Set) append(date mlflow.Day, traces []Trace, due []int, known []Known) {
	d := s.day(date)
	added := make(map[uint64]int, len(due))
	for _, i := range due {
		t := &traces[i]
		first, twice := added[t.Hash]
		if twice && traces[first].Shape == t.Shape && traces[first].Digest == t.Digest {
			continue
		}
		added[t.Hash] = i
		n := len(d.chunks)
		if n == 0 || s.chunks[place{date, n - 1}].length() >= ChunkSize {
			k := newChunk()
			k.late.changed = d.digests // over those of a chunk that no month tells of
			s.chunks[place{date, n}] = k
			d.chunks = append(d.chunks, noMinutes)
			n++
		}
		p := place{date, n - 1}
		k := s.chunks[p]
		k.append(t)
		if t.Digest != 0 {
			d.digests = true
			delete(s.obsolete, p)
		}
		c := &d.chunks[n-1]
		*c = span{min(c.first, t.minute()), max(c.last, t.minute()), uint16(k.length())}
		if known[i] == New && !twice {
			d.Delivered++
		}
	}
	s.change(d)
}

// change notes that a day is to be written.
func (s *Set) change(d *day) {
	m := monthOf(d.Date)
	r := s.months[m]
	r.changed = true
	r.days[d.Date] = d
	if at, found := slices.BinarySearch(s.index.months, m); !found {
		s.index.months = slices.Insert(s.index.months, at, m)
		s.index.changed = true
	}
}

// day returns a day of a loaded month. It becomes a part of the month with change.
func (s *Set) day(date mlflow.Day) *day {
	if d := s.months[monthOf(date)].days[date]; d != nil {
		return d
	}
	return newDay(date)
}

// Days returns the days that have a record, in ascending order: those of which anything was listed
// or delivered.
func (s *Set) Days(ctx context.Context) ([]Day, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.loadMonths(ctx, slices.Clone(s.index.months)); err != nil {
		return nil, err
	}
	var days []Day
	for _, m := range s.sortedMonths() {
		for _, d := range s.months[m].sorted() {
			days = append(days, d.Day)
		}
	}
	return days, nil
}

// Listed returns the days that were listed as a whole, in ascending order. Those of them without a
// record had no traces.
func (s *Set) Listed() []Range {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.index.listed)
}

// Reopen makes every day count as not listed, whatever was listed of it; what was delivered stays
// known. It is for the moment when what was listed proves nothing any more: the list of open traces
// is damaged, or the source was restored from a backup. now is the time in Unix milliseconds. The
// changes must be written before any others of the experiment, in a Batch of their own: if the
// process ends before everything is listed again, the next one goes on with that.
func (s *Set) Reopen(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reopen(now)
}

func (s *Set) reopen(now int64) {
	s.index.epoch = max(now, s.index.epoch+1)
	s.index.listed, s.index.changed = nil, true
	for _, m := range s.months {
		for _, d := range m.days {
			d.enter(s.index.epoch)
		}
	}
}

// ForgetDigests gives up the digests of the days before one.
func (s *Set) ForgetDigests(ctx context.Context, before mlflow.Day) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.loadMonths(ctx, slices.Clone(s.index.months)); err != nil {
		return err
	}
	for _, m := range s.months {
		for _, d := range m.days {
			if !d.digests || d.Date >= before {
				continue
			}
			d.digests = false
			for k := range d.chunks {
				p := place{d.Date, k}
				s.obsolete[p] = &state{changed: true}
				if c := s.chunks[p]; c != nil {
					c.digests, c.late = header(formatDigests), state{}
				}
			}
			s.change(d)
		}
	}
	return nil
}

func (s *Set) sortedMonths() []Month { return slices.Sorted(maps.Keys(s.months)) }

func (s *Set) sortedChunks() []place {
	return slices.SortedFunc(maps.Keys(s.chunks), place.compare)
}
