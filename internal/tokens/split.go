package tokens

import "math/bits"

const (
	mergeLimit = 20   // bytes of a piece up to which merging beats encode
	window     = 1024 // bytes of a long piece encoded at a time
	overlap    = 160  // bytes encoded twice, so that a window's end can't be seen by what is kept of it; no token has more than 128
)

// split returns the number of tokens of one piece, in time proportional to its length and with bounded memory.
//
// It relies on this: a sequence of tokens is the encoding of its bytes exactly if every two neighbours stay apart when the bytes of
// just these two are encoded (see apart). So the encodings of two overlapping stretches may be joined at a token they share.
func (v *vocabulary) split(s string) int {
	if len(s) <= mergeLimit {
		return v.merge(s)
	}
	var steps [window]step
	var dead [window / 64]uint64
	total, n := 0, v.encode(s[:min(window, len(s))], steps[:], dead[:])
	for {
		if len(s) <= window {
			return total + n
		}
		keep := n - 1
		for steps[keep-1].end > window-overlap {
			keep--
		}
		shared := steps[keep].id
		rest := s[steps[keep-1].end:]
		if n = v.encode(rest[:min(window, len(rest))], steps[:], dead[:]); steps[0].id != shared {
			// No text is known that comes here. Correct all the same, at the price of memory.
			return total + v.encode(s, make([]step, len(s)), make([]uint64, len(s)/64+1))
		}
		total += keep
		s = rest
	}
}

// A step is one token of an encoding and the position where it ends.
type step struct {
	candidate
	end int
}

// encode writes the tokens of s to steps and returns how many there are. steps must have room for len(s) of them, and dead for as many
// bits. It takes the longest token at every position and, where that stays apart from the one before it, goes on; otherwise it tries the
// next shorter one. When none fits it steps back and never comes to that position again, so time is linear.
func (v *vocabulary) encode(s string, steps []step, dead []uint64) int {
	clear(dead)
	n, pos := 0, 0
	c := v.longest(s, 0)
	for {
		end := pos + c.length
		if (end == len(s) || dead[end/64]>>(end%64)&1 == 0) && (n == 0 || v.apart(steps[n-1].id, c.id)) {
			steps[n] = step{c, end}
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
			pos -= c.length
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
	var ids [mergeLimit]uint32
	var next [mergeLimit]uint32 // what the token here and its right neighbour merge into << 5 | position
	n := len(s)
	for i := range n - 1 {
		ids[i] = v.single[s[i]]
		next[i] = v.bytes2[uint16(s[i])|uint16(s[i+1])<<8]<<5 | uint32(i)
	}
	ids[n-1] = v.single[s[n-1]]
	alive := uint32(1<<n - 1) // the positions where tokens start
	for n > 1 {
		best := uint32(none)
		for _, x := range next[:len(s)-1] {
			best = min(best, x)
		}
		id, i := best>>5, int(best&31)
		if id == none>>5 {
			break
		}
		n--
		ids[i] = id
		right := bits.TrailingZeros32(alive>>(i+1)) + i + 1
		alive &^= 1 << right
		next[right] = none
		if rest := alive >> right; rest != 0 {
			next[i] = v.pairs.find(id, ids[bits.TrailingZeros32(rest)+right])<<5 | uint32(i)
		} else {
			next[i] = none
		}
		if before := alive & (1<<i - 1); before != 0 {
			left := bits.Len32(before) - 1
			next[left] = v.pairs.find(ids[left], id)<<5 | uint32(left)
		}
	}
	return n
}
