// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var begin = time.Date(2025, 12, 2, 0, 0, 0, 0, time.UTC)

// random returns n traces of a span of time.
func random(seed uint64, n int, span time.Duration) []Trace {
	r := rand.New(rand.NewPCG(seed, 1))
	list := make([]Trace, n)
	for i := range list {
		list[i] = Trace{
			ID: fmt.Sprintf("tr-%d-%d", seed, i), Experiment: strconv.Itoa(r.IntN(3)),
			Start:    begin.Add(time.Duration(r.Int64N(int64(span)))).UnixMilli(),
			Duration: int64(math.Exp(r.NormFloat64()) * 1000), Failed: r.IntN(20) == 0,
			Spans: []Span{{"AGENT", "answer", int64(r.IntN(1e9)), false},
				{"LLM", "call", int64(r.IntN(1e9)), r.IntN(9) == 0}},
			Refined: &Refined{CountedSpans: 1, Request: int64(r.IntN(100)), Response: int64(r.IntN(100)),
				Models: []Use{{Name: "gpt", Calls: 1, Reported: 1, Priced: 1, Input: 10, Output: 3, Cost: 0.25}},
				Cost:   0.25, Priced: true, Scores: []Score{{"metric_a", "CODE", float64(r.IntN(5))}}},
		}
	}
	return list
}

func text(t *testing.T, d *Data) string {
	t.Helper()
	b, err := json.Marshal(d)
	require.NoError(t, err)
	return string(b)
}

// memory is a store of parts.
type memory map[string][]byte

func (m memory) write(parts []Part) {
	for _, p := range parts {
		if p.Body == nil {
			delete(m, p.Name)
		} else {
			m[p.Name] = p.Body
		}
	}
}

func (m memory) read(names []string) (bodies [][]byte, err error) {
	for _, n := range names {
		bodies = append(bodies, m[n])
	}
	return bodies, nil
}

// The order in which traces come, how they are grouped, and how often the process begins anew change nothing.
func TestOrderAndRestartsChangeNothing(t *testing.T) {
	for _, span := range []time.Duration{time.Hour, 60 * time.Hour, 90 * 24 * time.Hour, 3 * 365 * 24 * time.Hour,
		200 * 365 * 24 * time.Hour} {
		list := random(1, 3000, span)
		var one Sum
		one.Add(slices.Clone(list))
		want := text(t, one.Data())

		r := rand.New(rand.NewPCG(2, 2))
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		stored, sum := memory{}, &Sum{}
		for part := range slices.Chunk(list, 97) {
			sum.Add(part)
			stored.write(sum.Changes())
			if r.IntN(5) == 0 {
				var err error
				sum, err = Load(stored.read)
				require.NoError(t, err)
			}
		}
		require.Equal(t, want, text(t, sum.Data()), "%s", span)
		require.Len(t, stored, len(sum.buckets)+1)
		require.Empty(t, sum.Changes())
	}
}

// Counts are exact, and quantiles lie within the error that is stated.
func TestAgainstSortedValues(t *testing.T) {
	list := random(3, 5000, 30*24*time.Hour)
	var sum Sum
	sum.Add(slices.Clone(list))
	d := sum.Data()
	var durations []float64
	var failed, inTime int64
	byDay := map[string]int64{}
	for _, x := range list {
		durations = append(durations, float64(x.Duration))
		byDay[time.UnixMilli(x.Start).UTC().Format(time.DateOnly)]++
		if x.Failed {
			failed++
		}
	}
	slices.Sort(durations)
	assert.EqualValues(t, 5000, d.Traces)
	assert.EqualValues(t, 10_000, d.Spans)
	assert.Equal(t, failed, d.Failed)
	assert.Equal(t, "day", d.Bucket)
	for _, b := range d.Time {
		assert.Equal(t, byDay[b.Start.Format(time.DateOnly)], b.Traces)
		inTime += b.Traces
	}
	assert.EqualValues(t, 5000, inTime)
	for q, got := range map[float64]float64{.05: d.Duration.P5, .5: d.Duration.P50, .95: d.Duration.P95,
		.99: d.Duration.P99} {
		want := durations[int(q*float64(len(durations)-1))]
		assert.InEpsilon(t, want, got, 1.0001*Accuracy, "%v", q)
	}
	assert.InDelta(t, durations[len(durations)-1], d.Duration.Max, 0)
	assert.InDelta(t, durations[len(durations)-1], d.Slowest[0].Value, 0)
	require.Len(t, d.Slowest, mostExtremes)
	assert.InDelta(t, 1250, d.Cost.Amount, 1e-9)
	require.Len(t, d.Scores, 1)
	var n int64
	for _, b := range d.Scores[0].Distribution {
		n += b.Count
	}
	assert.EqualValues(t, 5000, n)
	var week int64
	for _, day := range d.Week {
		for _, k := range day {
			week += k
		}
	}
	assert.EqualValues(t, 5000, week)
}

func TestBuckets(t *testing.T) {
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	require.Equal(t, time.Monday, monday.Weekday())
	for name, tc := range map[string]struct {
		span time.Duration
		want string
	}{
		"one trace":  {0, "hour"},
		"three days": {71 * time.Hour, "hour"},
		"four days":  {73 * time.Hour, "day"},
		"half":       {179 * 24 * time.Hour, "day"},
		"three":      {3 * 365 * 24 * time.Hour, "week"},
		"ten":        {10 * 365 * 24 * time.Hour, "four weeks"},
	} {
		var s Sum
		s.Add([]Trace{{Start: monday.UnixMilli()}, {Start: monday.Add(tc.span).UnixMilli()}})
		assert.Equal(t, tc.want, s.Data().Bucket, name)
	}
	assert.Equal(t, monday.UnixMilli(), start(monday.Add(6*24*time.Hour).UnixMilli(), 2))
	assert.Equal(t, monday.Add(-7*24*time.Hour).UnixMilli(), start(monday.UnixMilli()-1, 2))
	assert.Equal(t, -day, start(-1, 1))
}

// What is hostile costs no more memory than the limit, and no count.
func TestBounds(t *testing.T) {
	before := heap()
	var s Sum
	const n = 12_000
	for i := range n {
		long := strings.Repeat("\u202e<x>", 200)
		at := begin.Add(time.Duration(i) * 200 * time.Minute).UnixMilli()
		if i%1000 == 0 {
			at = math.MaxInt64 - int64(i)
		} else if i%1000 == 1 {
			at = math.MinInt64 + int64(i)
		}
		name := fmt.Sprint(i%3000, long)
		s.Add([]Trace{{ID: name, Experiment: name, Start: at, Duration: 1 << (i % 40), Failed: i%2 == 0,
			Spans: []Span{{name, name, 1 << (i % 50), true}},
			Refined: &Refined{Models: []Use{{Name: name, Calls: 1}}, Tools: []Use{{Name: name, Calls: 1}},
				Priced: true, Cost: float64(i) * 1e-6, Scores: []Score{{name, "x", float64(i) / 7}}}}})
	}
	used := heap() - before
	t.Logf("%d KiB", used>>10)
	assert.Less(t, used, int64(32<<20))
	d := s.Data()
	assert.EqualValues(t, n, d.Traces)
	sum := func(list []int64) (k int64) {
		for _, v := range list {
			k += v
		}
		return k
	}
	var types, names, models []int64
	for _, x := range d.Types {
		types = append(types, x.Spans)
	}
	for _, x := range d.Names {
		names = append(names, x.Spans)
	}
	for _, x := range d.Models {
		models = append(models, x.Calls)
	}
	for _, list := range [][]int64{types, names, models} {
		assert.EqualValues(t, n, sum(list))
		assert.LessOrEqual(t, len(list), mostNames+1)
	}
	assert.LessOrEqual(t, len(d.Time), mostBuckets+1)
	runtime.KeepAlive(&s)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestScores(t *testing.T) {
	for name, tc := range map[string]struct {
		values []float64
		want   []Bin
	}{
		"yes or no": {[]float64{0, 1, 1, 1}, []Bin{{0, 0, 1}, {1, 1, 3}}},
		"yes alone": {[]float64{1, 1}, []Bin{{0, 0, 0}, {1, 1, 2}}},
		"one value": {[]float64{5}, []Bin{{5, 5, 1}}},
		"fractions": {[]float64{0.05, 0.5, 1}, []Bin{{0, .1, 1}, {.1, .2, 0}, {.2, .3, 0}, {.3, .4, 0}, {.4, .5, 0},
			{.5, .6, 1}, {.6, .7, 0}, {.7, .8, 0}, {.8, .9, 0}, {.9, 1, 1}}},
	} {
		var x score
		for _, v := range tc.values {
			x.add(v)
		}
		got := x.distribution()
		require.Len(t, got, len(tc.want), name)
		for i := range got {
			assert.Equal(t, tc.want[i].Count, got[i].Count, "%s %d", name, i)
			assert.InDelta(t, tc.want[i].From, got[i].From, 1e-9)
		}
	}
	for _, tc := range [][4]float64{{0, 1, 0, 1}, {1, 5, 0, 5}, {0, 70.3, 0, 100}, {-3, 4, -5, 5}, {-2, -1, -2, 0}} {
		from, to := Scale(tc[0], tc[1])
		assert.Equal(t, [2]float64{tc[2], tc[3]}, [2]float64{from, to}, tc)
	}
}

// What is stored and damaged is an error, never a panic.
func TestDamage(t *testing.T) {
	sum, stored := &Sum{}, memory{}
	sum.Add(random(4, 200, 90*24*time.Hour))
	stored.write(sum.Changes())
	_, err := Load(func([]string) ([][]byte, error) { return nil, errors.New("disk") })
	require.ErrorContains(t, err, "disk")
	for name, body := range stored {
		for i := range body {
			if i%17 != 0 {
				continue
			}
			damaged := memory{}
			maps.Copy(damaged, stored)
			damaged[name] = append(slices.Clone(body[:i]), body[min(i+1, len(body)):]...)
			got, err := Load(damaged.read)
			if err != nil {
				require.Zero(t, got.Traces)
				continue
			}
			got.Data()
		}
		if name != HeadName {
			lost := memory{}
			for k, v := range stored {
				if k != name {
					lost[k] = v
				}
			}
			_, err := Load(lost.read)
			require.ErrorContains(t, err, "missing")
			break
		}
	}
	empty, err := Load(memory{}.read)
	require.NoError(t, err)
	require.Nil(t, empty.Data())
}

func BenchmarkAdd(b *testing.B) {
	list := random(5, 1000, 90*24*time.Hour)
	var sum Sum
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		sum.Add(list[i%1000 : i%1000+1])
	}
}

// A save follows about a hundred traces.
func BenchmarkChanges(b *testing.B) {
	list := random(6, 20_000, 90*24*time.Hour)
	slices.SortFunc(list, func(a, b Trace) int { return int(a.Start - b.Start) })
	var sum Sum
	sum.Add(list)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i * 100 % 20_000
		sum.Add(list[at : at+100])
		sum.Changes()
	}
}

// Numbers that are too large, or none, leave sums that can be stored and read.
func TestNumbersWithoutBounds(t *testing.T) {
	var s Sum
	for i, v := range []float64{math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(), 1e300, 0} {
		s.Add([]Trace{{ID: strconv.Itoa(i), Start: begin.UnixMilli(), Refined: &Refined{
			Cost: v, Priced: true, Scores: []Score{{"metric_a", "CODE", v}, {"metric_a", "CODE", v}},
			Models: []Use{{Name: "gpt", Calls: 1, Priced: 1, Cost: v}, {Name: "gpt", Calls: 1, Priced: 1, Cost: v}},
		}}})
	}
	m := memory{}
	m.write(s.Changes())
	read, err := Load(m.read)
	require.NoError(t, err)
	require.Equal(t, text(t, s.Data()), text(t, read.Data()))
	require.EqualValues(t, 14, read.Data().Scores[0].Count)
}

// Texts stay with the traces at the ends of scales, shortened, until they are forgotten.
func TestTexts(t *testing.T) {
	var sum Sum
	long := strings.Repeat("x", 3000)
	sum.Add([]Trace{
		{ID: "a", Duration: 5, Request: "q", Response: long,
			Refined: &Refined{Priced: true, Cost: 1, Scores: []Score{{Name: "s", Value: 0}}}},
		{ID: "b", Duration: 6},
	})
	for _, forgotten := range []bool{false, true} {
		if forgotten {
			sum.Changes()
			sum.ForgetTexts()
			require.NotEmpty(t, sum.Changes(), "what is stored must change")
			sum.ForgetTexts()
			require.Empty(t, sum.Changes())
		}
		d := sum.Data()
		require.Len(t, d.Slowest, 2)
		for _, list := range [][]Extreme{d.Slowest[1:], d.Costliest, d.Scores[0].Lowest} {
			require.Equal(t, "a", list[0].TraceID)
			require.Equal(t, forgotten, list[0].Request == "")
			require.Equal(t, forgotten, list[0].Response == "")
			require.LessOrEqual(t, len(list[0].Response), mostBytes)
		}
		require.Empty(t, d.Slowest[0].Request)
	}
}
