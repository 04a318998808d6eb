// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Missing is everything that the source has and was not delivered, as far as it is known, a line each: of
// each receiver days of which nobody knows the traces, then traces that wait; then rows of destinations.
// Traces that were skipped or rejected are in another list.
func Missing(in *Input) (list []progress.Missing) {
	for i := range in.Runs {
		run := &in.Runs[i]
		for j := range run.Experiments {
			a := &run.Experiments[j]
			for _, m := range slices.Concat(a.MissingDays, a.Undelivered) {
				m.Receiver, m.ExperimentID = run.Receiver.String(), a.Experiment.ID
				list = append(list, m)
			}
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
