package tokens

import "sync/atomic"

// A memo remembers how many tokens the pieces counted last have that are up to 15 bytes long and no tokens themselves. It is shared by
// all goroutines without locks, has a fixed size, and a new piece simply takes the slot of an older one. An answer is never wrong: a slot holds
// the whole piece, and one that is being written reads as absent.
type memo [1 << memoBits]memoSlot

const memoBits = 15

type memoSlot struct {
	state  atomic.Uint64 // number of writes << 16 | tokens << 1 | being written
	lo, hi atomic.Uint64
	_      uint64
}

// get returns the number of tokens remembered for key, or 0.
func (m *memo) get(hash uint64, key [2]uint64) int {
	s := &m[hash>>(64-memoBits)]
	state := s.state.Load()
	if s.lo.Load() != key[0] || s.hi.Load() != key[1] || s.state.Load() != state || state&1 != 0 {
		return 0
	}
	return int(state >> 1 & 0x7fff)
}

func (m *memo) put(hash uint64, key [2]uint64, tokens int) {
	s := &m[hash>>(64-memoBits)]
	state := s.state.Load()
	if state&1 != 0 || !s.state.CompareAndSwap(state, state|1) {
		return // another goroutine is writing here
	}
	s.lo.Store(key[0])
	s.hi.Store(key[1])
	s.state.Store((state>>16+1)<<16 | uint64(tokens)<<1)
}
