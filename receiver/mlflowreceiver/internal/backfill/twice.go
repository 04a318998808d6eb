// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// generation is how many trace ids are remembered at least, and half of how many at most.
const generation = 1 << 17

// twice finds trace ids that several experiments of a run hold. MLflow gives an id once; a source in
// which it occurs twice merges servers, or was written to by hand. Each experiment gets its trace, and
// the run says so. The newest ids of a run are remembered, so that memory is bounded: experiments are
// read at the same time, in turns.
type twice struct {
	mu          sync.Mutex
	seed        maphash.Seed
	older, last map[uint64]*reader
	found       map[*reader]*repeated
}

// repeated are the traces of an experiment whose ids another experiment holds, too.
type repeated struct {
	n     int64
	first string // the id of the first one
	other string // the experiment that holds it, too
}

// note remembers traces of an experiment that were delivered.
func (t *twice) note(x *reader, traces []*mlflow.Trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.seed, t.last, t.found = maphash.MakeSeed(), map[uint64]*reader{}, map[*reader]*repeated{}
	}
	for _, trace := range traces {
		id := maphash.String(t.seed, trace.Info.ID)
		before := t.last[id]
		if before == nil {
			before = t.older[id]
		}
		if before == nil {
			if len(t.last) >= generation {
				t.older, t.last = t.last, map[uint64]*reader{}
			}
			t.last[id] = x
			continue
		}
		if before == x {
			continue
		}
		if t.found[x] == nil {
			t.found[x] = &repeated{first: trace.Info.ID, other: before.exp.ID}
		}
		t.found[x].n++
	}
}

// remark says what was found of an experiment; empty when nothing was.
func (t *twice) remark(x *reader) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.found[x]
	if f == nil {
		return ""
	}
	return fmt.Sprintf("%d of its traces have the id of a trace in another experiment and were delivered for both "+
		"(the first is %s, also in experiment %s)", f.n, f.first, f.other)
}
