// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
)

// The corpora and peers are in bench/tokens; these benchmarks need nothing but the package.
func BenchmarkCount(b *testing.B) {
	source, err := os.ReadFile("scan.go")
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, name := range []string{"o200k_base", "cl100k_base", "p50k_base"} {
		e, _ := For(name)
		for _, c := range []struct{ kind, text string }{
			{"code", string(bytes.Repeat(source, 20))}, {"short", string(source[200:264])},
			{"nasty", randomText(r, 100_000)},
		} {
			b.Run(name+"/"+c.kind, func(b *testing.B) {
				e.Count(c.text)
				b.SetBytes(int64(len(c.text)))
				b.ReportAllocs()
				for b.Loop() {
					e.Count(c.text)
				}
			})
		}
	}
}

// Pieces as long as these are never remembered, so every pass is like the first.
func BenchmarkAdversarial(b *testing.B) {
	const size = 1 << 20
	r := rand.New(rand.NewPCG(2, 2))
	drawn := func(alphabet string) string {
		s := make([]byte, size)
		for i := range s {
			s[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(s)
	}
	e, _ := For("o200k_base")
	e.Count("")
	for _, c := range []struct{ kind, text string }{
		{"letters", drawn("abcdefghijklmnopqrstuvwxyz")}, {"punctuation", drawn("!@#$%^&*()-=+[]{};:,.<>?|~")},
		{"spaces", strings.Repeat(" ", size)},
		{"a", strings.Repeat("a", size)}, {"han", strings.Repeat("\u4e2d", size/3)},
		{"crlf", strings.Repeat("\r\n", size/2)},
	} {
		b.Run(c.kind, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				e.Count(c.text)
			}
		})
	}
}

// BenchmarkFirstUse reports what an encoding costs until its first count, and what stays in memory.
func BenchmarkFirstUse(b *testing.B) {
	for _, c := range []struct{ name, merges string }{
		{"o200k", o200kMerges}, {"cl100k", cl100kMerges}, {"p50k", p50kMerges},
	} {
		b.Run(c.name, func(b *testing.B) {
			live := liveMiB(c.merges)
			for b.Loop() {
				newVocabulary(c.merges, 0)
			}
			b.ReportMetric(live, "live-MiB")
		})
	}
}

// liveMiB returns how much the heap holds of a new vocabulary. The packed merges are not in it: they are part of the
// binary.
func liveMiB(merges string) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v := newVocabulary(merges, 0)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(v)
	return float64(after.HeapAlloc-before.HeapAlloc) / (1 << 20)
}
