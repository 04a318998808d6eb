package tokens

const (
	mergeLimit = 32   // bytes of a piece up to which merging beats encode
	window     = 1024 // bytes of a long piece encoded at a time
	overlap    = 160  // bytes encoded twice, so that a window's end can't be seen by what is kept of it; no token has more than 128

	smallWindow, smallOverlap = 48, 16 // the same for merging, where tokens are short
)

// split returns the number of tokens of a piece, in time proportional to its length and with bounded memory.
func (v *vocabulary) split(s string) int {
	switch {
	case len(s) <= mergeLimit:
		return v.merge(s)
	case len(s) <= 64:
		var steps [64]step
		var dead [1]uint64
		return v.encode(s, steps[:], dead[:])
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

// splitLong encodes one window after another. It relies on this: a sequence of tokens is the encoding of its bytes exactly if every two
// neighbours stay apart when the bytes of just these two are encoded (see apart). So the encodings of two overlapping stretches may be
// joined at a token they share, and ok is false if they share none.
//
// With small, windows are small and merged, which is fast while tokens are short; where they aren't, a large one is encoded.
func (v *vocabulary) splitLong(s string, small bool) (total int, ok bool) {
	var steps [window]step
	var dead [window / 64]uint64
	shared := uint32(none) // the token that the next window must begin with
	for {
		size, n, keep := smallWindow, 0, 0
		if small && len(s) > size {
			n = v.mergeSteps(s[:size], steps[:])
			keep = kept(steps[:n], size-smallOverlap)
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

// encode writes the tokens of s to steps and returns how many there are. steps must have room for len(s) of them, and dead for as many
// bits. It takes the longest token at every position and, where that stays apart from the one before it, goes on; otherwise it tries the
// next shorter one. When none fits it steps back and never comes to that position again, so time is linear.
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

// apart reports whether byte-pair encoding of the bytes of a and b gives a and b again, that is, whether no merge ever joins bytes of
// both. It undoes merges in the reverse of the order in which they happen, rank order and left before right, and asks at every
// step whether the two tokens that then touch would have merged before the undone merge changed one of them.
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

// merge returns the number of tokens of a piece of at most mergeLimit bytes, the way byte-pair encoding is defined: it merges the pair of
// neighbours with the lowest rank, the leftmost among equals, until no pair merges.
func (v *vocabulary) merge(s string) int {
	var ids, pairs [mergeLimit + 1]uint32
	return v.mergeInto(s, ids[:], pairs[:])
}

// mergeSteps writes the tokens of s, at most smallWindow bytes, to steps and returns how many there are.
func (v *vocabulary) mergeSteps(s string, steps []step) int {
	var ids, pairs [smallWindow + 1]uint32
	n := v.mergeInto(s, ids[:], pairs[:])
	end := uint32(0)
	for i, id := range ids[:n] {
		end += uint32(v.length[id])
		steps[i] = step{candidate{id: id}, end}
	}
	return n
}

// mergeInto is merge with the tokens left in ids. pairs, with room for one more than s has bytes like ids, is what a token and its right
// neighbour merge into.
func (v *vocabulary) mergeInto(s string, ids, pairs []uint32) int {
	n := len(s)
	for i := range n - 1 {
		ids[i] = v.single[s[i]]
		pairs[i] = v.bytes2[uint16(s[i])|uint16(s[i+1])<<8]
	}
	ids[n-1] = v.single[s[n-1]]
	for n > 1 {
		best, at := pairs[0], 0
		for i, x := range pairs[1 : n-1] {
			if x < best {
				best, at = x, i+1
			}
		}
		if best == none {
			break
		}
		n--
		ids[at] = best
		for i := at + 1; i < n; i++ {
			ids[i], pairs[i] = ids[i+1], pairs[i+1]
		}
		if at+1 < n {
			pairs[at] = v.pairs.find(best, ids[at+1])
		}
		if at > 0 {
			pairs[at-1] = v.pairs.find(ids[at-1], best)
		}
	}
	return n
}
