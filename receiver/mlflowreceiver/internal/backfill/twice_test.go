// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// A trace id that two experiments hold is delivered for both, and the headline says so.
func TestOneIDInTwoExperiments(t *testing.T) {
	w := newWorld(2, 20)
	for i := range 3 {
		for x := 1; x <= 2; x++ {
			w.source.add(mlflow.Info{ID: fmt.Sprintf("tr-both-%d", i), ExperimentID: strconv.Itoa(x), Timestamp: 2000,
				State: mlflow.StateOK})
		}
	}
	err := w.run(t, w.settings(accept))
	v := w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.Contains(t, v.Headline, "complete: 46 of 46 traces acknowledged")
	require.Contains(t, v.Headline, "3 of its traces have the id of a trace in another experiment and were delivered "+
		"for both (the first is tr-both-0, also in experiment ")
	for i := range 3 {
		require.Equal(t, 2, w.got[fmt.Sprintf("tr-both-%d", i)])
	}

	err = w.run(t, w.settings(accept))
	require.Contains(t, w.verdict(t, err).Headline, "nothing new")
	require.Equal(t, 2, w.got["tr-both-0"], "delivered again")
}

// What is remembered is bounded, and the newest ids are found.
func TestTwiceForgets(t *testing.T) {
	a, b := &reader{exp: mlflow.Experiment{ID: "a"}}, &reader{exp: mlflow.Experiment{ID: "b"}}
	traces := func(from, to int) (list []*mlflow.Trace) {
		for i := from; i < to; i++ {
			list = append(list, &mlflow.Trace{Info: mlflow.Info{ID: strconv.Itoa(i)}})
		}
		return list
	}
	var s twice
	s.note(a, traces(0, 3*generation))
	require.LessOrEqual(t, len(s.older)+len(s.last), 2*generation)
	s.note(a, traces(3*generation-9, 3*generation))
	require.Empty(t, s.remark(a), "sent again within one experiment")
	s.note(b, traces(3*generation-9, 3*generation))
	require.Contains(t, s.remark(b), "9 of its traces")
	require.Empty(t, s.remark(a))
}
