// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Guarantee is the answer for one receiver.
type Guarantee struct {
	// Delivery is the weakest word of the destinations. Reason names the first stage that makes it
	// weaker than acknowledged, and its remedy.
	Delivery progress.Delivery
	Reason   string
	// Notes are all remarks on stages, each with its remedy.
	Notes        []string
	Destinations []Destination
	// DividedBy is a connector that gives each destination and topic a part of the data; empty where each gets all.
	DividedBy string
	// Readers is the number of processes that share the backfill of the receiver, 1 or more.
	Readers int
	// Topics are what exporters write to, from which something else delivers.
	Topics []Topic
	// DeadLetters are where an mlflow_quarantine connector sets aside what destinations refuse for good.
	DeadLetters []Destination
	// Source is the topic that a kafka receiver reads, Group the group that it is a member of.
	Source, Group string
	// Unsafe are the notes that strict refuses.
	Unsafe []string
	// Files are the files that lines of JSON are appended to.
	Files []string
	// Faults name what can't work as it is configured, each with its remedy: such a configuration
	// must not start.
	Faults []string
}

// Destination is where an exporter sends data, without credentials, and the word for what it gets.
type Destination struct {
	Exporter string
	Name     string
	Delivery progress.Delivery
	// Reader is the id of the mlflow_report extension that reads the answers of the destination, as
	// middleware of the exporter; empty when none does.
	Reader string
}

// Exporters are the ids of the exporters behind the receiver, each once.
func (f *Guarantee) Exporters() (ids []string) {
	for _, d := range f.Destinations {
		ids = append(ids, d.Exporter)
	}
	for _, t := range f.Topics {
		ids = append(ids, t.Component)
	}
	return ids
}

// Weaker returns the guarantee once something has shown that a destination may not have what was
// sent there: doubt returns why, for the id of an mlflow_report extension that reads its answers, or
// an empty text.
func (f *Guarantee) Weaker(doubt func(reader string) string) Guarantee {
	g := *f
	g.Destinations, g.Notes = slices.Clone(f.Destinations), slices.Clone(f.Notes)
	g.Unsafe = slices.Clone(f.Unsafe)
	for i := range g.Destinations {
		d := &g.Destinations[i]
		if d.Reader == "" {
			continue
		}
		if why := doubt(d.Reader); why != "" {
			d.Delivery = g.lower(progress.Unknown, fmt.Sprintf("exporter %s: %s", d.Exporter, why))
		}
	}
	return g
}

// lower notes what makes the delivery weaker and what strict refuses, and returns its word.
func (f *Guarantee) lower(d progress.Delivery, note string) progress.Delivery {
	f.unsafe(note)
	return f.weaken(d, note)
}

// unsafe notes what strict refuses.
func (f *Guarantee) unsafe(note string) {
	if !slices.Contains(f.Unsafe, note) {
		f.Unsafe = append(f.Unsafe, note)
	}
	f.note(note)
}

// weaken is lower for what strict lets pass.
func (f *Guarantee) weaken(d progress.Delivery, note string) progress.Delivery {
	if !d.AtLeast(f.Delivery) {
		f.Delivery, f.Reason = d, note
	}
	f.note(note)
	return d
}

// destination adds the place that an exporter sends to; of a place that is reached twice the weaker
// word counts.
func (f *Guarantee) destination(d Destination) {
	at := slices.IndexFunc(f.Destinations, func(o Destination) bool { return o.Exporter == d.Exporter })
	if at < 0 {
		f.Destinations = append(f.Destinations, d)
		return
	}
	f.Destinations[at].Delivery = progress.Weakest(f.Destinations[at].Delivery, d.Delivery)
}

func (f *Guarantee) note(n string) {
	if !slices.Contains(f.Notes, n) {
		f.Notes = append(f.Notes, n)
	}
}
