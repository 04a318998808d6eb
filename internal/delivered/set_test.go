// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// many are n traces of a day, ten a minute.
func many(d mlflow.Day, n int) []Trace {
	list := make([]Trace, n)
	for i := range list {
		list[i] = ofDay(d, int64(i/10)%minutesPerDay, d.String()+strconv.Itoa(i))
	}
	return list
}

func all(k Known, n int) []Known { return slices.Repeat([]Known{k}, n) }

func TestSetKeepsWhatWasDelivered(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	traces := many(someDay, 2*ChunkSize+10)
	assert.Equal(t, all(New, len(traces)), has(t, s, traces...))
	for part := range slices.Chunk(traces, 300) {
		add(t, s, part...)
		assert.Equal(t, all(Delivered, len(part)), has(t, s, part...), "before it is written")
	}
	write(t, c, s)
	for _, s := range []*Set{s, open(t, c)} {
		assert.Equal(t, all(Delivered, len(traces)), has(t, s, traces...))
		grown := traces[7]
		grown.Shape++
		other := ofDay(someDay, 3, "other")
		assert.Equal(t, []Known{Grown, New, Delivered}, has(t, s, grown, other, traces[0]))
		assert.Equal(t, int64(len(traces)), days(t, s)[0].Delivered)
		assert.Empty(t, s.Damage())
	}
	assert.Contains(t, c.m, "ids/src/1/2026-03-05/2")
	assert.NotContains(t, c.m, "ids/src/1/2026-03-05/3")
}

func TestTheLastEntryOfATraceCounts(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	first := ofDay(someDay, 9, "a")
	second := first
	second.Shape++
	add(t, s, first, first)
	add(t, s, second)
	assert.Equal(t, []Known{Grown, Delivered}, has(t, s, first, second))
	add(t, s, first)
	assert.Equal(t, []Known{Delivered, Grown}, has(t, s, first, second))
	write(t, c, s)
	add(t, s, many(someDay, ChunkSize)...) // the next entry of the trace is in another chunk
	add(t, s, second)
	write(t, c, s)
	s = open(t, c)
	assert.Equal(t, []Known{Grown, Delivered}, has(t, s, first, second))
	assert.Equal(t, int64(ChunkSize+1), days(t, s)[0].Delivered)
	assert.Equal(t, all(New, 1), has(t, s, ofDay(someDay+1, 9, "a")), "a trace is looked up in its day")
}

// A trace whose start moved back is found where it was delivered, in memory and in the storage.
func TestMovedBack(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	const next = someDay + 40 // in another month
	add(t, s, many(next, ChunkSize+10)...)
	add(t, s, ofDay(next, 5, "moved"), ofDay(someDay, 700, "earlier"), ofDay(someDay, 800, "within the day"))
	asked := []Trace{ofDay(someDay-1, 7, "moved"), ofDay(someDay+1, 7, "earlier"),
		ofDay(someDay, 9, "within the day"), ofDay(someDay-1, 7, "new"), ofDay(someDay, 9, "moved")}
	moved := func(s *Set, from mlflow.Day) []bool {
		t.Helper()
		got, err := s.MovedBack(t.Context(), asked, from)
		require.NoError(t, err)
		return got
	}
	write(t, c, s)
	for _, s := range []*Set{s, open(t, c)} {
		assert.Equal(t, []bool{true, false, true, false, true}, moved(s, someDay-7))
		assert.Equal(t, []bool{true, false, false, false, true}, moved(s, someDay+1))
		assert.Equal(t, make([]bool, len(asked)), moved(s, next+1))
		assert.Equal(t, all(New, len(asked)), has(t, s, asked...))
	}
	nothing, err := s.MovedBack(t.Context(), nil, 0)
	require.NoError(t, err)
	assert.Empty(t, nothing)
}

func TestDigests(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	with := func(id string, digest uint64) Trace {
		x := ofDay(someDay, 1, id)
		x.Digest = digest
		return x
	}
	add(t, s, with("early", 0))
	write(t, c, s)
	add(t, s, with("a", 1), with("b", 2))
	assert.Equal(t, []Known{Delivered, Changed, Unchecked, Delivered, New},
		has(t, s, with("a", 1), with("b", 3), with("early", 1), with("b", 0), with("c", 1)))
	write(t, c, s)
	s = open(t, c)
	add(t, s, with("b", 3), with("early", 5))
	write(t, c, s)
	s = open(t, c)
	assert.Equal(t, []Known{Delivered, Delivered, Changed, Delivered},
		has(t, s, with("a", 1), with("b", 3), with("b", 2), with("early", 5)))
	assert.Equal(t, int64(3), days(t, s)[0].Delivered)

	require.NoError(t, s.ForgetDigests(t.Context(), someDay))
	write(t, c, s)
	assert.Contains(t, c.m, "late/src/1/2026-03-05/0")
	require.NoError(t, s.ForgetDigests(t.Context(), someDay+1))
	assert.Equal(t, []Known{Unchecked}, has(t, s, with("a", 1)))
	write(t, c, s)
	assert.NotContains(t, c.m, "late/src/1/2026-03-05/0")
	s = open(t, c)
	assert.Equal(t, []Known{Unchecked, Delivered}, has(t, s, with("a", 1), with("a", 0)))

	require.NoError(t, s.ForgetDigests(t.Context(), someDay+1)) // nothing to do
	assert.Empty(t, s.Changes().Operations())
	add(t, s, with("d", 9))
	require.NoError(t, s.ForgetDigests(t.Context(), someDay+1))
	add(t, s, with("e", 9)) // needed again before they were deleted
	write(t, c, s)
	s = open(t, c)
	assert.Equal(t, []Known{Unchecked, Delivered, Changed}, has(t, s, with("d", 9), with("e", 9), with("e", 8)))
	assert.Empty(t, s.Damage())
}

// TestOverridden: whether an assessment was not valid is known of a changed trace. Digests of earlier
// versions, which had a bit of the hash in its place, are those of the same traces.
func TestOverridden(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	with := func(id string, digest uint64) Trace {
		x := ofDay(someDay, 1, id)
		x.Digest = digest
		return x
	}
	add(t, s, with("a", 1|digestInvalid), with("b", 2))
	write(t, c, s)
	s = open(t, c)
	assert.Equal(t, []Known{Overridden, Changed, Delivered, Delivered},
		has(t, s, with("a", 3), with("b", 3|digestInvalid), with("a", 1), with("b", 2|digestInvalid)))
	add(t, s, with("a", 3))
	assert.Equal(t, []Known{Changed}, has(t, s, with("a", 4)))
}

// TestGroupedGets: in file_storage each call is a write transaction.
func TestGroupedGets(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	var traces []Trace
	for d := range mlflow.Day(40) {
		traces = append(traces, many(someDay+d, 12)...)
	}
	add(t, s, traces...)
	write(t, c, s)

	s = open(t, c)
	c.gets, c.batches = 0, 0
	assert.Equal(t, all(Delivered, len(traces)), has(t, s, traces...))
	assert.Equal(t, 0, c.gets)
	assert.Equal(t, 3, c.batches, "one for the months, two for 40 chunks")
	assert.Equal(t, batchGets, c.most)
	c.batches = 0
	has(t, s, traces...)
	add(t, s, traces...)
	add(t, s, ofDay(someDay, 4, "another"))
	assert.Equal(t, 0, c.batches, "everything is in memory")

	whole := many(someDay+100, 3*ChunkSize) // 1,229 minutes, in three chunks
	add(t, s, whole...)
	write(t, c, s)
	s = open(t, c)
	c.batches, c.most = 0, 0
	has(t, s, whole[:500]...)
	assert.Equal(t, 2, c.batches)
	assert.Equal(t, 1, c.most, "only the chunk with minutes of the page")
}

func TestMemoryIsBounded(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	for d := range mlflow.Day(200) {
		add(t, s, many(someDay+d, 5)...)
	}
	assert.Len(t, s.chunks, 200, "none is lost before it is written")
	write(t, c, s)
	assert.Len(t, s.chunks, cacheChunks)
	for d := range mlflow.Day(200) {
		assert.Equal(t, all(Delivered, 5), has(t, s, many(someDay+d, 5)...))
		assert.LessOrEqual(t, len(s.chunks), cacheChunks+batchGets)
	}
}

// TestChangesWhileWriting: what is added between Changes and Applied is written by the next Batch,
// and nothing that is being written changes.
func TestChangesWhileWriting(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	traces := many(someDay, 30)
	add(t, s, traces[:10]...)
	changes := s.Changes()
	ops := changes.Operations()
	var values [][]byte
	for _, op := range ops {
		values = append(values, slices.Clone(op.Value))
	}
	add(t, s, traces[10:20]...)
	again := s.Changes() // the first Batch failed
	for i, op := range ops {
		assert.Equal(t, values[i], op.Value)
	}
	assert.Len(t, again.Operations(), len(ops))
	add(t, s, traces[20:]...)
	require.NoError(t, c.Batch(t.Context(), again.Operations()...))
	s.Applied()
	assert.Equal(t, append(all(Delivered, 20), all(New, 10)...), has(t, open(t, c), traces...))
	assert.Equal(t, all(Delivered, 30), has(t, s, traces...))
	write(t, c, s)
	assert.Equal(t, all(Delivered, 30), has(t, open(t, c), traces...))
	rest := s.Changes()
	assert.Empty(t, rest.Operations())
}

func TestOrderOfOperations(t *testing.T) {
	c := newMemory()
	var all Changes
	for _, name := range []string{"src/1", "src/2"} {
		s, err := Open(t.Context(), c, name, 0)
		require.NoError(t, err)
		x := ofDay(someDay, 1, "a")
		x.Digest = 1
		add(t, s, x)
		changes := s.Changes()
		changes.Open = append(changes.Open, storage.SetOperation("open/"+name+"/0", nil))
		changes.Position = append(changes.Position, storage.SetOperation("position/"+name, nil))
		changes.Delete = append(changes.Delete, storage.DeleteOperation("open/"+name+"/1"))
		all.Append(changes)
	}
	var keys []string
	for _, op := range all.Operations() {
		keys = append(keys, op.Key)
	}
	assert.Equal(t, []string{
		"ids/src/1/2026-03-05/0", "ids/src/2/2026-03-05/0", "late/src/1/2026-03-05/0", "late/src/2/2026-03-05/0",
		"open/src/1/0", "open/src/2/0", "position/src/1", "position/src/2",
		"days/src/1/2026-03", "days/src/2/2026-03", "days/src/1", "days/src/2", "open/src/1/1", "open/src/2/1",
	}, keys)
}

func TestErrorsOfTheStorage(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	traces := many(someDay, 20)
	add(t, s, traces...)
	write(t, c, s)
	s = open(t, c)
	c.fail = true
	_, err := Open(t.Context(), c, "src/1", 0)
	require.ErrorIs(t, err, errStorage)
	_, err = s.Has(t.Context(), traces)
	require.ErrorIs(t, err, errStorage)
	require.ErrorIs(t, s.Add(t.Context(), traces), errStorage)
	_, err = s.Days(t.Context())
	require.ErrorIs(t, err, errStorage)
	_, _, err = s.List(t.Context(), 0, someDay.Start())
	require.ErrorIs(t, err, errStorage)
	require.ErrorIs(t, s.ForgetDigests(t.Context(), someDay), errStorage)
	c.fail = false
	assert.Equal(t, all(Delivered, 20), has(t, s, traces...), "it can be used after an error")
	assert.Empty(t, s.Damage())
}

// damagedStorage has a closed day with two chunks and digests, and another closed day.
func damagedStorage(t *testing.T) (*memory, []Trace, []Trace) {
	c := newMemory()
	s := open(t, c)
	traces, others := many(someDay, ChunkSize+100), many(someDay+1, 50)
	for i := range traces {
		traces[i].Digest = 5
	}
	add(t, s, traces...)
	add(t, s, others...)
	list(t, s, someDay.Start(), (someDay + 2).Start(), append(slices.Clone(traces), others...))
	write(t, c, s)
	for _, d := range days(t, s) {
		require.True(t, d.Closed)
	}
	return c, traces, others
}

// list lists traces in one page.
func list(t *testing.T, s *Set, from, to int64, traces []Trace) {
	t.Helper()
	l, _, err := s.List(t.Context(), from, to)
	require.NoError(t, err)
	if len(traces) > 0 {
		last := traces[len(traces)-1]
		require.NoError(t, l.Page(t.Context(), traces, mlflow.Position{Timestamp: last.Timestamp, ID: "x"}, to))
	}
	require.NoError(t, l.End(t.Context(), to))
}

func TestDamage(t *testing.T) {
	const ids, late = "ids/src/1/2026-03-05/0", "late/src/1/2026-03-05/0"
	march := Range{someDay - 4, someDay + 27}
	for _, c := range []struct {
		name, key string
		days      Range // of the report
		known     Known // of the traces of the first chunk
		closed    bool  // the damaged day
		change    func(b []byte) []byte
	}{
		{"chunk rots", ids, Range{someDay, someDay + 1}, New, false, rot},
		{"chunk is missing", ids, Range{someDay, someDay + 1}, New, false, nil},
		{"chunk is cut", ids, Range{someDay, someDay + 1}, New, false, func(b []byte) []byte {
			return seal(slices.Clone(b[:headerSize]))
		}},
		{"digests rot", late, Range{someDay, someDay + 1}, Unchecked, true, rot},
		{"month rots", "days/src/1/2026-03", march, Delivered, false, rot},
		{"month is missing", "days/src/1/2026-03", march, Delivered, false, nil},
		{"index rots", "days/src/1", Range{}, Delivered, false, rot},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, traces, others := damagedStorage(t)
			if c.change == nil {
				delete(client.m, c.key)
			} else {
				client.m[c.key] = c.change(client.m[c.key])
			}
			s := open(t, client)
			want := append(all(c.known, ChunkSize), all(Delivered, 100)...)
			assert.Equal(t, want, has(t, s, traces...))
			assert.Equal(t, all(Delivered, len(others)), has(t, s, others...))
			require.Len(t, s.Damage(), 1)
			d := s.Damage()[0]
			assert.Equal(t, c.key, d.Key)
			reported := Range{d.From, d.To}
			assert.Equal(t, c.days, reported)
			require.ErrorIs(t, d.Err, ErrDamaged)

			lost := int64(0)
			if c.known == New {
				lost = ChunkSize
			}
			state := days(t, s)
			if c.name == "index rots" {
				assert.Empty(t, s.Listed())
			}
			require.Len(t, state, 2)
			assert.Equal(t, c.closed, state[0].Closed)
			assert.Equal(t, int64(len(traces))-lost, state[0].Delivered)
			assert.Equal(t, int64(len(others)), state[1].Delivered)

			// The day is listed again; what looks new is delivered and added. After that all is well.
			add(t, s, traces...)
			list(t, s, someDay.Start(), (someDay + 2).Start(), append(slices.Clone(traces), others...))
			write(t, client, s)
			s = open(t, client)
			assert.Equal(t, all(Delivered, len(traces)), has(t, s, traces...))
			assert.Empty(t, s.Damage())
			for i, d := range days(t, s) {
				assert.True(t, d.Closed)
				assert.Equal(t, int64([]int{len(traces), len(others)}[i]), d.Delivered)
				assert.Zero(t, d.Gone)
			}
			assert.Equal(t, []Range{{someDay, someDay + 2}}, s.Listed())
		})
	}
}

func rot(b []byte) []byte {
	b[len(b)/2] ^= 4
	return b
}

// TestDamageWhileListing: a listing that saw traces of a chunk before the chunk was lost does not
// close the day.
func TestDamageWhileListing(t *testing.T) {
	c, traces, _ := damagedStorage(t)
	s := open(t, c)
	l, _, err := s.List(t.Context(), someDay.Start(), (someDay + 1).Start())
	require.NoError(t, err)
	upto := mlflow.Position{Timestamp: traces[99].Timestamp, ID: "z"}
	require.NoError(t, l.Page(t.Context(), traces[:100], upto, 0))
	write(t, c, s)

	key := "ids/src/1/2026-03-05/0"
	c.m[key] = rot(c.m[key])
	s = open(t, c)
	l, after, err := s.List(t.Context(), someDay.Start(), (someDay + 1).Start())
	require.NoError(t, err)
	assert.Equal(t, upto, after)
	assert.Equal(t, New, has(t, s, traces[100:]...)[0])
	require.NoError(t, l.Page(t.Context(), traces[100:], mlflow.Position{Timestamp: traces[5].Timestamp}, 0))
	require.NoError(t, l.End(t.Context(), 0))
	write(t, c, s)
	s = open(t, c)
	assert.False(t, days(t, s)[0].Closed)
	_, after, err = s.List(t.Context(), someDay.Start(), (someDay + 1).Start())
	require.NoError(t, err)
	assert.Zero(t, after, "it is listed from its start")
}

func TestNewerFormats(t *testing.T) {
	for _, key := range []string{
		"days/src/1", "days/src/1/2026-03", "ids/src/1/2026-03-05/0", "late/src/1/2026-03-05/0",
	} {
		c, traces, _ := damagedStorage(t)
		b := c.m[key]
		b[3]++
		seal(b)
		s, err := Open(t.Context(), c, "src/1", 0)
		if err == nil {
			_, err = s.Has(t.Context(), traces)
			assert.Empty(t, s.Changes().Operations(), "what a newer version wrote stays")
		}
		require.ErrorIs(t, err, ErrNewerFormat)
		require.ErrorContains(t, err, key)
	}
}

func TestListing(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	from, to := someDay.Start()+3_600_000, (someDay+10).Start()+1000
	l, after, err := s.List(t.Context(), from, to)
	require.NoError(t, err)
	assert.Zero(t, after)

	first := []Trace{ofDay(someDay, 60, "a"), ofDay(someDay, 61, "b"), ofDay(someDay+3, 0, "c")}
	add(t, s, first[0], first[2]) // b is open
	upto := mlflow.Position{Timestamp: first[2].Timestamp, ID: "c"}
	require.NoError(t, l.Page(t.Context(), first, upto, to))
	write(t, c, s)
	want := []Day{
		{
			Date: someDay, Delivered: 1, Closed: true, Counts: mlflow.Counts{Traces: 2, Duration: 3000}, Spans: 8,
			Listed: to / 60_000, From: from, To: (someDay + 1).Start(),
		},
		{
			Date: someDay + 3, Delivered: 1, Counts: mlflow.Counts{Traces: 1, Duration: 1500}, Spans: 4,
			From: (someDay + 3).Start(), To: (someDay + 4).Start(), Cursor: upto,
		},
	}
	assert.Equal(t, want, days(t, s))
	assert.Equal(t, []Range{{someDay + 1, someDay + 3}}, s.Listed(), "the first day was listed in part")

	s = open(t, c) // the process ended here
	assert.Equal(t, want, days(t, s))
	l, after, err = s.List(t.Context(), (someDay + 3).Start(), to)
	require.NoError(t, err)
	assert.Equal(t, upto, after)
	second := []Trace{ofDay(someDay+3, 5, "d"), ofDay(someDay+10, 0, "e")}
	add(t, s, second...)
	require.NoError(t, l.Page(t.Context(), second, mlflow.Position{Timestamp: second[1].Timestamp, ID: "e"}, to))
	require.NoError(t, l.End(t.Context(), to))
	write(t, c, s)
	s = open(t, c)
	got := days(t, s)
	require.Len(t, got, 3)
	assert.Equal(t, mlflow.Counts{Traces: 2, Duration: 3000}, got[1].Counts)
	assert.True(t, got[1].Closed && got[2].Closed)
	assert.Equal(t, to, got[2].To)
	assert.Equal(t, []Range{{someDay + 1, someDay + 10}}, s.Listed(), "the last day was listed in part")

	// Everything is listed once more; a and d are gone, c has moved to another day.
	moved := ofDay(someDay+4, 0, "c")
	add(t, s, moved)
	list(t, s, from, to, []Trace{first[1], moved, second[1]})
	gone := map[mlflow.Day]int64{}
	for _, d := range days(t, s) {
		assert.True(t, d.Closed)
		gone[d.Date] = d.Gone
	}
	assert.Equal(t, map[mlflow.Day]int64{someDay: 1, someDay + 3: 2, someDay + 4: 0, someDay + 10: 0}, gone)
	list(t, s, from, to, []Trace{first[0], first[1], first[2], second[0], second[1]})
	assert.Zero(t, days(t, s)[0].Gone, "it was hidden by a short answer")
}

// An unfinished listing that begins anew counts the whole day.
func TestListingAnew(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	traces := []Trace{ofDay(someDay, 60, "a"), ofDay(someDay, 61, "b")}
	add(t, s, traces...)
	l, _, err := s.List(t.Context(), someDay.Start(), (someDay + 1).Start())
	require.NoError(t, err)
	upto := mlflow.Position{Timestamp: traces[0].Timestamp, ID: "a"}
	require.NoError(t, l.Page(t.Context(), traces[:1], upto, 0))
	write(t, c, s)

	s = open(t, c) // the process ended here
	l, after, err := s.List(t.Context(), someDay.Start(), (someDay + 1).Start())
	require.NoError(t, err)
	require.Equal(t, upto, after)
	l.Anew()
	require.NoError(t, l.Page(t.Context(), traces, mlflow.Position{Timestamp: traces[1].Timestamp, ID: "b"}, 0))
	require.NoError(t, l.End(t.Context(), 0))
	assert.Equal(t, mlflow.Counts{Traces: 2, Duration: 3000}, days(t, s)[0].Counts)
}

func TestListingRefusesWhatIsOutOfOrder(t *testing.T) {
	s := open(t, newMemory())
	l, _, err := s.List(t.Context(), someDay.Start(), (someDay + 3).Start())
	require.NoError(t, err)
	for _, wrong := range [][]Trace{
		{ofDay(someDay-1, 0, "a")}, {ofDay(someDay+3, 0, "a")}, {ofDay(someDay+1, 0, "a"), ofDay(someDay, 0, "b")},
	} {
		require.ErrorContains(t, l.Page(t.Context(), wrong, mlflow.Position{}, 0), "out of order")
	}
	assert.Empty(t, days(t, s))
	l, after, err := s.List(t.Context(), 5, 5)
	require.NoError(t, err)
	assert.Zero(t, after)
	require.NoError(t, l.End(t.Context(), 0))
	assert.Empty(t, s.Listed())
}

// TestAnotherRangeIsNotResumed: the cursor of a day belongs to the part of it that was asked for.
func TestAnotherRangeIsNotResumed(t *testing.T) {
	s := open(t, newMemory())
	later, start := someDay.Start()+3_600_000, someDay.Start()
	l, _, err := s.List(t.Context(), later, (someDay + 1).Start())
	require.NoError(t, err)
	page := []Trace{ofDay(someDay, 70, "a")}
	require.NoError(t, l.Page(t.Context(), page, mlflow.Position{Timestamp: page[0].Timestamp, ID: "a"}, 0))
	_, after, err := s.List(t.Context(), start, (someDay + 1).Start())
	require.NoError(t, err)
	assert.Zero(t, after)
	_, after, err = s.List(t.Context(), later, (someDay + 1).Start())
	require.NoError(t, err)
	assert.Equal(t, "a", after.ID)
}

// TestAtTheSameTime is for the race detector.
func TestAtTheSameTime(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	var mu sync.Mutex // of the client
	locked := &lockedClient{c, &mu}
	s.client = locked
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for part := range slices.Chunk(many(someDay+mlflow.Day(i/2), 3000)[i%2*1500:][:1500], 100) {
				_, err := s.Has(t.Context(), part)
				assert.NoError(t, err)
				assert.NoError(t, s.Add(t.Context(), part))
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			assert.NoError(t, locked.Batch(t.Context(), s.Changes().Operations()...))
			s.Applied()
			_, err := s.Days(t.Context())
			assert.NoError(t, err)
		}
	})
	wg.Wait()
	write(t, c, s)
	for i := range mlflow.Day(2) {
		assert.Equal(t, all(Delivered, 3000), has(t, open(t, c), many(someDay+i, 3000)...))
	}
}

type lockedClient struct {
	*memory
	mu *sync.Mutex
}

func (c *lockedClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.memory.Batch(ctx, ops...)
}

// TestReopen: days that were listed before count as not listed, those after do; a process that ends
// in between changes nothing of that.
func TestReopen(t *testing.T) {
	c, traces, others := damagedStorage(t)
	s := open(t, c)
	s.Reopen(5)
	s.Reopen(5)
	for _, d := range days(t, s) {
		assert.False(t, d.Closed)
	}
	write(t, c, s)
	s = open(t, c)
	assert.Empty(t, s.Listed())
	l, after, err := s.List(t.Context(), someDay.Start(), (someDay + 2).Start())
	require.NoError(t, err)
	assert.Zero(t, after)
	assert.Equal(t, all(Delivered, len(traces)), has(t, s, traces...))
	all := append(slices.Clone(traces), others[:10]...)
	upto := mlflow.Position{Timestamp: others[9].Timestamp, ID: "x"}
	require.NoError(t, l.Page(t.Context(), all, upto, 0))
	write(t, c, s)
	s = open(t, c)
	list := days(t, s)
	assert.True(t, list[0].Closed)
	assert.Equal(t, int64(len(traces)), list[0].Counts.Traces)
	assert.False(t, list[1].Closed)
	assert.Equal(t, upto, list[1].Cursor)
	assert.Equal(t, []Range{{someDay, someDay + 1}}, s.Listed())

	s.Reopen(someDay.Start())
	write(t, c, s)
	s = open(t, c)
	_, after, err = s.List(t.Context(), (someDay + 1).Start(), (someDay + 2).Start())
	require.NoError(t, err)
	assert.Zero(t, after, "an unfinished listing does not count any more")
}

func BenchmarkSet(b *testing.B) {
	for _, minutes := range []int{5, minutesPerDay} {
		b.Run(fmt.Sprintf("page=500/minutes=%d", minutes), func(b *testing.B) {
			c := newMemory()
			s := open(b, c)
			traces := make([]Trace, 100_000)
			for i := range traces {
				traces[i] = ofDay(someDay, int64(i)*minutesPerDay/100_000, strconv.Itoa(i))
			}
			for part := range slices.Chunk(traces, 500) {
				add(b, s, part...)
				write(b, c, s)
			}
			page := make([]Trace, 500)
			for i := range page {
				page[i] = traces[i*minutes*len(traces)/minutesPerDay/len(page)]
			}
			has(b, s, page...)
			b.ReportAllocs()
			for b.Loop() {
				has(b, s, page...)
			}
		})
	}
	b.Run("unit=200", func(b *testing.B) {
		c := newMemory()
		s := open(b, c)
		l, _, err := s.List(b.Context(), someDay.Start(), (someDay + 1000).Start())
		require.NoError(b, err)
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			page := make([]Trace, 200)
			for i := range page {
				at := int64(n) * 776 // 111,000 a day
				page[i] = Trace{Hash: uint64(n) * 0x9e3779b97f4a7c15, Timestamp: someDay.Start() + at}
				n++
			}
			has(b, s, page...)
			add(b, s, page...)
			require.NoError(b, l.Page(b.Context(), page, mlflow.Position{Timestamp: page[199].Timestamp}, 0))
			write(b, c, s)
		}
	})
}
