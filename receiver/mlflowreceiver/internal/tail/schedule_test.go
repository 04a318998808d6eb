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
}
