package tokens

const (
	window  = 1024 // bytes of a long piece encoded at a time
	overlap = 160  // bytes encoded twice, so that a window's end can't be seen by what is kept of it; no token has more than 128
)

// count returns the number of tokens of one piece, in time proportional to its length and with bounded memory.
//
// It relies on this: a sequence of tokens is the encoding of its bytes exactly if every two neighbours stay apart when the bytes of
// just these two are encoded (see apart). So the encodings of two overlapping stretches may be joined at a token they share.
func (v *vocabulary) count(s string) int {
	if len(s) <= 64 {
		var ids, ends [64]uint32
		var dead [1]uint64
		return v.encode(s, ids[:], ends[:], dead[:])
	}
	var ids, ends [window]uint32
	var dead [window / 64]uint64
	total, n := 0, v.encode(s[:min(window, len(s))], ids[:], ends[:], dead[:])
	for {
		if len(s) <= window {
			return total + n
		}
		keep := n - 1
		for ends[keep-1] > window-overlap {
			keep--
		}
		shared := ids[keep]
		rest := s[ends[keep-1]:]
		if n = v.encode(rest[:min(window, len(rest))], ids[:], ends[:], dead[:]); ids[0] != shared {
			// No text is known that comes here. Correct all the same, at the price of memory.
			return total + v.encode(s, make([]uint32, len(s)), make([]uint32, len(s)), make([]uint64, len(s)/64+1))
		}
		total += keep
		s = rest
	}
}

// encode writes the tokens of s and their ends, and returns how many there are. ids and ends must have room for len(s) of them, and
// dead for as many bits. It takes the longest token at every position and, where that stays apart from the one before it, goes on;
// otherwise it tries the next shorter one. When none fits it steps back and never comes to that position again, so time is linear.
func (v *vocabulary) encode(s string, ids, ends []uint32, dead []uint64) int {
	clear(dead)
	n, pos := 0, 0
	id, length := v.longest(s, 0, len(s))
	for {
		end := pos + length
		if (end == len(s) || dead[end/64]>>(end%64)&1 == 0) && (n == 0 || v.apart(ids[n-1], id)) {
			ids[n], ends[n] = id, uint32(end)
			n++
			if end == len(s) {
				return n
			}
			pos = end
			id, length = v.longest(s, pos, len(s))
			continue
		}
		for length == 1 { // nothing can follow the token before
			dead[pos/64] |= 1 << (pos % 64)
			end = pos
			if n--; n > 0 {
				pos = int(ends[n-1])
			} else {
				pos = 0
			}
			length = end - pos
		}
		id, length = v.longest(s, pos, length-1)
	}
}

// apart reports whether byte-pair encoding of the bytes of a and b gives a and b again, that is, whether no merge ever joins bytes of
// both. It undoes merges in the reverse of the order in which they happen, rank order and left before right, and asks at every
// step whether the two tokens that then touch would have merged before the undone merge changed one of them.
func (v *vocabulary) apart(a, b uint32) bool {
	limit := uint32(none)
	for {
		if v.merged(a, b) < limit {
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
