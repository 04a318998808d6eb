package tokens

import "math/bits"

// A pairTable maps two tokens to the one they merge into.
type pairTable struct {
	slots []uint64 // left << 46 | right << 28 | merged, 0 is free
	shift uint8
}

const (
	tokenBits = 18
	tokenMask = 1<<tokenBits - 1
)

func newPairTable(n int) pairTable {
	log := bits.Len(uint(n*3/2 - 1))
	return pairTable{make([]uint64, 1<<log), uint8(64 - log)}
}

func (t *pairTable) put(left, right, merged uint32) {
	k := uint64(left)<<tokenBits | uint64(right)
	i := k * multiplier >> t.shift
	for t.slots[i] != 0 {
		i = (i + 1) & uint64(len(t.slots)-1)
	}
	t.slots[i] = k<<tokenBits | uint64(merged)
}

// find returns the token that left and right merge into, or none.
func (t *pairTable) find(left, right uint32) uint32 {
	k := uint64(left)<<tokenBits | uint64(right)
	for i := k * multiplier >> (t.shift & 63); ; i = (i + 1) & uint64(len(t.slots)-1) {
		s := t.slots[i]
		if s>>tokenBits == k {
			if s == 0 {
				return none
			}
			return uint32(s & tokenMask)
		}
		if s == 0 {
			return none
		}
	}
}

// lengths tells which lengths the tokens with a given beginning may have. Beginnings of 3, 6 and 12 bytes have tables of their own,
// indexed by hash, so that a bit may be set without cause but is never missing.
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

// longest returns the longest token of at most limit bytes that s[i:] begins with, and its length.
func (v *vocabulary) longest(s string, i, limit int) (id uint32, n int) {
	limit = min(limit, len(s)-i)
	lo := word(s, i)
	if limit > 2 {
		hi := word(s, i+8)
		set := v.lengths.of(lo, hi)
		if limit > 15 {
			if set>>16 != 0 {
				for t := v.firstLong(s, i); t >= 0; t = v.chain[t].next {
					c := &v.chain[t]
					if n := len(c.text); n <= limit && s[i:i+n] == c.text {
						return c.id, n
					}
				}
			}
			limit = 15
		}
		for set &= 2<<limit - 1; set != 0; {
			n := bits.Len32(set) - 1
			if n < 8 {
				id = v.short.find(shortKey(lo, n))
			} else if id = none; true {
				k := mediumKey(lo, hi, n)
				if at := v.medium.find(hashMedium(k), k); at >= 0 {
					id = v.medium.ids[at]
				}
			}
			if id != none {
				return id, n
			}
			set &^= 1 << n
		}
	}
	if limit > 1 {
		if id := v.bytes2[uint16(lo)]; id != none {
			return id, 2
		}
	}
	return v.single[s[i]], 1
}
