// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import "time"

// The widths of buckets of time, from the finest. Weeks begin on Mondays.
const (
	hour    = int64(time.Hour / time.Millisecond)
	day     = 24 * hour
	week    = 7 * day
	weeks4  = 4 * week
	weeks12 = 12 * week
	weeks48 = 48 * week
)

// steps are multiples of each other, so that merged buckets hold what wider ones would have held.
var steps = []int64{hour, day, week, weeks4, weeks12, weeks48, 10 * weeks48, 100 * weeks48, 10_000 * weeks48}

// stepNames are the widths as people say them.
var stepNames = []string{"hour", "day", "week", "four weeks", "twelve weeks", "48 weeks", "480 weeks", "4800 weeks",
	"time"}

// The range of times that a calendar shows: the years 1 to 9999. What lies outside counts at its ends.
const (
	earliest = -62_135_596_800_000
	latest   = 253_402_300_799_000
)

// monday is the start of a week: 1970-01-05.
const monday = 4 * day

// limit is how many buckets there are at most of each width; with one more, they merge into wider ones.
func limit(step int) int {
	if step == 0 {
		return 96
	}
	return 400
}

// start is the start of the bucket of a time.
func start(at int64, step int) int64 {
	width, from := steps[step], int64(0)
	if width >= week {
		from = monday
	}
	n := (at - from) / width
	if (at-from)%width < 0 {
		n--
	}
	return from + n*width
}

// bucket holds what began in a stretch of time.
type bucket struct {
	Traces   int64  `json:"traces"`
	Failed   int64  `json:"failed,omitempty"`
	Spans    int64  `json:"spans,omitempty"`
	Duration sketch `json:"duration"`

	Request  int64   `json:"request,omitempty"`
	Response int64   `json:"response,omitempty"`
	Input    int64   `json:"input,omitempty"`
	Output   int64   `json:"output,omitempty"`
	Cost     float64 `json:"cost,omitempty"`

	// Experiments are those that are followed over time, by number; Scores by key.
	Experiments map[string]int64 `json:"experiments,omitempty"`
	Scores      map[string]mean  `json:"scores,omitempty"`

	dirty bool // not stored as it is
}

// mean is a mean as it is added up.
type mean struct {
	Count int64   `json:"n"`
	Sum   float64 `json:"sum"`
}

func (b *bucket) merge(o *bucket) {
	b.Traces += o.Traces
	b.Failed += o.Failed
	b.Spans += o.Spans
	b.Duration.merge(o.Duration)
	b.Request += o.Request
	b.Response += o.Response
	b.Input += o.Input
	b.Output += o.Output
	b.Cost += o.Cost
	for k, n := range o.Experiments {
		b.experiment(k, n)
	}
	for k, m := range o.Scores {
		b.score(k, m)
	}
}

func (b *bucket) experiment(id string, n int64) {
	if b.Experiments == nil {
		b.Experiments = map[string]int64{}
	}
	b.Experiments[id] += n
}

func (b *bucket) score(key string, m mean) {
	if b.Scores == nil {
		b.Scores = map[string]mean{}
	}
	was := b.Scores[key]
	b.Scores[key] = mean{was.Count + m.Count, was.Sum + m.Sum}
}

// coarser merges buckets into those of the first wider step of which there are few enough.
func coarser(buckets map[int64]*bucket, step int) (map[int64]*bucket, int) {
	for len(buckets) > limit(step) && step+1 < len(steps) {
		buckets, step = widen(buckets, step+1), step+1
	}
	return buckets, step
}

// widen returns the buckets of a wider step.
func widen(buckets map[int64]*bucket, step int) map[int64]*bucket {
	wider := map[int64]*bucket{}
	for at, b := range buckets {
		to := start(at, step)
		w := wider[to]
		if w == nil {
			w = &bucket{}
			wider[to] = w
		}
		w.merge(b)
		w.dirty = true
	}
	return wider
}
