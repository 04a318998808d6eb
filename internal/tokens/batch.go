// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"math/bits"
	"sync"
	"unsafe"
)

// A batch holds pieces that still have to be looked up. Looking many up together lets their cache
// misses overlap; and where every piece takes the same steps, nothing is mispredicted. A piece is
// missed if it is neither a token nor in a memo: missed pieces go to lanes, which are merged when
// all are taken, when the text ends, and before its tail is copied.
//
// Pieces are short (up to 7 bytes), medium (8 to 15) or phrases (16 to phraseSize), each kind with
// its memo; there are tables of the tokens of each. The few that are longer pass through with the
// phrases and are counted one by one.
type batch struct {
	short      [batchSize]lookup[shortKey]
	longer     [batchSize]lookup[mediumKey]
	phrase     [batchSize]lookup[shortKey] // out of longer, when a batch is resolved; the key is the phraseHash
	nShort     int
	nLonger    int
	prefetched int // so many of the short ones are prefetched
	masks      masks
	missed     [2 * batchSize]piece
	lanes      lanes
	loaded     [laneCount]piece // the pieces in lanes
	nLanes     int
	tail       [2 * (blockSize + slack)]byte // the end of a text, and what may be loaded behind it
}

// A piece is where a piece lies in its text: offset << 8 | length. No piece in a batch is longer
// than maxSmall.
type piece uint64

func pieceAt(offset, size int) piece { return piece(offset)<<8 | piece(size) }

func (p piece) offset() int { return int(p >> 8) }
func (p piece) size() int   { return int(p & 0xff) }

// A lookup is a piece, its key, and the byte offset in a table or memo where to look for it.
type lookup[K shortKey | mediumKey] struct {
	key   K
	piece piece
	at    uintptr
}

const (
	batchSize = 256
	slack     = 16 // so many bytes may be loaded from the start of a piece on, whatever its length
)

var batches = sync.Pool{New: func() any { return new(batch) }}

// full reports whether the pieces of another block may not fit.
func (b *batch) full() bool { return max(b.nShort, b.nLonger) > batchSize-blockSize }

// ends classifies the block at the start of s, blockSize bytes, and returns the ends of its pieces.
// See pattern.ends.
func (b *batch) ends(t pattern, s string, valid int, final bool) (ends uint64, cut int) {
	classify(s, &b.masks)
	if high := b.masks.high; high != 0 {
		if ascii := bits.TrailingZeros64(high); ascii < valid {
			valid, final = ascii, false
		}
	}
	return t.ends(&b.masks, s, valid, final)
}

// add adds the pieces of a block, which end at the bits of ends. offset is where the block lies in
// the text.
func (v *vocabulary) add(b *batch, block string, offset int, ends uint64) {
	shift := v.short.shift & 63
	short, longer := b.nShort, b.nLonger
	start := 0
	for ends != 0 {
		end := bits.TrailingZeros64(ends)
		ends &= ends - 1
		size := end - start
		p := pieceAt(offset+start, size)
		k := shortKey(load64(block, start)<<(uint(-8*size)&63) | uint64(size)) // nonsense for 8 bytes and more
		l := &b.short[short&(batchSize-1)]
		l.key, l.piece, l.at = k, p, uintptr(k.hash()>>shift)*unsafe.Sizeof(v.short.keys[0])
		b.longer[longer&(batchSize-1)].piece = p
		isLonger := int(uint64(7-size) >> 63)
		short += 1 - isLonger
		longer += isLonger
		start = end
	}
	b.nShort, b.nLonger = short, longer
	prefetch(unsafe.Pointer(unsafe.SliceData(v.short.keys)), b.short[b.prefetched:short])
	b.prefetched = short
}

// addOne adds the piece text[offset:offset+size], which has at most phraseSize bytes.
func (v *vocabulary) addOne(b *batch, text string, offset, size int) {
	p := pieceAt(offset, size)
	if size >= 8 {
		b.longer[b.nLonger&(batchSize-1)].piece = p
		b.nLonger++
		return
	}
	l := &b.short[b.nShort&(batchSize-1)]
	l.key = shortOf(load64(text, offset), size)
	l.piece, l.at = p, v.short.home(l.key.hash())
	b.nShort++
}

// addLong does the same for a piece of more than phraseSize and at most maxSmall bytes, which is in
// no memo but that of runs. It returns how many tokens beyond one each it has, and others that are
// counted on this occasion.
func (v *vocabulary) addLong(b *batch, text string, offset, size int) int {
	s := text[offset : offset+size]
	if isRun(s) || v.longToken(text, offset, size) != none {
		return v.countPiece(text, offset, size) - 1
	}
	p := [1]piece{pieceAt(offset, size)}
	return v.merge(text, b, p[:])
}

// finish empties b and returns how many tokens its pieces have beyond one each.
func (v *vocabulary) finish(text string, b *batch) int {
	return v.resolve(text, b) + v.flush(text, b)
}

// resolve looks up the pieces of b. It returns how many tokens beyond one each it counts; missed
// pieces may stay in lanes.
func (v *vocabulary) resolve(text string, b *batch) (extra int) {
	prefetch(unsafe.Pointer(unsafe.SliceData(v.short.keys)), b.short[b.prefetched:b.nShort])
	medium, phrases := v.sortLonger(text, b)
	short := v.shortAbsent(b)
	medium = v.mediumAbsent(medium)

	missed := 0
	for i := range short {
		l := &short[i]
		tokens := int(at(v.shortMemo.buckets, l.at).get(l.key))
		if tokens == 0 {
			b.missed[missed&(len(b.missed)-1)] = l.piece
			missed++
			continue
		}
		extra += tokens - 1
	}
	for i := range medium {
		l := &medium[i]
		tokens := int(at(v.mediumMemo.buckets, l.at).get(l.key))
		if tokens == 0 {
			b.missed[missed&(len(b.missed)-1)] = l.piece
			missed++
			continue
		}
		extra += tokens - 1
	}
	if missed > 0 {
		extra += v.merge(text, b, b.missed[:missed])
	}
	if len(phrases) > 0 {
		extra += v.resolvePhrases(text, b, phrases)
	}
	b.nShort, b.nLonger, b.prefetched = 0, 0, 0
	return extra
}

// sortLonger makes lookups of the longer pieces, in the table of medium tokens and in the memo of
// phrases.
func (v *vocabulary) sortLonger(text string, b *batch) (medium []lookup[mediumKey], phrases []lookup[shortKey]) {
	longer := b.longer[:b.nLonger]
	m, n := 0, 0
	for i := range longer {
		p := longer[i].piece
		offset, size := p.offset(), p.size()
		if size >= 16 {
			l := &b.phrase[n]
			n++
			l.piece, l.at = p, 0
			if size <= phraseSize {
				hash := phraseHash(text[offset : offset+size])
				l.key, l.at = shortKey(hash), v.phraseMemo.slot(hash)
			}
			continue
		}
		l := &longer[m]
		m++
		l.piece = p
		l.key = mediumOf(load64(text, offset), load64(text, offset+8), size)
		l.at = v.medium.home(l.key.hash())
	}
	prefetch(unsafe.Pointer(unsafe.SliceData(v.phraseMemo.slots)), b.phrase[:n])
	prefetch(unsafe.Pointer(unsafe.SliceData(v.medium.keys)), longer[:m])
	return longer[:m], b.phrase[:n]
}

// shortAbsent returns lookups, in the memo, of the short pieces that aren't tokens in their home
// bucket.
func (v *vocabulary) shortAbsent(b *batch) []lookup[shortKey] {
	n := 0
	for i := range b.nShort {
		l := &b.short[i&(batchSize-1)]
		home := at(v.short.keys, l.at)
		to := &b.short[n&(batchSize-1)]
		n += int(nonZero(uint64(home[0]^l.key)) & nonZero(uint64(home[1]^l.key)))
		to.key, to.piece = l.key, l.piece
	}
	short := b.short[:n]
	for i := range short {
		short[i].at = v.shortMemo.bucket(short[i].key.hash())
	}
	prefetch(unsafe.Pointer(unsafe.SliceData(v.shortMemo.buckets)), short)
	return short
}

// mediumAbsent does the same with medium pieces.
func (v *vocabulary) mediumAbsent(medium []lookup[mediumKey]) []lookup[mediumKey] {
	n := 0
	for i := range medium {
		l := &medium[i]
		home := at(v.medium.keys, l.at)
		to := &medium[n]
		n += int(differ(&home[0], &l.key) & differ(&home[1], &l.key))
		to.key, to.piece = l.key, l.piece
		to.at = v.mediumMemo.bucket(to.key.hash())
	}
	prefetch(unsafe.Pointer(unsafe.SliceData(v.mediumMemo.buckets)), medium[:n])
	return medium[:n]
}

// resolvePhrases is the part of resolve for phrases and what is longer.
func (v *vocabulary) resolvePhrases(text string, b *batch, phrases []lookup[shortKey]) (extra int) {
	missed := 0
	for i := range phrases {
		l := &phrases[i]
		offset, size := l.piece.offset(), l.piece.size()
		if size > phraseSize {
			extra += v.countPiece(text, offset, size) - 1
			continue
		}
		s := text[offset : offset+size]
		if v.isLong(s, uint64(l.key)) {
			continue
		}
		tokens := v.phraseMemo.get(l.at, s)
		if tokens == 0 {
			b.missed[missed] = l.piece
			missed++
			continue
		}
		extra += tokens - 1
	}
	if missed > 0 {
		extra += v.merge(text, b, b.missed[:missed])
	}
	return extra
}

// merge puts missed pieces in lanes, and merges these whenever all are taken. It returns how many
// tokens beyond one each the pieces have that it counts.
func (v *vocabulary) merge(text string, b *batch, missed []piece) (extra int) {
	for _, p := range missed {
		offset, size := p.offset(), p.size()
		if size < 16 && v.isToken(text, offset, size) {
			v.remember(text, p, 1) // it lies beside its home bucket, and is found faster in a memo
			continue
		}
		if !v.load(&b.lanes.lane[b.nLanes], text[offset:offset+size]) {
			extra += v.countPiece(text, offset, size) - 1
			continue
		}
		b.loaded[b.nLanes] = p
		b.nLanes++
		if b.nLanes == laneCount {
			extra += v.flush(text, b)
		}
	}
	return extra
}

// flush merges what is in the lanes, remembers it and empties them. It returns how many tokens
// beyond one each there are.
func (v *vocabulary) flush(text string, b *batch) (extra int) {
	v.mergeLanes(&b.lanes, b.nLanes)
	for i := range b.nLanes {
		tokens := b.lanes.lane[i].tokens()
		v.remember(text, b.loaded[i], tokens)
		extra += tokens - 1
	}
	b.nLanes = 0
	return extra
}

// isToken reports whether the piece text[i:i+n], at most 15 bytes, is a token.
func (v *vocabulary) isToken(text string, i, n int) bool {
	if n < 8 {
		k := shortOf(load64(text, i), n)
		return v.short.find(k.hash(), k) != none
	}
	k := mediumOf(load64(text, i), load64(text, i+8), n)
	return v.medium.find(k.hash(), k) != none
}

// remember puts the number of tokens of a piece in the memo for its size, if there is one.
func (v *vocabulary) remember(text string, p piece, tokens int) {
	i, n := p.offset(), p.size()
	switch {
	case n < 8:
		k := shortOf(load64(text, i), n)
		at(v.shortMemo.buckets, v.shortMemo.bucket(k.hash())).put(k, tokens)
	case n < 16:
		k := mediumOf(load64(text, i), load64(text, i+8), n)
		at(v.mediumMemo.buckets, v.mediumMemo.bucket(k.hash())).put(k, tokens)
	case n <= phraseSize:
		s := text[i : i+n]
		v.phraseMemo.put(v.phraseMemo.slot(phraseHash(s)), s, tokens)
	}
}

// at returns the element of s at a byte offset that is known to be good.
func at[T any](s []T, offset uintptr) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), offset))
}

// nonZero returns 1, or 0 if x is 0.
func nonZero(x uint64) uint64 { return (x | -x) >> 63 }

// differ returns 1, or 0 if a and b are equal.
func differ(a, b *mediumKey) uint64 { return nonZero((a[0] ^ b[0]) | (a[1] ^ b[1])) }
