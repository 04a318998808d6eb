package tokens

import (
	_ "embed"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

//go:generate go run ./internal/gen

// The vocabularies as internal/gen packs them: 256 single bytes, then two positions of 20 bits for every merged token.
var (
	//go:embed vocab/p50k.bin
	p50kMerges string
	//go:embed vocab/cl100k.bin
	cl100kMerges string
	//go:embed vocab/o200k.bin
	o200kMerges string
)

const (
	singles   = 256               // tokens of one byte come first in every vocabulary
	mergeSize = 5                 // packed bytes per merged token
	padding   = 8 - mergeSize + 1 // lets eight bytes be loaded at the last merge
	none      = math.MaxUint32
)

// A vocabulary answers which byte strings are tokens and which token two adjacent ones merge into. A token is known by its
// position in rank order. It is read-only once built.
type vocabulary struct {
	merges  string
	size    int               // number of tokens
	single  [singles]uint32   // token of a byte
	short   shortTable        // tokens of up to 7 bytes
	medium  table[[2]uint64]  // tokens of 8 to 15 bytes
	long    map[[2]uint64]int // first 16 bytes to the longest of the longer tokens, an index of chain
	chain   []longToken
	lengths lengths         // of the tokens with a given beginning
	bytes2  [1 << 16]uint32 // tokens of 2 bytes, first byte in the low half, or none
	pairs   pairTable
	memo    memo
}

type longToken struct {
	text string
	id   uint32
	next int // index of the next shorter one with the same beginning, or -1
}

const multiplier = 0x9e3779b97f4a7c15

// A table is an open-addressed set of keys with the tokens beside them, so that membership alone touches keys only.
type table[K comparable] struct {
	keys  []K
	ids   []uint32
	shift uint8
}

func newTable[K comparable](n int) table[K] {
	log := bits.Len(uint(n*3/2 - 1))
	return table[K]{make([]K, 1<<log), make([]uint32, 1<<log), uint8(64 - log)}
}

func (t *table[K]) put(hash uint64, k K, id uint32) {
	var zero K
	i := hash >> t.shift
	for t.keys[i] != zero {
		i = (i + 1) & uint64(len(t.keys)-1)
	}
	t.keys[i], t.ids[i] = k, id
}

// find returns the slot of k, or -1. No key is the zero value, which marks a free slot.
func (t *table[K]) find(hash uint64, k K) int {
	var zero K
	for i := hash >> t.shift; ; i = (i + 1) & uint64(len(t.keys)-1) {
		switch t.keys[i] {
		case k:
			return int(i)
		case zero:
			return -1
		}
	}
}

// A shortTable maps keys of one word to tokens. Buckets of two fill in rank order, so that a text's pieces are mostly found in the
// bucket where they belong, at the price of one cache line.
type shortTable struct {
	keys  [][2]uint64
	ids   [][2]uint32
	shift uint8
}

func newShortTable(n int) shortTable {
	log := bits.Len(uint(n*3/4 - 1))
	return shortTable{make([][2]uint64, 1<<log), make([][2]uint32, 1<<log), uint8(64 - log)}
}

func (t *shortTable) put(k uint64, id uint32) {
	for i := hashShort(k) >> t.shift; ; i = (i + 1) & uint64(len(t.keys)-1) {
		for j := range t.keys[i] {
			if t.keys[i][j] == 0 {
				t.keys[i][j], t.ids[i][j] = k, id
				return
			}
		}
	}
}

// find returns the token with key k, or none.
func (t *shortTable) find(k uint64) uint32 {
	for i := hashShort(k) >> t.shift; ; i = (i + 1) & uint64(len(t.keys)-1) {
		b := &t.keys[i]
		switch {
		case b[0] == k:
			return t.ids[i][0]
		case b[1] == k:
			return t.ids[i][1]
		case b[1] == 0:
			return none
		}
	}
}

// shortKey packs n bytes, 1 to 7, held in the low end of w: exact, since the length is part of it.
func shortKey(w uint64, n int) uint64 { return w<<(64-8*n) | uint64(n) }

// mediumKey packs n bytes, 8 to 15, given as two little-endian words.
func mediumKey(lo, hi uint64, n int) [2]uint64 { return [2]uint64{lo, hi<<(128-8*n) | uint64(n)} }

func hashShort(k uint64) uint64     { return (k ^ k>>32) * multiplier }
func hashMedium(k [2]uint64) uint64 { return (k[0] ^ bits.RotateLeft64(k[1], 29)) * multiplier }
func load64(s string, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))
}

// word loads the bytes at s[i:], at most eight, little endian; what lies beyond the end of s is zero.
func word(s string, i int) uint64 {
	if i+8 <= len(s) {
		return littleEndian(load64(s, i))
	}
	if i >= len(s) {
		return 0
	}
	if len(s) >= 8 {
		return littleEndian(load64(s, len(s)-8)) >> (8 * (i + 8 - len(s)))
	}
	var w uint64
	for k := len(s) - 1; k >= i; k-- {
		w = w<<8 | uint64(s[k])
	}
	return w
}

func littleEndian(w uint64) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Pointer(&w))[:])
}

// parts returns the two tokens that merge into the token id >= singles.
func (v *vocabulary) parts(id uint32) (left, right uint32) {
	w := word(v.merges, singles+int(id-singles)*mergeSize)
	return uint32(w & 0xfffff), uint32(w >> 20 & 0xfffff)
}

// newVocabulary builds the tables from packed merges, leaving out the last drop tokens.
func newVocabulary(merges string, drop int) *vocabulary {
	n := singles + (len(merges)-singles-padding)/mergeSize - drop
	v := &vocabulary{merges: merges, size: n, long: map[[2]uint64]int{}}

	// The first 16 bytes and the length of every token.
	start, length := make([][2]uint64, n), make([]uint8, n)
	var count [3]int
	for id := range uint32(n) {
		if id < singles {
			start[id][0], length[id] = uint64(merges[id]), 1
		} else {
			l, r := v.parts(id)
			start[id] = join(start[l], start[r], int(length[l]))
			length[id] = length[l] + length[r]
		}
		count[min(length[id]/8, 2)]++
	}
	v.short, v.medium = newShortTable(count[0]), newTable[[2]uint64](count[1])
	v.pairs = newPairTable(n)
	for i := range v.bytes2 {
		v.bytes2[i] = none
	}

	var longer []uint32
	for id := range uint32(n) {
		s, n := start[id], int(length[id])
		switch {
		case n < 8:
			k := shortKey(s[0], n)
			v.short.put(k, id)
		case n < 16:
			k := mediumKey(s[0], s[1], n)
			v.medium.put(hashMedium(k), k, id)
		default:
			longer = append(longer, id)
		}
		if n == 2 {
			v.bytes2[uint16(s[0])] = id
		}
		v.lengths.add(s, n)
		if id < singles {
			v.single[merges[id]] = id
		} else {
			l, r := v.parts(id)
			v.pairs.put(l, r, id)
		}
	}

	slices.SortStableFunc(longer, func(a, b uint32) int { return int(length[a]) - int(length[b]) })
	for _, id := range longer {
		next, ok := v.long[start[id]]
		if !ok {
			next = -1
		}
		v.long[start[id]] = len(v.chain)
		v.chain = append(v.chain, longToken{string(v.appendBytes(nil, id)), id, next})
	}
	return v
}

// join returns the first 16 bytes of a, which has n bytes, followed by b.
func join(a, b [2]uint64, n int) [2]uint64 {
	switch {
	case n >= 16:
		return a
	case n > 8:
		return [2]uint64{a[0], a[1] | b[0]<<(8*n-64)}
	default:
		return [2]uint64{a[0] | b[0]<<(8*n), a[1] | b[1]<<(8*n) | b[0]>>(64-8*n)}
	}
}

// appendBytes appends the bytes of a token.
func (v *vocabulary) appendBytes(b []byte, id uint32) []byte {
	if id < singles {
		return append(b, v.merges[id])
	}
	l, r := v.parts(id)
	return v.appendBytes(v.appendBytes(b, l), r)
}

// token returns the token that s[i:i+n] is, or none.
func (v *vocabulary) token(s string, i, n int) uint32 {
	switch {
	case n == 1:
		return v.single[s[i]]
	case n < 8:
		k := shortKey(word(s, i), n)
		return v.short.find(k)
	case n < 16:
		k := mediumKey(word(s, i), word(s, i+8), n)
		if at := v.medium.find(hashMedium(k), k); at >= 0 {
			return v.medium.ids[at]
		}
	default:
		for t := v.firstLong(s, i); t >= 0; t = v.chain[t].next {
			if c := &v.chain[t]; len(c.text) == n && c.text == s[i:i+n] {
				return c.id
			}
		}
	}
	return none
}

// firstLong returns the longest token that shares its first 16 bytes with s[i:], as an index of chain, or -1.
func (v *vocabulary) firstLong(s string, i int) int {
	if t, ok := v.long[[2]uint64{word(s, i), word(s, i+8)}]; ok {
		return t
	}
	return -1
}
