// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits of what is told apart.
const (
	mostNames       = 1000 // of span names, models and tools each
	mostTypes       = 100
	mostExperiments = 1000
	followed        = 100 // experiments that are counted over time
	mostScores      = 200
	mostValues      = 256 // different values of a score that are counted exactly
	mostExtremes    = 10
	mostRunes       = 256 // of a name
	mostBytes       = 4 * mostRunes
)

// others is the name of what is beyond a limit.
const others = "(others)"

// Sum is what is in the traces that were added. The zero Sum is empty and ready. It is not safe for concurrent use.
type Sum struct {
	head
	buckets map[int64]*bucket

	stored map[int64]bool // the starts of the buckets that are stored
	dirty  bool           // the head is not stored as it is
	short  map[string]string
}

// head is everything but the buckets of time.
type head struct {
	Traces  int64 `json:"traces"`
	Failed  int64 `json:"failed"`
	Spans   int64 `json:"spans"`
	Refined int64 `json:"refined"` // traces of which it is known what the genai processor did
	Step    int   `json:"step"`
	// First and Last are the smallest and largest start, Unix milliseconds; Longest is a duration in milliseconds.
	First   int64 `json:"first"`
	Last    int64 `json:"last"`
	Longest int64 `json:"longest"`

	Week        [7][24]int64           `json:"week"` // by weekday, Monday first, and hour
	Types       map[string]*spanType   `json:"types,omitempty"`
	Names       map[string]*spanName   `json:"names,omitempty"` // by type and name
	Experiments map[string]*experiment `json:"experiments,omitempty"`

	CountedSpans int64             `json:"counted_spans"`
	Counted      int64             `json:"counted"` // traces with token counts
	Request      int64             `json:"request"`
	Response     int64             `json:"response"`
	Models       map[string]*Use   `json:"models,omitempty"`
	Tools        map[string]*Use   `json:"tools,omitempty"`
	Priced       int64             `json:"priced"` // traces
	Cost         float64           `json:"cost"`
	Costs        sketch            `json:"costs"`     // of traces, in the currency
	CostBins     map[int]int64     `json:"cost_bins"` // by the floor of 8 times the decimal logarithm
	Scores       map[string]*score `json:"scores,omitempty"`

	Slowest   []extreme `json:"slowest,omitempty"`
	Costliest []extreme `json:"costliest,omitempty"`
}

type spanType struct {
	Spans    int64  `json:"spans"`
	Failed   int64  `json:"failed,omitempty"`
	Duration sketch `json:"duration"`
}

type spanName struct {
	Spans  int64 `json:"spans"`
	Failed int64 `json:"failed,omitempty"`
}

type experiment struct {
	Traces   int64 `json:"traces"`
	Failed   int64 `json:"failed,omitempty"`
	Followed bool  `json:"followed,omitempty"`
}

type score struct {
	mean
	Squares float64      `json:"squares"` // of the values
	Min     float64      `json:"min"`
	Max     float64      `json:"max"`
	Values  []valueCount `json:"values,omitempty"` // ascending; nil once there are too many
	Spread  sketch       `json:"spread"`           // once there are too many values
	Lowest  []extreme    `json:"lowest,omitempty"`
}

type valueCount struct {
	Value float64 `json:"v"`
	Count int64   `json:"n"`
}

// extreme is a trace at one end of a scale.
type extreme struct {
	ID         string  `json:"id"`
	Experiment string  `json:"experiment"`
	Start      int64   `json:"start"`
	Value      float64 `json:"value"`
	Request    string  `json:"request,omitempty"`
	Response   string  `json:"response,omitempty"`
}

// key joins two parts of a name; no part holds the separator.
func key(a, b string) string { return a + "\x1f" + b }

func parts(key string) (a, b string) {
	a, b, _ = strings.Cut(key, "\x1f")
	return a, b
}

// shorten makes a name that is kept: of a bounded length, valid, and without the memory that it is a part of.
func (s *Sum) shorten(name string) string {
	if kept, ok := s.short[name]; ok {
		return kept
	}
	kept := short(name)
	if s.short == nil || len(s.short) >= 4*mostNames {
		s.short = map[string]string{}
	}
	if len(name) <= mostBytes {
		s.short[kept] = kept // most names stay as they are
	}
	return kept
}

func short(name string) string {
	cut := len(name) > mostBytes
	if cut {
		name = name[:mostBytes]
	}
	name = strings.ReplaceAll(strings.ToValidUTF8(name, "\uFFFD"), "\x1f", "\uFFFD")
	if cut || utf8.RuneCountInString(name) > mostRunes {
		runes := []rune(name)
		name = string(runes[:min(len(runes), mostRunes-1)]) + "…"
	}
	return strings.Clone(name)
}

// get returns the entry of a name, a new one as long as there are not too many, else that of the others. It makes the
// map where there is none.
//
//nolint:gocritic // ptrToRefParam: the map may be nil and is made here
func get[K comparable, V any](m *map[K]*V, k, rest K, most int) *V {
	if v := (*m)[k]; v != nil {
		return v
	}
	if *m == nil {
		*m = map[K]*V{}
	}
	if len(*m) >= most {
		k = rest
		if v := (*m)[k]; v != nil {
			return v
		}
	}
	v := new(V)
	(*m)[k] = v
	return v
}

// Add adds traces.
func (s *Sum) Add(traces []Trace) {
	for i := range traces {
		s.add(&traces[i])
	}
	if len(s.buckets) > limit(s.Step) {
		s.buckets, s.Step = coarser(s.buckets, s.Step)
	}
}

func (s *Sum) add(t *Trace) {
	s.dirty = true
	t.Start = min(max(t.Start, earliest), latest)
	if s.Traces == 0 || t.Start < s.First {
		s.First = t.Start
	}
	if s.Traces == 0 || t.Start > s.Last {
		s.Last = t.Start
	}
	s.Traces++
	s.Spans += int64(len(t.Spans))
	at := start(t.Start, s.Step)
	b := s.buckets[at]
	if b == nil {
		if s.buckets == nil {
			s.buckets = map[int64]*bucket{}
		}
		b = &bucket{}
		s.buckets[at] = b
	}
	b.dirty = true
	b.Traces++
	b.Spans += int64(len(t.Spans))
	x := get(&s.Experiments, s.shorten(t.Experiment), others, mostExperiments)
	if x.Traces == 0 {
		x.Followed = len(s.Experiments) <= followed
	}
	x.Traces++
	if x.Followed {
		b.experiment(s.shorten(t.Experiment), 1)
	}
	if t.Failed {
		s.Failed++
		b.Failed++
		x.Failed++
	}
	when := time.UnixMilli(t.Start).UTC()
	s.Week[(int(when.Weekday())+6)%7][when.Hour()]++
	if !t.Untimed {
		ms := max(t.Duration, 0)
		b.Duration.add(float64(ms), 1)
		s.Longest = max(s.Longest, ms)
		s.Slowest = s.extremes(s.Slowest, t, float64(ms), 1)
	}
	for i := range t.Spans {
		s.span(&t.Spans[i])
	}
	if t.Refined != nil {
		s.refined(t, b)
	}
}

func (s *Sum) span(p *Span) {
	name := s.shorten(p.Type)
	ty := get(&s.Types, name, others, mostTypes)
	ty.Spans++
	if p.Duration >= 0 {
		ty.Duration.add(float64(p.Duration)/1e6, 1)
	}
	if p.Failed {
		ty.Failed++
	}
	if p.Name == "" { // withheld
		return
	}
	n := get(&s.Names, key(name, s.shorten(p.Name)), key("", others), mostNames)
	n.Spans++
	if p.Failed {
		n.Failed++
	}
}

// costBins is how many bins there are in a power of ten.
const costBins = 8

func (s *Sum) refined(t *Trace, b *bucket) {
	r := t.Refined
	s.Refined++
	s.CountedSpans += r.CountedSpans
	if r.CountedSpans > 0 {
		s.Counted++
	}
	s.Request += r.Request
	s.Response += r.Response
	b.Request += r.Request
	b.Response += r.Response
	for i := range r.Models {
		u := &r.Models[i]
		get(&s.Models, s.shorten(u.Name), others, mostNames).Add(u)
		b.Input += u.Input
		b.Output += u.Output
	}
	for i := range r.Tools {
		get(&s.Tools, s.shorten(r.Tools[i].Name), others, mostNames).Add(&r.Tools[i])
	}
	if r.Priced {
		cost := bounded(r.Cost)
		s.Priced++
		s.Cost += cost
		b.Cost += cost
		s.Costs.add(cost, 1)
		if cost > 0 {
			if s.CostBins == nil {
				s.CostBins = map[int]int64{}
			}
			s.CostBins[int(math.Floor(costBins*math.Log10(cost)))]++
		}
		s.Costliest = s.extremes(s.Costliest, t, cost, 1)
	}
	for _, one := range r.Scores {
		one.Value = bounded(one.Value)
		k := key(s.shorten(one.Name), s.shorten(one.Source))
		x := get(&s.Scores, k, key(others, ""), mostScores)
		x.add(one.Value)
		x.Lowest = s.extremes(x.Lowest, t, one.Value, -1)
		if s.Scores[k] != nil {
			b.score(k, mean{1, one.Value})
		}
	}
}

// mostValue bounds costs and scores.
const mostValue = 1e100

// bounded keeps sums, and those of squares, finite: JSON has no infinity. What lies beyond the bound counts as the
// bound, and what is no number as 0.
func bounded(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, -mostValue), mostValue)
}

func (x *score) add(v float64) {
	if x.Count == 0 || v < x.Min {
		x.Min = v
	}
	if x.Count == 0 || v > x.Max {
		x.Max = v
	}
	exact := x.Count == 0 || x.Values != nil
	x.Count++
	x.Sum += v
	x.Squares += v * v
	if !exact {
		x.Spread.add(v, 1)
		return
	}
	i, found := slices.BinarySearchFunc(x.Values, v, func(c valueCount, v float64) int {
		return cmp.Compare(c.Value, v)
	})
	if found {
		x.Values[i].Count++
		return
	}
	if len(x.Values) == mostValues {
		for _, c := range x.Values {
			x.Spread.add(c.Value, c.Count)
		}
		x.Values = nil
		x.Spread.add(v, 1)
		return
	}
	x.Values = slices.Insert(x.Values, i, valueCount{v, 1})
}

// extremes keeps the traces with the largest values, or with sign -1 the smallest; of equal ones those with the
// smallest ids.
func (s *Sum) extremes(list []extreme, t *Trace, v, sign float64) []extreme {
	if n := len(list); n == mostExtremes {
		if last := &list[n-1]; sign*v < sign*last.Value || v == last.Value && t.ID >= last.ID {
			return list
		}
	}
	e := extreme{ID: short(t.ID), Experiment: s.shorten(t.Experiment), Start: t.Start, Value: v,
		Request: short(t.Request), Response: short(t.Response)}
	i, found := slices.BinarySearchFunc(list, e, func(a, b extreme) int {
		return cmp.Or(cmp.Compare(sign*b.Value, sign*a.Value), strings.Compare(a.ID, b.ID))
	})
	if found {
		return list
	}
	list = slices.Insert(list, i, e)
	return list[:min(len(list), mostExtremes)]
}

// ForgetTexts removes the texts of traces.
func (s *Sum) ForgetTexts() {
	forget := func(list []extreme) {
		for i := range list {
			if e := &list[i]; e.Request != "" || e.Response != "" {
				e.Request, e.Response, s.dirty = "", "", true
			}
		}
	}
	forget(s.Slowest)
	forget(s.Costliest)
	for _, x := range s.Scores {
		forget(x.Lowest)
	}
}
