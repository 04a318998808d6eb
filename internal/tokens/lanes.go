package tokens

import (
	"math/bits"
	"unsafe"
)

// Many pieces that have to be merged are merged together, one merge of each in turn. What one merge needs depends on the one before it, and most
// of the time goes to waiting for the tables of merges; so the waiting of many pieces overlaps.

const (
	laneCount = 32
	laneRoom  = 56 // the most tokens a piece in a lane may start with
	posBits   = 6
)

// A lane is a piece being merged. Its tokens are at 1 to n, those at 0 and n+1 merge with nothing.
type lane struct {
	pairs  [64]uint32 // first, so that an offset may point in here: what the token here and the next one merge into << posBits | position, or at least absent
	ids    [64]uint32
	starts uint64 // where tokens start
}

var noPairs = func() (p [64]uint32) {
	for i := range p {
		p[i] = none
	}
	return p
}()

const absent = uint32(none &^ (1<<posBits - 1))

// lanes are as many pieces as are merged together.
type lanes struct {
	lane   [laneCount]lane
	active [laneCount]uint32 // the lanes with merges left, as offsets
	lowest [laneCount]uint32 // the smallest of the pairs of each active lane
	queue  [2 * laneCount]question
}

// A question is a pair that may be in the table.
type question struct {
	key  uint64
	slot uint64 // the slot where it belongs
	pair uint32 // where the answer belongs, as an offset
	at   uint32 // the position there
}

// load sets up a lane for a piece, and reports whether there is room for it.
func (v *vocabulary) load(l *lane, s string) bool {
	n := len(s)
	l.pairs = noPairs
	ascii := uint64(0)
	for i := 0; i < n; i += 8 {
		ascii |= word(s, i)
	}
	if ascii&0x8080808080808080 == 0 {
		if n > laneRoom {
			return false
		}
		l.ids[0] = tokenMask
		b := s[0]
		for i := 1; i < n; i++ {
			next := s[i]
			l.ids[i&63] = v.single[b]
			l.pairs[i&63] = v.bytes2[uint16(b)|uint16(next)<<8]<<posBits | uint32(i)
			b = next
		}
		l.ids[n] = v.single[b]
	} else {
		var ends [laneRoom + 4]uint8
		var size int
		n, size = v.symbols(s, l.ids[1:1+len(ends)], ends[:])
		if size < len(s) || n > laneRoom {
			return false
		}
		l.ids[0] = tokenMask
		for set := v.pairs.among(l.ids[1 : n+1]); set != 0; set &= set - 1 {
			i := bits.TrailingZeros64(set) + 1
			l.pairs[i] = v.pairs.findSlot(uint64(l.ids[i])<<tokenBits|uint64(l.ids[i+1]))<<posBits | uint32(i)
		}
	}
	l.ids[n+1] = tokenMask
	l.starts = 1<<(n+2) - 1
	return true
}

// run merges what is in the first n lanes. In every round each lane with merges left does the one with the lowest rank, the leftmost among equals.
func (v *vocabulary) run(b *lanes, n int) {
	all := uint64(0)
	for i := range n {
		b.active[i] = uint32(uintptr(i) * unsafe.Sizeof(lane{}))
		all |= b.lane[i].starts
	}
	groups := 7
	switch n := bits.Len64(all) - 2; {
	case n <= 16:
		groups = 2
	case n <= 32:
		groups = 4
	}
	shift := v.pairs.shift & 63
	filterShift := (shift - filterBits) & 63
	filter := unsafe.Pointer(unsafe.SliceData(v.pairs.filter))
	base := unsafe.Pointer(&b.lane)
	for n > 0 {
		lowestEach(b, n, groups)
		going, asked := 0, 0
		for i := range n {
			x := b.lowest[i&(laneCount-1)]
			if x >= absent {
				continue
			}
			offset := b.active[i&(laneCount-1)]
			b.active[going&(laneCount-1)] = offset
			going++
			l := (*lane)(unsafe.Add(base, offset))
			pos, id := x&(1<<posBits-1), x>>posBits
			rest := l.starts & (^uint64(1) << (pos & 63))
			next := bits.TrailingZeros64(rest)
			behind := bits.TrailingZeros64(rest & (rest - 1))
			before := 63 - bits.LeadingZeros64(l.starts&(1<<(pos&63)-1)|1)
			l.starts &^= rest & -rest
			l.ids[pos] = id
			l.pairs[next] = none
			l.pairs[pos] = none
			l.pairs[before] = none
			k := uint64(l.ids[before])<<tokenBits | uint64(id)
			h := k * multiplier >> filterShift
			q := &b.queue[asked&(2*laneCount-1)]
			q.key, q.pair, q.at = k, offset+uint32(before)*4, uint32(before)
			asked += int(*(*uint64)(unsafe.Add(filter, h>>6<<3)) >> (h & 63) & 1)
			k = uint64(id)<<tokenBits | uint64(l.ids[behind])
			h = k * multiplier >> filterShift
			q = &b.queue[asked&(2*laneCount-1)]
			q.key, q.pair, q.at = k, offset+pos*4, pos
			asked += int(*(*uint64)(unsafe.Add(filter, h>>6<<3)) >> (h & 63) & 1)
		}
		n = going
		for i := range asked { // without branches, so that all of them are on their way
			q := &b.queue[i&(2*laneCount-1)]
			q.slot = *at(v.pairs.slots, uintptr(q.key*multiplier>>shift)*8)
		}
		for i := range asked {
			q := &b.queue[i&(2*laneCount-1)]
			for i, s := q.key*multiplier>>shift, q.slot; s != 0; s = v.pairs.slots[i] {
				if s>>tokenBits == q.key {
					*(*uint32)(unsafe.Add(base, q.pair)) = uint32(s&tokenMask)<<posBits | q.at
					break
				}
				i = (i + 1) & uint64(len(v.pairs.slots)-1)
			}
		}
	}
}

// tokens returns how many tokens a lane has come to.
func (l *lane) tokens() int { return bits.OnesCount64(l.starts) - 2 }

// lowestEachPortable sets b.lowest to the smallest of the first 8*groups pairs, groups being 2, 4 or 7, of each of the first n active lanes. It
// defines what faster versions do.
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
