// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"math/bits"
	"unsafe"
)

// countText returns the number of tokens of text if that is at most limit, and otherwise some
// number above limit.
//
// Pieces are put off, each counted as one token, and looked up together.
func (v *vocabulary) countText(t pattern, text string, limit int) int {
	b := batches.Get().(*batch)
	defer batches.Put(b)
	b.nShort, b.nLonger, b.prefetched, b.nLanes = 0, 0, 0, 0
	n, p, padded := 0, 0, false
	for p < len(text) && n <= limit {
		if !padded && p+blockSize+slack > len(text) {
			// From here on the text is a copy, so that whole words may be loaded behind its end.
			// What is in b lies in the text as it was.
			n += v.finish(text, b)
			size := copy(b.tail[:], text[p:])
			clear(b.tail[size:])
			text, p, padded = unsafe.String(&b.tail[0], size), 0, true
		}
		if b.full() {
			n += v.resolve(text, b)
		}
		if word(text, p)&0x8080808080808080 == 0 {
			block, size := blockAt(text, p), min(len(text)-p, blockSize)
			if ends, cut := b.ends(t, block, size, size < blockSize); cut > 0 {
				n += bits.OnesCount64(ends)
				v.add(b, block, p, ends)
				p += cut
				continue
			}
		}
		end := t.next(text, p)
		if end < 0 {
			return n + v.finish(text, b) + v.countText(t, replaceInvalid(text[p:]), limit-n)
		}
		switch size := end - p; {
		case size <= phraseSize:
			v.addOne(b, text, p, size)
			n++
		case size <= maxSmall:
			n += 1 + v.addLong(b, text, p, size)
		default:
			n += v.countPiece(text, p, size)
		}
		p = end
	}
	return n + v.finish(text, b)
}

// blockAt returns the block at p with the slack behind it, which must be there even if text ends
// before.
func blockAt(text string, p int) string {
	return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(text)), p)), blockSize+slack)
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
			tokens = v.split(piece)
			b.put(k, tokens)
		}
	case n < 16:
		k := mediumOf(word(text, i), word(text, i+8), n)
		hash := k.hash()
		if v.medium.find(hash, k) != none {
			return 1
		}
		b := at(v.mediumMemo.buckets, v.mediumMemo.bucket(hash))
		if tokens = int(b.get(k)); tokens == 0 {
			tokens = v.split(piece)
			b.put(k, tokens)
		}
	case v.longToken(text, i, n) != none:
		return 1
	case n <= phraseSize:
		slot := v.phraseMemo.slot(phraseHash(piece))
		if tokens = v.phraseMemo.get(slot, piece); tokens == 0 {
			tokens = v.split(piece)
			v.phraseMemo.put(slot, piece, tokens)
		}
	case isRun(piece):
		if tokens = v.runs.get(piece[0], n); tokens == 0 {
			tokens = v.split(piece)
			v.runs.put(piece[0], n, tokens)
		}
	default:
		tokens = v.split(piece)
	}
	return tokens
}

// isRun reports whether all bytes of s, one at least, are equal.
func isRun(s string) bool { return s[:len(s)-1] == s[1:] }
