package tokens

import (
	"math/bits"
	"sync/atomic"
)

// A memo remembers how many tokens the pieces counted last have that are at most 15 bytes long and no tokens themselves; phrases does for
// pieces of up to 56 bytes. They are shared by all goroutines without locks and have a fixed size: a new piece takes the place of an older
// one. An answer is never wrong, since a slot holds the whole piece, and one that is being written reads as absent.
type memo struct {
	buckets [][2]memoSlot
	shift   uint8
}

type memoSlot struct {
	state  slotState
	lo, hi atomic.Uint64
	_      uint64
}

// A slotState is the number of writes << 16 | bytes << 8 | tokens << 1 | being written.
type slotState struct{ atomic.Uint64 }

// lock reports whether the caller may write the slot; it must then call unlock. A slot that another goroutine writes is left to it.
func (s *slotState) lock() (state uint64, ok bool) {
	state = s.Load()
	return state, state&1 == 0 && s.CompareAndSwap(state, state|1)
}

func (s *slotState) unlock(state uint64, bytes, tokens int) {
	s.Store((state>>16+1)<<16 | uint64(bytes)<<8 | uint64(tokens)<<1)
}

const maxRemembered = 0x7f

// tokensOf returns the number of tokens that a slot in this state has.
func tokensOf(state uint64) int { return int(state >> 1 & maxRemembered) }

// newMemo returns a memo in proportion to a vocabulary of n tokens.
func newMemo(n int) memo {
	log := bits.Len(uint(n / 8)) // 2 slots of 32 bytes each
	return memo{make([][2]memoSlot, 1<<log), uint8(64 - log)}
}

// get returns 0 and the number of tokens beyond the first if the slot remembers k, otherwise 1 and 0.
func (s *memoSlot) get(k mediumKey) (absent, extra uint64) {
	state := s.state.Load()
	lo, hi := s.lo.Load(), s.hi.Load()
	absent = nonZero((lo ^ k[0]) | (hi ^ k[1]) | (s.state.Load() ^ state) | state&1)
	return absent, (uint64(tokensOf(state)) - 1) & (absent - 1)
}

// find returns the number of tokens beyond the first that is remembered for k.
func (m *memo) find(hash uint64, k mediumKey) (extra int, ok bool) {
	for i := range m.buckets[hash>>m.shift] {
		if absent, extra := m.buckets[hash>>m.shift][i].get(k); absent == 0 {
			return int(extra), true
		}
	}
	return 0, false
}

// put remembers the tokens of k, unless they are too many for a slot.
func (m *memo) put(hash uint64, k mediumKey, tokens int) {
	if tokens > maxRemembered {
		return
	}
	b := &m.buckets[hash>>m.shift]
	s := &b[0]
	if s.state.Load() != 0 { // each write to the first slot sends the next one to the second
		if other := &b[1]; other.state.Load()>>16 < s.state.Load()>>16 {
			s = other
		}
	}
	if state, ok := s.state.lock(); ok {
		s.lo.Store(k[0])
		s.hi.Store(k[1])
		s.state.unlock(state, 0, tokens)
	}
}

// phrases is the memo of pieces of 16 to 56 bytes.
type phrases struct {
	slots []phraseSlot
	shift uint8
}

const phraseSize = 56

type phraseSlot struct {
	state slotState
	text  [phraseSize / 8]atomic.Uint64
}

func newPhrases(n int) phrases {
	log := bits.Len(uint(n / 16))
	return phrases{make([]phraseSlot, 1<<log), uint8(64 - log)}
}

// phraseKey returns the words of s[i:i+n] and their hash.
func phraseKey(s string, i, n int) (words [phraseSize / 8]uint64, hash uint64) {
	s = s[i : i+n]
	for k := 0; k*8 < n; k++ {
		words[k] = word(s, k*8)
		hash = (bits.RotateLeft64(hash, 23) ^ words[k]) * multiplier
	}
	return words, hash ^ hash>>32
}

// get returns the number of tokens remembered for a key of n bytes, or 0.
func (p *phrases) get(hash uint64, words *[phraseSize / 8]uint64, n int) int {
	s := &p.slots[hash*multiplier>>p.shift]
	state := s.state.Load()
	if state&1 != 0 || int(state>>8&0xff) != n {
		return 0
	}
	for k := 0; k*8 < n; k++ {
		if s.text[k].Load() != words[k] {
			return 0
		}
	}
	if s.state.Load() != state {
		return 0
	}
	return tokensOf(state)
}

func (p *phrases) put(hash uint64, words *[phraseSize / 8]uint64, n, tokens int) {
	s := &p.slots[hash*multiplier>>p.shift]
	if state, ok := s.state.lock(); ok {
		for k := 0; k*8 < n; k++ {
			s.text[k].Store(words[k])
		}
		s.state.unlock(state, n, tokens)
	}
}
