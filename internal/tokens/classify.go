// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

// classifyPortable sets m from the 64 bytes at the start of s. It works on any machine and defines
// what the faster versions do.
func classifyPortable(s string, m *masks) {
	s = s[:blockSize]
	var words [8][8]byte // by class, one bit per byte of s
	var high uint64
	for i := 0; i < blockSize; i += 8 {
		// One byte of class bits for each byte of s, then the transpose: one byte per class.
		var x uint64
		for k := range 8 {
			c := s[i+k]
			high |= uint64(c>>7) << (i + k)
			x |= uint64(blockClass[c]) << (8 * k)
		}
		t := (x ^ x>>7) & 0x00aa00aa00aa00aa
		x ^= t ^ t<<7
		t = (x ^ x>>14) & 0x0000cccc0000cccc
		x ^= t ^ t<<14
		t = (x ^ x>>28) & 0x00000000f0f0f0f0
		x ^= t ^ t<<28
		for k := range words {
			words[k][i/8] = byte(x >> (8 * k))
		}
	}
	for k, mask := range [8]*uint64{&m.upper, &m.lower, &m.number, &m.space, &m.newline, &m.blank, &m.slash, &m.quote} {
		*mask = word(string(words[k][:]), 0)
	}
	m.high = high
}

// blockClass has one bit per mask, in the order of the fields of masks.
var blockClass = func() (table [256]byte) {
	for c := range 128 {
		class := classBlocks[c]
		for bit, in := range [8]bool{class&upper != 0, class&lower != 0, class&number != 0, class&space != 0,
			class&newline != 0, c == ' ', c == '/', c == '\''} {
			if in {
				table[c] |= 1 << bit
			}
		}
	}
	return table
}()
