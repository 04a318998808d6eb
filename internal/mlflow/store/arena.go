// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "unsafe"

// arena is memory for the small texts of one trace: one allocation for many of them. Traces don't
// share one, so that a trace that is kept for long keeps no other in memory.
type arena struct{ block []byte }

// arenaBlock is the size of a block, about what tags, metadata and assessments of a trace take.
const arenaBlock = 1 << 10

// keep returns a copy of s, which may be a view.
func (a *arena) keep(s string) string {
	if s == "" {
		return ""
	}
	if cap(a.block)-len(a.block) < len(s) {
		a.block = make([]byte, 0, max(len(s), arenaBlock))
	}
	start := len(a.block)
	a.block = append(a.block, s...)
	return stringOf(a.block[start:])
}

// stringOf returns b as a string that shares its memory, which must not be written to while the
// string is used.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
