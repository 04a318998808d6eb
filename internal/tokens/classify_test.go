// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestClassifyAgreesWithTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		b := make([]byte, blockSize)
		for i := range b {
			b[i] = byte(r.Uint32())
			if n < 256 {
				b[i] = byte(n)
			}
		}
		var want, got masks
		for i, c := range b {
			for k, m := range [8]*uint64{&want.upper, &want.lower, &want.number, &want.space, &want.newline,
				&want.blank, &want.slash, &want.quote} {
				*m |= uint64(blockClass[c]>>k&1) << i
			}
			want.high |= uint64(c>>7) << i
		}
		classifyPortable(string(b), &got)
		require.Equal(t, want, got, "portable %q", b)
		got = masks{}
		classify(string(b), &got)
		require.Equal(t, want, got, "%q", b)
	}
}

func TestLowest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 5000 {
		var values [mergeRoom]uint32
		for i := range values {
			values[i] = none - uint32(r.IntN(40))*uint32(r.IntN(2))<<24
		}
		groups := 1 + r.IntN(mergeRoom/8)
		require.Equal(t, lowestPortable(&values, groups), lowest(&values, groups))
	}
}

func TestLowestEach(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 2000 {
		var got, want lanes
		n, groups := 1+r.IntN(laneCount), []int{2, 4, 7}[r.IntN(3)]
		for i := range n {
			for k := range got.lane[i].pairs {
				got.lane[i].pairs[k] = none - uint32(r.IntN(40))*uint32(r.IntN(2))<<24
			}
			got.active[i] = uint32(r.IntN(n)) * uint32(unsafe.Sizeof(lane{}))
		}
		want = got
		lowestEachPortable(&want, n, groups)
		lowestEach(&got, n, groups)
		require.Equal(t, want.lowest, got.lowest)
	}
}
