// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var begin = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestSchedule(t *testing.T) {
	s := Schedule{Interval: 30 * time.Second, Overlap: 10 * time.Minute}
	at, depth := s.Next()
	require.Zero(t, at)
	require.Equal(t, Everything, depth)
	now := begin
	s.Done(depth, now, false)
	var looks [depths]int
	deepest := now
	for now.Before(begin.Add(47 * time.Hour)) {
		at, depth = s.Next()
		require.True(t, at.After(now))
		require.LessOrEqual(t, at.Sub(now), 5*time.Minute, "ten intervals at most")
		if depth < LastDay {
			require.False(t, s.Since(depth).After(now.Add(-Margin)), "no gap")
			require.LessOrEqual(t, at.Sub(s.Since(depth)), 26*time.Minute, "a bounded number of traces")
		}
		now = at
		looks[depth]++
		if depth == Everything {
			require.GreaterOrEqual(t, now.Sub(deepest), 24*time.Hour)
			deepest = now
		}
		s.Done(depth, now, false)
	}
	require.Equal(t, 1, looks[Everything])
	require.InDelta(t, 45, looks[LastDay], 3)
	require.InDelta(t, 47*6/1.5, looks[Overlap], 50)
	require.Positive(t, looks[Newest])

	s.Done(Newest, now, true)
	require.Equal(t, 30*time.Second, s.Pause(), "something new came")
	s.Done(Newest, now, false)
	require.Equal(t, 45*time.Second, s.Pause())

	for unsettled, every := range map[bool]time.Duration{true: time.Hour, false: 24 * time.Hour} {
		s.Done(Everything, now, false)
		s.Unsettled = unsettled
		from := now
		for depth = Newest; depth < Everything; now = at {
			at, depth = s.Next()
			s.Done(depth, at, false)
		}
		require.InDelta(t, every, now.Sub(from), float64(5*time.Minute))
	}

	s.Done(Newest, now, true)
	s.Repeat()
	at, depth = s.Next()
	require.Equal(t, Everything, depth)
	require.Equal(t, 30*time.Second, at.Sub(now))
	s.Done(depth, at, false)
	_, depth = s.Next()
	require.Equal(t, Newest, depth)
}

// Where late changes are looked for, no look at the overlap alone may ever come: the one at the last hour, which comes
// more often, goes as far back.
func TestLastHourHoldsTheOverlap(t *testing.T) {
	for _, overlap := range []time.Duration{10 * time.Minute, 3 * time.Hour} {
		s := Schedule{Interval: 30 * time.Second, Overlap: overlap, Hour: 5 * time.Minute}
		s.Done(Everything, begin, false)
		looks := 0
		for at, depth := s.Next(); at.Before(begin.Add(24 * time.Hour)); at, depth = s.Next() {
			require.NotEqual(t, Overlap, depth)
			if depth == LastHour {
				looks++
				require.False(t, s.Since(depth).After(s.looked[Overlap].Add(-overlap)), "overlap %s", overlap)
				require.False(t, s.Since(depth).After(s.looked[LastHour].Add(-time.Hour)), "overlap %s", overlap)
			}
			s.Done(depth, at, false)
		}
		require.Greater(t, looks, 100)
	}
}
