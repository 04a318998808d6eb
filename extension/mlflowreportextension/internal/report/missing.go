// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Missing is everything that the source has and was not delivered, as far as it is known, a line each: of
// each receiver days of which nobody knows the traces, then traces that wait; then rows of destinations.
// Traces that were skipped or rejected are in another list.
func Missing(in *Input) (list []progress.Missing) {
	for i := range in.Runs {
		run := &in.Runs[i]
		for j := range run.Accounts {
			list = append(list, missing(run, &run.Accounts[j])...)
		}
	}
	for i := range in.Destinations {
		d := &in.Destinations[i]
		if d.Verification != progress.Short {
			continue
		}
		expected := d.Arrived + d.Missing
		list = append(list, progress.Missing{Reason: progress.NotArrived, Exporter: d.Exporter.String(),
			Destination: d.Name, Signal: d.Signal, Expected: &expected, Arrived: &d.Arrived})
	}
	return list
}

// missing are the lines of an experiment.
func missing(run *progress.Run, a *progress.Account) (list []progress.Missing) {
	for _, part := range [][]progress.Missing{a.MissingDays, a.Undelivered} {
		for _, m := range part {
			m.Receiver, m.ExperimentID = run.Receiver.String(), a.Experiment.ID
			list = append(list, m)
		}
	}
	return list
}
