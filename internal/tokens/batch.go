package tokens

import (
	"math/bits"
	"sync"
	"unsafe"
)

// A batch holds pieces that still have to be looked up: those of up to 7 bytes, and longer ones of at most blockSize. Looking many up
// together lets their cache misses overlap; and where every piece takes the same steps, nothing is mispredicted.
type batch struct {
	short   [batchSize]lookup[shortKey]
	longer  [batchSize]lookup[mediumKey]
	nShort  int
	nLonger int
	masks   masks
	tail    [blockSize + 2*slack]byte
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
	first := short
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
	prefetch(unsafe.Pointer(unsafe.SliceData(v.short.keys)), b.short[first:short])
}

// resolve empties b and returns how many tokens its pieces have beyond one each.
func (v *vocabulary) resolve(text string, b *batch) int {
	longer := b.longer[:b.nLonger]
	for i := range longer {
		l := &longer[i]
		start, size := int(l.piece>>8), int(l.piece&0xff)
		l.key = mediumOf(load64(text, start), load64(text, start+8), size)
		l.at = v.medium.home(l.key.hash())
	}
	prefetch(unsafe.Pointer(unsafe.SliceData(v.medium.keys)), longer)

	// Short pieces that aren't tokens in their home bucket move to the front, and are looked up in the memo.
	n := 0
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

	extra := 0
	for i := range short {
		l := &short[i]
		tokens := at(v.shortMemo.buckets, l.at).get(l.key)
		if tokens == 0 {
			tokens = uint64(v.countPiece(text, int(l.piece>>8), int(l.piece&0xff)))
		}
		extra += int(tokens) - 1
	}
	for i := range longer {
		l := &longer[i]
		var tokens uint64
		if l.piece&0xff < 16 {
			tokens = at(v.memo.buckets, l.at).get(l.key)
		}
		if tokens == 0 {
			tokens = uint64(v.countPiece(text, int(l.piece>>8), int(l.piece&0xff)))
		}
		extra += int(tokens) - 1
	}
	b.nShort, b.nLonger = 0, 0
	return extra
}

// at returns the element of s at a byte offset that is known to be good.
func at[T any](s []T, offset uintptr) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), offset))
}

// nonZero returns 1, or 0 if x is 0.
func nonZero(x uint64) uint64 { return (x | -x) >> 63 }

// differ returns 1, or 0 if a and b are equal.
func differ(a, b *mediumKey) uint64 { return nonZero((a[0] ^ b[0]) | (a[1] ^ b[1])) }
