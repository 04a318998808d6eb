// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// What max_traces says about memory: about 90 bytes a trace and 8 bytes a span, with room for what
// growing leaves unused.
func TestMemory(t *testing.T) {
	const n, k, step = 200_000, 8, 500
	td := traces(0, step, k)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	b := newRecord(n)
	for first := 0; first < n; first += step {
		i := 0
		for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			s.SetTraceID(traceID(first + i/k))
			i++
		}
		b.add(td, 0, begin)
	}
	each := float64(heap()-before) / n
	t.Logf("%.0f bytes for a trace of %d spans", each, k)
	require.Len(t, b.traces, n)
	require.Less(t, each, 1.5*(90+8*k))
	runtime.KeepAlive(b)
}
