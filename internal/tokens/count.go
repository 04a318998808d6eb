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
		if max(later.short.n, later.longer.n) > queueSize-blockSize {
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

// A queue holds pieces, offset << 8 | length, that still have to be looked at: apart from each other those of up to 7 bytes and longer ones. A
// piece has at most blockSize bytes, and slack bytes may be loaded from where it starts.
type queue struct{ short, longer pieces }

type pieces struct {
	list [queueSize]uint64
	n    int
}

const queueSize = 256

// probe appends to later the pieces of block, which end at the bits of ends, that aren't short tokens in their home bucket. It takes the
// same steps for every piece, so there is nothing to mispredict and the loads of several pieces overlap. offset is where block lies in the text.
func (v *vocabulary) probe(block string, offset int, ends uint64, later *queue) {
	keys := unsafe.Pointer(unsafe.SliceData(v.short.keys))
	shift := v.short.shift & 63
	short, longer := later.short.n, later.longer.n
	start := 0
	for ends != 0 {
		end := bits.TrailingZeros64(ends)
		ends &= ends - 1
		size := end - start
		k := shortKey(load64(block, start)<<(uint(-8*size)&63) | uint64(size)) // nonsense for 8 bytes and more
		home := (*[2]shortKey)(unsafe.Add(keys, k.hash()>>shift*uint64(unsafe.Sizeof(v.short.keys[0]))))
		piece := uint64(offset+start)<<8 | uint64(size)
		later.short.list[short&(queueSize-1)] = piece
		later.longer.list[longer&(queueSize-1)] = piece
		isLonger := uint64(7-size) >> 63
		short += int(nonZero(uint64(home[0]^k)) & nonZero(uint64(home[1]^k)) &^ isLonger)
		longer += int(isLonger)
		start = end
	}
	later.short.n, later.longer.n = short, longer
}

// nonZero returns 1, or 0 if x is 0.
func nonZero(x uint64) uint64 { return (x | -x) >> 63 }

// resolve empties later and returns how many tokens its pieces have beyond one each. Like probe it takes the same steps for every piece that
// is a token of 8 to 15 bytes or remembered by a memo, and leaves the others for countPiece.
func (v *vocabulary) resolve(text string, later *queue) int {
	extra, rest := 0, 0
	short := &later.short
	for i := range short.n {
		piece := short.list[i&(queueSize-1)]
		start, size := int(piece>>8), int(piece&0xff)
		k := shortOf(load64(text, start), size)
		tokens := v.shortMemo.bucket(k).get(k)
		found := nonZero(tokens)
		extra += int(tokens - found)
		short.list[rest&(queueSize-1)] = piece
		rest += int(1 - found)
	}
	for _, piece := range short.list[:rest] {
		extra += v.countPiece(text, int(piece>>8), int(piece&0xff)) - 1
	}

	rest = 0
	longer := &later.longer
	for i := range longer.n {
		piece := longer.list[i&(queueSize-1)]
		start, size := int(piece>>8), int(piece&0xff)
		k := mediumOf(load64(text, start), load64(text, start+8), size)
		hash := k.hash()
		home := v.medium.home(hash)
		isLonger := uint64(15-size) >> 63 // then k is nonsense
		tokens := v.memo.bucket(hash).get(k) & (isLonger - 1)
		found := nonZero(tokens)
		extra += int(tokens - found)
		longer.list[rest&(queueSize-1)] = piece
		rest += int(differ(&home[0], &k)&differ(&home[1], &k)&(1-found) | isLonger)
	}
	for _, piece := range longer.list[:rest] {
		extra += v.countPiece(text, int(piece>>8), int(piece&0xff)) - 1
	}
	short.n, longer.n = 0, 0
	return extra
}

// differ returns 1, or 0 if a and b are equal.
func differ(a, b *mediumKey) uint64 { return nonZero((a[0] ^ b[0]) | (a[1] ^ b[1])) }

// countPiece returns the number of tokens of the piece text[i:i+n], any piece.
func (v *vocabulary) countPiece(text string, i, n int) (tokens int) {
	piece := text[i : i+n]
	switch {
	case n < 8:
		k := shortOf(word(text, i), n)
		if v.short.find(k.hash(), k) != none {
			return 1
		}
		b := v.shortMemo.bucket(k)
		if tokens = int(b.get(k)); tokens == 0 {
			tokens = v.merge(piece)
			b.put(k, tokens)
		}
	case n < 16:
		k := mediumOf(word(text, i), word(text, i+8), n)
		hash := k.hash()
		if v.medium.find(hash, k) != none {
			return 1
		}
		b := v.memo.bucket(hash)
		if tokens = int(b.get(k)); tokens == 0 {
			tokens = v.merge(piece)
			b.put(k, tokens)
		}
	case v.longToken(text, i, n) != none:
		return 1
	case n <= phraseSize:
		words, hash := phraseKey(piece)
		if tokens = v.phrases.get(hash, &words, n); tokens == 0 {
			tokens = v.split(piece)
			v.phrases.put(hash, &words, n, tokens)
		}
	case piece[:n-1] == piece[1:]:
		if tokens = v.runs.get(piece[0], n); tokens == 0 {
			tokens = v.split(piece)
			v.runs.put(piece[0], n, tokens)
		}
	default:
		tokens = v.split(piece)
	}
	return tokens
}
