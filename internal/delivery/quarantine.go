// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// quarantine adds what lies behind an mlflow_quarantine connector: the destinations, and the dead letters, which must
// be stored when the connector answers.
func (g *graph) quarantine(id string, word progress.Delivery, f *Guarantee, seen map[string]progress.Delivery) {
	named := list(section(section(g.conf, "connectors"), id), "dead_letters")
	deliver := slices.DeleteFunc(g.from(id), func(name string) bool { return slices.Contains(named, name) })
	dead := slices.DeleteFunc(g.from(id), func(name string) bool { return !slices.Contains(named, name) })
	if g.source == mlflowType {
		f.lower(progress.Unknown, fmt.Sprintf("connector %s may set traces aside that the report counts as delivered; "+
			"remove it: the mlflow receiver itself finds and names what is refused", id))
	}
	g.through(deliver, word, f, seen)
	letters := Guarantee{Delivery: progress.Acknowledged}
	g.through(dead, progress.Acknowledged, &letters, map[string]progress.Delivery{})
	for _, note := range letters.Unsafe {
		f.lower(progress.HandedOver, fmt.Sprintf("dead letters of connector %s: %s", id, note))
	}
	f.DeadLetters = append(f.DeadLetters, letters.Destinations...)
	for _, t := range letters.Topics {
		f.DeadLetters = append(f.DeadLetters, Destination{Exporter: t.Component, Name: "topic " + t.Name,
			Delivery: t.Delivery})
	}
	f.Files = append(f.Files, letters.Files...)
}

// readsDeadLetters finds a kafka receiver whose own dead letters come back to it: they would go round without end.
func readsDeadLetters(receiver string, cfg map[string]any, f *Guarantee) {
	_, brokers, _ := strings.Cut(topicOf(cfg), " at ")
	for _, d := range f.DeadLetters {
		name, isTopic := strings.CutPrefix(d.Name, "topic ")
		name, at, _ := strings.Cut(name, " at ")
		if isTopic && at == brokers && readsTopic(cfg, name) {
			f.Faults = append(f.Faults, fmt.Sprintf("receivers::%s reads topic %s, which exporters::%s writes "+
				"dead letters to: they would come back without end; write another traces::topic there", receiver,
				name, d.Exporter))
		}
	}
}

// stopsAt notes a receiver of kafka whose partitions stop at what a destination refuses for good.
func (g *graph) stopsAt(receiver string, f *Guarantee) {
	if len(f.DeadLetters) == 0 && slices.ContainsFunc(f.Destinations, func(d Destination) bool {
		return IsOTLP(d.Exporter)
	}) {
		f.note(fmt.Sprintf("one 400 or 413 stops a partition of %s until another consumer gets it; put an %s "+
			"connector in front of the exporter", receiver, quarantineType))
	}
}
