// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package shard

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

func TestDecide(t *testing.T) {
	claim := func(index, count, generation int, importing bool) progress.Claim {
		return progress.Claim{Shard: progress.Shard{Index: index, Count: count}, Generation: generation,
			Importing: importing}
	}
	wanted := func(index, count int) Wanted { return Wanted{Shard: progress.Shard{Index: index, Count: count}} }
	imports := func(w Wanted) Wanted { w.Import = true; return w }
	startsOver := func(w Wanted) Wanted { w.StartOver = true; return w }
	for name, tc := range map[string]struct {
		stored progress.Claim
		isNew  bool
		wanted Wanted
		want   Decision
		err    string // parts; empty: none
	}{
		"a new storage, one process": {isNew: true, wanted: wanted(0, 1)},
		"a new storage, a shard": {isNew: true, wanted: wanted(1, 2),
			want: Decision{Claim: claim(1, 2, 0, false), Write: true}},
		"a new storage, nothing to start over": {isNew: true, wanted: startsOver(wanted(1, 2)),
			want: Decision{Claim: claim(1, 2, 0, false), Write: true}},
		"a new storage, an import": {isNew: true, wanted: imports(wanted(0, 3)),
			want: Decision{Claim: claim(0, 3, 0, true), Write: true}},
		"a new storage, an import of everything": {isNew: true, wanted: imports(wanted(0, 1)),
			want: Decision{Claim: claim(0, 1, 0, true), Write: true}},
		"one process goes on": {wanted: wanted(0, 1)},
		"a shard goes on": {stored: claim(1, 2, 3, false), wanted: wanted(1, 2),
			want: Decision{Claim: claim(1, 2, 3, false)}},
		"a shard goes on after its import": {stored: claim(1, 2, 0, false), wanted: imports(wanted(1, 2)),
			want: Decision{Claim: claim(1, 2, 0, false)}},
		"a shard that started over goes on": {stored: claim(1, 2, 1, false), wanted: startsOver(wanted(1, 2)),
			want: Decision{Claim: claim(1, 2, 1, false)}},
		"an import was cut off": {stored: claim(1, 2, 1, true), wanted: imports(wanted(1, 2)),
			want: Decision{Claim: claim(1, 2, 1, true), Write: true}},
		"an import was cut off and is not wanted": {stored: claim(1, 2, 1, true), wanted: startsOver(wanted(1, 2)),
			want: Decision{Claim: claim(1, 2, 2, false), Write: true}},
		"an import was cut off and is forgotten": {stored: claim(1, 2, 1, true), wanted: wanted(1, 2),
			err: "did not come to its end"},
		"one process becomes a shard": {wanted: wanted(0, 2), err: "the position of a process that reads everything, " +
			"and this one reads shard 1 of 2 (index 0)"},
		"another count": {stored: claim(1, 2, 0, false), wanted: wanted(1, 3),
			err: "the storage folders of all 2 former shards"},
		"another index":       {stored: claim(1, 2, 0, false), wanted: wanted(0, 2), err: "shard 2 of 2 (index 1)"},
		"a shard becomes one": {stored: claim(1, 2, 0, false), wanted: wanted(0, 1), err: "this one reads everything"},
		"another count, an import": {stored: claim(1, 2, 0, false), wanted: imports(wanted(1, 3)),
			want: Decision{Claim: claim(1, 3, 1, true), Write: true}},
		"another count, nothing counts": {stored: claim(1, 2, 4, false), wanted: startsOver(wanted(1, 3)),
			want: Decision{Claim: claim(1, 3, 5, false), Write: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decide(tc.stored, tc.isNew, tc.wanted)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}
