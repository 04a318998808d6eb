// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package tally sums up, over the life of a process, what the processor did to the batches that
// went through it: the figures of the report. It is pure.
package tally

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Counts is what was done to one batch.
type Counts struct {
	Sums   progress.Refinement // without scores
	Scores []Score             // one for each attribute that was written
}

// Score is the value of one attribute with a score, whose name has an index.
type Score struct {
	Index int     // of the attribute's name, see Tally.Sum
	Value float64 // of the attribute
}

// Tally adds up Counts. Each goroutine that adds uses a stripe of its own, so that adding costs a
// lock that nobody else wants.
type Tally struct {
	stripes []Stripe
	next    atomic.Uint32
}

// Stripe is a part of a Tally.
type Stripe struct {
	mu     sync.Mutex
	sums   progress.Refinement // without scores
	scores []score             // by index
	_      [64]byte            // the next stripe is in another cache line
}

type score struct {
	count int64
	sum   float64
}

// mostScore bounds what a score adds to a mean, as in package aggregate: the report has no number for
// infinity, and one trace must not cost all of it.
const mostScore = 1e100

// New returns an empty tally.
func New() *Tally { return &Tally{stripes: make([]Stripe, runtime.GOMAXPROCS(0))} }

// Stripe returns one of the stripes, each as often as the others.
func (t *Tally) Stripe() *Stripe {
	return &t.stripes[int(t.next.Add(1)-1)%len(t.stripes)]
}

// Add adds what was done to a batch.
func (s *Stripe) Add(c *Counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.Add(c.Sums)
	for _, m := range c.Scores {
		if m.Index >= len(s.scores) {
			s.scores = append(s.scores, make([]score, m.Index+1-len(s.scores))...)
		}
		s.scores[m.Index].count++
		s.scores[m.Index].sum += min(max(m.Value, -mostScore), mostScore)
	}
}

// Sum returns what all stripes hold. names are those of the scores, by index.
func (t *Tally) Sum(names []string) progress.Refinement {
	var r progress.Refinement
	scores := make([]score, len(names))
	for i := range t.stripes {
		s := &t.stripes[i]
		s.mu.Lock()
		r.Add(s.sums)
		for j, one := range s.scores {
			scores[j].count += one.count
			scores[j].sum += one.sum
		}
		s.mu.Unlock()
	}
	r.Scores = nil
	for i, one := range scores {
		if one.count > 0 {
			r.Scores = append(r.Scores,
				progress.Score{Name: names[i], Count: one.count, Mean: one.sum / float64(one.count)})
		}
	}
	slices.SortFunc(r.Scores, func(a, b progress.Score) int { return strings.Compare(a.Name, b.Name) })
	return r
}
