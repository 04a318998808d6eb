package tokens

import (
	"math/bits"
	"unsafe"
)

// countText returns the number of tokens of text if that is at most limit, and otherwise some number above limit.
//
// Pieces that aren't found at the first try are put off, each counted as one token, and looked at together later.
func (v *vocabulary) countText(t pattern, text string, limit int) int {
	var m masks
	var later queue
	n, p := 0, 0
	for p < len(text) && n <= limit {
		if later.n > len(later.pieces)-blockSize {
			n += v.resolve(text, &later)
		}
		if word(text, p)&0x8080808080808080 == 0 {
			if p+blockSize+slack <= len(text) {
				if ends, cut := blockEnds(t, &m, text[p:], blockSize, false); cut > 0 {
					n += bits.OnesCount64(ends)
					v.probe(text[p:], p, ends, &later)
					p += cut
					continue
				}
			} else {
				// Near the end a copy is used, so that whole words may be loaded behind a piece.
				n += v.resolve(text, &later)
				var buffer [blockSize + 2*slack]byte
				size := copy(buffer[:], text[p:])
				block := unsafe.String(&buffer[0], len(buffer))
				if ends, cut := blockEnds(t, &m, block, min(size, blockSize), size < blockSize); cut > 0 {
					n += bits.OnesCount64(ends)
					v.probe(block, 0, ends, &later)
					n += v.resolve(block, &later)
					p += cut
					continue
				}
			}
		}
		end := t.next(text, p)
		if end < 0 {
			return n + v.resolve(text, &later) + v.countText(t, replaceInvalid(text[p:]), limit-n)
		}
		if size := end - p; size < 16 && p+slack <= len(text) {
			v.probe(text[p:], p, 1<<size, &later)
			n++
		} else {
			n += v.countPiece(text, p, size)
		}
		p = end
	}
	return n + v.resolve(text, &later)
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

// A queue holds pieces, offset << 8 | length, that still have to be looked at. A piece has at most blockSize bytes, and slack bytes
// may be loaded from where it starts.
type queue struct {
	pieces [256]uint64
	n      int
}

// probe appends to later the pieces of block, which end at the bits of ends, that aren't short tokens in their home bucket. It takes the
// same steps for every piece, so there is nothing to mispredict and the loads of several pieces overlap. offset is where block lies in the text.
func (v *vocabulary) probe(block string, offset int, ends uint64, later *queue) {
	keys := unsafe.Pointer(unsafe.SliceData(v.short.keys))
	shift := v.short.shift & 63
	n := later.n
	start := 0
	for ends != 0 {
		end := bits.TrailingZeros64(ends)
		ends &= ends - 1
		size := end - start
		k := shortKey(load64(block, start)<<(uint(-8*size)&63) | uint64(size)) // nonsense for 8 bytes and more
		home := (*[2]shortKey)(unsafe.Add(keys, k.hash()>>shift*uint64(unsafe.Sizeof(v.short.keys[0]))))
		later.pieces[n&(len(later.pieces)-1)] = uint64(offset+start)<<8 | uint64(size)
		n += int(nonZero(uint64(home[0]^k))&nonZero(uint64(home[1]^k)) | uint64(7-size)>>63)
		start = end
	}
	later.n = n
}

// nonZero returns 1, or 0 if x is 0.
func nonZero(x uint64) uint64 { return (x | -x) >> 63 }

// differ returns 1, or 0 if a and b are equal.
func differ(a, b *mediumKey) uint64 { return nonZero((a[0] ^ b[0]) | (a[1] ^ b[1])) }

// resolve empties later and returns how many tokens its pieces have beyond one each. Like probe it takes the same steps for every piece that
// is a token of 8 to 15 bytes or remembered by the memo, and leaves the others for countPiece.
func (v *vocabulary) resolve(text string, later *queue) int {
	tokens := unsafe.Pointer(unsafe.SliceData(v.medium.keys))
	memos := unsafe.Pointer(unsafe.SliceData(v.memo.buckets))
	tokenShift, memoShift := v.medium.shift&63, v.memo.shift&63
	extra, rest := 0, 0
	for i := range later.n {
		piece := later.pieces[i&(len(later.pieces)-1)]
		start, size := int(piece>>8), int(piece&0xff)
		k := mediumOf(load64(text, start), load64(text, start+8), size)
		hash := k.hash()
		home := (*[2]mediumKey)(unsafe.Add(tokens, hash>>tokenShift*uint64(unsafe.Sizeof(v.medium.keys[0]))))
		memo := (*[2]memoSlot)(unsafe.Add(memos, hash>>memoShift*uint64(unsafe.Sizeof(v.memo.buckets[0]))))
		noToken := differ(&home[0], &k) & differ(&home[1], &k)
		a, na := memo[0].get(k)
		b, nb := memo[1].get(k)
		extra += int(na + nb&-a)
		later.pieces[rest&(len(later.pieces)-1)] = piece
		rest += int(noToken&a&b | uint64(15-size)>>63)
	}
	later.n = 0
	for _, piece := range later.pieces[:rest] {
		extra += v.countPiece(text, int(piece>>8), int(piece&0xff)) - 1
	}
	return extra
}

// countPiece returns the number of tokens of the piece text[i:i+n], any piece.
func (v *vocabulary) countPiece(text string, i, n int) int {
	switch {
	case n < 8:
		k := shortOf(word(text, i), n)
		if v.short.find(k.hash(), k) != none {
			return 1
		}
	case n < 16:
		k := mediumOf(word(text, i), word(text, i+8), n)
		if v.medium.find(k.hash(), k) != none {
			return 1
		}
	default:
		if v.longToken(text, i, n) != none {
			return 1
		}
		if n > phraseSize {
			if text[i:i+n-1] != text[i+1:i+n] {
				return v.split(text[i : i+n])
			}
			// A run of one character, as in tables and separators. No other key has a last byte like this.
			return v.remembered(mediumKey{uint64(text[i]), 0xff<<56 | uint64(n)}, text[i:i+n])
		}
		words, hash := phraseKey(text, i, n)
		tokens := v.phrases.get(hash, &words, n)
		if tokens == 0 {
			tokens = v.split(text[i : i+n])
			v.phrases.put(hash, &words, n, tokens)
		}
		return tokens
	}
	return v.remembered(mediumOf(word(text, i), word(text, i+8), n), text[i:i+n])
}

// remembered returns the number of tokens of piece, which the memo knows or learns by the key k.
func (v *vocabulary) remembered(k mediumKey, piece string) int {
	hash := k.hash()
	if extra, ok := v.memo.find(hash, k); ok {
		return extra + 1
	}
	tokens := v.split(piece)
	v.memo.put(hash, k, tokens)
	return tokens
}
