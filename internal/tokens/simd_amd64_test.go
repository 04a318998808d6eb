// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import "testing"

// What a processor without AVX-512 does, and one without AVX2, which runs portable code only.
func TestOtherProcessors(t *testing.T) {
	avx512, avx2 := hasAVX512, hasAVX2
	for _, processor := range []struct {
		name string
		avx2 bool
	}{{"AVX2", true}, {"portable", false}} {
		t.Run(processor.name, func(t *testing.T) {
			if processor.avx2 && !avx2 {
				t.Skip("this processor has no AVX2")
			}
			t.Cleanup(func() { hasAVX512, hasAVX2 = avx512, avx2 })
			hasAVX512, hasAVX2 = false, processor.avx2
			for name, test := range map[string]func(*testing.T){
				"classify":     TestClassifyAgreesWithTable,
				"recorded":     TestCountMatchesTiktoken,
				"invalid":      TestCountInvalidUTF8,
				"differential": TestDifferentialSample,
				"scripts":      TestScriptsAgreeWithDefinition,
				"long pieces":  TestLongPieces,
			} {
				forget()
				t.Run(name, test)
			}
		})
	}
}

// forget empties all memos, so that pieces are merged again.
func forget() {
	for _, e := range encodings {
		v := e.vocabulary()
		clear(v.shortMemo.buckets)
		clear(v.mediumMemo.buckets)
		clear(v.phraseMemo.slots)
		for i := range v.runs {
			v.runs[i].Store(0)
		}
	}
}
