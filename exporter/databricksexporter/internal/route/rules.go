// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"github.com/gobwas/glob"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// None is the target of what no rule wants.
const None = -1

// Rule sends the data of some resources to a target. All conditions that are set must hold.
type Rule struct {
	// Experiment matches the name of the source's experiment, ExperimentID is its id.
	Experiment   glob.Glob
	ExperimentID string
	// Attribute names a resource attribute, and Value matches its text.
	Attribute string
	Value     glob.Glob
	// Target is an index that means something to the caller.
	Target int
}

func (r *Rule) matches(attrs pcommon.Map) bool {
	if r.ExperimentID != "" && experimentID(attrs) != r.ExperimentID {
		return false
	}
	if r.Experiment != nil {
		if v, ok := attrs.Get(genai.ExperimentName); !ok || !r.Experiment.Match(v.AsString()) {
			return false
		}
	}
	if r.Attribute != "" {
		if v, ok := attrs.Get(r.Attribute); !ok || !r.Value.Match(v.AsString()) {
			return false
		}
	}
	return true
}

// experimentID is the source's: data that was here before, and comes again, carries it beside the
// destination's.
func experimentID(attrs pcommon.Map) string {
	for _, key := range []string{SourceExperimentID, genai.ExperimentID} {
		if v, ok := attrs.Get(key); ok {
			return v.AsString()
		}
	}
	return ""
}

// Rules are tried in their order: the first that matches counts. Fallback is the target of what
// none of them matches.
type Rules struct {
	Ordered  []Rule
	Fallback int
}

// Match returns the target for the attributes of a resource, or None.
func (r *Rules) Match(attrs pcommon.Map) int {
	for i := range r.Ordered {
		if r.Ordered[i].matches(attrs) {
			return r.Ordered[i].Target
		}
	}
	return r.Fallback
}

// Part is what goes to one target.
type Part[T any] struct {
	Target int
	Batch  T
}

// Split groups a batch by target, in the order in which targets occur. A batch with a single target
// is returned as it is, others are copied in parts.
func Split[T any](k batch.Kind[T], r *Rules, b T) []Part[T] {
	n := k.Resources(b)
	if len(r.Ordered) == 0 || n == 0 {
		return []Part[T]{{r.Fallback, b}}
	}
	first := r.Match(k.Resource(b, 0))
	mixed := false
	targets := make([]int, n)
	targets[0] = first
	for i := 1; i < n; i++ {
		targets[i] = r.Match(k.Resource(b, i))
		mixed = mixed || targets[i] != first
	}
	if !mixed {
		return []Part[T]{{first, b}}
	}
	var order []int
	groups := map[int][]int{}
	for i, target := range targets {
		if groups[target] == nil {
			order = append(order, target)
		}
		groups[target] = append(groups[target], i)
	}
	parts := make([]Part[T], len(order))
	for i, target := range order {
		parts[i] = Part[T]{target, k.PickResources(b, groups[target])}
	}
	return parts
}
