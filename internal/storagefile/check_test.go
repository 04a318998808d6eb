// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package storagefile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// options are those of file_storage.
func options() *bbolt.Options {
	return &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, NoSync: true}
}

// write makes a file with so many records as file_storage makes and compacts it, some of them large.
func write(t testing.TB, records int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "receiver_mlflow_")
	db, err := bbolt.Open(path, 0o600, options())
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, uint64(records)))
	for first := 0; first < max(1, records); first += 100 {
		require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("default"))
			require.NoError(t, err)
			for i := first; i < min(first+100, records); i++ {
				size := random.IntN(60)
				if i%20 == 0 {
					size = random.IntN(10_000)
				}
				key := fmt.Appendf(nil, "%05d/%s", i*7919%100_000, bytes.Repeat([]byte("k"), i%50))
				require.NoError(t, b.Put(key, make([]byte, size)))
				if i%9 == 8 {
					require.NoError(t, b.Delete(key))
				}
			}
			return nil
		}))
	}
	compacted := path + "compacted"
	to, err := bbolt.Open(compacted, 0o600, options())
	require.NoError(t, err)
	require.NoError(t, bbolt.Compact(to, db, 0))
	require.NoError(t, errors.Join(db.Close(), to.Close()))
	return compacted
}

func TestRightFiles(t *testing.T) {
	for _, records := range []int{0, 1, 3, 100, 2000} {
		assert.NoError(t, Check(write(t, records)), "%d records", records)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	assert.NoError(t, Check(empty), "a new file")
}

// A file that another process has open changes while it is read.
func TestOpenFile(t *testing.T) {
	path := write(t, 100)
	db, err := bbolt.Open(path, 0o600, options())
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, 3*4096))
	assert.NoError(t, Check(path))
	require.NoError(t, db.Close())
	assert.ErrorIs(t, Check(path), ErrDamaged)
}

// Each damage is named, with its place.
func TestDamages(t *testing.T) {
	size := os.Getpagesize()
	// find returns where a page of one kind begins that has elements and no pages that belong to it.
	find := func(t *testing.T, b []byte, flags uint16) int {
		for at := len(b)/size - 1; at > 1; at-- {
			page := b[at*size:]
			if order.Uint64(page) == uint64(at) && order.Uint16(page[8:]) == flags && order.Uint32(page[12:]) == 0 &&
				order.Uint16(page[10:]) > 5 {
				return at * size
			}
		}
		require.Fail(t, "no such page")
		return 0
	}
	right, err := os.ReadFile(write(t, 2000))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		damage func(t *testing.T, b []byte) []byte
		want   string
	}{
		"no file of bbolt": {func(*testing.T, []byte) []byte { return []byte("restored by hand") }, "invalid database"},
		"cut in the pages of its state": {func(_ *testing.T, b []byte) []byte { return b[:size] },
			"file size too small"},
		"cut":             {func(_ *testing.T, b []byte) []byte { return b[:len(b)/2] }, "it was cut, it has "},
		"both states bad": {func(_ *testing.T, b []byte) []byte { b[40]++; b[size+40]++; return b }, "checksum"},
		"a page of another place": {func(t *testing.T, b []byte) []byte {
			b[find(t, b, leafPage)]++
			return b
		}, " calls itself "},
		"a page of no kind": {func(t *testing.T, b []byte) []byte {
			b[find(t, b, leafPage)+8] = 0x22
			return b
		}, " has the flags 0x22"},
		"a page that is too long": {func(t *testing.T, b []byte) []byte {
			b[find(t, b, leafPage)+15] = 1
			return b
		}, ", the last one is "},
		"too many elements": {func(t *testing.T, b []byte) []byte {
			b[find(t, b, leafPage)+11] = 0xff
			return b
		}, " elements"},
		"an element beyond its page": {func(t *testing.T, b []byte) []byte {
			b[find(t, b, leafPage)+headerSize+6] = 1
			return b
		}, "element 0 is not in it"},
		"a key without bytes": {func(t *testing.T, b []byte) []byte {
			order.PutUint32(b[find(t, b, leafPage)+headerSize+elementSize+8:], 0)
			return b
		}, "element 1 is not in it"},
		"keys out of order": {func(t *testing.T, b []byte) []byte {
			at := find(t, b, leafPage) + headerSize
			first, second := b[at:at+elementSize], b[at+elementSize:at+2*elementSize]
			position := order.Uint32(first[4:])
			order.PutUint32(first[4:], order.Uint32(second[4:])+elementSize)
			order.PutUint32(second[4:], position-elementSize)
			for i := 8; i < elementSize; i++ {
				first[i], second[i] = second[i], first[i]
			}
			return b
		}, "is out of order"},
		"a branch without elements": {func(t *testing.T, b []byte) []byte {
			order.PutUint16(b[find(t, b, branchPage)+10:], 0)
			return b
		}, "it has 0 elements"},
		"a branch to itself": {func(t *testing.T, b []byte) []byte {
			at := find(t, b, branchPage)
			order.PutUint64(b[at+headerSize+8:], uint64(at/size))
			return b
		}, "is used twice"},
		"a branch to nowhere": {func(t *testing.T, b []byte) []byte {
			order.PutUint64(b[find(t, b, branchPage)+headerSize+8:], 1<<40)
			return b
		}, "there is no page "},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			require.NoError(t, os.WriteFile(path, c.damage(t, bytes.Clone(right)), 0o600))
			err := Check(path)
			require.ErrorIs(t, err, ErrDamaged)
			assert.ErrorContains(t, err, path)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// Whatever is wrong with a file that the check lets pass: bbolt opens it, reads and writes it. A panic
// of its goroutine would end this test, too.
func TestWhatPassesIsOpened(t *testing.T) {
	body, err := os.ReadFile(write(t, 250))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "file")
	random := rand.New(rand.NewPCG(2, 0))
	opened, refused := 0, 0
	for range 200 {
		b := bytes.Clone(body)
		for range 1 + random.IntN(3) {
			at := random.IntN(len(b))
			if random.IntN(2) == 0 { // what stands at the begin of a page
				at = at/4096*4096 + random.IntN(200)
			}
			if at < len(b) {
				b[at] ^= 1 << random.IntN(8)
			}
		}
		if random.IntN(10) == 0 {
			b = b[:random.IntN(len(b))]
		}
		require.NoError(t, os.WriteFile(path, b, 0o600))
		if err := Check(path); err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			refused++
			continue
		}
		opened++
		db, err := bbolt.Open(path, 0o600, options())
		require.NoError(t, err)
		require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("default"))
			require.NoError(t, err)
			return bucket.Put([]byte("new"), []byte("value"))
		}))
		require.NoError(t, db.Close())
	}
	t.Logf("%d files passed, %d were refused", opened, refused)
	assert.Greater(t, opened, 20)
	assert.Greater(t, refused, 20)
}
