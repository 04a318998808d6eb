// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/pkoukk/tiktoken-go"
	loader "github.com/pkoukk/tiktoken-go-loader"
	"github.com/stretchr/testify/require"
)

// What OpenAI publishes, as tiktoken's openai_public.py expects it.
func TestVocabularyChecksums(t *testing.T) {
	for name, want := range map[string]string{
		"r50k_base":   "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
		"p50k_base":   "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
		"cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
		"o200k_base":  "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
	} {
		ranks := encoding(t, name).Ranks()
		tokens := make([]string, 0, len(ranks))
		for token := range ranks {
			tokens = append(tokens, token)
		}
		slices.SortFunc(tokens, func(a, b string) int { return ranks[a] - ranks[b] })
		h := sha256.New()
		for _, token := range tokens {
			fmt.Fprintf(h, "%s %d\n", base64.StdEncoding.EncodeToString([]byte(token)), ranks[token])
		}
		require.Equal(t, want, hex.EncodeToString(h.Sum(nil)), name)
	}
}

func TestEveryTokenIsOneToken(t *testing.T) {
	for _, name := range []string{"o200k_base", "cl100k_base", "p50k_base", "r50k_base"} {
		v := encoding(t, name).vocabulary()
		for id := range uint32(v.size) {
			token := string(v.appendBytes(nil, id))
			require.Equal(t, 1, v.countPiece(token, 0, len(token)), "%s %q", name, token)
			require.Equal(t, 1, v.split(token), "%s %q", name, token)
		}
	}
}

// plain is byte-pair encoding as it is defined, over a map.
func plain(ranks map[string]int, piece string) int {
	parts := strings.Split(piece, "")
	if !utf8.ValidString(piece) || len(parts) != len(piece) {
		parts = parts[:0]
		for i := range len(piece) {
			parts = append(parts, piece[i:i+1])
		}
	}
	for {
		best, at := math.MaxInt, -1
		for i := range len(parts) - 1 {
			if rank, ok := ranks[parts[i]+parts[i+1]]; ok && rank < best {
				best, at = rank, i
			}
		}
		if at < 0 {
			return len(parts)
		}
		parts[at] += parts[at+1]
		parts = slices.Delete(parts, at+1, at+2)
	}
}

var plainRanks = sync.OnceValue(func() map[string]map[string]int {
	m := map[string]map[string]int{}
	for _, name := range []string{"o200k_base", "cl100k_base", "p50k_base", "r50k_base"} {
		e, _ := For(name)
		m[name] = e.Ranks()
	}
	return m
})

// checkText compares every way of counting with the definition, piece by piece.
func checkText(t *testing.T, text string) {
	t.Helper()
	valid := text
	if !utf8.ValidString(text) {
		valid = replaceInvalid(text)
		require.True(t, utf8.ValidString(valid))
	}
	for name, ranks := range plainRanks() {
		e := encoding(t, name)
		v := e.vocabulary()
		count := e.Count(text)
		want := 0
		for p := 0; p < len(valid); {
			// What lies behind the end of a piece counts alone.
			require.Equal(t, count-want, e.Count(valid[p:]), "%s %+q from %d", name, text, p)
			end := e.pattern.next(valid, p)
			require.Greater(t, end, p)
			piece := valid[p:end]
			n := plain(ranks, piece)
			require.Equal(t, n, v.countPiece(valid, p, len(piece)), "%s piece %+q", name, piece)
			steps, dead := make([]step, len(piece)), make([]uint64, len(piece)/64+1)
			require.Equal(t, n, v.encode(piece, steps, dead), "%s piece %+q", name, piece)
			want += n
			p = end
		}
		require.Equal(t, want, count, "%s %+q", name, text)
		for _, limit := range []int{0, 1, want - 1, want, want + 1, 2 * want} {
			n, within := e.CountUpTo(text, max(limit, 0))
			require.Equal(t, want <= max(limit, 0), within)
			require.Equal(t, min(want, max(limit, 0)), n)
		}
	}
}

func FuzzCount(f *testing.F) {
	lines(f, "testdata/visible.jsonl.gz", func(line []byte) {
		var row struct{ Text string }
		require.NoError(f, json.Unmarshal(line, &row))
		f.Add(row.Text)
	})
	f.Add("\xff\xfe a\xe4\xb8 'S\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 400 {
			checkText(t, text)
		}
	})
}

var alphabets = []string{
	"abcdefgh", "ABCxyz", "0123456789", "'sStTdDmMlLrReEvV\u017f", " \t\n\r", "!/\"\\{}[]():;,.-",
	"\u00e9\u00c9\u01c5\u02b0\u0301\u0903\u4e2d\u3042\u200d",
	" \u00a0\u3000\u2028", "\u0661\u00bd\u2167", "\U0001f600\U00010400\U000105c4\U00013473", "\x00\x7f", "=====-----",
	" the of and ing tion\n\n",
}

func randomText(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		runes := []rune(alphabets[r.IntN(len(alphabets))])
		for range 1 + r.IntN(6) {
			c := runes[r.IntN(len(runes))]
			for range 1 + max(0, r.IntN(12)-9)*r.IntN(30) {
				b.WriteRune(c)
			}
		}
	}
	return b.String()
}

func TestCountAgreesWithDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		checkText(t, randomText(r, 1+r.IntN(200)))
	}
}

var scripts = []string{
	"\u7684\u4e00\u662f\u4e0d\u4e86\u4eba\u6211\u5728\u6709\u4ed6\u8fd9\u6587\u4ef6\u9f98\u3001\u3002\uff0c",
	"\u306e\u306b\u306f\u3092\u305f\u304c\u3067\u3066\u3068\u30a4\u30eb\u30fc\u30d5\u30a1\u8a9e\u65e5\u672c",
	"\uc774\ub2e4\ub294\uc5d0\uac00\ud558\uc744\uc2dc\uc9c0\ud574\ub8b7",
	"\u0915\u093e\u0930\u094d\u092f\u0928\u0939\u0940\u0902\u0947\u0ba4\u0bc1\u0c30\u0c4d\u0995\u09b0",
	"\u0627\u0644\u0645\u0644\u0641\u064a\u0629\u0648\u0646\u064b",
	"\u043f\u0440\u0438\u0432\u0435\u0442\u043e\u0430\u0441\u041d\u0419\u0491",
	"\u0e01\u0e32\u0e23\u0e43\u0e0a\u0e49\u0e07\u0e19\u0e44\u0e1f\u0e25\u0e4c\u0e17\u0e35\u0e48",
	"\u00e4\u00f6\u00fc\u00dfeinsrt\u0111\u1ea1\u1ed9",
	"\u03b1\u03c1\u03c7\u03b5\u03af\u03bf\u03c5\u03a4\u1f00",
	"\u05e9\u05dc\u05d5\u05dd",
	"\u201c\u2026\u2500\u25cf\u2192\u00b0\U0001f600",
	"  ab,.(/1\n'",
}

// Encoding may start from whole characters only where nothing else can happen to their bytes.
func TestScriptsAgreeWithDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for i := range 1500 {
		var b strings.Builder
		for range 1 + r.IntN(30) {
			script := i
			if r.IntN(4) == 0 {
				script = r.IntN(len(scripts))
			}
			runes := []rune(scripts[script%len(scripts)])
			b.WriteRune(runes[r.IntN(len(runes))])
		}
		checkText(t, b.String())
	}
}

// The same for every character that is a token, beside others and beside bytes that a token joins
// with some of its own.
func TestCharactersAgreeWithDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	for name, ranks := range plainRanks() {
		v := encoding(t, name).vocabulary()
		var chars []string
		for token := range ranks {
			if c, n := utf8.DecodeRuneInString(token); n == len(token) && n > 1 && c != utf8.RuneError {
				chars = append(chars, token)
			}
		}
		slices.Sort(chars)
		pick := func() string {
			if r.IntN(3) == 0 {
				return string(rune(' ' + r.IntN(95)))
			}
			return chars[r.IntN(len(chars))]
		}
		for i := range 4 * len(chars) {
			piece := pick() + pick() + chars[i%len(chars)] + pick() + pick()
			var m merging
			v.start(&m, piece)
			require.Equal(t, len(piece), m.size)
			require.Equal(t, plain(ranks, piece), bits.OnesCount64(v.mergeAll(&m)), "%s %+q", name, piece)
		}
	}
}

// The guards must be what the rule of doc.go says, which is written out here over the bytes of all tokens.
func TestGuardsFollowTheRule(t *testing.T) {
	for _, name := range []string{"o200k_base", "cl100k_base", "p50k_base", "r50k_base"} {
		v := encoding(t, name).vocabulary()
		// By one or two bytes, the tokens that begin or end with these and one byte beside them.
		type crossing struct {
			id     uint32
			beside byte
		}
		begin, end := map[string][]crossing{}, map[string][]crossing{}
		for id := range uint32(v.size) {
			z := string(v.appendBytes(nil, id))
			for n := 1; n < min(len(z), 3); n++ {
				begin[z[:n]] = append(begin[z[:n]], crossing{id, z[n]})
				end[z[len(z)-n:]] = append(end[z[len(z)-n:]], crossing{id, z[len(z)-n-1]})
			}
		}
		characters := 0
		for id := range uint32(v.size) {
			c := string(v.appendBytes(nil, id))
			if n := len(c); n != 2 && n != 3 || !utf8.ValidString(c) || utf8.RuneCountInString(c) != 1 {
				continue
			}
			var want guard
			for n := 1; n < len(c); n++ {
				for _, z := range end[c[:n]] {
					if z.id < id && z.beside < 0xc0 { // the last byte of a character, not the first of a longer one
						want.before.add(z.beside)
					}
				}
				for _, z := range begin[c[len(c)-n:]] {
					if z.id < id && !isContinuation(z.beside) {
						want.behind.add(z.beside)
					}
				}
			}
			entry, _ := v.chars.find(c, 0)
			require.Equal(t, id, entry>>guardBits, "%s %+q", name, c)
			got := v.chars.guards[entry&(1<<guardBits-1)]
			got.before[3] = 0 // bytes from 0xc0 on
			got.behind[2] = 0 // continuation bytes
			require.Equal(t, want, got, "%s %+q", name, c)
			characters++
		}
		require.Greater(t, characters, 300, name)
	}
}

// Blocks of ASCII and the scanner of single pieces must cut alike, whatever the alignment.
func TestBlocksCutLikeScanners(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		text := strings.Map(func(c rune) rune {
			if c > 127 && r.IntN(8) > 0 {
				return rune(r.IntN(128))
			}
			return c
		}, randomText(r, 1+r.IntN(300)))
		for _, name := range []string{"o200k_base", "cl100k_base", "p50k_base"} {
			e := encoding(t, name)
			v := e.vocabulary()
			want := 0
			for p := 0; p < len(text); {
				end := e.pattern.next(text, p)
				want += v.countPiece(text, p, end-p)
				p = end
			}
			if got := e.Count(text); got != want {
				t.Fatalf("%s: Count(%+q) = %d, pieces have %d", name, text, got, want)
			}
		}
	}
}

// randomHan has characters that are tokens and, most of them, others: windows start from characters and from bytes.
var randomHan = func() string {
	var b strings.Builder
	for i := range rune(400) {
		b.WriteRune('\u4e00' + i*i*31%20900)
	}
	return b.String()
}()

// A long piece is encoded window by window; that must give what encoding it at once gives.
func TestLongPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, alphabet := range []string{"abcdefghijklmnopqrstuvwxyz", "ab", "!@#$%^&*()", "etaoin", "\u4e2d\u6587\u5b57",
		"0aA", " ", "=-", "\u0301", "\r\n", randomHan} {
		runes := []rune(alphabet)
		for _, size := range []int{33, 64, 65, window - 1, window, window + 1, 5000, 20000} {
			b := make([]rune, size)
			for i := range b {
				b[i] = runes[r.IntN(len(runes))]
			}
			s := string(b)
			for _, name := range []string{"o200k_base", "cl100k_base", "r50k_base"} {
				v := encoding(t, name).vocabulary()
				want := v.encode(s, make([]step, len(s)), make([]uint64, len(s)/64+1))
				require.Equal(t, want, v.split(s), "%s %q %d", name, alphabet, size)
				if size == 5000 {
					require.Equal(t, plain(plainRanks()[name], s[:1000]), v.split(s[:1000]), "%s %q", name, alphabet)
				}
			}
		}
	}
}

// github.com/pkoukk/tiktoken-go is right wherever its older Unicode tables are; it is quadratic, so
// texts are short.
func TestSecondOpinion(t *testing.T) {
	tiktoken.SetBpeLoader(loader.NewOfflineLoader())
	r := rand.New(rand.NewPCG(9, 10))
	for _, name := range []string{"o200k_base", "cl100k_base", "p50k_base", "p50k_edit", "r50k_base"} {
		other, err := tiktoken.GetEncoding(name)
		require.NoError(t, err)
		for range 300 {
			text := strings.Map(func(c rune) rune {
				if c > 0xffff {
					return -1
				}
				return c
			}, randomText(r, 100))
			require.Equal(t, len(other.EncodeOrdinary(text)), encoding(t, name).Count(text), "%s %+q", name, text)
		}
	}
}

func TestConcurrentCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	e := encoding(t, "o200k_base")
	v := e.vocabulary()
	var texts []string
	var want []int
	for range 300 {
		text := randomText(r, 400)
		n := 0
		for p := 0; p < len(text); {
			end := e.pattern.next(text, p)
			n += v.split(text[p:end])
			p = end
		}
		texts, want = append(texts, text), append(want, n)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range texts {
				i = (i + g*37) % len(texts)
				if got := e.Count(texts[i]); got != want[i] {
					t.Errorf("Count(%+q) = %d, want %d", texts[i], got, want[i])
				}
			}
		})
	}
	wg.Wait()
}
