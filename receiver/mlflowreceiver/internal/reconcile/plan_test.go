// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

const day0 mlflow.Day = 20500

// counts are n traces with a sum of durations.
func counts(n, duration int64) mlflow.Counts { return mlflow.Counts{Traces: n, Duration: duration} }

func counted(n, duration int64) mlflow.DayCounts {
	return mlflow.DayCounts{Counts: counts(n, duration)}
}

// closed is a day that was listed as a whole.
func closed(d mlflow.Day, n, duration int64) delivered.Day {
	return delivered.Day{
		Date: d, Delivered: n, Closed: true, Counts: counts(n, duration), From: d.Start(), To: (d + 1).Start(),
		Listed: (d + 1).Start() / minute,
	}
}

// base is a run over ten days, of which the even ones have traces.
func base(source bool) Input {
	in := Input{
		From: day0.Start(), To: (day0 + 10).Start(), Listed: []delivered.Range{{From: day0, To: day0 + 10}},
	}
	if source {
		in.Source = &SourceCounts{Days: map[mlflow.Day]mlflow.DayCounts{}, Durations: true}
	}
	for d := day0; d < day0+10; d += 2 {
		in.Days = append(in.Days, closed(d, 5, 500))
		if source {
			in.Source.Days[d] = counted(5, 500)
		}
	}
	return in
}

func ranges(pairs ...mlflow.Day) (list []TimeRange) {
	for p := range slices.Chunk(pairs, 2) {
		list = append(list, TimeRange{(day0 + p[0]).Start(), (day0 + p[1]).Start()})
	}
	return list
}

func TestPlan(t *testing.T) {
	unfinished := func(in *Input, at int) {
		d := &in.Days[at]
		d.Closed, d.Cursor = false, mlflow.Position{Timestamp: d.From + 5, ID: "x"}
	}
	for _, c := range []struct {
		name   string
		source bool // counts by day
		change func(in *Input)
		want   []TimeRange
		why    Reason // of the first cause
	}{
		{"nothing to do", true, func(*Input) {}, nil, ""},
		{"nothing to do by probing", false, func(*Input) {}, nil, ""},
		{"nothing to read", true, func(in *Input) { in.To = in.From }, nil, ""},
		{"first run", true, func(in *Input) { in.Days, in.Listed = nil, nil }, ranges(0, 9), Unlisted},
		{"first run by probing", false, func(in *Input) { in.Days, in.Listed = nil, nil }, ranges(0, 10), Unlisted},
		{"an empty source", true, func(in *Input) { in.Days, in.Listed, in.Source.Days = nil, nil, nil }, nil, ""},
		{"another number", true, func(in *Input) { in.Source.Days[day0+2] = counted(6, 500) }, ranges(2, 3), Differs},
		{"another sum", true, func(in *Input) { in.Source.Days[day0+2] = counted(5, 501) }, ranges(2, 3), Differs},
		{"another sum does not count", true, func(in *Input) {
			in.Source.Durations = false
			in.Source.Days[day0+2] = counted(5, 0)
		}, nil, ""},
		{"a day was emptied", true, func(in *Input) { delete(in.Source.Days, day0+2) }, ranges(2, 3), Differs},
		{"a day appeared", true, func(in *Input) { in.Source.Days[day0+3] = counted(1, 1) }, ranges(3, 4), Differs},
		{"a day appeared that was never listed", true, func(in *Input) {
			in.Listed = nil
			in.Source.Days[day0+3] = counted(1, 1)
		}, ranges(3, 4), Unlisted},
		{"days with empty ones between", true, func(in *Input) {
			in.Source.Days[day0+2], in.Source.Days[day0+4] = counted(6, 600), counted(6, 600)
		}, ranges(2, 5), Differs},
		{"days with others between", true, func(in *Input) {
			in.Source.Days[day0+2], in.Source.Days[day0+6] = counted(6, 600), counted(6, 600)
		}, ranges(2, 3, 6, 7), Differs},
		{"an unfinished day", true, func(in *Input) { unfinished(in, 2) }, ranges(4, 5), Unlisted},
		{"an unfinished day begins a range", true, func(in *Input) {
			unfinished(in, 2)
			in.Source.Days[day0+2], in.Source.Days[day0+6] = counted(6, 600), counted(6, 600)
		}, ranges(2, 4, 4, 7), Differs},
		{"it was listed from another time on", false, func(in *Input) {
			in.From += 5
			unfinished(in, 0)
			in.Days[1].Closed = false
		}, []TimeRange{{day0.Start() + 5, (day0 + 3).Start()}}, Unlisted},
		{"never listed by probing", false, func(in *Input) {
			in.Listed = []delivered.Range{{From: day0, To: day0 + 3}, {From: day0 + 6, To: day0 + 8}}
		}, ranges(3, 4, 5, 6, 9, 10), Unlisted},
		{"listed in part", false, func(in *Input) { in.Days[4].To -= 5 }, ranges(8, 9), Unlisted},
		{"listed in part, and no more is wanted", false, func(in *Input) {
			in.Days[4].To -= 5
			in.To = in.Days[4].To
		}, nil, ""},
		{"listed in part counts as it is", true, func(in *Input) { in.Days[4].To -= 5 }, nil, ""},
		{"probing found", false, func(in *Input) {
			in.Differ = []delivered.Range{{From: day0 + 1, To: day0 + 3}}
		}, ranges(1, 3), Differs},
		{"recent days", false, func(in *Input) { in.Recheck = 3 }, ranges(7, 10), Recheck},
		{"recent days without sums", true, func(in *Input) {
			in.Recheck, in.Source.Durations = 3, false
		}, ranges(8, 9), Recheck},
		{"recent days with sums", true, func(in *Input) { in.Recheck = 3 }, nil, ""},
		{"late changes", true, func(in *Input) { in.Recheck, in.LateChanges = 4, true }, ranges(6, 9), Recheck},
		{"more recent days than there are", false, func(in *Input) { in.Recheck = 100_000 }, ranges(0, 10), Recheck},
		{"rotation", true, func(in *Input) {
			in.Rotate, in.Days[2].Listed, in.Days[3].Listed = 2, 1, 2
		}, ranges(4, 7), Rotation},
		{"rotation passes over days in the plan", true, func(in *Input) {
			in.Rotate, in.Days[2].Listed, in.Days[2].Closed = 1, 1, false
		}, ranges(0, 1, 4, 5), Unlisted},
		{"rotation by probing", false, func(in *Input) { in.Rotate = 2 }, ranges(0, 3), Rotation},
		{"rotation of all", false, func(in *Input) { in.Rotate = 50 }, ranges(0, 10), Rotation},
		{"everything", true, func(in *Input) { in.All = true }, ranges(0, 10), Asked},
		{"a later pass", false, func(in *Input) {
			in.Pass, in.All, in.Rotate, in.Recheck = 1, true, 5, 5
			in.Differ = []delivered.Range{{From: day0 + 1, To: day0 + 3}}
		}, ranges(1, 3), Differs},
		{"a part of the days", true, func(in *Input) {
			in.From, in.To, in.All = (day0+2).Start()+7, (day0+4).Start()+9, true
		}, []TimeRange{{(day0 + 2).Start() + 7, (day0 + 4).Start() + 9}}, Asked},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := base(c.source)
			c.change(&in)
			plan := NewPlan(in)
			assert.Equal(t, c.want, plan.Ranges)
			if c.why == "" {
				assert.Empty(t, plan.Causes)
			} else if assert.NotEmpty(t, plan.Causes) {
				assert.Equal(t, c.why, plan.Causes[0].Reason)
			}
		})
	}
}

// TestPlanIsBoundedByWhatIsThere: clients choose timestamps, and From may lie long ago.
func TestPlanIsBoundedByWhatIsThere(t *testing.T) {
	in := Input{To: mlflow.Day(1 << 36).Start(), Source: &SourceCounts{Durations: true}}
	in.Source.Days = map[mlflow.Day]mlflow.DayCounts{0: counted(1, 1), 1 << 35: counted(1, 1)}
	assert.Equal(t, []TimeRange{{0, mlflow.Day(1<<35 + 1).Start()}}, NewPlan(in).Ranges)
	in.Source = nil
	assert.Equal(t, []TimeRange{{0, in.To}}, NewPlan(in).Ranges)
	in.Recheck = 7
	assert.Equal(t, []TimeRange{{0, in.To}}, NewPlan(in).Ranges)
}

func TestDisagreements(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(in *Input, at map[mlflow.Day]int64)
		want   []delivered.Range
		most   int // questions
	}{
		{"all agree", func(*Input, map[mlflow.Day]int64) {}, nil, 1},
		{"one more", func(_ *Input, at map[mlflow.Day]int64) { at[40]++ }, []delivered.Range{{From: 39, To: 41}}, 13},
		{"one less", func(_ *Input, at map[mlflow.Day]int64) { at[40]-- }, []delivered.Range{{From: 39, To: 41}}, 13},
		{"on a day without a record", func(_ *Input, at map[mlflow.Day]int64) { at[41]++ },
			[]delivered.Range{{From: 41, To: 43}}, 13},
		{"before the first", func(_ *Input, at map[mlflow.Day]int64) { at[0]++ },
			[]delivered.Range{{From: 0, To: 3}}, 13},
		{"after the last", func(_ *Input, at map[mlflow.Day]int64) { at[98]++ },
			[]delivered.Range{{From: 89, To: 100}}, 13},
		{"two days that cancel out are not seen", func(_ *Input, at map[mlflow.Day]int64) {
			at[20]++
			at[60]--
		}, nil, 1},
		{"two days", func(_ *Input, at map[mlflow.Day]int64) { at[20]++; at[60]++ },
			[]delivered.Range{{From: 19, To: 21}, {From: 59, To: 61}}, 26},
		{"an unfinished day is not asked for", func(in *Input, at map[mlflow.Day]int64) {
			in.Days[20].Closed = false
			at[42] += 7
		}, nil, 2},
		{"days that were never listed are not asked for", func(in *Input, at map[mlflow.Day]int64) {
			in.Listed = []delivered.Range{{From: 0, To: 50}, {From: 60, To: 100}}
			in.Days = slices.DeleteFunc(in.Days, func(d delivered.Day) bool { return d.Date >= 50 && d.Date < 60 })
			at[51] += 7
		}, nil, 2},
		{"nothing was listed", func(in *Input, _ map[mlflow.Day]int64) { in.Days, in.Listed = nil, nil }, nil, 0},
		{"nothing was there", func(in *Input, at map[mlflow.Day]int64) {
			in.Days = nil
			clear(at)
			at[3] = 1
		}, []delivered.Range{{From: 0, To: 100}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := Input{To: mlflow.Day(100).Start(), Listed: []delivered.Range{{From: 0, To: 100}}}
			at := map[mlflow.Day]int64{}
			for d := mlflow.Day(2); d <= 90; d += 2 {
				in.Days = append(in.Days, closed(d, int64(d), 0))
				at[d] = int64(d)
			}
			c.change(&in, at)
			asked := 0
			var fails error
			exactly := func(_ context.Context, r TimeRange, n int64) (bool, error) {
				if asked++; asked == 0 {
					return false, fails
				}
				for d, k := range at {
					if d.Start() >= r.From && d.Start() < r.To {
						n -= k
					}
				}
				return n == 0, nil
			}
			got, err := Disagreements(t.Context(), in, exactly)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			assert.LessOrEqual(t, asked, c.most)

			fails = errors.New("no answer")
			for n := range asked {
				asked = -n - 1 // the question after n others fails
				_, err := Disagreements(t.Context(), in, exactly)
				require.ErrorIs(t, err, fails)
			}
		})
	}
}

func TestAnchors(t *testing.T) {
	var a Anchors
	_, restored := a.Check(nil)
	assert.False(t, restored, "nothing was delivered")
	for i := range 25 {
		a = a.Add(strconv.Itoa(i))
	}
	assert.Len(t, a, 20)
	assert.Equal(t, "5", a[0])
	a = a.Add("7", "x")
	assert.Equal(t, "x", a[19])
	assert.Len(t, a, 20)
	for n, want := range map[int]bool{20: false, 11: false, 10: true, 0: true} {
		left, restored := a.Check(append(slices.Clone(a[:n]), "unknown"))
		assert.Equal(t, want, restored, n)
		assert.Equal(t, a[:n], left)
	}
	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprint("m", i)
	}
	assert.Equal(t, Anchors(many[30:]), a.Add(many...))
}

func TestCompare(t *testing.T) {
	since := func(d mlflow.Day) int64 { return (d + 1).Start() }
	for _, c := range []struct {
		name     string
		source   bool
		method   Method
		listed   []TimeRange
		change   func(in *Input)
		complete bool
		missing  string
		scope    string
	}{
		{"all compared", true, ByDurations, nil, func(*Input) {}, true, "", ""},
		{"numbers only", true, ByNumber, nil, func(in *Input) { in.Source.Durations = false }, true, "",
			"days before 2026-02-25: only the number of traces was compared, they were last listed on 2026-02-17 or " +
				"later"},
		{"numbers only, but all listed", true, ByNumber, ranges(0, 10), func(*Input) {}, true, "", ""},
		{"numbers only, the recent ones listed", false, ByNumber, ranges(5, 10), func(*Input) {}, true, "",
			"days before 2026-02-21: only the number of traces was compared, they were last listed on 2026-02-17 or " +
				"later"},
		{"not compared", false, NotCompared, ranges(3, 10), func(*Input) {}, true, "",
			"days before 2026-02-19: not compared, they were last listed on 2026-02-17 or later"},
		{"not compared, without traces", false, NotCompared, ranges(3, 10), func(in *Input) {
			in.Days = in.Days[3:]
		}, true, "", "days before 2026-02-22: not compared"},
		{"not compared, all listed", false, NotCompared, ranges(0, 10), func(*Input) {}, true, "", ""},
		{"numbers differ", true, ByDurations, nil, func(in *Input) { in.Source.Days[day0+2] = counted(7, 500) }, false,
			"2026-02-18: the source has 7 traces, 5 were listed", ""},
		{"durations differ", true, ByDurations, nil, func(in *Input) { in.Source.Days[day0+2] = counted(5, 700) },
			false,
			"2026-02-18: the durations of its 5 traces add up to 700 ms at the source, to 500 ms as listed", ""},
		{"probing found", false, ByNumber, ranges(0, 10), func(in *Input) {
			in.Differ = []delivered.Range{{From: day0 + 1, To: day0 + 3}}
		}, false, "2026-02-17 to 2026-02-18: 5 traces were listed, the source has another number", ""},
		{"not listed", true, ByDurations, nil, func(in *Input) { in.Days[1].Closed = false }, false,
			"2026-02-18 not listed to the end", ""},
		{"many", true, ByDurations, nil, func(in *Input) {
			for d := range in.Source.Days {
				in.Source.Days[d] = counted(6, 600)
			}
		}, false, "2026-02-16: the source has 6 traces, 5 were listed; 2026-02-18: the source has 6 traces, 5 were " +
			"listed; 2026-02-20: the source has 6 traces, 5 were listed; 2 more days differ", ""},
		{"many not listed", true, ByDurations, nil, func(in *Input) {
			for i := range in.Days {
				in.Days[i].Closed = false
			}
		}, false, "2026-02-16 not listed to the end; 2026-02-18 not listed to the end; 2026-02-20 not listed to the " +
			"end; 2 more", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := base(c.source)
			for i := range in.Days {
				in.Days[i].Listed = since(in.Days[i].Date) / minute
				in.Days[i].Gone = 1
			}
			c.change(&in)
			got := Compare(in, c.listed, c.method)
			assert.Equal(t, c.complete, got.Complete())
			assert.Equal(t, c.missing, got.Missing())
			assert.Equal(t, c.scope, got.Scope())
			assert.Equal(t, int64(len(in.Days)), got.Gone)
			assert.Len(t, got.MissingDays(), len(got.Differ)+len(got.Unlisted))
		})
	}
}

// The lines of missing days have the numbers that are known.
func TestMissingDays(t *testing.T) {
	five, seven, ten := int64(5), int64(7), int64(10)
	c := Comparison{
		Unlisted: []delivered.Range{{From: day0, To: day0 + 1}, {From: day0 + 1, To: day0 + 4}},
		Differ: []Difference{
			{delivered.Range{From: day0 + 4, To: day0 + 5}, mlflow.Counts{Traces: 5}, &mlflow.Counts{Traces: 7}},
			{delivered.Range{From: day0 + 5, To: day0 + 6}, mlflow.Counts{Traces: 5},
				&mlflow.Counts{Traces: 5, Duration: 1}},
			{delivered.Range{From: day0 + 6, To: day0 + 8}, mlflow.Counts{Traces: 10}, nil},
		},
	}
	assert.Equal(t, []progress.Missing{
		{Reason: progress.NotListed, Day: "2026-02-16"},
		{Reason: progress.NotListed, Day: "2026-02-17", LastDay: "2026-02-19"},
		{Reason: progress.CountDiffers, Day: "2026-02-20", Expected: &seven, Listed: &five},
		{Reason: progress.DurationsDiffer, Day: "2026-02-21", Expected: &five, Listed: &five},
		{Reason: progress.CountDiffers, Day: "2026-02-22", LastDay: "2026-02-23", Listed: &ten},
	}, c.MissingDays())
}
