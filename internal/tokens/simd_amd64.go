// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// classify sets m from the 64 bytes at the start of s.
func classify(s string, m *masks) {
	s = s[:blockSize]
	switch {
	case hasAVX512:
		classifyAVX512(s, m)
	case hasAVX2:
		classifyAVX2(s, m)
	default:
		classifyPortable(s, m)
	}
}

var (
	hasAVX512 = cpu.X86.HasAVX512BW
	hasAVX2   = cpu.X86.HasAVX2
)

//go:noescape
func classifyAVX512(s string, m *masks)

//go:noescape
func classifyAVX2(s string, m *masks)

// prefetch asks for the cache lines base+at of all lookups, so that they are there when they are
// needed.
func prefetch[K shortKey | mediumKey](base unsafe.Pointer, lookups []lookup[K]) {
	if len(lookups) > 0 {
		prefetchEach(base, unsafe.Pointer(&lookups[0].at), len(lookups), unsafe.Sizeof(lookups[0]))
	}
}

//go:noescape
func prefetchEach(base, at unsafe.Pointer, n int, stride uintptr)

// lowest returns the position of the first of the smallest values among 8*groups, groups > 0.
func lowest(values *[mergeRoom]uint32, groups int) int {
	if hasAVX2 {
		return lowestAVX2(values, groups)
	}
	return lowestPortable(values, groups)
}

//go:noescape
func lowestAVX2(values *[mergeRoom]uint32, groups int) int

// lowestEach sets b.lowest as lowestEachPortable does. n must not be 0.
func lowestEach(b *lanes, n, groups int) {
	if hasAVX2 {
		lowestEachAVX2(unsafe.Pointer(&b.lane), unsafe.Pointer(&b.active), unsafe.Pointer(&b.lowest), n, groups)
		return
	}
	lowestEachPortable(b, n, groups)
}

//go:noescape
func lowestEachAVX2(lanes, active, lowest unsafe.Pointer, n, groups int)
