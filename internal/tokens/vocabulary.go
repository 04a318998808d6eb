// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	_ "embed"
	"math"
	"slices"
	"strings"
	"unsafe"
)

//go:generate go run ./internal/gen

// The vocabularies as internal/gen packs them: 256 single bytes, then two positions of 20 bits for
// every merged token.
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

// A vocabulary answers which byte strings are tokens and which token two adjacent ones merge into.
// A token is known by its position in rank order.
type vocabulary struct {
	merges   string
	size     int               // number of tokens
	single   [singles]uint32   // token of a byte
	short    table[shortKey]   // tokens of up to 7 bytes
	medium   table[mediumKey]  // tokens of 8 to 15 bytes
	long     map[[2]uint64]int // first 16 bytes to the longest of the longer tokens, an index of chain
	chain    []longToken
	longHash [1 << longBits]uint16 // index in chain, plus 1, by phraseHash; open addressing, 0 is free
	lengths  lengths               // of the tokens with a given beginning
	bytes2   [1 << 16]uint32       // tokens of 2 bytes, first byte in the low half, or none
	pairs    pairTable
	chars    chars

	// What is remembered of pieces that are no tokens; all else is read-only once built.
	shortMemo  shortMemo
	mediumMemo mediumMemo
	phraseMemo phraseMemo
	runs       runs
}

// A longToken has at least 16 bytes.
type longToken struct {
	text   string
	id     uint32
	next   int // index of the next shorter one with the same 16 bytes at the beginning, or -1
	prefix int // index of the longest one that this one begins with, or -1
}

// parts returns the two tokens that merge into the token id >= singles.
func (v *vocabulary) parts(id uint32) (left, right uint32) {
	w := word(v.merges, singles+int(id-singles)*mergeSize)
	return uint32(w & 0xfffff), uint32(w >> 20 & 0xfffff)
}

// newVocabulary builds the tables from packed merges, leaving out the last drop tokens.
func newVocabulary(merges string, drop int) *vocabulary {
	n := singles + (len(merges)-singles-padding)/mergeSize - drop
	v := &vocabulary{merges: merges, size: n, pairs: newPairTable(n)}
	v.shortMemo, v.mediumMemo, v.phraseMemo = newShortMemo(n), newMediumMemo(n), newPhraseMemo(n)

	all := v.scratch()
	v.spell(all)
	v.addTokens(all)
	v.addLongTokens(all)
	v.chars = newChars(all)
	all.clear(v)
	return v
}

// spellings hold, while tables are built, of every token its first 16 bytes (the first byte
// lowest), its last four (the last byte lowest) and how many it has.
type spellings struct {
	first  [][2]uint64
	last   []uint32
	length []uint8
}

// scratch returns room for the spellings of all tokens. It lies where the memos will be, which are
// larger: memory that is touched only to be given back would lengthen the first pass of a process.
// clear must be called before the first count.
func (v *vocabulary) scratch() *spellings {
	return &spellings{
		first:  reuse[[2]uint64](v.phraseMemo.slots, v.size),
		last:   reuse[uint32](v.mediumMemo.buckets, v.size),
		length: reuse[uint8](v.shortMemo.buckets, v.size),
	}
}

// clear empties the memos. The spellings are gone then.
func (s *spellings) clear(*vocabulary) {
	clear(s.first)
	clear(s.last)
	clear(s.length)
}

// reuse returns n zero values in the memory of s, which holds no pointers.
func reuse[T, S any](s []S, n int) []T {
	if uintptr(len(s))*unsafe.Sizeof(s[0]) < uintptr(n)*unsafe.Sizeof(*new(T)) {
		panic("a memo is smaller than the scratch of its vocabulary")
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(s))), n)
}

// spell sets the spelling of every token, and the pairs they are merged from.
func (v *vocabulary) spell(all *spellings) {
	first, last, length := all.first, all.last, all.length
	for id := range uint32(v.size) {
		if id < singles {
			b := v.merges[id]
			first[id][0], last[id], length[id] = uint64(b), uint32(b), 1
			continue
		}
		l, r := v.parts(id)
		first[id] = join(first[l], first[r], int(length[l]))
		last[id] = last[r]
		if length[r] < 4 {
			last[id] |= last[l] << (8 * length[r])
		}
		length[id] = length[l] + length[r]
		v.pairs.put(l, r, id)
	}
}

// addTokens fills the tables of tokens of up to 15 bytes, and lengths.
func (v *vocabulary) addTokens(all *spellings) {
	var count [3]int // by length: up to 7 bytes, up to 15, more
	for _, n := range all.length {
		count[min(n/8, 2)]++
	}
	v.short, v.medium = newTable[shortKey](count[0]), newTable[mediumKey](count[1])
	for i := range v.bytes2 {
		v.bytes2[i] = none
	}
	for id := range uint32(v.size) {
		s, n := all.first[id], int(all.length[id])
		v.lengths.add(s, n)
		switch {
		case n < 8:
			k := shortOf(s[0], n)
			v.short.put(k.hash(), k, id)
		case n < 16:
			k := mediumOf(s[0], s[1], n)
			v.medium.put(k.hash(), k, id)
		}
		switch n {
		case 1:
			v.single[byte(s[0])] = id
		case 2:
			v.bytes2[uint16(s[0])] = id
		}
	}
}

// addLongTokens fills the tables of tokens of 16 bytes and more.
func (v *vocabulary) addLongTokens(all *spellings) {
	var ids []uint32
	for id := range uint32(v.size) {
		if all.length[id] >= 16 {
			ids = append(ids, id)
		}
	}
	slices.SortStableFunc(ids, func(a, b uint32) int { return int(all.length[a]) - int(all.length[b]) })
	v.long, v.chain = make(map[[2]uint64]int, len(ids)), make([]longToken, 0, len(ids))
	var text []byte
	for _, id := range ids {
		text = v.appendBytes(text[:0], id)
		next, ok := v.long[all.first[id]]
		if !ok {
			next = -1
		}
		t := longToken{text: string(text), id: id, next: next, prefix: next}
		for t.prefix >= 0 && !strings.HasPrefix(t.text, v.chain[t.prefix].text) {
			t.prefix = v.chain[t.prefix].next
		}
		if len(t.text) <= phraseSize {
			i := phraseHash(t.text) >> (64 - longBits)
			for v.longHash[i] != 0 {
				i = (i + 1) % uint64(len(v.longHash))
			}
			v.longHash[i] = uint16(len(v.chain) + 1)
		}
		v.long[all.first[id]] = len(v.chain)
		v.chain = append(v.chain, t)
	}
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

// longToken returns the token that s[i:i+n], at least 16 bytes, is, or none.
func (v *vocabulary) longToken(s string, i, n int) uint32 {
	for t := v.firstLong(s, i); t >= 0; t = v.chain[t].next {
		if c := &v.chain[t]; len(c.text) == n && c.text == s[i:i+n] {
			return c.id
		}
	}
	return none
}

const longBits = 14 // room for more than twice the long tokens of any vocabulary

// isLong reports whether a piece of 16 to phraseSize bytes, with its phraseHash, is a token.
func (v *vocabulary) isLong(piece string, hash uint64) bool {
	for i := hash >> (64 - longBits); ; i = (i + 1) % uint64(len(v.longHash)) {
		switch t := v.longHash[i]; {
		case t == 0:
			return false
		case v.chain[t-1].text == piece:
			return true
		}
	}
}

// firstLong returns the longest token that shares its first 16 bytes with s[i:], as an index of
// chain, or -1.
func (v *vocabulary) firstLong(s string, i int) int {
	if t, ok := v.long[[2]uint64{word(s, i), word(s, i+8)}]; ok {
		return t
	}
	return -1
}

// ranks returns every token with its published rank.
func (v *vocabulary) ranks() map[string]int {
	m := make(map[string]int, v.size)
	for id := range uint32(v.size) {
		rank := int(id)
		if rank >= specialP50k && v.merges == p50kMerges {
			rank++
		}
		m[string(v.appendBytes(nil, id))] = rank
	}
	return m
}

// specialP50k is the rank that p50k_base leaves out among its ordinary tokens.
const specialP50k = 50256
