// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import "time"

// Progress is how a run that goes on fares.
type Progress struct {
	// Samples are taken in order of time, about one a minute.
	Samples []Sample
	// Waits says what the run waits for; empty when it does not.
	Waits string
}

// Sample is how many traces a receiver had delivered at a time, in this run and those before it.
type Sample struct {
	At        time.Time
	Delivered int64
}

const (
	// samplesKept is how many samples of a run are kept; of more, every other one is dropped.
	samplesKept = 240
	// samplesApart is the least time between two samples that are kept: a tail looks more often than once a minute.
	samplesApart = 30 * time.Second
)

// Add notes a sample. It takes the place of the last one while that is close to the one before.
func (p *Progress) Add(s Sample) {
	if n := len(p.Samples); n > 1 && s.At.Sub(p.Samples[n-2].At) < samplesApart {
		p.Samples[n-1] = s
	} else {
		p.Samples = append(p.Samples, s)
	}
	if len(p.Samples) > samplesKept {
		kept := p.Samples[:0]
		for i := 0; i < len(p.Samples); i += 2 {
			kept = append(kept, p.Samples[i])
		}
		p.Samples = kept
	}
}
