// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"math/bits"
)

const (
	window = 1024 // bytes of a long piece encoded at a time
	// bytes encoded twice, so that a window's end can't be seen by what is kept of it; no token has
	// more than 128
	overlap = 160

	maxSmall, smallOverlap = 192, 12 // the same for merging, where tokens are short
)

// split returns the number of tokens of a piece, in time proportional to its length and with
// bounded memory.
func (v *vocabulary) split(s string) int {
	if len(s) <= maxSmall {
		var ids [mergeRoom]uint32
		var ends [mergeRoom]uint8
		if starts, size := v.mergeAll(s, &ids, &ends); size == len(s) {
			return bits.OnesCount64(starts)
		}
	}
	if n, ok := v.splitLong(s, true); ok {
		return n
	}
	if n, ok := v.splitLong(s, false); ok {
		return n
	}
	// No text is known that comes here. Correct all the same, at the price of memory.
	return v.encode(s, make([]step, len(s)), make([]uint64, len(s)/64+1))
}

// splitLong encodes one window after another. It relies on this: a sequence of tokens is the
// encoding of its bytes exactly if every two neighbors stay apart when the bytes of just these two
// are encoded (see apart). So the encodings of two overlapping stretches may be joined at a token
// they share, and ok is false if they share none.
//
// With small, windows are small and merged, which is fast while tokens are short; where they
// aren't, a large one is encoded.
func (v *vocabulary) splitLong(s string, small bool) (total int, ok bool) {
	var steps [window]step
	var dead [window / 64]uint64
	shared := uint32(none) // the token that the next window must begin with
	for {
		size, n, keep := 0, 0, 0
		if small {
			n, size = v.mergeSteps(s[:min(len(s), maxSmall)], steps[:])
			if size == len(s) && (shared == none || steps[0].id == shared) {
				return total + n, true
			}
			if overlap := max(smallOverlap, size/6); longest(steps[:n]) <= overlap {
				keep = kept(steps[:n], size-overlap)
			}
		}
		if keep < 2 || shared != none && steps[0].id != shared {
			size = window
			n = v.encode(s[:min(size, len(s))], steps[:], dead[:])
			if shared != none && steps[0].id != shared {
				return 0, false
			}
			if len(s) <= size {
				return total + n, true
			}
			keep = kept(steps[:n], size-overlap)
		}
		shared = steps[keep].id
		for ahead := s[:size]; ; { // where the text repeats itself, as in a run, so does the encoding
			total, s = total+keep, s[steps[keep-1].end:]
			if len(s) < size || s[:size] != ahead || shared != steps[0].id {
				break
			}
		}
	}
}

// kept returns how many of the tokens before the last end within the first n bytes.
func kept(steps []step, n int) int {
	keep := len(steps) - 1
	for keep > 0 && int(steps[keep-1].end) > n {
		keep--
	}
	return keep
}

// longest returns the bytes of the longest token.
func longest(steps []step) (n int) {
	end := 0
	for i := range steps {
		n, end = max(n, int(steps[i].end)-end), int(steps[i].end)
	}
	return n
}

// A step is one token of an encoding and the position where it ends.
type step struct {
	candidate
	end uint32
}

// encode writes the tokens of s to steps and returns how many there are. steps must have room for
// len(s) of them, and dead for as many bits. It takes the longest token at every position and,
// where that stays apart from the one before it, goes on; otherwise it tries the next shorter one.
// When none fits it steps back and never comes to that position again, so time is linear.
func (v *vocabulary) encode(s string, steps []step, dead []uint64) int {
	clear(dead)
	n, pos := 0, 0
	c := v.longest(s, 0)
	for {
		end := pos + int(c.length)
		if (end == len(s) || dead[end/64]>>(end%64)&1 == 0) && (n == 0 || v.apart(steps[n-1].id, c.id)) {
			steps[n] = step{c, uint32(end)}
			n++
			if end == len(s) {
				return n
			}
			pos = end
			c = v.longest(s, pos)
			continue
		}
		for c.length == 1 { // nothing can follow the token before
			dead[pos/64] |= 1 << (pos % 64)
			n--
			c = steps[n].candidate
			pos -= int(c.length)
		}
		c = v.shorter(s, pos, c)
	}
}

// apart reports whether byte-pair encoding of the bytes of a and b gives a and b again, that is,
// whether no merge ever joins bytes of both. It undoes merges in the reverse of the order in which
// they happen, rank order and left before right, and asks at every step whether the two tokens that
// then touch would have merged before the undone merge changed one of them.
func (v *vocabulary) apart(a, b uint32) bool {
	limit := uint32(none)
	for {
		if v.pairs.find(a, b) < limit {
			return false
		}
		switch {
		case max(a, b) < singles:
			return true
		case a > b:
			limit = a
			_, a = v.parts(a)
		default:
			limit = b + 1
			b, _ = v.parts(b)
		}
	}
}

// mergeSteps writes the tokens of the beginning of s, as much as mergeAll has room for, to steps.
// It returns how many there are and how many bytes they have. s has at most maxSmall bytes.
func (v *vocabulary) mergeSteps(s string, steps []step) (n, size int) {
	var ids [mergeRoom]uint32
	var ends [mergeRoom]uint8
	starts, size := v.mergeAll(s, &ids, &ends)
	for starts != 0 {
		at := bits.TrailingZeros64(starts)
		starts &= starts - 1
		end := size
		if starts != 0 {
			end = int(ends[bits.TrailingZeros64(starts)-1])
		}
		steps[n] = step{candidate{id: ids[at]}, uint32(end)}
		n++
	}
	return n, size
}

const (
	mergeRoom    = 64 // positions, bits of a word
	mergeSymbols = 56 // the most symbols that merging starts from, but for the rest of a character
)

// mergeAll is byte-pair encoding as it is defined: it merges the pair of neighbors with the lowest
// rank, the leftmost among equals, until no pair merges. It starts from the symbols of s, at most
// maxSmall bytes, as many as there is room for, and returns how many bytes that is and which
// symbols begin tokens, as bits. It leaves each token in ids at the position of its first symbol,
// and where symbols end in ends.
func (v *vocabulary) mergeAll(s string, ids *[mergeRoom]uint32, ends *[mergeRoom]uint8) (starts uint64, size int) {
	var pairs [mergeRoom]uint32 // what the token that starts here and the next one merge into
	n, size := v.start(s, ids, ends, &pairs)
	groups := (n-1)/8 + 1
	starts = ^uint64(0) >> (mergeRoom - n)
	for {
		at := lowest(&pairs, groups)
		id := pairs[at&63]
		if id == none {
			return starts, size
		}
		ids[at&63] = id
		rest := starts >> at &^ 1 // the tokens behind, the first of which is now part of this one
		next := bits.TrailingZeros64(rest) + at
		pairs[next&63] = none
		starts &^= 1 << next
		if rest &= rest - 1; rest != 0 {
			pairs[at&63] = v.pairs.find(id, ids[(bits.TrailingZeros64(rest)+at)&63])
		} else {
			pairs[at&63] = none
		}
		if before := starts & (1<<at - 1); before != 0 {
			left := bits.Len64(before) - 1
			pairs[left&63] = v.pairs.find(ids[left&63], id)
		}
	}
}

// start sets up mergeAll. It returns how many symbols there are and how many bytes these have.
func (v *vocabulary) start(s string, ids *[mergeRoom]uint32, ends *[mergeRoom]uint8,
	pairs *[mergeRoom]uint32) (n, size int) {
	size = min(len(s), mergeSymbols)
	n = size
	if !isASCII(s[:size]) {
		n, size = v.symbols(s, ids[:mergeSymbols+symbolSpare], ends[:])
	}
	last := n - 1
	for i := range (last/8 + 1) * 8 {
		pairs[i] = none
	}
	if n == size { // all of them are bytes
		for i := range last {
			ids[i], ends[i] = v.single[s[i]], uint8(i+1)
			pairs[i] = v.bytes2[uint16(s[i])|uint16(s[i+1])<<8]
		}
		ids[last], ends[last] = v.single[s[last]], uint8(n)
		return n, size
	}
	for set := v.pairs.among(ids[:n]); set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		pairs[i] = v.pairs.findSlot(pairKey(ids[i], ids[i+1]))
	}
	return n, size
}

// lowestPortable returns the position of the first of the smallest values among 8*groups. It
// defines what faster versions do.
func lowestPortable(values *[mergeRoom]uint32, groups int) int {
	best, at := values[0], 0
	for i, x := range values[:groups*8] {
		if x < best {
			best, at = x, i
		}
	}
	return at
}
