// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import "unicode/utf8"

// chars tells where encoding may start from whole characters in place of their bytes. The rule and
// its proof are in doc.go. It knows the characters of two and three bytes that are tokens.
type chars struct {
	index  [1 << 10]uint16 // block of a code point, by code point >> 6; block 0 is empty
	blocks [][64]uint32    // id << guardBits | index of guards, by code point & 63, or none
	guards []guard
}

// A guard is a set of bytes before a character and a set of bytes behind it. Beside one of these
// the character must start as its bytes, since (1) or (2) of the rule does not hold there.
// Characters with the same sets share a guard.
type guard struct{ before, behind byteSet }

const guardBits = 12

// A byteSet has a bit for every byte value.
type byteSet [4]uint64

func (s *byteSet) add(b byte)        { s[b>>6] |= 1 << (b & 63) }
func (s *byteSet) has(b byte) uint64 { return s[b>>6] >> (b & 63) & 1 }

// noByte stands for the byte beside the end of a text. It never occurs in UTF-8.
const noByte = 0xff

// crossings are the tokens that can prevent characters from starting merged: left those that end in
// a byte and the beginning of a character, right those that begin with the end of a character and a
// byte. Keys are these parts of characters, packed as in spellings. Of the tokens with the same
// part and byte there is the one with the lowest id.
type crossings struct{ left, right map[uint32][]crossing }

type crossing struct {
	id     uint32
	beside byte
}

// newCrossings collects them from all tokens.
func newCrossings(all *spellings) crossings {
	c := crossings{map[uint32][]crossing{}, map[uint32][]crossing{}}
	note := func(m map[uint32][]crossing, part uint32, x crossing) {
		for _, lower := range m[part] {
			if lower.beside == x.beside {
				return
			}
		}
		m[part] = append(m[part], x)
	}
	for id, n := range all.length {
		if last := all.last[id]; last&0x80 != 0 {
			if part, before, ok := endsWithin(last, int(n)); ok {
				note(c.left, part, crossing{uint32(id), before})
			}
		}
		if first := all.first[id][0]; isContinuation(byte(first)) {
			if part, behind, ok := beginsWithin(first, int(n)); ok {
				note(c.right, part, crossing{uint32(id), behind})
			}
		}
	}
	return c
}

// endsWithin returns the beginning of a character of two or three bytes that a token ends with, and
// the byte before it. The token has length bytes; its last ones are as in spellings.
func endsWithin(last uint32, length int) (part uint32, before byte, ok bool) {
	n := 1 // bytes of that character
	if isContinuation(byte(last)) {
		n = 2
	}
	lead := byte(last >> (8 * (n - 1)))
	if n >= length || lead < 0xc0 || lead >= 0xf0 || n >= runeSize(lead) {
		return 0, 0, false
	}
	return last & (1<<(8*n) - 1), byte(last >> (8 * n)), true
}

// beginsWithin returns the end of a character of two or three bytes that a token begins with, and
// the byte behind it. The token has length bytes; its first ones are as in spellings.
func beginsWithin(first uint64, length int) (part uint32, behind byte, ok bool) {
	n := 0 // bytes of that character
	for n < min(length, 3) && isContinuation(byte(first>>(8*n))) {
		n++
	}
	if n == 0 || n == 3 || n == length {
		return 0, 0, false
	}
	return uint32(first) & (1<<(8*n) - 1), byte(first >> (8 * n)), true
}

// guard returns where the character that token id is, given by its bytes, must start as its bytes.
func (c *crossings) guard(id uint32, char []byte) (g guard) {
	for n := 1; n < len(char); n++ {
		var beginning, end uint32
		for i := range n {
			beginning = beginning<<8 | uint32(char[i])
			end |= uint32(char[len(char)-n+i]) << (8 * i)
		}
		for _, x := range c.left[beginning] {
			if x.id < id {
				g.before.add(x.beside)
			}
		}
		for _, x := range c.right[end] {
			if x.id < id {
				g.behind.add(x.beside)
			}
		}
	}
	return g
}

// newChars builds the tables from all tokens.
func newChars(all *spellings) (c chars) {
	free := [64]uint32{}
	for i := range free {
		free[i] = none
	}
	c.blocks = append(make([][64]uint32, 0, len(all.length)/320), free)
	crossings := newCrossings(all)
	guards := map[guard]uint32{}
	for id, n := range all.length {
		first := all.first[id][0]
		if n != 2 && n != 3 || byte(first) < utf8.RuneSelf {
			continue
		}
		char := []byte{byte(first), byte(first >> 8), byte(first >> 16)}[:n]
		r, size := utf8.DecodeRune(char)
		if size != int(n) {
			continue // not a character, or too long a form of one
		}
		g := crossings.guard(uint32(id), char)
		index, ok := guards[g]
		if !ok {
			if len(guards) == 1<<guardBits {
				continue // it starts as its bytes, which is always right
			}
			index = uint32(len(guards))
			guards[g], c.guards = index, append(c.guards, g)
		}
		block := &c.index[r>>6]
		if *block == 0 {
			*block = uint16(len(c.blocks))
			c.blocks = append(c.blocks, free)
		}
		c.blocks[*block][r&63] = uint32(id)<<guardBits | index
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

func isContinuation(b byte) bool { return b&0xc0 == 0x80 }

// find returns the entry of the character at s[i:], or none, and its bytes. For a byte that begins
// no character of two or three bytes that lies in s, it returns none and 1.
func (c *chars) find(s string, i int) (entry uint32, size int) {
	lead := s[i]
	if lead>>5 == 0x6 && i+1 < len(s) {
		return c.blocks[c.index[lead&0x1f]][s[i+1]&0x3f], 2
	}
	if lead>>4 == 0xe && i+2 < len(s) {
		return c.blocks[c.index[uint16(lead&0x0f)<<6|uint16(s[i+1]&0x3f)]][s[i+2]&0x3f], 3
	}
	return none, 1
}

// symbolSpare is how much room symbols leaves for the bytes of one more character.
const symbolSpare = 4

// symbols writes the symbols of s, a part of valid UTF-8 that may begin and end within a character,
// to ids, and where they end to ends, which has as much room. It stops when there is no room for a
// character more. It returns how many symbols there are, and the number of their bytes.
func (v *vocabulary) symbols(s string, ids []uint32, ends []uint8) (n, i int) {
	before := byte(noByte)
	ends = ends[:len(ids)]
	for i < len(s) && n < len(ids)-symbolSpare {
		if b := s[i]; b < utf8.RuneSelf {
			i++
			ids[n], ends[n] = v.single[b], uint8(i)
			before = b
			n++
			continue
		}
		if entry, size := v.chars.find(s, i); entry != none {
			g, behind := &v.chars.guards[entry&(1<<guardBits-1)], byte(noByte)
			if i+size < len(s) {
				behind = s[i+size]
			}
			if g.before.has(before)|g.behind.has(behind) == 0 {
				i += size
				ids[n], ends[n] = entry>>guardBits, uint8(i)
				before = s[i-1]
				n++
				continue
			}
		}
		for next := true; next; next = i < len(s) && isContinuation(s[i]) && n < len(ids) {
			ids[n], ends[n] = v.single[s[i]], uint8(i+1)
			n++
			i++
		}
		before = s[i-1]
	}
	return n, i
}
