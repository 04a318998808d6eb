// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import "time"

// Ages counts pending traces by how long ago the reason for which they are pending was met first.
type Ages struct {
	Minute int64 `json:"up_to_1m"`
	Hour   int64 `json:"up_to_1h"`
	Day    int64 `json:"up_to_1d"`
	Older  int64 `json:"over_1d"`
}

// Count counts those of the traces that are pending.
func (a *Ages) Count(traces []OpenTrace, now time.Time) {
	for i := range traces {
		if !IsPending(traces[i].Reason) {
			continue
		}
		switch age := now.Sub(time.UnixMilli(traces[i].Since)); {
		case age <= time.Minute:
			a.Minute++
		case age <= time.Hour:
			a.Hour++
		case age <= 24*time.Hour:
			a.Day++
		default:
			a.Older++
		}
	}
}

// Add adds o to a.
func (a *Ages) Add(o Ages) {
	a.Minute += o.Minute
	a.Hour += o.Hour
	a.Day += o.Day
	a.Older += o.Older
}
