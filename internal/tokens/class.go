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
	r, size := utf8.DecodeRuneInString(s[i:])
	if r == utf8.RuneError && size == 1 {
		return 0, 0
	}
	return classBlocks[int(classIndex[r>>7])<<7|int(r&127)], size
}
