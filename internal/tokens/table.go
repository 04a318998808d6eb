// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// A table is an open-addressed map to tokens. Buckets of two fill in rank order, so that a text's
// pieces are mostly found in the bucket where they belong, at the price of one cache line; ids lie
// apart, since membership alone touches keys only. The zero key marks a free slot.
type table[K shortKey | mediumKey] struct {
	keys  [][2]K
	ids   [][2]uint32
	shift uint8
}

func newTable[K shortKey | mediumKey](n int) table[K] {
	log := bits.Len(uint(n*3/4 - 1))
	return table[K]{make([][2]K, 1<<log), make([][2]uint32, 1<<log), uint8(64 - log)}
}

func (t *table[K]) put(hash uint64, k K, id uint32) {
	var free K
	for i := hash >> t.shift; ; i = (i + 1) & uint64(len(t.keys)-1) {
		for j := range t.keys[i] {
			if t.keys[i][j] == free {
				t.keys[i][j], t.ids[i][j] = k, id
				return
			}
		}
	}
}

// find returns the token with key k, or none.
func (t *table[K]) find(hash uint64, k K) uint32 {
	var free K
	for i := hash >> t.shift; ; i = (i + 1) & uint64(len(t.keys)-1) {
		b := &t.keys[i]
		switch {
		case b[0] == k:
			return t.ids[i][0]
		case b[1] == k:
			return t.ids[i][1]
		case b[1] == free:
			return none
		}
	}
}

// home returns the byte offset of the bucket where a key with this hash belongs.
func (t *table[K]) home(hash uint64) uintptr {
	return uintptr(hash>>(t.shift&63)) * unsafe.Sizeof(t.keys[0])
}

// A shortKey holds 1 to 7 bytes and their number, a mediumKey up to 15.
type (
	shortKey  uint64
	mediumKey [2]uint64
)

// shortOf packs the n bytes, 1 to 7, in the low end of w.
func shortOf(w uint64, n int) shortKey { return shortKey(w<<(64-8*n) | uint64(n)) }

// mediumOf packs n bytes, 1 to 15, given as two little-endian words.
func mediumOf(lo, hi uint64, n int) mediumKey {
	m := &keep[n&15]
	return mediumKey{lo & m[0], hi&m[1] | uint64(n)<<56}
}

// keep has ones for the first n of 16 bytes.
var keep = func() (m [16][2]uint64) {
	for n := range m {
		m[n] = [2]uint64{1<<(8*min(n, 8)) - 1, 1<<(8*max(n-8, 0)) - 1}
	}
	return m
}()

const multiplier = 0x9e3779b97f4a7c15

func (k shortKey) hash() uint64  { return uint64(k^k>>32) * multiplier }
func (k mediumKey) hash() uint64 { return (k[0] ^ bits.RotateLeft64(k[1], 29)) * multiplier }

func load64(s string, i int) uint64 {
	return littleEndian(*(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i)))
}

func load32(s string, i int) uint32 {
	w := *(*uint32)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))
	return binary.LittleEndian.Uint32((*[4]byte)(unsafe.Pointer(&w))[:])
}

// word loads the bytes at s[i:], at most eight, little endian; what lies beyond the end of s is
// zero.
func word(s string, i int) uint64 {
	if i+8 <= len(s) {
		return load64(s, i)
	}
	if i >= len(s) {
		return 0
	}
	if len(s) >= 8 {
		return load64(s, len(s)-8) >> (8 * (i + 8 - len(s)))
	}
	var w uint64
	for k := len(s) - 1; k >= i; k-- {
		w = w<<8 | uint64(s[k])
	}
	return w
}

func littleEndian(w uint64) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Pointer(&w))[:])
}
