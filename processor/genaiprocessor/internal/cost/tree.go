// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// node is what the trace's total needs of a span.
type node struct {
	span    ptrace.Span
	kind    kind // that it has a cost for, else free
	cost    float64
	genAI   bool
	top     bool // marked as the topmost span of its trace
	missing bool // a model call that should have a cost and has none

	parent  int   // index, or none
	above   kind  // kinds of cost at this span and above it
	state   state // of above
	covered bool  // a model call with a cost lies at or below it
}

const none = -1

type state uint8

const (
	open state = iota
	visiting
	done
)

// tree holds the spans of all whole traces of a batch.
type tree struct {
	nodes  []node
	byID   map[spanKey]int
	costly bool // some node has a cost
}

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

func (t *tree) add(span ptrace.Span, n node) {
	if t.byID == nil {
		t.byID = map[spanKey]int{}
	}
	key := spanKey{span.TraceID(), span.SpanID()}
	if _, repeated := t.byID[key]; repeated {
		return
	}
	n.span = span
	t.byID[key] = len(t.nodes)
	t.nodes = append(t.nodes, n)
	t.costly = t.costly || n.kind != free
}

// total is the sum of one trace.
type total struct {
	top     int // index of the topmost GenAI span
	cost    float64
	counted bool
	partial bool
}

// totals writes the total of each trace that has a cost.
func (t *tree) totals(stats *Stats) {
	if !t.costly {
		return
	}
	for i := range t.nodes {
		n := &t.nodes[i]
		n.parent = none
		if id := n.span.ParentSpanID(); !id.IsEmpty() {
			if parent, ok := t.byID[spanKey{n.span.TraceID(), id}]; ok && parent != i {
				n.parent = parent
			}
		}
	}
	sums := map[pcommon.TraceID]*total{}
	var path []int
	for i := range t.nodes {
		path = t.resolve(i, path[:0])
		n := &t.nodes[i]
		sum := sums[n.span.TraceID()]
		if sum == nil {
			sum = &total{top: none}
			sums[n.span.TraceID()] = sum
		}
		if n.kind != free && (n.parent == none || t.nodes[n.parent].above&n.kind == 0) {
			sum.cost += n.cost
			sum.counted = true
		}
		if n.kind == model {
			for j := i; j != none && !t.nodes[j].covered; j = t.nodes[j].parent {
				t.nodes[j].covered = true
			}
		}
		if t.higher(i, sum.top) {
			sum.top = i
		}
	}
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.missing && !n.covered && n.above&model == 0 {
			sums[n.span.TraceID()].partial = true
		}
	}
	for _, sum := range sums {
		stats.Cost += sum.cost
		if !sum.counted || sum.top == none {
			continue
		}
		stats.Totals++
		attrs := t.nodes[sum.top].span.Attributes()
		attrs.PutDouble(genai.CostTraceTotal, sum.cost)
		if sum.partial {
			stats.Partial++
		}
		flag(attrs, genai.CostTracePartial, sum.partial)
	}
}

// resolve sets above for the node and all that lie above it, each only once. In a cycle of parents,
// which only a broken producer sends, the first span that is met is the topmost one.
func (t *tree) resolve(i int, path []int) []int {
	for i != none && t.nodes[i].state == open {
		t.nodes[i].state = visiting
		path = append(path, i)
		i = t.nodes[i].parent
	}
	var above kind
	switch {
	case i == none:
	case t.nodes[i].state == done:
		above = t.nodes[i].above
	default:
		t.nodes[i].parent = none
		at := slices.Index(path, i)
		path = append(slices.Delete(path, at, at+1), i) // it lies above all others now
	}
	for _, p := range slices.Backward(path) {
		n := &t.nodes[p]
		above |= n.kind
		n.above, n.state = above, done
	}
	return path
}

// higher reports whether node i rather than node j is the topmost GenAI span: the one that the
// receiver marked, else of those whose parent isn't a GenAI span of the trace the one that starts
// first.
func (t *tree) higher(i, j int) bool {
	n := &t.nodes[i]
	if !n.top && (!n.genAI || n.parent != none && t.nodes[n.parent].genAI) {
		return false
	}
	if j == none {
		return true
	}
	m := &t.nodes[j]
	if n.top != m.top {
		return n.top
	}
	return n.span.StartTimestamp() < m.span.StartTimestamp()
}
