// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Next is what people can do after the runs of a document, a line each.
func (d *Document) Next() []string {
	var lines []string
	short := slices.ContainsFunc(d.Destinations,
		func(r Result) bool { return r.Verification == string(progress.Short) })
	held := slices.ContainsFunc(d.Destinations, func(r Result) bool { return r.Held != "" })
	if short {
		lines = append(lines, "what is missing at the destination is not sent again by itself: to send everything "+
			"again, remove the storage folder; repeats have the same ids")
	}
	if held {
		lines = append(lines,
			"fix what holds the data, named above, and run again: what waits in a queue on disk is sent first")
	}
	for i := range d.Receivers {
		r := &d.Receivers[i]
		lines = append(lines, r.next...)
		switch {
		case r.Mode == "check" && r.Complete:
			lines = append(lines, "write the experiments that you want under experiments and run with mode: backfill")
		case r.Mode == "check":
		case r.Complete:
			lines = append(lines, "run again at any time: it continues where this run ended; to start over, remove "+
				"the storage folder and the output")
		case !r.settled && !r.Stopped:
			lines = append(lines, "fix what is named above and run again: it continues where this run ended")
		}
	}
	return slices.Compact(lines)
}
