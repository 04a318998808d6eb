// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

var update = flag.Bool("update", false, "write testdata/storage")

const someDay mlflow.Day = 20517 // 2026-03-05

// ofDay is a trace with an id at a minute of a day.
func ofDay(d mlflow.Day, minute int64, id string) Trace {
	info := mlflow.Info{ID: id, Timestamp: d.Start() + minute*60_000, Duration: 1500, State: mlflow.StateOK}
	return NewTrace(&info, 4)
}

func monthExample() (Month, []*day) {
	first, second := newDay(someDay), newDay(someDay+1)
	first.Closed, first.digests, first.Listed, first.Gone = true, true, 29545100, 2
	first.epoch = 1772668800123
	first.Delivered, first.known, first.Spans = 4100, 4098, 16400
	first.Counts = mlflow.Counts{Traces: 4101, Duration: -3}
	first.chunks = []span{{0, 700, 4096}, {701, 1439, 4}}
	second.Delivered, second.known = 1, 1
	second.Counts = mlflow.Counts{Traces: 1, Duration: 1500}
	second.Cursor = mlflow.Position{Timestamp: second.From + 60_000, ID: "tr-é"}
	second.To = second.From + 3_600_000
	second.chunks = []span{{1, 1, 1}}
	return monthOf(someDay), []*day{first, second}
}

// TestFormats reads what versions so far wrote. A version that changes a format adds its file.
func TestFormats(t *testing.T) {
	m, month := monthExample()
	k := newChunk()
	for i, id := range []string{"tr-0123456789abcdef0123456789abcdef", "free text"} {
		trace := ofDay(someDay, int64(i), id)
		trace.Digest = uint64(i) * 0x0102030405060708
		k.append(&trace)
	}
	x := index{epoch: 1772668800123, months: []Month{m - 1, m}, listed: ranges{{20480, 20490}, {20500, 20517}}}
	for name, example := range map[string]struct {
		want []byte
		read func(t *testing.T, b []byte)
	}{
		formatIndex: {encodeIndex(x), func(t *testing.T, b []byte) {
			got, err := decodeIndex(b)
			require.NoError(t, err)
			assert.Equal(t, x, got)
		}},
		formatMonth: {encodeMonth(m, month), func(t *testing.T, b []byte) {
			got, err := decodeMonth(m, b)
			require.NoError(t, err)
			assert.Equal(t, month, got)
		}},
		formatChunk: {seal(k.entries), func(t *testing.T, b []byte) {
			got, err := decodeChunk(b)
			require.NoError(t, err)
			assert.Equal(t, k.entries[headerSize:], got)
		}},
		formatDigests: {seal(k.digests), func(t *testing.T, b []byte) {
			got, err := decodeDigests(b)
			require.NoError(t, err)
			assert.Equal(t, k.digests[headerSize:], got)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("..", "..", "testdata", "storage", name)
			if *update {
				require.NoError(t, os.WriteFile(file, example.want, 0o644))
			}
			stored, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, example.want, stored, "the format changed without a new version")
			example.read(t, stored)
		})
	}
}

// TestKeys fixes how records are found.
func TestKeys(t *testing.T) {
	c := newMemory()
	s := open(t, c)
	late := ofDay(someDay, 5, "late")
	late.Digest = 7
	add(t, s, ofDay(someDay, 5, "a"), ofDay(-1, 5, "b"), late)
	write(t, c, s)
	assert.Equal(t, []string{
		"days/src/1", "days/src/1/1969-12", "days/src/1/2026-03", "ids/src/1/1969-12-31/0", "ids/src/1/2026-03-05/0",
		"late/src/1/2026-03-05/0",
	}, c.keys())
}

// TestHash fixes the values that are stored.
func TestHash(t *testing.T) {
	assert.Equal(t, uint64(0x75e237ef4f49c48c), Hash("tr-0123456789abcdef0123456789abcdef"))
	assert.Equal(t, uint16(0x1274), Shape(mlflow.StateOK, 1772668800000, 1500, 4))
	info := &mlflow.Info{
		Tags: []mlflow.KeyValue{{Key: "a", Value: "b"}}, Metadata: []mlflow.KeyValue{{Key: "c", Value: "d"}},
		Assessments: []mlflow.Assessment{{
			ID: "1", Name: "n", SourceType: "HUMAN", Created: 5, Value: []byte("1"),
			Error: &mlflow.AssessmentError{Code: "c"},
		}},
	}
	assert.Equal(t, uint64(0x732eaa7cb0b76fc9), Digest(info))
	info.Assessments[0].Invalid = true
	assert.Equal(t, uint64(1<<63), Digest(info)&(1<<63), "the bit that tells it")
}

func TestShapeTellsChanges(t *testing.T) {
	shapes := map[uint16]string{}
	for name, shape := range map[string]uint16{
		"base": Shape(mlflow.StateOK, 1000, 20, 3), "state": Shape(mlflow.StateError, 1000, 20, 3),
		"start": Shape(mlflow.StateOK, 1001, 20, 3), "duration": Shape(mlflow.StateOK, 1000, 21, 3),
		"spans": Shape(mlflow.StateOK, 1000, 20, 4), "no spans": Shape(mlflow.StateOK, 1000, 20, 0),
		"unknown spans": Shape(mlflow.StateOK, 1000, 20, UnknownSpans),
	} {
		assert.NotContains(t, shapes, shape, name)
		shapes[shape] = name
	}
}

func TestDigestTellsChanges(t *testing.T) {
	base := func() *mlflow.Info {
		return &mlflow.Info{
			Tags:        []mlflow.KeyValue{{Key: "a", Value: "bc"}},
			Metadata:    []mlflow.KeyValue{{Key: "c", Value: "d"}},
			Assessments: []mlflow.Assessment{{ID: "1", Name: "n", Value: []byte("1")}, {ID: "2"}},
		}
	}
	digests := map[uint64]string{Digest(base()): "base"}
	for name, change := range map[string]func(*mlflow.Info){
		"tag":           func(i *mlflow.Info) { i.Tags[0].Value = "bd" },
		"border":        func(i *mlflow.Info) { i.Tags[0] = mlflow.KeyValue{Key: "ab", Value: "c"} },
		"place":         func(i *mlflow.Info) { i.Tags, i.Metadata = nil, append(i.Tags, i.Metadata...) },
		"metadata":      func(i *mlflow.Info) { i.Metadata = nil },
		"value":         func(i *mlflow.Info) { i.Assessments[0].Value = []byte("2") },
		"no value":      func(i *mlflow.Info) { i.Assessments[0].Value = nil },
		"empty value":   func(i *mlflow.Info) { i.Assessments[0].Value = []byte{} },
		"rationale":     func(i *mlflow.Info) { i.Assessments[0].Rationale = "x" },
		"invalid":       func(i *mlflow.Info) { i.Assessments[0].Invalid = true },
		"error":         func(i *mlflow.Info) { i.Assessments[0].Error = &mlflow.AssessmentError{} },
		"error message": func(i *mlflow.Info) { i.Assessments[0].Error = &mlflow.AssessmentError{Message: "x"} },
		"updated":       func(i *mlflow.Info) { i.Assessments[0].Updated = 1 },
		"its metadata":  func(i *mlflow.Info) { i.Assessments[0].Metadata = []mlflow.KeyValue{{Key: "k"}} },
		"one less":      func(i *mlflow.Info) { i.Assessments = i.Assessments[:1] },
	} {
		i := base()
		change(i)
		assert.NotContains(t, digests, Digest(i), name)
		digests[Digest(i)] = name
	}
	i := base()
	i.State, i.Duration, i.Timestamp = mlflow.StateError, 5, 6 // these belong to the shape
	assert.Contains(t, digests, Digest(i))
}

// TestRevisionTellsChanges: two states of an assessment have two revisions, and so have two assessments.
func TestRevisionTellsChanges(t *testing.T) {
	seen := map[uint64]bool{}
	for _, a := range []mlflow.Assessment{
		{ID: "1"}, {ID: "2"}, {ID: "1", Invalid: true}, {ID: "1", Updated: 1}, {ID: "1", TraceID: "t"},
		{ID: "1", Value: []byte("1")}, {ID: "1", Metadata: []mlflow.KeyValue{{Key: "k"}}},
	} {
		seen[Revision(&a)] = true
		assert.Equal(t, Revision(&a), Revision(&a))
	}
	assert.Len(t, seen, 7)
}

func TestUnseal(t *testing.T) {
	good := seal(append(header(formatChunk), make([]byte, 20)...))
	_, err := decodeChunk(good)
	require.NoError(t, err)
	newer := slices.Clone(good)
	newer[3] = '2'
	_, err = decodeChunk(seal(newer))
	require.ErrorIs(t, err, ErrNewerFormat)
	require.NotErrorIs(t, err, ErrDamaged)
	for i := range good { // any damaged bit
		for bit := range 8 {
			bad := slices.Clone(good)
			bad[i] ^= 1 << bit
			_, err := decodeChunk(bad)
			require.ErrorIs(t, err, ErrDamaged, "byte %d, bit %d", i, bit)
		}
	}
	for n := range good {
		_, err := decodeChunk(good[:n])
		require.ErrorIs(t, err, ErrDamaged)
	}
	for name, bad := range map[string][]byte{
		"other kind":    seal(append(header(formatDigests), make([]byte, 20)...)),
		"older":         seal(append(header("MDC0"), make([]byte, 20)...)),
		"half an entry": seal(append(header(formatChunk), make([]byte, 15)...)),
		"too long":      seal(append(header(formatChunk), make([]byte, (ChunkSize+1)*entrySize)...)),
	} {
		_, err := decodeChunk(bad)
		require.ErrorIs(t, err, ErrDamaged, name)
	}
}

// body makes a record of any bytes, so that the fuzzer passes the checksum.
func body(format string, b []byte) []byte { return seal(append(header(format), b...)) }

func checkError(t *testing.T, err error) {
	if err != nil {
		require.ErrorIs(t, err, ErrDamaged)
	}
}

func FuzzMonth(f *testing.F) {
	m, month := monthExample()
	f.Add(encodeMonth(m, month)[headerSize:])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeMonth(m, b)
		days, err := decodeMonth(m, body(formatMonth, b))
		checkError(t, err)
		if err != nil {
			return
		}
		again, err := decodeMonth(m, encodeMonth(m, days))
		require.NoError(t, err)
		require.Equal(t, days, again)
	})
}

func FuzzIndex(f *testing.F) {
	m := monthOf(someDay)
	f.Add(encodeIndex(index{5, []Month{m, m + 1}, ranges{{1, 2}, {3, 5}}, state{}})[headerSize:])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeIndex(b)
		x, err := decodeIndex(body(formatIndex, b))
		checkError(t, err)
		if err != nil {
			return
		}
		for _, m := range x.months {
			require.Equal(t, m, monthOf(m.first()))
		}
		again, err := decodeIndex(encodeIndex(x))
		require.NoError(t, err)
		require.Equal(t, x, again)
	})
}

func FuzzChunk(f *testing.F) {
	f.Add([]byte("0123456789"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeChunk(b)
		_, _ = decodeDigests(b)
		entries, err := decodeChunk(body(formatChunk, b))
		checkError(t, err)
		require.Equal(t, err == nil, len(b)%entrySize == 0 && len(b) <= ChunkSize*entrySize)
		require.True(t, err != nil || bytes.Equal(entries, b))
		digests, err := decodeDigests(body(formatDigests, b))
		checkError(t, err)
		require.Equal(t, err == nil, len(b)%digestSize == 0 && len(b) <= ChunkSize*digestSize)
		require.True(t, err != nil || bytes.Equal(digests, b))
	})
}

func TestRanges(t *testing.T) {
	var rs ranges
	for _, r := range []Range{{5, 7}, {1, 2}, {9, 10}, {7, 8}, {3, 3}} {
		rs = rs.add(r)
	}
	assert.Equal(t, ranges{{1, 2}, {5, 8}, {9, 10}}, rs)
	assert.Equal(t, ranges{{1, 2}, {5, 6}}, rs.remove(Range{6, 20}))
	assert.Equal(t, ranges{{1, 2}, {5, 6}, {7, 8}, {9, 10}}, rs.remove(Range{6, 7}))
	assert.Equal(t, ranges{{0, 20}}, rs.add(Range{0, 20}))
}
