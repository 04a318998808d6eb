package tokens

import (
	"math/bits"
	"unsafe"
)

// countText returns the number of tokens of text if that is at most limit, and otherwise some number above limit.
func (v *vocabulary) countText(t pattern, text string, limit int) int {
	var m masks
	var later queue
	n, p := 0, 0
	for p < len(text) && n <= limit {
		if p+blockSize+slack <= len(text) {
			if word(text, p)&0x8080808080808080 == 0 {
				if ends, cut := blockEnds(t, &m, text[p:], blockSize, false); cut > 0 {
					n += bits.OnesCount64(ends)
					v.probe(text[p:], p, ends, &later)
					if later.n > len(later.pieces)-blockSize {
						n += v.drain(text, &later)
					}
					p += cut
					continue
				}
			}
		} else if tail := text[p:]; word(text, p)&0x8080808080808080 == 0 {
			// Copied, so that whole words may be loaded behind its end.
			n += v.drain(text, &later)
			var buffer [blockSize + 2*slack]byte
			copy(buffer[:], tail)
			block := unsafe.String(&buffer[0], len(buffer))
			if ends, cut := blockEnds(t, &m, block, min(len(tail), blockSize), len(tail) < blockSize); cut > 0 {
				n += bits.OnesCount64(ends)
				v.probe(block, 0, ends, &later)
				n += v.drain(block, &later)
				p += cut
				continue
			}
		}
		end := t.next(text, p)
		if end < 0 {
			return n + v.drain(text, &later) + v.countText(t, replaceInvalid(text[p:]), limit-n)
		}
		n += v.countPiece(text, p, end-p)
		p = end
	}
	return n + v.drain(text, &later)
}

// slack is how far behind the start of a piece bytes are loaded.
const slack = 16

// blockEnds classifies the block at the start of s and returns the ends of its pieces. See pattern.ends.
func blockEnds(t pattern, m *masks, s string, valid int, final bool) (ends uint64, cut int) {
	classify(s, m)
	if m.high != 0 {
		if ascii := bits.TrailingZeros64(m.high); ascii < valid {
			valid, final = ascii, false
		}
	}
	return t.ends(m, s, valid, final)
}

// A queue holds pieces, offset << 8 | length, that still have to be looked at.
type queue struct {
	pieces [128 + blockSize]uint64
	n      int
}

// probe appends to later the pieces of block, which end at the bits of ends, that aren't short tokens in their home bucket. It takes the
// same steps for every piece, so there is nothing to mispredict and the loads of several pieces overlap. offset is where block lies in the text.
func (v *vocabulary) probe(block string, offset int, ends uint64, later *queue) {
	base := unsafe.Pointer(unsafe.StringData(block))
	keys := unsafe.Pointer(unsafe.SliceData(v.short.keys))
	shift := v.short.shift & 63
	n := later.n
	start := 0
	for ends != 0 {
		end := bits.TrailingZeros64(ends)
		ends &= ends - 1
		size := end - start
		k := littleEndian(*(*uint64)(unsafe.Add(base, start)))<<(uint(-8*size)&63) | uint64(size)
		bucket := (*[2]uint64)(unsafe.Add(keys, hashShort(k)>>shift<<4))
		later.pieces[n] = uint64(offset+start)<<8 | uint64(size)
		a, b := bucket[0]^k, bucket[1]^k
		n += int((a|-a)&(b|-b)|uint64(7-size)) >> 63 & 1
		start = end
	}
	later.n = n
}

// drain empties later and returns how many tokens its pieces have beyond one each.
func (v *vocabulary) drain(text string, later *queue) int {
	n := 0
	for _, piece := range later.pieces[:later.n] {
		n += v.countPiece(text, int(piece>>8), int(piece&0xff)) - 1
	}
	later.n = 0
	return n
}

// countPiece returns the number of tokens of the piece text[i:i+n].
func (v *vocabulary) countPiece(text string, i, n int) int {
	if n > 15 {
		if v.token(text, i, n) != none {
			return 1
		}
		return v.count(text[i : i+n])
	}
	k := [2]uint64{word(text, i)}
	if n < 8 {
		k[0] = shortKey(k[0], n)
		if v.short.find(k[0]) != none {
			return 1
		}
	} else {
		k = mediumKey(k[0], word(text, i+8), n)
		if v.medium.find(hashMedium(k), k) >= 0 {
			return 1
		}
	}
	hash := hashMedium(k)
	if n := v.memo.get(hash, k); n > 0 {
		return n
	}
	tokens := v.count(text[i : i+n])
	v.memo.put(hash, k, tokens)
	return tokens
}
