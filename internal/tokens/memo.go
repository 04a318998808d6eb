// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"unsafe"
)

// Memos remember how many tokens the pieces counted last have that are no tokens themselves, or are
// tokens but not in their home bucket. All goroutines share them without locks, and their sizes are
// fixed: a new piece takes the place of an older one, but only one time in four, so that texts that
// come round again find much of what they left even if there is more than fits. An answer is never
// wrong, since a slot holds the whole piece, and one that spans several words reads as absent while
// it is being written.

// spare reports whether what fills a slot may stay.
func spare() bool { return rand.Uint32()&3 != 0 }

// A shortMemo is for pieces of up to 7 bytes. A slot is a shortKey with the number of tokens in
// bits 3 to 5.
type shortMemo struct {
	buckets []shortBucket
	shift   uint8
}

type shortBucket [4]atomic.Uint64

const (
	shortTokens = 3
	shortMask   = 7 << shortTokens
)

// newShortMemo returns a memo in proportion to a vocabulary of n tokens.
func newShortMemo(n int) shortMemo {
	log := bits.Len(uint(n / 32))
	return shortMemo{make([]shortBucket, 1<<log), uint8(64 - log)}
}

// bucket returns the byte offset of the bucket of a key with this hash.
func (m *shortMemo) bucket(hash uint64) uintptr {
	return uintptr(hash>>(m.shift&63)) * unsafe.Sizeof(m.buckets[0])
}

// get returns the number of tokens remembered for k, or 0.
func (b *shortBucket) get(k shortKey) (tokens uint64) {
	for i := range b {
		x := b[i].Load() ^ uint64(k)
		tokens |= x & (nonZero(x&^shortMask) - 1)
	}
	return tokens >> shortTokens
}

func (b *shortBucket) put(k shortKey, tokens int) {
	if b[len(b)-1].Load() != 0 && spare() {
		return
	}
	for i := len(b) - 1; i > 0; i-- {
		b[i].Store(b[i-1].Load())
	}
	b[0].Store(uint64(k) | uint64(tokens)<<shortTokens)
}

// A version guards a slot of several words. It is odd while a goroutine writes.
type version struct{ atomic.Uint64 }

// lock reports whether the caller may write; it must then unlock. What another goroutine writes is
// left to it.
func (v *version) lock() bool {
	now := v.Load()
	return now&1 == 0 && v.CompareAndSwap(now, now|1)
}

func (v *version) unlock() { v.Add(1) }

// A mediumMemo is for pieces of 8 to 15 bytes. A slot is a mediumKey with the number of tokens in
// the highest 4 bits.
type mediumMemo struct {
	buckets []mediumBucket
	shift   uint8
}

type mediumBucket struct {
	version version
	slots   [3][2]atomic.Uint64
	_       uint64
}

const mediumTokens = 60

func newMediumMemo(n int) mediumMemo {
	log := bits.Len(uint(n / 16))
	return mediumMemo{make([]mediumBucket, 1<<log), uint8(64 - log)}
}

// bucket returns the byte offset of the bucket of a key with this hash.
func (m *mediumMemo) bucket(hash uint64) uintptr {
	return uintptr(hash>>(m.shift&63)) * unsafe.Sizeof(m.buckets[0])
}

// get returns the number of tokens remembered for k, or 0.
func (b *mediumBucket) get(k mediumKey) (tokens uint64) {
	version := b.version.Load()
	for i := range b.slots {
		lo, hi := b.slots[i][0].Load()^k[0], b.slots[i][1].Load()^k[1]
		tokens |= hi & (nonZero(lo|hi&(1<<mediumTokens-1)) - 1)
	}
	return tokens >> mediumTokens & (nonZero(b.version.Load()^version|version&1) - 1)
}

func (b *mediumBucket) put(k mediumKey, tokens int) {
	if b.slots[len(b.slots)-1][0].Load() != 0 && spare() || !b.version.lock() {
		return
	}
	for i := len(b.slots) - 1; i > 0; i-- {
		b.slots[i][0].Store(b.slots[i-1][0].Load())
		b.slots[i][1].Store(b.slots[i-1][1].Load())
	}
	b.slots[0][0].Store(k[0])
	b.slots[0][1].Store(k[1] | uint64(tokens)<<mediumTokens)
	b.version.unlock()
}

// A phraseMemo is for pieces of 16 to phraseSize bytes. A piece is in the slot of its hash or in
// the one beside it.
type phraseMemo struct {
	slots []phraseSlot
	shift uint8
}

const phraseSize = 56

// A phraseSlot is one cache line. Its state is writes << 16 | bytes << 8 | tokens << 1 | being
// written.
type phraseSlot struct {
	state atomic.Uint64
	text  [phraseSize / 8]atomic.Uint64
}

func newPhraseMemo(n int) phraseMemo {
	log := bits.Len(uint(n / 4))
	return phraseMemo{make([]phraseSlot, 1<<log), uint8(64 - log)}
}

// phraseHash returns the hash of s, 8 to phraseSize bytes.
func phraseHash(s string) (hash uint64) {
	n := len(s)
	i := 0
	for ; i+8 <= n; i += 8 {
		hash = (bits.RotateLeft64(hash, 23) ^ load64(s, i)) * multiplier
	}
	if i < n {
		hash = (bits.RotateLeft64(hash, 23) ^ load64(s, n-8)>>(8*(i+8-n))) * multiplier
	}
	return (hash ^ hash>>32) * multiplier
}

// slot returns the byte offset of the slot for a hash.
func (p *phraseMemo) slot(hash uint64) uintptr {
	return uintptr(hash>>(p.shift&63)) * unsafe.Sizeof(p.slots[0])
}

// of returns the number of tokens that s remembers for the piece, 8 bytes or more, or 0.
func (s *phraseSlot) of(piece string) int {
	state, n := s.state.Load(), len(piece)
	if int(state>>8&0xff) != n || state&1 != 0 {
		return 0
	}
	i := 0
	for ; i+8 <= n; i += 8 {
		if s.text[i/8%len(s.text)].Load() != load64(piece, i) {
			return 0
		}
	}
	if i < n && s.text[i/8%len(s.text)].Load() != load64(piece, n-8)>>(8*(i+8-n)) || s.state.Load() != state {
		return 0
	}
	return int(state >> 1 & 0x7f)
}

// beside returns the byte offset of the other slot for the same hash.
func (p *phraseMemo) beside(slot uintptr) uintptr { return slot ^ unsafe.Sizeof(p.slots[0]) }

// get returns the number of tokens remembered for the piece whose hash has this slot, or 0.
func (p *phraseMemo) get(slot uintptr, piece string) int {
	if tokens := at(p.slots, slot).of(piece); tokens != 0 {
		return tokens
	}
	return at(p.slots, p.beside(slot)).of(piece)
}

func (p *phraseMemo) put(slot uintptr, piece string, tokens int) {
	s := at(p.slots, slot)
	state := s.state.Load()
	if state != 0 {
		s = at(p.slots, p.beside(slot))
		if state = s.state.Load(); state != 0 {
			if spare() {
				return
			}
			if rand.Uint32()&1 == 0 {
				s = at(p.slots, slot)
				state = s.state.Load()
			}
		}
	}
	if state&1 != 0 || !s.state.CompareAndSwap(state, state|1) {
		return
	}
	for i := 0; i < len(piece); i += 8 {
		s.text[i/8].Store(word(piece, i))
	}
	s.state.Store((state>>16+1)<<16 | uint64(len(piece))<<8 | uint64(tokens)<<1)
}

// runs is the memo of one byte repeated, as in tables and separators. A slot is bytes << 36 |
// tokens << 8 | byte.
type runs [512]atomic.Uint64

const maxRun = 1<<28 - 1

func runSlot(c byte, n int) uint64 { return (uint64(n)<<8 | uint64(c)) * multiplier >> 55 }

// get returns the number of tokens remembered for n times c, or 0.
func (r *runs) get(c byte, n int) int {
	if x := r[runSlot(c, n)].Load(); byte(x) == c && x>>36 == uint64(n) {
		return int(x >> 8 & maxRun)
	}
	return 0
}

func (r *runs) put(c byte, n, tokens int) {
	if n <= maxRun {
		r[runSlot(c, n)].Store(uint64(n)<<36 | uint64(tokens)<<8 | uint64(c))
	}
}
