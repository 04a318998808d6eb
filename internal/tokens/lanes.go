// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"math/bits"
	"unsafe"
)

// What one merge needs depends on the merge before it, so a single piece spends most of its time
// waiting for the table of pairs. Many pieces are therefore merged side by side, each in a lane: a
// round does one merge in every lane, and their cache misses overlap. A lane does what mergeAll
// does, and the two must agree.

const (
	laneCount    = 32
	laneSymbols  = 56 // the most symbols of a lane
	positionBits = 6  // a position fits in these
	positionMask = 1<<positionBits - 1
)

// A lane is a piece being merged. Its symbols, at most laneSymbols, are at the positions 1 to n. A
// token stays at the position of its first symbol; starts has the bits of these. The positions 0
// and n+1 hold sentinels, which start like tokens and merge with nothing.
type lane struct {
	// The token that the one here and the next one merge into, <<positionBits, | the position; or
	// at least absent. The minimum is thus the pair to merge: lowest rank, leftmost among equals.
	// First, since the assembly relies on it.
	pairs  [mergeRoom]uint32
	ids    [mergeRoom]uint32
	starts uint64
}

const (
	sentinel = tokenMask // not the id of any token
	absent   = uint32(none &^ positionMask)
)

var noPairs = func() (p [mergeRoom]uint32) {
	for i := range p {
		p[i] = none
	}
	return p
}()

// lanes are the pieces merged side by side, and what a round needs.
type lanes struct {
	lane      [laneCount]lane
	active    [laneCount]uint32 // the lanes that may have merges left, as byte offsets from the first
	lowest    [laneCount]uint32 // the minimum of the pairs of each active lane
	questions [2 * laneCount]question
}

// A question is a pair that may be in the table.
type question struct {
	key      uint64
	slot     uint64 // what is in the slot where the key belongs
	answer   uint32 // where the answer belongs, a byte offset from the first lane
	position uint32 // the position of the left token
}

// load makes l the piece s, a part of valid UTF-8 of 2 to maxSmall bytes. It returns false if there
// is no room for it.
func (v *vocabulary) load(l *lane, s string) bool {
	l.pairs = noPairs
	n, ok := len(s), len(s) <= laneSymbols
	if isASCII(s) {
		if ok {
			v.loadBytes(l, s)
		}
	} else {
		n, ok = v.loadSymbols(l, s)
	}
	if !ok {
		return false
	}
	l.ids[0], l.ids[n+1] = sentinel, sentinel
	l.starts = 1<<(n+2) - 1
	return true
}

// loadBytes starts from bytes, whose pairs have a table of their own.
func (v *vocabulary) loadBytes(l *lane, s string) {
	b := s[0]
	for i := 1; i < len(s); i++ {
		next := s[i]
		l.ids[i&positionMask] = v.single[b]
		l.pairs[i&positionMask] = v.bytes2[uint16(b)|uint16(next)<<8]<<positionBits | uint32(i)
		b = next
	}
	l.ids[len(s)&positionMask] = v.single[b]
}

// loadSymbols starts from symbols, and returns how many there are and whether there was room for
// them.
func (v *vocabulary) loadSymbols(l *lane, s string) (n int, ok bool) {
	var ends [laneSymbols + symbolSpare]uint8
	n, size := v.symbols(s, l.ids[1:1+len(ends)], ends[:])
	if size < len(s) || n > laneSymbols {
		return 0, false
	}
	for set := v.pairs.among(l.ids[1 : n+1]); set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set) + 1
		l.pairs[i] = v.pairs.findSlot(pairKey(l.ids[i], l.ids[i+1]))<<positionBits | uint32(i)
	}
	return n, true
}

// isASCII reports whether s has ASCII only.
func isASCII(s string) bool {
	all := uint64(0)
	for i := 0; i < len(s); i += 8 {
		all |= word(s, i)
	}
	return all&0x8080808080808080 == 0
}

// tokens returns how many tokens the lane has come to.
func (l *lane) tokens() int { return bits.OnesCount64(l.starts) - 2 }

// mergeLanes merges the pieces in the first n lanes until none of their pairs merges.
func (v *vocabulary) mergeLanes(b *lanes, n int) {
	groups := b.activate(n)
	for n > 0 {
		lowestEach(b, n, groups)
		var asked int
		n, asked = v.mergeEach(b, n)
		v.answer(b, asked)
	}
}

// activate makes the first n lanes active. It returns how many groups of 8 pairs have all that they
// hold: 2, 4 or 7, the sizes that lowestEach has code for.
func (b *lanes) activate(n int) (groups int) {
	all := uint64(0)
	for i := range n {
		b.active[i] = uint32(uintptr(i) * unsafe.Sizeof(lane{}))
		all |= b.lane[i].starts
	}
	switch symbols := bits.Len64(all) - 2; {
	case symbols <= 16:
		return 2
	case symbols <= 32:
		return 4
	}
	return 7
}

// mergeEach merges the lowest pair of each of the n active lanes. It returns how many lanes stay
// active, having had one, and how many questions it asks: the pairs that the new tokens form with
// their neighbors, where the filter lets them pass.
func (v *vocabulary) mergeEach(b *lanes, n int) (active, asked int) {
	filter := v.pairs.pairFilter()
	for i := range n {
		lowest := b.lowest[i&(laneCount-1)]
		if lowest >= absent {
			continue
		}
		offset := b.active[i&(laneCount-1)]
		b.active[active&(laneCount-1)] = offset
		active++
		l := (*lane)(unsafe.Add(unsafe.Pointer(&b.lane), offset))

		// The token at position becomes id and takes in the one at next. Its neighbors are then at
		// before and behind.
		position, id := lowest&positionMask, lowest>>positionBits
		rest := l.starts & (^uint64(1) << position)
		next, behind := bits.TrailingZeros64(rest), bits.TrailingZeros64(rest&(rest-1))
		before := 63 - bits.LeadingZeros64(l.starts&(1<<position-1)|1)
		l.starts &^= rest & -rest
		l.ids[position] = id
		l.pairs[next&positionMask], l.pairs[position], l.pairs[before] = none, none, none

		// A question that the filter stops is overwritten by the next one.
		q := &b.questions[asked&(2*laneCount-1)]
		q.key, q.answer, q.position = pairKey(l.ids[before], id), offset+uint32(before)*4, uint32(before)
		asked += int(filter.has(q.key))
		q = &b.questions[asked&(2*laneCount-1)]
		q.key, q.answer, q.position = pairKey(id, l.ids[behind&positionMask]), offset+position*4, position
		asked += int(filter.has(q.key))
	}
	return active, asked
}

// answer writes what the pairs of the first n questions merge into to the lanes that ask. All slots
// are loaded first, without branches, so that the loads overlap.
func (v *vocabulary) answer(b *lanes, n int) {
	for i := range n {
		q := &b.questions[i&(2*laneCount-1)]
		q.slot = *at(v.pairs.slots, uintptr(v.pairs.home(q.key))*unsafe.Sizeof(v.pairs.slots[0]))
	}
	for i := range n {
		q := &b.questions[i&(2*laneCount-1)]
		for k, slot := v.pairs.home(q.key), q.slot; slot != 0; slot = v.pairs.slots[k] {
			if slot>>tokenBits == q.key {
				merged := uint32(slot & tokenMask)
				*(*uint32)(unsafe.Add(unsafe.Pointer(&b.lane), q.answer)) = merged<<positionBits | q.position
				break
			}
			k = (k + 1) & uint64(len(v.pairs.slots)-1)
		}
	}
}

// lowestEachPortable sets b.lowest to the minimum of the pairs 1 to 8*groups, groups being 2, 4 or
// 7, of each of the first n active lanes. It defines what faster versions do.
func lowestEachPortable(b *lanes, n, groups int) {
	for i := range n {
		l := (*lane)(unsafe.Add(unsafe.Pointer(&b.lane), b.active[i]))
		best := l.pairs[1]
		for k := 1; k <= groups*8; k += 4 {
			best = min(best, min(min(l.pairs[k], l.pairs[k+1]), min(l.pairs[k+2], l.pairs[k+3])))
		}
		b.lowest[i] = best
	}
}
