package tokens

import (
	_ "embed"
	"math"
	"slices"
	"strings"
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
// position in rank order.
type vocabulary struct {
	merges   string
	size     int               // number of tokens
	single   [singles]uint32   // token of a byte
	short    table[shortKey]   // tokens of up to 7 bytes
	medium   table[mediumKey]  // tokens of 8 to 15 bytes
	long     map[[2]uint64]int // first 16 bytes to the longest of the longer tokens, an index of chain
	chain    []longToken
	longHash [1 << longBits]uint16 // index of chain, plus 1, by phraseHash
	lengths  lengths               // of the tokens with a given beginning
	bytes2   [1 << 16]uint32       // tokens of 2 bytes, first byte in the low half, or none
	pairs    pairTable
	chars    chars

	// What is remembered of pieces that are no tokens; all else is read-only once built.
	shortMemo shortMemo
	memo      memo
	phrases   phrases
	runs      runs
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
	v := &vocabulary{merges: merges, size: n}

	v.shortMemo, v.memo, v.phrases = newShortMemo(n), newMemo(n), newPhrases(n)

	v.pairs = newPairTable(n)

	// The first 16 bytes, the last 4 and the length of every token. There is room for them where memos will be.
	start := unsafe.Slice((*[2]uint64)(unsafe.Pointer(unsafe.SliceData(v.phrases.slots))), n)
	length := unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(v.shortMemo.buckets))), n)
	tails := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(v.memo.buckets))), n)
	var count [3]int
	for id := range uint32(n) {
		if id < singles {
			start[id][0], tails[id], length[id] = uint64(merges[id]), uint32(merges[id]), 1
		} else {
			l, r := v.parts(id)
			start[id] = join(start[l], start[r], int(length[l]))
			length[id] = length[l] + length[r]
			tails[id] = tails[r]
			if length[r] < 4 {
				tails[id] |= tails[l] << (8 * length[r])
			}
			v.pairs.put(l, r, id)
		}
		count[min(length[id]/8, 2)]++
	}
	v.short, v.medium = newTable[shortKey](count[0]), newTable[mediumKey](count[1])
	for i := range v.bytes2 {
		v.bytes2[i] = none
	}

	var longer []uint32
	for id := range uint32(n) {
		s, n := start[id], int(length[id])
		switch {
		case n < 8:
			k := shortOf(s[0], n)
			v.short.put(k.hash(), k, id)
			if n == 1 {
				v.single[byte(s[0])] = id
			} else if n == 2 {
				v.bytes2[uint16(s[0])] = id
			}
		case n < 16:
			k := mediumOf(s[0], s[1], n)
			v.medium.put(k.hash(), k, id)
		default:
			longer = append(longer, id)
		}
		v.lengths.add(s, n)
	}

	slices.SortStableFunc(longer, func(a, b uint32) int { return int(length[a]) - int(length[b]) })
	v.long, v.chain = make(map[[2]uint64]int, len(longer)), make([]longToken, 0, len(longer))
	var text []byte
	for _, id := range longer {
		text = v.appendBytes(text[:0], id)
		next, ok := v.long[start[id]]
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
		v.long[start[id]] = len(v.chain)
		v.chain = append(v.chain, t)
	}
	v.chars = newChars(start, tails, length)
	clear(start)
	clear(v.shortMemo.buckets)
	clear(v.memo.buckets)
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

// longToken returns the token that s[i:i+n], at least 16 bytes, is, or none.
func (v *vocabulary) longToken(s string, i, n int) uint32 {
	for t := v.firstLong(s, i); t >= 0; t = v.chain[t].next {
		if c := &v.chain[t]; len(c.text) == n && c.text == s[i:i+n] {
			return c.id
		}
	}
	return none
}

// longBits is enough for all the long tokens, fewer than 6000.
const longBits = 14

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

// firstLong returns the longest token that shares its first 16 bytes with s[i:], as an index of chain, or -1.
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
