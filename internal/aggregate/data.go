// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Schema is the version of Data. It grows when a field changes its meaning or goes.
const Schema = 1

// Data is what is in the delivered traces, as the report shows it. Times are event times in UTC; durations are in
// milliseconds.
type Data struct {
	Schema int `json:"schema"`
	// Traces, Failed and Spans count traces, those that ended in an error, and spans.
	Traces int64     `json:"traces"`
	Failed int64     `json:"failed"`
	Spans  int64     `json:"spans"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	// Refined is the number of traces of which it is known what the genai processor did.
	Refined int64 `json:"refined"`

	// Bucket is the width of the buckets of Time, as a word; Time has those in which a trace began.
	Bucket        string   `json:"bucket"`
	BucketSeconds int64    `json:"bucket_seconds"`
	Time          []Bucket `json:"time"`
	// Week counts traces by weekday, Monday first, and hour.
	Week        [7][24]int64 `json:"week"`
	Duration    Quantiles    `json:"duration"`
	Types       []Type       `json:"span_types"`
	Names       []Name       `json:"span_names"`
	Experiments []Experiment `json:"experiments"`

	Counted *Counted `json:"counted_tokens,omitempty"`
	Models  []Use    `json:"models,omitempty"`
	Tools   []Use    `json:"tools,omitempty"`
	Cost    *Cost    `json:"cost,omitempty"`
	Scores  []Scores `json:"scores,omitempty"`

	Slowest   []Extreme `json:"slowest_traces,omitempty"`
	Costliest []Extreme `json:"costliest_traces,omitempty"`
}

// Quantiles are those of Count values. Max is exact, the others have a relative error of at most 1 %.
type Quantiles struct {
	Count int64   `json:"count"`
	P5    float64 `json:"p5"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max,omitempty"`
}

func quantiles(s sketch) Quantiles {
	return Quantiles{Count: s.count(), P5: s.quantile(.05), P50: s.quantile(.5), P95: s.quantile(.95),
		P99: s.quantile(.99)}
}

// Bucket holds what began in a stretch of time.
type Bucket struct {
	Start    time.Time `json:"start"`
	Traces   int64     `json:"traces"`
	Failed   int64     `json:"failed"`
	Spans    int64     `json:"spans"`
	Duration Quantiles `json:"duration"`
	Request  int64     `json:"counted_request,omitempty"`
	Response int64     `json:"counted_response,omitempty"`
	Input    int64     `json:"reported_input,omitempty"`
	Output   int64     `json:"reported_output,omitempty"`
	Cost     float64   `json:"cost,omitempty"`
}

// Type is a type of spans.
type Type struct {
	Type     string    `json:"type"`
	Spans    int64     `json:"spans"`
	Failed   int64     `json:"failed"`
	Duration Quantiles `json:"duration"`
}

// Name is a name of spans of one type.
type Name struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Spans  int64  `json:"spans"`
	Failed int64  `json:"failed"`
}

// Experiment counts the traces of an experiment. Time has a number for each bucket of Data.Time; it is absent for
// experiments beyond a limit.
type Experiment struct {
	ID     string  `json:"id"`
	Traces int64   `json:"traces"`
	Failed int64   `json:"failed"`
	Time   []int64 `json:"time,omitempty"`
}

// Counted are the tokens of texts, on Spans spans of Traces traces.
type Counted struct {
	Traces   int64 `json:"traces"`
	Spans    int64 `json:"spans"`
	Request  int64 `json:"request"`
	Response int64 `json:"response"`
}

// Cost is the cost of Traces traces.
type Cost struct {
	Amount    float64   `json:"amount"`
	Traces    int64     `json:"traces"`
	PerTrace  Quantiles `json:"per_trace"`
	Histogram []Bin     `json:"histogram"`
}

// Bin counts the values from From up to To.
type Bin struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count int64   `json:"count"`
}

// Scores are those of one name and source. Deviation is the standard deviation of a score.
type Scores struct {
	Name         string    `json:"name"`
	Source       string    `json:"source,omitempty"`
	Count        int64     `json:"count"`
	Mean         float64   `json:"mean"`
	Deviation    float64   `json:"deviation"`
	Min          float64   `json:"min"`
	Max          float64   `json:"max"`
	Distribution []Bin     `json:"distribution"`
	Time         []Mean    `json:"time"`
	Lowest       []Extreme `json:"lowest_traces"`
}

// Mean is the mean of the scores of traces that began in a bucket.
type Mean struct {
	Start time.Time `json:"start"`
	Count int64     `json:"count"`
	Mean  float64   `json:"mean"`
}

// Extreme is a trace at one end of a scale.
type Extreme struct {
	TraceID      string    `json:"trace_id"`
	ExperimentID string    `json:"experiment_id"`
	Start        time.Time `json:"start"`
	Value        float64   `json:"value"`
	// Request and Response are the beginnings of its texts, where the report shows examples.
	Request  string `json:"request,omitempty"`
	Response string `json:"response,omitempty"`
}

// mostBuckets is how many buckets a chart shows from one end to the other.
const mostBuckets = 180

// hoursShown is the longest range that is shown in hours.
const hoursShown = 72

// Data returns what the sum holds, nil if that is nothing.
func (s *Sum) Data() *Data {
	if s.Traces == 0 {
		return nil
	}
	buckets, step := s.buckets, s.Step
	for step+1 < len(steps) {
		most := int64(mostBuckets)
		if step == 0 {
			most = hoursShown
		}
		if (start(s.Last, step)-start(s.First, step))/steps[step] < most {
			break
		}
		step++
		buckets = widen(buckets, step)
	}
	d := &Data{
		Schema: Schema, Traces: s.Traces, Failed: s.Failed, Spans: s.Spans, Refined: s.Refined,
		First: at(s.First), Last: at(s.Last), Bucket: stepNames[step], BucketSeconds: steps[step] / 1000, Week: s.Week,
		Slowest: extremes(s.Slowest), Costliest: extremes(s.Costliest), Time: []Bucket{}, Types: []Type{},
		Names: []Name{},
	}
	starts := slices.Sorted(maps.Keys(buckets))
	var all sketch
	for _, from := range starts {
		b := buckets[from]
		all.merge(b.Duration)
		d.Time = append(d.Time, Bucket{at(from), b.Traces, b.Failed, b.Spans, quantiles(b.Duration), b.Request,
			b.Response, b.Input, b.Output, b.Cost})
	}
	d.Duration = quantiles(all)
	d.Duration.Max = float64(s.Longest)
	s.spans(d)
	for _, id := range slices.Sorted(maps.Keys(s.Experiments)) {
		x := s.Experiments[id]
		one := Experiment{ID: id, Traces: x.Traces, Failed: x.Failed}
		if x.Followed {
			for _, from := range starts {
				one.Time = append(one.Time, buckets[from].Experiments[id])
			}
		}
		d.Experiments = append(d.Experiments, one)
	}
	slices.SortStableFunc(d.Experiments, func(a, b Experiment) int { return cmp.Compare(b.Traces, a.Traces) })
	if s.Counted > 0 {
		d.Counted = &Counted{s.Counted, s.CountedSpans, s.Request, s.Response}
	}
	d.Models, d.Tools = uses(s.Models), uses(s.Tools)
	s.cost(d)
	s.scores(d, starts, buckets)
	return d
}

func (s *Sum) spans(d *Data) {
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		t := s.Types[name]
		d.Types = append(d.Types, Type{name, t.Spans, t.Failed, quantiles(t.Duration)})
	}
	slices.SortStableFunc(d.Types, func(a, b Type) int { return cmp.Compare(b.Duration.P50, a.Duration.P50) })
	for _, k := range slices.Sorted(maps.Keys(s.Names)) {
		n := s.Names[k]
		ty, name := parts(k)
		d.Names = append(d.Names, Name{name, ty, n.Spans, n.Failed})
	}
	slices.SortStableFunc(d.Names, func(a, b Name) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Spans, a.Spans))
	})
}

func uses(m map[string]*Use) (list []Use) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		u := *m[name]
		u.Name = name
		list = append(list, u)
	}
	slices.SortStableFunc(list, func(a, b Use) int {
		return cmp.Or(cmp.Compare(b.Input+b.Output, a.Input+a.Output), cmp.Compare(b.Calls, a.Calls))
	})
	return list
}

func (s *Sum) cost(d *Data) {
	if s.Priced == 0 {
		return
	}
	d.Cost = &Cost{Amount: s.Cost, Traces: s.Priced, PerTrace: quantiles(s.Costs), Histogram: []Bin{}}
	for _, k := range slices.Sorted(maps.Keys(s.CostBins)) {
		d.Cost.Histogram = append(d.Cost.Histogram, Bin{math.Pow(10, float64(k)/costBins),
			math.Pow(10, float64(k+1)/costBins), s.CostBins[k]})
	}
}

func (s *Sum) scores(d *Data, starts []int64, buckets map[int64]*bucket) {
	for _, k := range slices.Sorted(maps.Keys(s.Scores)) {
		x := s.Scores[k]
		name, source := parts(k)
		n := float64(x.Count)
		one := Scores{Name: name, Source: source, Count: x.Count, Mean: x.Sum / n, Min: x.Min, Max: x.Max,
			Deviation: math.Sqrt(max(0, x.Squares/n-x.Sum/n*x.Sum/n)), Distribution: x.distribution(),
			Time: []Mean{}, Lowest: extremes(x.Lowest)}
		for _, from := range starts {
			if m := buckets[from].Scores[k]; m.Count > 0 {
				one.Time = append(one.Time, Mean{at(from), m.Count, m.Sum / float64(m.Count)})
			}
		}
		d.Scores = append(d.Scores, one)
	}
	slices.SortStableFunc(d.Scores, func(a, b Scores) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Name, b.Name))
	})
}

// distribution counts the scores in ten bins over their scale, or by value where there are few whole values.
func (x *score) distribution() (list []Bin) {
	whole := x.Values != nil && len(x.Values) <= 11
	for _, c := range x.Values {
		whole = whole && c.Value == math.Trunc(c.Value)
	}
	if whole {
		if x.Min >= 0 && x.Max <= 1 { // no and yes
			list = []Bin{{0, 0, 0}, {1, 1, 0}}
			for _, c := range x.Values {
				list[int(c.Value)].Count = c.Count
			}
			return list
		}
		for _, c := range x.Values {
			list = append(list, Bin{c.Value, c.Value, c.Count})
		}
		return list
	}
	const n = 10
	from, to := Scale(x.Min, x.Max)
	width := (to - from) / n
	for i := range n {
		list = append(list, Bin{From: from + float64(i)*width, To: from + float64(i+1)*width})
	}
	count := func(v float64, c int64) {
		i := int((v - from) / width)
		list[min(max(i, 0), n-1)].Count += c
	}
	for _, c := range x.Values {
		count(c.Value, c.Count)
	}
	if x.Spread.DDSketch != nil {
		x.Spread.ForEach(func(v, c float64) bool {
			count(v, int64(c))
			return false
		})
	}
	return list
}

// Scale is the scale that values from least to most are shown on: 0 to 1, or up to a round number.
func Scale(least, most float64) (from, to float64) {
	if least >= 0 && most <= 1 {
		return 0, 1
	}
	from, to = 0, roundUp(most)
	if least < 0 {
		from = -roundUp(-least)
	}
	if to <= from {
		to = from + 1
	}
	return from, to
}

// roundUp is the smallest of 1, 2 and 5 times a power of ten that is not less than v; 0 for what is not positive.
func roundUp(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func extremes(list []extreme) (out []Extreme) {
	for _, e := range list {
		out = append(out, Extreme{e.ID, e.Experiment, at(e.Start), e.Value, e.Request, e.Response})
	}
	return out
}
