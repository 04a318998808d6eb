// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import "math/bits"

const (
	window = 1024 // bytes of a long piece encoded at a time
	// bytes encoded twice, so that a window's end can't be seen by what is kept of it; no token has
	// more than 128
	overlap = 160

	maxSmall, smallOverlap = 192, 12 // the same for merging, where tokens are short

	// so many windows start from bytes after one in which few characters started merged
	byteWindows = 15
)

// split returns the number of tokens of a piece, in time proportional to its length and with
// bounded memory.
func (v *vocabulary) split(s string) int {
	if len(s) <= maxSmall {
		var m merging
		if v.start(&m, s); m.size == len(s) {
			return bits.OnesCount64(v.mergeAll(&m))
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
	var m merging
	shared := uint32(none) // the token that the next window must begin with
	for {
		size, n, keep := 0, 0, 0
		if small {
			v.startWindow(&m, s)
			var longest int
			n, longest = v.mergeSteps(&m, steps[:])
			if size = m.size; size == len(s) && (shared == none || steps[0].id == shared) {
				return total + n, true
			}
			if overlap := max(smallOverlap, size/6); longest <= overlap {
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

const mergeRoom = 64 // positions, bits of a word

// A merging is the beginning of a text that is merged. Its symbols are at the positions from 0 on.
// A token stays at the position of its first symbol.
type merging struct {
	ids     [mergeRoom]uint32
	pairs   [mergeRoom]uint32 // what the token that starts here and the next one merge into, or none
	ends    [mergeRoom]uint8  // where symbols end in the text
	symbols int
	size    int // bytes of all symbols

	fromBytes int // so many windows still start from bytes, see startWindow
}

// startWindow is start for one window after another. To look for whole characters takes longer than
// it saves where few of them start merged, so the next windows then start from bytes.
func (v *vocabulary) startWindow(m *merging, s string) {
	if m.fromBytes > 0 {
		m.fromBytes--
		v.startBytes(m, s)
		return
	}
	if v.start(m, s); m.symbols > m.size*7/8 {
		m.fromBytes = byteWindows
	}
}

// start makes m the beginning of s: as many symbols as there is room for.
func (v *vocabulary) start(m *merging, s string) {
	s = s[:min(len(s), maxSmall)]
	if isASCII(s[:min(len(s), mergeRoom)]) {
		v.startBytes(m, s)
		return
	}
	m.symbols, m.size = v.symbols(s, m.ids[:], m.ends[:])
	m.clearPairs()
	for set := v.pairs.among(m.ids[:m.symbols]); set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		m.pairs[i] = v.pairs.findSlot(pairKey(m.ids[i], m.ids[i+1]))
	}
}

// startBytes is start with bytes as the symbols, whose pairs have a table of their own.
func (v *vocabulary) startBytes(m *merging, s string) {
	n := min(len(s), mergeRoom)
	m.symbols, m.size = n, n
	m.clearPairs()
	last := n - 1
	for i := range last {
		m.ids[i], m.ends[i] = v.single[s[i]], uint8(i+1)
		m.pairs[i] = v.bytes2[uint16(s[i])|uint16(s[i+1])<<8]
	}
	m.ids[last], m.ends[last] = v.single[s[last]], uint8(n)
}

// groups returns how many groups of 8 positions have all symbols.
func (m *merging) groups() int { return (m.symbols-1)/8 + 1 }

// clearPairs sets all pairs that mergeAll reads to none.
func (m *merging) clearPairs() { copy(m.pairs[:m.groups()*8], noPairs[:]) }

// mergeAll is byte-pair encoding as it is defined: it merges the pair of neighbors with the lowest
// rank, the leftmost among equals, until no pair merges. It returns which symbols begin tokens, as
// bits.
func (v *vocabulary) mergeAll(m *merging) (starts uint64) {
	ids, pairs, groups := &m.ids, &m.pairs, m.groups()
	starts = ^uint64(0) >> (mergeRoom - m.symbols)
	for {
		at := lowest(pairs, groups)
		id := pairs[at&63]
		if id == none {
			return starts
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

// mergeSteps merges m and writes its tokens to steps. It returns how many there are and the bytes of
// the longest.
func (v *vocabulary) mergeSteps(m *merging, steps []step) (n, longest int) {
	begin := 0
	for starts := v.mergeAll(m); starts != 0; n++ {
		at := bits.TrailingZeros64(starts)
		starts &= starts - 1
		end := m.size
		if starts != 0 {
			end = int(m.ends[(bits.TrailingZeros64(starts)-1)&63])
		}
		steps[n] = step{candidate{id: m.ids[at&63]}, uint32(end)}
		longest, begin = max(longest, end-begin), end
	}
	return n, longest
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
