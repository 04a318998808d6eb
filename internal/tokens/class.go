package tokens

import "unicode/utf8"

// A class byte says how the three patterns see a code point. Punctuation, symbols and controls have none of letter, number and
// space, whatever the other bits say.
const (
	upper   = 1 << iota // \p{Lu} \p{Lt} \p{Lm} \p{Lo} \p{M}
	lower               // \p{Ll} \p{Lm} \p{Lo} \p{M}
	letter              // \p{L}
	number              // \p{N}
	space               // \s
	newline             // \r or \n
)

// classAt decodes the code point at s[i:] and returns its class and length. A length of 0 means that no valid UTF-8 sequence starts there.
func classAt(s string, i int) (class byte, size int) {
	c := s[i]
	if c < utf8.RuneSelf {
		return classBlocks[c], 1 // classIndex[0] is 0
	}
	return classBeyond(s[i:])
}

// classBeyond is classAt for what isn't ASCII.
func classBeyond(s string) (class byte, size int) {
	if len(s) > 2 {
		if c := uint32(s[0])<<16 | uint32(s[1])<<8 | uint32(s[2]); c&0xe0c000 == 0xc08000 && c >= 0xc20000 {
			return classOf(c>>8&0x3f | c>>10&0x7c0), 2
		} else if c&0xf0c0c0 == 0xe08080 {
			if r := c&0x3f | c>>2&0xfc0 | c>>4&0xf000; r >= 0x800 && r-0xd800 >= 0x800 {
				return classOf(r), 3
			}
			return 0, 0
		}
	}
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		return 0, 0
	}
	return classOf(uint32(r)), size
}

func classOf(r uint32) byte { return classBlocks[int(classIndex[r>>7])<<7|int(r&127)] }
