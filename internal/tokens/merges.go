// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"math/bits"
	"strings"
	"unsafe"
)

// A pairTable maps two tokens to the one they merge into.
type pairTable struct {
	slots  []uint64 // left << 36 | right << 18 | merged, 0 is free
	filter []uint64 // one bit per hash, set if a pair may be present: this small table answers most questions
	shift  uint8
}

const (
	tokenBits  = 18
	tokenMask  = 1<<tokenBits - 1
	filterBits = 4 // filter bits per slot, as a power of two
)

func newPairTable(n int) pairTable {
	log := bits.Len(uint(n*5/4 - 1)) // rather full, since the filter answers most questions
	return pairTable{make([]uint64, 1<<log), make([]uint64, 1<<(log+filterBits-6)), uint8(64 - log)}
}

// pairKey is the key of two tokens.
func pairKey(left, right uint32) uint64 { return uint64(left)<<tokenBits | uint64(right) }

// home returns the slot where the pair with this key belongs.
func (t *pairTable) home(key uint64) uint64 { return key * multiplier >> (t.shift & 63) }

func (t *pairTable) put(left, right, merged uint32) {
	k := pairKey(left, right)
	hash := k * multiplier >> (t.shift - filterBits)
	t.filter[hash/64] |= 1 << (hash % 64)
	i := t.home(k)
	for t.slots[i] != 0 {
		i = (i + 1) & uint64(len(t.slots)-1)
	}
	t.slots[i] = k<<tokenBits | uint64(merged)
}

// find returns the token that left and right merge into, or none.
func (t *pairTable) find(left, right uint32) uint32 {
	k := pairKey(left, right)
	hash := k * multiplier >> ((t.shift - filterBits) & 63)
	if t.filter[hash/64]>>(hash%64)&1 == 0 {
		return none
	}
	return t.findSlot(k)
}

// findSlot is find for a key that the filter lets pass.
func (t *pairTable) findSlot(k uint64) uint32 {
	for i := t.home(k); ; i = (i + 1) & uint64(len(t.slots)-1) {
		switch s := t.slots[i]; {
		case s == 0:
			return none
		case s>>tokenBits == k:
			return uint32(s & tokenMask)
		}
	}
}

// A pairFilter is the filter of a pairTable in two registers.
type pairFilter struct {
	words unsafe.Pointer
	shift uint64
}

func (t *pairTable) pairFilter() pairFilter {
	return pairFilter{unsafe.Pointer(unsafe.SliceData(t.filter)), uint64(t.shift - filterBits)}
}

// has returns 1 if the pair with this key may be present, and otherwise 0.
func (f pairFilter) has(key uint64) uint64 {
	hash := key * multiplier >> (f.shift & 63)
	return *(*uint64)(unsafe.Add(f.words, hash>>6<<3)) >> (hash & 63) & 1
}

// among returns bit i for every i from 0 on for which ids[i] and ids[i+1] may merge. There are at
// most 65 ids.
func (t *pairTable) among(ids []uint32) (set uint64) {
	filter := t.pairFilter()
	left := ids[0]
	for i, id := range ids[1:] {
		set |= filter.has(pairKey(left, id)) << (i & 63)
		left = id
	}
	return set
}

// lengths tells which lengths the tokens with a given beginning may have. Beginnings of 3, 6 and 12
// bytes have tables of their own, indexed by hash, so that a bit may be set without cause but is
// never missing.
type lengths struct {
	by3  [1 << 16]uint8 // bits 0 to 2: 3 to 5 bytes; bit 3: 6 or more
	by6  [1 << 17]uint8 // bits 0 to 5: 6 to 11 bytes; bit 6: 12 or more
	by12 [1 << 16]uint8 // bits 0 to 3: 12 to 15 bytes; bit 4: 16 or more
}

func (l *lengths) at3(lo uint64) *uint8 { return &l.by3[lo<<40*multiplier>>48] }
func (l *lengths) at6(lo uint64) *uint8 { return &l.by6[lo<<16*multiplier>>47] }
func (l *lengths) at12(lo, hi uint64) *uint8 {
	return &l.by12[(lo^bits.RotateLeft64(hi<<32, 29))*multiplier>>48]
}

// add notes a token of n bytes that begins with the given ones.
func (l *lengths) add(start [2]uint64, n int) {
	if n >= 3 {
		*l.at3(start[0]) |= 1 << min(n-3, 3)
	}
	if n >= 6 {
		*l.at6(start[0]) |= 1 << min(n-6, 6)
	}
	if n >= 12 {
		*l.at12(start[0], start[1]) |= 1 << min(n-12, 4)
	}
}

// of returns the possible lengths as bits: bit n for n bytes from 3 to 15, bit 16 for 16 and more.
func (l *lengths) of(lo, hi uint64) uint32 {
	set := uint32(*l.at3(lo)) << 3
	if set>>6 == 0 {
		return set
	}
	set = set&^(1<<6) | uint32(*l.at6(lo))<<6
	if set>>12 == 0 {
		return set
	}
	return set&^(1<<12) | uint32(*l.at12(lo, hi))<<12
}

// A candidate is a token that a text has at some position: its length, and its index in chain if it
// is a long one.
type candidate struct {
	id     uint32
	length uint16
	long   int16
}

// longest returns the longest token that s[i:] begins with.
func (v *vocabulary) longest(s string, i int) candidate {
	lo, hi := word(s, i), word(s, i+8)
	set := v.lengths.of(lo, hi)
	if set>>16 != 0 {
		for t := v.firstLong(s, i); t >= 0; t = v.chain[t].next {
			if c := &v.chain[t]; strings.HasPrefix(s[i:], c.text) {
				return candidate{c.id, uint16(len(c.text)), int16(t)}
			}
		}
	}
	return v.atMost(lo, hi, set, min(15, len(s)-i))
}

// shorter returns the next shorter token that s[i:] begins with. c must have more than one byte.
func (v *vocabulary) shorter(s string, i int, c candidate) candidate {
	if c.length > 15 {
		if t := v.chain[c.long].prefix; t >= 0 {
			return candidate{v.chain[t].id, uint16(len(v.chain[t].text)), int16(t)}
		}
		c.length = 16
	}
	lo, hi := word(s, i), word(s, i+8)
	return v.atMost(lo, hi, v.lengths.of(lo, hi), int(c.length)-1)
}

// atMost returns the longest token of at most limit bytes, 1 to 15, that a text beginning with lo
// and hi has. set is lengths.of them.
func (v *vocabulary) atMost(lo, hi uint64, set uint32, limit int) candidate {
	for set &= 2<<limit - 1; set != 0; {
		n := bits.Len32(set) - 1
		var id uint32
		if n < 8 {
			k := shortOf(lo, n)
			id = v.short.find(k.hash(), k)
		} else {
			k := mediumOf(lo, hi, n)
			id = v.medium.find(k.hash(), k)
		}
		if id != none {
			return candidate{id: id, length: uint16(n)}
		}
		set &^= 1 << n
	}
	if limit > 1 {
		if id := v.bytes2[uint16(lo)]; id != none {
			return candidate{id: id, length: 2}
		}
	}
	return candidate{id: v.single[byte(lo)], length: 1}
}
