// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script answers with one look after the other; the last one repeats.
type script struct {
	ends  map[int32]int64
	looks []Look
	errs  []error // of the first requests
	n     int
}

func (s *script) fails() error {
	if len(s.errs) == 0 {
		return nil
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	return err
}

func (s *script) Ends(context.Context) (map[int32]int64, error) { return s.ends, s.fails() }

func (s *script) Look(context.Context) (Look, error) {
	if err := s.fails(); err != nil {
		return Look{}, err
	}
	l := s.looks[min(s.n, len(s.looks)-1)]
	s.n++
	if l.End == nil {
		l.End = s.ends
	}
	return l, nil
}

func wait(t *testing.T, s *script) (state *State, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		state, err = Wait(t.Context(), Settings{Cluster: s, Topic: "t", Group: "g",
			Patience: Patience{StalledAfter: time.Minute, PollInterval: time.Second, Log: zap.NewNop()}})
	})
	return state, err
}

type offsets = map[int32]int64

func TestDrained(t *testing.T) {
	// The second partition holds nothing, so that nobody commits there. The group goes on beyond the mark.
	s := &script{ends: offsets{0: 10, 1: 0, 2: 5}, looks: []Look{
		{}, {Committed: offsets{0: 4}}, {Committed: offsets{0: 10, 2: 3}, Members: 2},
		{Committed: offsets{0: 12, 2: 5}, End: offsets{0: 12, 2: 5}, Members: 2},
	}}
	state, err := wait(t, s)
	require.NoError(t, err)
	require.True(t, state.Drained())
	require.Empty(t, state.Problems)
	require.EqualValues(t, 15, state.Records)
	require.EqualValues(t, 15, state.Committed)
	require.Equal(t, 2, state.Members)
	require.Zero(t, state.Unknown())
}

// A partition that does not move is named, with the member that has it; one that moves is waited for.
func TestStalled(t *testing.T) {
	moving := []Look{}
	for i := range int64(100) { // longer than the time after which it counts as stalled
		moving = append(moving, Look{Committed: offsets{0: i}, Owners: map[int32]string{1: "member a at /10.0.0.1"}})
	}
	state, err := wait(t, &script{ends: offsets{0: 99, 1: 7, 2: 2}, looks: moving})
	require.NoError(t, err)
	require.False(t, state.Drained())
	require.Equal(t, []string{
		"partition 1 of topic t: group g has not committed 7 of 7 records, and nothing moved for 1m0s; member a at " +
			"/10.0.0.1 has it: what it holds is refused, or the partition is paused; its log says why",
		"partition 2 of topic t: group g has not committed 2 of 2 records, and nothing moved for 1m0s; no member of " +
			"the group has it",
	}, state.Problems)
	require.EqualValues(t, 99, state.Committed)
}

func TestExpired(t *testing.T) {
	for name, x := range map[string]struct {
		looks            []Look
		expired, unknown int64
	}{
		"before the group read anything": {[]Look{{Start: offsets{0: 4}}, {Start: offsets{0: 4},
			Committed: offsets{0: 10}}}, 4, 0},
		"behind what it had committed": {[]Look{{Start: offsets{0: 6}, Committed: offsets{0: 4}},
			{Start: offsets{0: 6}, Committed: offsets{0: 10}}}, 2, 0},
		"while the group read": {[]Look{{Committed: offsets{0: 2}}, {Start: offsets{0: 5}, Committed: offsets{0: 10}}},
			3, 0},
		"what it had read": {[]Look{{Committed: offsets{0: 5}}, {Start: offsets{0: 5}, Committed: offsets{0: 10}}},
			0, 0},
		"before the first look":  {[]Look{{Start: offsets{0: 5}, Committed: offsets{0: 10}}}, 0, 5},
		"everything, and unread": {[]Look{{Start: offsets{0: 10}}}, 10, 0},
		"beyond the mark": {[]Look{{Start: offsets{0: 12}, Committed: offsets{0: 12}, End: offsets{0: 12}}},
			0, 10},
	} {
		t.Run(name, func(t *testing.T) {
			state, err := wait(t, &script{ends: offsets{0: 10}, looks: x.looks})
			require.NoError(t, err)
			require.Equal(t, x.expired, state.Partitions[0].Expired)
			require.Equal(t, x.unknown, state.Unknown())
			require.Equal(t, x.expired > 0, len(state.Problems) > 0, state.Problems)
		})
	}
}

func TestTopicMadeAgain(t *testing.T) {
	state, err := wait(t, &script{ends: offsets{0: 3}, looks: []Look{{Committed: offsets{0: 50}}}})
	require.NoError(t, err)
	require.Equal(t, []string{"partition 0 of topic t ends at offset 3, and group g has committed 50: the topic was " +
		"made again since the group read it"}, state.Problems)
}

// Brokers that are away are asked again for as long as nothing may move; what does not pass ends the waiting.
func TestBrokersAway(t *testing.T) {
	away := errors.New("connection refused")
	state, err := wait(t, &script{ends: offsets{0: 1}, looks: []Look{{Committed: offsets{0: 1}}},
		errs: []error{away, away, nil, away}})
	require.NoError(t, err)
	require.True(t, state.Drained())

	var many []error
	for range 1000 {
		many = append(many, away)
	}
	_, err = wait(t, &script{errs: many})
	require.EqualError(t, err, "nothing was learnt from the brokers for 1m0s: connection refused")
	_, err = wait(t, &script{errs: []error{&FinalError{errors.New("no such topic")}}})
	require.EqualError(t, err, "no such topic")
	state, err = wait(t, &script{ends: offsets{0: 4}, errs: []error{nil, &FinalError{away}}})
	require.ErrorIs(t, err, away)
	require.False(t, state.Drained())
}

func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := Wait(ctx, Settings{Cluster: &script{ends: offsets{0: 4}, looks: []Look{{}}}, Topic: "t", Group: "g",
			Patience: Patience{StalledAfter: time.Hour, PollInterval: time.Second, Log: zap.NewNop()}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
