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
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/scores"
)

// Counts is what was done to one batch.
type Counts struct {
	Spans, ModelCalls int    // GenAI spans, and those of them that call a model
	Counted           int    // spans that got token counts
	Tokens            [2]int // their sums: request, response
	Reported          int    // calls with reported usage
	Usage             [2]int64
	MediaCounted      int // base64 files whose text was counted
	MediaSkipped      int
	Scores            []Score // one for each attribute that was written
	LeftOut           map[scores.Reason]int
	SharedScores      int // under an attribute that another name had first

	Cost                           float64
	Priced, Unpriced, WithoutUsage int // calls of models
	PricedTools                    int
	Uncertain, Limited             int
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
	mu  sync.Mutex
	sum sum
	_   [64]byte // the next stripe is in another cache line
}

type sum struct {
	spans, modelCalls, counted, reported int64
	tokens, usage                        [2]int64
	mediaCounted, mediaSkipped           int64
	scores                               []score // by index
	leftOut                              map[scores.Reason]int64
	sharedScores                         int64
	cost                                 float64
	priced, unpriced, withoutUsage       int64
	pricedTools, uncertain, limited      int64
}

type score struct {
	count int64
	sum   float64
}

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
	x := &s.sum
	x.spans += int64(c.Spans)
	x.modelCalls += int64(c.ModelCalls)
	x.counted += int64(c.Counted)
	x.reported += int64(c.Reported)
	for d := range 2 {
		x.tokens[d] += int64(c.Tokens[d])
		x.usage[d] += c.Usage[d]
	}
	for _, m := range c.Scores {
		if m.Index >= len(x.scores) {
			x.scores = append(x.scores, make([]score, m.Index+1-len(x.scores))...)
		}
		x.scores[m.Index].count++
		x.scores[m.Index].sum += m.Value
	}
	for reason, n := range c.LeftOut {
		if x.leftOut == nil {
			x.leftOut = map[scores.Reason]int64{}
		}
		x.leftOut[reason] += int64(n)
	}
	x.sharedScores += int64(c.SharedScores)
	x.mediaCounted += int64(c.MediaCounted)
	x.mediaSkipped += int64(c.MediaSkipped)
	x.cost += c.Cost
	x.priced += int64(c.Priced)
	x.unpriced += int64(c.Unpriced)
	x.withoutUsage += int64(c.WithoutUsage)
	x.pricedTools += int64(c.PricedTools)
	x.uncertain += int64(c.Uncertain)
	x.limited += int64(c.Limited)
}

// Sum returns what all stripes hold. names are those of the scores, by index.
func (t *Tally) Sum(names []string) progress.Refinement {
	var r progress.Refinement
	sums := make([]score, len(names))
	for i := range t.stripes {
		s := &t.stripes[i]
		s.mu.Lock()
		x := &s.sum
		r.Spans += x.spans
		r.ModelCalls += x.modelCalls
		r.Counted += x.counted
		r.CountedRequest += x.tokens[0]
		r.CountedResponse += x.tokens[1]
		r.Reported += x.reported
		r.ReportedInput += x.usage[0]
		r.ReportedOutput += x.usage[1]
		for reason, n := range x.leftOut {
			if r.LeftOut == nil {
				r.LeftOut = map[string]int64{}
			}
			r.LeftOut[string(reason)] += n
		}
		r.SharedScores += x.sharedScores
		r.MediaCounted += x.mediaCounted
		r.MediaSkipped += x.mediaSkipped
		r.Cost += x.cost
		r.Priced += x.priced
		r.Unpriced += x.unpriced
		r.WithoutUsage += x.withoutUsage
		r.PricedTools += x.pricedTools
		r.Uncertain += x.uncertain
		r.Limited += x.limited
		for j, one := range x.scores {
			sums[j].count += one.count
			sums[j].sum += one.sum
		}
		s.mu.Unlock()
	}
	for i, one := range sums {
		if one.count > 0 {
			r.Scores = append(r.Scores,
				progress.Score{Name: names[i], Count: one.count, Mean: one.sum / float64(one.count)})
		}
	}
	slices.SortFunc(r.Scores, func(a, b progress.Score) int { return strings.Compare(a.Name, b.Name) })
	return r
}
