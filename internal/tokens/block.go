// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import "math/bits"

// ASCII text is cut 64 bytes at a time: one bit per byte and class, and the rules of the patterns
// as arithmetic on such masks. A block always starts where a piece starts, and the patterns never
// look back, so nothing is carried from block to block.
//
// masks has bit i of each word set if byte i of the block belongs to the class.
type masks struct {
	upper, lower, number, space, newline, blank, slash, quote uint64 // blank is ' ' alone
	high                                                      uint64 // not ASCII
}

const blockSize = 64

// ends returns where pieces end in the first valid bytes of a block, all ASCII: bit i is set if a
// piece ends before byte i. cut is the last such position. Only ends that no later byte can change
// are reported, so cut is 0 if the first piece may go on; unless final says that no byte follows
// valid < blockSize ones, so that the last piece ends there.
func (t pattern) ends(m *masks, text string, valid int, final bool) (ends uint64, cut int) {
	switch t {
	case patternO200k:
		ends = m.startsO200k(text, valid, final)
	case patternCl100k:
		ends = m.startsCl100k(text, valid, final)
	default:
		ends = m.startsR50k(text, valid, final)
	}
	in := ^uint64(0) >> (blockSize - valid)
	ends &= in &^ 1
	if final {
		return ends | 1<<valid, valid
	}
	// A run of space that reaches the end, and a quote among the last bytes, may turn out
	// otherwise.
	if tail := bits.LeadingZeros64(^(m.space | ^in)) - (blockSize - valid); tail > 0 {
		ends &= in >> (tail - 1)
	}
	ends &= in >> 3
	return ends, (63 - bits.LeadingZeros64(ends|1))
}

// after returns the bits that follow those of m.
func after(m uint64) uint64 { return m << 1 }

// fill returns the bits of the runs of ones in m that begin at start, a subset of the first bits of
// runs.
func fill(m, start uint64) uint64 { return m &^ (m + start) }

// whitespace returns where pieces start in runs of space: at the first character, behind the last
// newline of a run, and at the last character if something other than space follows. There the last
// character is a piece or the beginning of one.
func (m *masks) whitespace(space, newline, behind uint64) (starts uint64) {
	starts = space &^ after(space)
	plain := space &^ newline
	starts |= plain & (behind >> 1)
	if line := plain & after(newline); line != 0 {
		// From each of these to the end of its run of plain space: if a newline follows there, it
		// wasn't the last.
		for again := (plain + line) &^ plain & newline; again != 0; again &= again - 1 {
			line &^= 1 << (63 - bits.LeadingZeros64(line&(again&-again-1)))
		}
		starts |= line
	}
	return starts
}

// groups returns the starts of \p{N}{1,3}.
func (m *masks) groups() uint64 {
	n := m.number
	starts := n &^ after(n)
	four := n & after(n) & (n << 2) & (n << 3)
	for more := starts << 3 & four; more != 0; more = more << 3 & four {
		starts |= more
	}
	return starts
}

// nonSpace returns the positions, the one behind the text excepted, that hold no space.
func (m *masks) nonSpace(valid int, final bool) uint64 {
	if final {
		return ^m.space & (^uint64(0) >> (blockSize - valid))
	}
	return ^m.space
}

func (m *masks) startsO200k(text string, valid int, final bool) uint64 {
	letters := m.upper | m.lower
	punct := ^(letters | m.number | m.space)
	if valid < blockSize {
		punct &= 1<<valid - 1
	}

	// A quote behind a word, with what makes it a contraction, belongs to the word; letters that
	// follow start another.
	var inside, fresh uint64
	for q := m.quote & after(letters); q != 0; q &= q - 1 {
		i := bits.TrailingZeros64(q)
		if inside>>(i-1)&1 != 0 {
			continue // behind a contraction there is no second one
		}
		if n := contraction(text[:min(valid, len(text))], i, foldCase) - i; n > 0 {
			inside |= (1<<n - 1) << i
			fresh |= 1 << i << n
		}
	}
	punct &^= inside
	letters |= inside

	// Line ends behind punctuation belong to it, and so do slashes behind these.
	lines := fill(m.newline, m.newline&after(punct))
	slashes := fill(m.slash, m.slash&after(lines))
	punct &^= slashes
	starts := punct &^ after(punct) &^ after(m.blank)

	prefix := starts | m.space&^m.newline // one of these in front of letters belongs to them
	starts |= letters &^ after(letters|prefix)
	starts |= (m.upper & after(m.lower)) &^ inside
	starts |= fresh & letters

	starts |= m.groups()
	return starts | m.whitespace(m.space&^lines, m.newline&^lines, m.nonSpace(valid, final))
}

func (m *masks) startsCl100k(text string, valid int, final bool) uint64 {
	letters := m.upper | m.lower
	punct := ^(letters | m.number | m.space)
	if valid < blockSize {
		punct &= 1<<valid - 1
	}
	lines := fill(m.newline, m.newline&after(punct))
	starts := punct &^ after(punct) &^ after(m.blank)

	prefix := starts | m.space&^m.newline
	words := letters &^ after(letters|prefix)
	// A quote that starts a piece, with what makes it a contraction, is a piece.
	for q := starts & m.quote & (letters >> 1); q != 0; q &= q - 1 {
		i := bits.TrailingZeros64(q)
		if n := contraction(text[:min(valid, len(text))], i, foldCase) - i; n > 0 {
			words |= 1 << i << n & letters
		}
	}
	starts |= words | m.groups()
	space := m.space &^ lines
	if final { // the run at the end is one piece
		if tail := bits.LeadingZeros64(^(space << (blockSize - valid))); tail > 0 {
			at := uint64(1) << (valid - tail)
			return (starts|m.whitespace(space&(at-1), m.newline&^lines&(at-1), ^m.space))&(at<<1-1) | at
		}
	}
	return starts | m.whitespace(space, m.newline&^lines, m.nonSpace(valid, final))
}

func (m *masks) startsR50k(text string, valid int, final bool) uint64 {
	letters := m.upper | m.lower
	punct := ^(letters | m.number | m.space)
	if valid < blockSize {
		punct &= 1<<valid - 1
	}
	runs := punct &^ after(punct)
	starts := runs | letters&^after(letters) | m.number&^after(m.number)
	starts &^= after(m.blank)
	for q := starts & m.quote & (letters >> 1); q != 0; q &= q - 1 {
		i := bits.TrailingZeros64(q)
		if n := contraction(text[:min(valid, len(text))], i, 0) - i; n > 0 {
			starts &^= 1 << i << 1
			starts |= 1 << i << n & letters
		}
	}
	return starts | m.whitespace(m.space, 0, m.nonSpace(valid, final))
}
