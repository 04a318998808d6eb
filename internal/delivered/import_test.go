// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Days of another set are taken over with everything that is known of them: traces, digests, and how far they were
// listed. The other days stay unknown, and the other storage as it was.
func TestImport(t *testing.T) {
	other := newMemory()
	from := open(t, other)
	var traces []Trace
	for d := someDay; d < someDay+40; d += 2 { // every second day has none
		list := many(d, 30)
		if d == someDay {
			list = many(d, 2*ChunkSize+5)
		}
		for i := range list {
			list[i].Digest = uint64(i + 1)
		}
		traces = append(traces, list...)
	}
	for part := range slices.Chunk(traces, 500) {
		add(t, from, part...)
	}
	listing, _, err := from.List(t.Context(), someDay.Start(), (someDay + 30).Start())
	require.NoError(t, err)
	var page []Trace
	for i := range traces {
		if traces[i].Day() < someDay+30 {
			page = append(page, traces[i])
		}
	}
	last := page[len(page)-1]
	require.NoError(t, listing.Page(t.Context(), page, mlflow.Position{Timestamp: last.Timestamp, ID: "x"}, 60_000))
	require.NoError(t, listing.End(t.Context(), 60_000))
	write(t, other, from)
	before := other.clone()

	keep := func(d mlflow.Day) bool { return d%3 == 0 }
	c := newMemory()
	to, err := Open(t.Context(), c, "new/1", 1)
	require.NoError(t, err)
	apply := func(changes *Changes) error { return c.Batch(t.Context(), changes.Operations()...) }
	taken, err := to.Import(t.Context(), open(t, other), keep, apply)
	require.NoError(t, err)
	assert.Equal(t, before.m, other.m)

	want := slices.DeleteFunc(days(t, from), func(d Day) bool { return !keep(d.Date) })
	assert.Equal(t, want, taken)
	for _, s := range []*Set{to, func() *Set {
		s, err := Open(t.Context(), c, "new/1", 1)
		require.NoError(t, err)
		return s
	}()} {
		assert.Equal(t, want, days(t, s))
		for i, known := range has(t, s, traces...) {
			expected := New
			if keep(traces[i].Day()) {
				expected = Delivered
			}
			require.Equal(t, expected, known)
		}
		for d := someDay - 1; d < someDay+41; d++ {
			listed := slices.ContainsFunc(s.Listed(), func(r Range) bool { return r.From <= d && d < r.To })
			require.Equal(t, keep(d) && d >= someDay && d < someDay+30, listed, "%s", d)
		}
		assert.Empty(t, s.Damage())
	}
}

// What is damaged in the other set is found when it is taken over: its day is to be listed again.
func TestImportOfDamagedSet(t *testing.T) {
	other := newMemory()
	from := open(t, other)
	add(t, from, many(someDay, 30)...)
	listing, _, err := from.List(t.Context(), someDay.Start(), (someDay + 1).Start())
	require.NoError(t, err)
	require.NoError(t, listing.End(t.Context(), 60_000))
	write(t, other, from)
	key := from.chunkKey(place{someDay, 0})
	other.m[key][len(other.m[key])-1] ^= 1

	c := newMemory()
	to := open(t, c)
	damaged := open(t, other)
	taken, err := to.Import(t.Context(), damaged, func(mlflow.Day) bool { return true },
		func(changes *Changes) error { return c.Batch(t.Context(), changes.Operations()...) })
	require.NoError(t, err)
	require.Len(t, damaged.Damage(), 1)
	require.Len(t, taken, 1)
	assert.False(t, taken[0].Closed)
	assert.Zero(t, taken[0].Delivered)
	assert.Equal(t, days(t, to), taken)

	c.fail = true
	_, err = open(t, newMemory()).Import(t.Context(), open(t, other), func(mlflow.Day) bool { return true },
		func(*Changes) error { return errStorage })
	require.ErrorIs(t, err, errStorage)
}
