package tokens

// chars maps the code points of two and three bytes that are tokens, 64 to a block, to id << 12 | index of guards, or to none.
type chars struct {
	index  [1 << 10]uint16
	blocks [][64]uint32
	guards []guard
}

// A guard has a bit for each byte beside which a character must start as its bytes: left if it ends what comes before, right if it begins what follows.
type guard struct{ left, right [4]uint64 }

const guardBits = 12

// beside finds the first token that joins some of a character's bytes, not all, with those beside it: those with a beginning of a character at
// their end, and those with an end of one at their beginning. Keys are these bytes.
type beside map[uint32][]struct {
	with byte // the byte beside it
	id   uint32
}

// newChars decides where encoding may start from characters in place of bytes. It may where no token that joins some of the character's bytes with
// those beside it comes before the character itself in rank order. For then its own bytes merge as if it stood alone, whatever happens around it;
// and since all that is merged of the whole character comes after it, to start from it changes but the order of merges that don't touch.
//
// start holds the first 16 bytes of every token, tails the last four, the last one lowest, length the number of them.
func newChars(start [][2]uint64, tails []uint32, length []uint8) (c chars) {
	before, behind := beside{}, beside{} // beginnings of characters with what is before them, ends with what is behind them
	note := func(m beside, part uint32, with byte, id uint32) {
		for _, seen := range m[part] {
			if seen.with == with {
				return
			}
		}
		m[part] = append(m[part], struct {
			with byte
			id   uint32
		}{with, id})
	}
	for id := range uint32(len(length)) {
		head, tail, n := start[id][0], tails[id], int(length[id])
		if (uint32(head)|tail)&0x80 == 0 || n == 1 {
			continue
		}
		ends := 0
		for ends < min(n, 3) && byte(head>>(8*ends))&0xc0 == 0x80 {
			ends++
		}
		if with := byte(head >> (8 * ends)); ends > 0 && ends < n && with&0xc0 != 0x80 {
			note(behind, uint32(head)&(1<<(8*ends)-1), with, id)
		}
		begins := 1
		for begins < min(n-1, 3) && byte(tail>>(8*begins-8))&0xc0 == 0x80 {
			begins++
		}
		if lead := byte(tail >> (8*begins - 8)); begins < n && lead >= 0xc0 && begins < runeSize(lead) {
			note(before, tail&(1<<(8*begins)-1), byte(tail>>(8*begins)), id)
		}
	}

	free := [64]uint32{}
	for i := range free {
		free[i] = none
	}
	c.blocks = append(make([][64]uint32, 0, len(length)/320), free)
	guards := map[guard]uint32{}
	for id := range uint32(len(length)) {
		w, n := start[id][0], int(length[id])
		lead := byte(w)
		if n != 2 && n != 3 || lead < 0xc0 || runeSize(lead) != n || !continues(w, n) {
			continue
		}
		var g guard
		set := func(bits *[4]uint64, m beside, part uint32) {
			for _, other := range m[part] {
				if other.id < id {
					bits[other.with>>6] |= 1 << (other.with & 63)
				}
			}
		}
		b0, b1, b2 := uint32(w&0xff), uint32(w>>8&0xff), uint32(w>>16&0xff)
		set(&g.left, before, b0)
		block, at := b0&0x1f, b1&0x3f
		if n == 2 {
			set(&g.right, behind, b1)
		} else {
			set(&g.left, before, b0<<8|b1)
			set(&g.right, behind, b2)
			set(&g.right, behind, b1|b2<<8)
			block, at = b0&0x0f<<6|b1&0x3f, b2&0x3f
		}
		index, ok := guards[g]
		if !ok {
			if len(guards) == 1<<guardBits {
				continue
			}
			index = uint32(len(guards))
			guards[g] = index
			c.guards = append(c.guards, g)
		}
		if c.index[block] == 0 {
			c.index[block] = uint16(len(c.blocks))
			c.blocks = append(c.blocks, free)
		}
		c.blocks[c.index[block]][at] = id<<guardBits | index
	}
	return c
}

// runeSize returns the bytes of a character with this lead byte.
func runeSize(lead byte) int {
	switch {
	case lead >= 0xf0:
		return 4
	case lead >= 0xe0:
		return 3
	}
	return 2
}

// continues reports whether all of the first n bytes of w but the first are continuation bytes.
func continues(w uint64, n int) bool {
	for i := 1; i < n; i++ {
		if byte(w>>(8*i))&0xc0 != 0x80 {
			return false
		}
	}
	return true
}

// symbols writes the tokens that encoding of s, a part of valid text, may start from to ids and where they end to ends, which has as much room,
// as long as there is any. It returns how many there are, and the number of bytes.
func (v *vocabulary) symbols(s string, ids []uint32, ends []uint8) (n, i int) {
	last := byte(0xff) // no byte of UTF-8
	ends = ends[:len(ids)]
	for i < len(s) {
		if n >= len(ids)-4 {
			return n, i
		}
		lead := s[i]
		if lead < 0x80 {
			i++
			ids[n], ends[n] = v.single[lead], uint8(i)
			last = lead
			n++
			continue
		}
		size, entry := 1, uint32(none)
		switch {
		case lead < 0xc0:
		case lead < 0xe0:
			if i+1 < len(s) {
				size, entry = 2, v.chars.blocks[v.chars.index[lead&0x1f]][s[i+1]&0x3f]
			}
		case lead < 0xf0:
			if i+2 < len(s) {
				size, entry = 3, v.chars.blocks[v.chars.index[uint32(lead&0x0f)<<6|uint32(s[i+1]&0x3f)]][s[i+2]&0x3f]
			}
		}
		if entry != none {
			g := &v.chars.guards[entry&(1<<guardBits-1)]
			next := byte(0xff)
			if i+size < len(s) {
				next = s[i+size]
			}
			if (g.left[last>>6]>>(last&63)|g.right[next>>6]>>(next&63))&1 == 0 {
				i += size
				ids[n], ends[n] = entry>>guardBits, uint8(i)
				last = s[i-1]
				n++
				continue
			}
		}
		for ok := true; ok; ok = i < len(s) && s[i]&0xc0 == 0x80 && n < len(ids) {
			ids[n], ends[n] = v.single[s[i]], uint8(i+1)
			n++
			i++
		}
		last = s[i-1]
	}
	return n, i
}
