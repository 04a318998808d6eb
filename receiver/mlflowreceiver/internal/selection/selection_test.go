// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

var all = []mlflow.Experiment{
	{ID: "0", Name: "Default"}, {ID: "1", Name: "support-bot"}, {ID: "2", Name: "support-bot-eval"},
	{ID: "10", Name: "/Users/a/Notebook"},
	{ID: "3", Name: "old", Deleted: true}, {ID: "4", Name: "[x]"},
}

func TestSelect(t *testing.T) {
	for name, tc := range map[string]struct {
		e    Experiments
		want []string
		err  string
	}{
		"all": {Experiments{Names: []string{"*"}}, []string{"0", "1", "2", "4", "10"}, ""},
		"with deleted": {Experiments{Names: []string{"*"}, Deleted: true}, []string{"0", "1", "2", "3", "4", "10"},
			""},
		"ids and names": {Experiments{IDs: []string{"0"}, Names: []string{"support-*"}},
			[]string{"0", "1", "2"}, ""},
		"star crosses /": {Experiments{Names: []string{"/Users/*"}}, []string{"10"}, ""},
		"exclude wins": {Experiments{IDs: []string{"2"}, Names: []string{"support-*"},
			Exclude: []string{"*-eval"}}, []string{"1"}, ""},
		"exclude by id": {Experiments{Names: []string{"*"}, Exclude: []string{"0", "10"}},
			[]string{"1", "2", "4"}, ""},
		"name, not a glob": {Experiments{Names: []string{"[x]"}}, []string{"4"}, ""},
		"all excluded":     {Experiments{IDs: []string{"1"}, Exclude: []string{"*"}}, []string{}, ""},
		"unknown id": {Experiments{IDs: []string{"99"}}, nil,
			`"99" matches no experiment; visible: Default (0), support-bot (1)`},
		"misspelt":          {Experiments{Names: []string{"suport-bot"}}, nil, "did you mean support-bot"},
		"other separator":   {Experiments{Names: []string{"Support_Bot"}}, nil, "did you mean support-bot"},
		"glob of nothing":   {Experiments{Names: []string{"sales-*"}}, nil, `"sales-*" matches no experiment`},
		"only deleted":      {Experiments{Names: []string{"old"}}, nil, "write deleted: true"},
		"one of two misses": {Experiments{IDs: []string{"1"}, Names: []string{"nope"}}, nil, `"nope"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.e.Select(all)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			ids := []string{}
			for _, x := range got {
				ids = append(ids, x.ID)
			}
			require.Equal(t, tc.want, ids)
		})
	}
	rest, err := Experiments{IDs: []string{"1"}, Names: []string{"nope", "suport-bot"}}.Select(all)
	require.ErrorContains(t, err, `"nope" matches no experiment`)
	require.Len(t, rest, 1, "what the others mean")
	_, err = Experiments{Names: []string{"x"}}.Select(nil)
	require.ErrorContains(t, err, "no experiment can be seen")
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-03-01T00:00:00Z":        time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"2026-03-01T02:00:00.5+02:00": time.Date(2026, 3, 1, 0, 0, 0, 5e8, time.UTC),
		"2026-03-01":                  time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"1970-01-01":                  time.Unix(0, 0),
		"-90d":                        now.Add(-90 * 24 * time.Hour),
		"-2w":                         now.Add(-14 * 24 * time.Hour),
		" -15m ":                      now.Add(-15 * time.Minute),
	} {
		var v Time
		require.NoError(t, v.UnmarshalText([]byte(text)), text)
		require.Equal(t, want.UnixMilli(), v.Millis(now), text)
	}
	for _, bad := range []string{"now", "90d", "-90", "-90y", "-0d", "-9999999999d", "-999999999w",
		"1700000000", "0001-01-01", "1969-12-31"} {
		var v Time
		require.ErrorContains(t, v.UnmarshalText([]byte(bad)), "is not a time", bad)
	}
}

func TestTolerances(t *testing.T) {
	for text, want := range map[string]struct{ of0, of100, of1000 int64 }{
		"1%": {0, 1, 10}, "0.5 %": {0, 0, 5}, "0": {0, 0, 0}, "100%": {0, 100, 1000}, "0%": {0, 0, 0}, "3": {3, 3, 3},
		"1% or 3": {3, 3, 10}, " 3  or 1% ": {3, 3, 10},
	} {
		var v Tolerance
		require.NoError(t, v.UnmarshalText([]byte(text)))
		require.Equal(t, want.of0, v.Of(0), text)
		require.Equal(t, want.of100, v.Of(100), text)
		require.Equal(t, want.of1000, v.Of(1000), text)
		again, err := v.MarshalText()
		require.NoError(t, err)
		var second Tolerance
		require.NoError(t, second.UnmarshalText(again))
		require.Equal(t, v, second)
	}
	for _, bad := range []string{"0.01", "101%", "-1%", "-1", "", "%", "x%", "NaN%", "1% or 2%", "1 or 2", "1% or",
		"1% or 2 or 3", "1%, 3"} {
		var v Tolerance
		require.ErrorContains(t, v.UnmarshalText([]byte(bad)), "neither a number of traces nor a percentage", bad)
	}
	require.Equal(t, "0", Tolerance{}.String())
}

func TestRecheck(t *testing.T) {
	for text, want := range map[string]Recheck{"7d": {days: 7}, "0": {}, "all": {all: true}, "0d": {}} {
		var r Recheck
		require.NoError(t, r.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, r, text)
		written, err := r.MarshalText()
		require.NoError(t, err)
		var again Recheck
		require.NoError(t, again.UnmarshalText(written))
		require.Equal(t, r, again)
	}
	for _, text := range []string{"", "7", "-1d", "7h", "1.5d", "everything", "999999999d"} {
		require.ErrorContains(t, new(Recheck).UnmarshalText([]byte(text)), "write 7d, 0 or all", text)
	}
}
