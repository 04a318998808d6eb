package tokens

import (
	"math/bits"
	"sync"
	"unsafe"
)

// A batch holds pieces that still have to be looked up: those of up to 7 bytes, and longer ones of at most blockSize. Looking many up
// together lets their cache misses overlap; and where every piece takes the same steps, nothing is mispredicted. What is found nowhere
// goes to lanes, and is merged when these are full or the text ends.
type batch struct {
	short   [batchSize]lookup[shortKey]
	longer  [batchSize]lookup[mediumKey]
	phrase  [batchSize]lookup[shortKey] // those of 16 bytes and more, when they are looked up; the key is the phraseHash
	nShort  int
	nLonger int
	asked   int // so many of the short ones are prefetched
	masks   masks
	misses  [2 * batchSize]uint64 // pieces found nowhere, as in lookup
	lanes   lanes
	loaded  [laneCount]uint64 // the pieces in lanes
	nLanes  int
	tail    [2 * (blockSize + slack)]byte // the end of a text, and what may be loaded behind it
}

// A lookup is a piece, offset << 8 | length, its key, and where in a table or memo to look for it.
type lookup[K shortKey | mediumKey] struct {
	key   K
	piece uint64
	at    uintptr
}

const (
	batchSize = 256
	slack     = 16 // bytes from the start of a piece on that may be loaded, whatever its length
)

var batches = sync.Pool{New: func() any { return new(batch) }}

// full reports whether the pieces of another block may not fit.
func (b *batch) full() bool { return max(b.nShort, b.nLonger) > batchSize-blockSize }

// ends classifies the block at the start of s and returns the ends of its pieces. See pattern.ends.
func (b *batch) ends(t pattern, s string, valid int, final bool) (ends uint64, cut int) {
	classify(s, &b.masks)
	if high := b.masks.high; high != 0 {
		if ascii := bits.TrailingZeros64(high); ascii < valid {
			valid, final = ascii, false
		}
	}
	return t.ends(&b.masks, s, valid, final)
}

// add adds the pieces of a block, which end at the bits of ends. offset is where the block lies in the text.
func (v *vocabulary) add(b *batch, block string, offset int, ends uint64) {
	shift := v.short.shift & 63
	short, longer := b.nShort, b.nLonger
	start := 0
	for ends != 0 {
		end := bits.TrailingZeros64(ends)
		ends &= ends - 1
		size := end - start
		piece := uint64(offset+start)<<8 | uint64(size)
		k := shortKey(load64(block, start)<<(uint(-8*size)&63) | uint64(size)) // nonsense for 8 bytes and more
		l := &b.short[short&(batchSize-1)]
		l.key, l.piece, l.at = k, piece, uintptr(k.hash()>>shift)*unsafe.Sizeof(v.short.keys[0])
		b.longer[longer&(batchSize-1)].piece = piece
		isLonger := int(uint64(7-size) >> 63)
		short += 1 - isLonger
		longer += isLonger
		start = end
	}
	b.nShort, b.nLonger = short, longer
	prefetch(unsafe.Pointer(unsafe.SliceData(v.short.keys)), b.short[b.asked:short])
	b.asked = short
}

// addOne adds the piece text[p:p+size], which has at most phraseSize bytes.
func (v *vocabulary) addOne(b *batch, text string, p, size int) {
	piece := uint64(p)<<8 | uint64(size)
	if size >= 8 {
		b.longer[b.nLonger&(batchSize-1)].piece = piece
		b.nLonger++
		return
	}
	l := &b.short[b.nShort&(batchSize-1)]
	l.key = shortOf(load64(text, p), size)
	l.piece, l.at = piece, v.short.home(l.key.hash())
	b.nShort++
}

// addLong does the same for one of phraseSize to maxSmall bytes, and returns how many tokens beyond one it has, and others that this completes.
func (v *vocabulary) addLong(text string, b *batch, p, size int) int {
	if piece := text[p : p+size]; piece[:size-1] == piece[1:] || v.longToken(text, p, size) != none {
		return v.countPiece(text, p, size) - 1
	}
	piece := [1]uint64{uint64(p)<<8 | uint64(size)}
	return v.mergeMisses(text, b, piece[:])
}

// finish empties b and returns how many tokens its pieces have beyond one each.
func (v *vocabulary) finish(text string, b *batch) int {
	return v.resolve(text, b) + v.mergeLanes(text, b)
}

// resolve looks the pieces of b up and returns how many tokens beyond one each it finds. Pieces to be merged stay in lanes until these are full.
func (v *vocabulary) resolve(text string, b *batch) int {
	prefetch(unsafe.Pointer(unsafe.SliceData(v.short.keys)), b.short[b.asked:b.nShort])
	longer, phrases := b.longer[:b.nLonger], 0
	n := 0
	for i := range longer {
		l := &longer[i]
		piece := l.piece
		start, size := int(piece>>8), int(piece&0xff)
		if size >= 16 {
			p := &b.phrase[phrases]
			phrases++
			p.piece = piece
			if size <= phraseSize {
				hash := phraseHash(text[start : start+size])
				p.key, p.at = shortKey(hash), v.phrases.slot(hash)
			} else {
				p.at = 0
			}
			continue
		}
		l = &longer[n]
		n++
		l.piece = piece
		l.key = mediumOf(load64(text, start), load64(text, start+8), size)
		l.at = v.medium.home(l.key.hash())
	}
	longer = longer[:n]
	prefetch(unsafe.Pointer(unsafe.SliceData(v.phrases.slots)), b.phrase[:phrases])
	prefetch(unsafe.Pointer(unsafe.SliceData(v.medium.keys)), longer)

	// Short pieces that aren't tokens in their home bucket move to the front, and are looked up in the memo.
	n = 0
	for i := range b.nShort {
		l := &b.short[i&(batchSize-1)]
		home := at(v.short.keys, l.at)
		absent := nonZero(uint64(home[0]^l.key)) & nonZero(uint64(home[1]^l.key))
		to := &b.short[n&(batchSize-1)]
		to.key, to.piece = l.key, l.piece
		n += int(absent)
	}
	short := b.short[:n]
	for i := range short {
		short[i].at = v.shortMemo.bucket(short[i].key.hash())
	}
	prefetch(unsafe.Pointer(unsafe.SliceData(v.shortMemo.buckets)), short)

	// The same with longer ones.
	n = 0
	for i := range longer {
		l := &longer[i]
		home := at(v.medium.keys, l.at)
		to := &longer[n]
		to.key, to.piece = l.key, l.piece
		to.at = v.memo.bucket(l.key.hash())
		n += int(differ(&home[0], &l.key) & differ(&home[1], &l.key))
	}
	longer = longer[:n]
	prefetch(unsafe.Pointer(unsafe.SliceData(v.memo.buckets)), longer)

	extra, missed := 0, 0
	for i := range short {
		l := &short[i]
		tokens := at(v.shortMemo.buckets, l.at).get(l.key)
		if tokens == 0 {
			b.misses[missed&(len(b.misses)-1)] = l.piece
			missed++
			continue
		}
		extra += int(tokens) - 1
	}
	for i := range longer {
		l := &longer[i]
		tokens := at(v.memo.buckets, l.at).get(l.key)
		if tokens == 0 {
			b.misses[missed&(len(b.misses)-1)] = l.piece
			missed++
			continue
		}
		extra += int(tokens) - 1
	}
	if missed > 0 {
		extra += v.mergeMisses(text, b, b.misses[:missed])
	}
	if phrases > 0 {
		extra += v.resolvePhrases(text, b, b.phrase[:phrases])
	}
	b.nShort, b.nLonger, b.asked = 0, 0, 0
	return extra
}

// resolvePhrases does the same for pieces of 16 bytes and more.
func (v *vocabulary) resolvePhrases(text string, b *batch, phrases []lookup[shortKey]) (extra int) {
	missed := 0
	for i := range phrases {
		l := &phrases[i]
		start, size := int(l.piece>>8), int(l.piece&0xff)
		if size > phraseSize {
			extra += v.countPiece(text, start, size) - 1
			continue
		}
		piece := text[start : start+size]
		if v.isLong(piece, uint64(l.key)) {
			continue
		}
		tokens := v.phrases.get(l.at, piece)
		if tokens == 0 {
			b.misses[missed] = l.piece
			missed++
			continue
		}
		extra += tokens - 1
	}
	if missed > 0 {
		extra += v.mergeMisses(text, b, b.misses[:missed])
	}
	return extra
}

// mergeMisses puts pieces that are in no memo in lanes. It returns how many tokens the pieces that this completes have beyond one each.
func (v *vocabulary) mergeMisses(text string, b *batch, misses []uint64) (extra int) {
	for _, piece := range misses {
		start, size := int(piece>>8), int(piece&0xff)
		if size < 16 && v.isToken(text, start, size) {
			v.remember(text, start, size, 1) // so that it is found as fast as in its home bucket
			continue
		}
		if !v.load(&b.lanes.lane[b.nLanes], text[start:start+size]) {
			extra += v.countPiece(text, start, size) - 1
			continue
		}
		b.loaded[b.nLanes] = piece
		if b.nLanes++; b.nLanes == laneCount {
			extra += v.mergeLanes(text, b)
		}
	}
	return extra
}

// mergeLanes merges what is in the lanes and empties them. It returns how many tokens these pieces have beyond one each.
func (v *vocabulary) mergeLanes(text string, b *batch) (extra int) {
	v.run(&b.lanes, b.nLanes)
	for i := range b.nLanes {
		tokens, piece := b.lanes.lane[i].tokens(), b.loaded[i]
		v.remember(text, int(piece>>8), int(piece&0xff), tokens)
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

// remember puts the number of tokens of the piece text[i:i+n] in the memo for its size.
func (v *vocabulary) remember(text string, i, n, tokens int) {
	if n < 8 {
		k := shortOf(load64(text, i), n)
		at(v.shortMemo.buckets, v.shortMemo.bucket(k.hash())).put(k, tokens)
		return
	}
	if n < 16 {
		k := mediumOf(load64(text, i), load64(text, i+8), n)
		at(v.memo.buckets, v.memo.bucket(k.hash())).put(k, tokens)
		return
	}
	if n > phraseSize {
		return
	}
	piece := text[i : i+n]
	v.phrases.put(v.phrases.slot(phraseHash(piece)), piece, tokens)
}

// at returns the element of s at a byte offset that is known to be good.
func at[T any](s []T, offset uintptr) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), offset))
}

// nonZero returns 1, or 0 if x is 0.
func nonZero(x uint64) uint64 { return (x | -x) >> 63 }

// differ returns 1, or 0 if a and b are equal.
func differ(a, b *mediumKey) uint64 { return nonZero((a[0] ^ b[0]) | (a[1] ^ b[1])) }
