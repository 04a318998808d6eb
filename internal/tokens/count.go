package tokens

import (
	"math/bits"
	"unsafe"
)

// countText returns the number of tokens of text if that is at most limit, and otherwise some number above limit.
//
// Pieces are put off, each counted as one token, and looked up together.
func (v *vocabulary) countText(t pattern, text string, limit int) int {
	b := batches.Get().(*batch)
	defer batches.Put(b)
	b.nShort, b.nLonger = 0, 0
	n, p := 0, 0
	for p < len(text) && n <= limit {
		if b.full() {
			n += v.resolve(text, b)
		}
		if word(text, p)&0x8080808080808080 == 0 {
			if p+blockSize+slack <= len(text) {
				if ends, cut := b.ends(t, text[p:], blockSize, false); cut > 0 {
					n += bits.OnesCount64(ends)
					v.add(b, text[p:], p, ends)
					p += cut
					continue
				}
			} else {
				// Near the end a copy is used, so that whole words may be loaded behind a piece.
				n += v.resolve(text, b)
				clear(b.tail[copy(b.tail[:], text[p:]):])
				size := min(len(text)-p, blockSize)
				tail := unsafe.String(&b.tail[0], len(b.tail))
				if ends, cut := b.ends(t, tail, size, size < blockSize); cut > 0 {
					n += bits.OnesCount64(ends)
					v.add(b, tail, 0, ends)
					n += v.resolve(tail, b)
					p += cut
					continue
				}
			}
		}
		end := t.next(text, p)
		if end < 0 {
			return n + v.resolve(text, b) + v.countText(t, replaceInvalid(text[p:]), limit-n)
		}
		if size := end - p; size < 16 && p+slack <= len(text) {
			v.add(b, text[p:], p, 1<<size)
			n++
		} else {
			n += v.countPiece(text, p, size)
		}
		p = end
	}
	return n + v.resolve(text, b)
}

// countPiece returns the number of tokens of the piece text[i:i+n], any piece.
func (v *vocabulary) countPiece(text string, i, n int) (tokens int) {
	piece := text[i : i+n]
	switch {
	case n < 8:
		k := shortOf(word(text, i), n)
		if v.short.find(k.hash(), k) != none {
			return 1
		}
		b := at(v.shortMemo.buckets, v.shortMemo.bucket(k.hash()))
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
		b := at(v.memo.buckets, v.memo.bucket(hash))
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
