// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package delivery reads a collector's configuration and tells, for each mlflow receiver, what it
// means that the pipeline accepted something: every destination has it, or a stage on the way
// answers earlier.
package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Guarantee is the answer for one receiver. Notes name the stages that make it less than end to
// end, each with its remedy, and what else deserves to be known. Destinations says where the data
// goes, without credentials; Exporters are the ids of what sends it there. Files are the files that
// lines of JSON are appended to. Faults name what can't work as it is configured, each with its
// remedy: such a configuration must not start.
type Guarantee struct {
	Delivery     progress.Delivery
	Notes        []string
	Destinations []string
	Exporters    []string
	Files        []string
	Faults       []string
}

// Check returns a guarantee for each receiver of type mlflow in the effective configuration, by its
// component id.
func Check(conf map[string]any) map[string]Guarantee {
	guarantees := map[string]Guarantee{}
	for _, name := range slices.Sorted(maps.Keys(section(conf, "receivers"))) {
		if kind(name) == "mlflow" {
			g := graph{conf: conf, pipelines: section(section(conf, "service"), "pipelines")}
			f := Guarantee{Delivery: progress.EndToEnd}
			g.follow(name, &f, map[string]bool{})
			g.countedText(name, &f)
			guarantees[name] = f
		}
	}
	return guarantees
}

// effect is what a stage means for delivery.
type effect uint8

const (
	passes     effect = iota // returns what the next stage returned
	early                    // acknowledges before the next stage has it
	aggregates               // feeds another signal; a side branch
	drops                    // passes, and leaves data out on purpose
)

type stage struct {
	effect effect
	what   string
	remedy string
}

// processors and connectors whose behavior is known. Source: their code at v0.158.0, and runs of
// batch and tail_sampling.
var processors = map[string]stage{
	"batch": {early, "answers at once and drops what it can't export",
		"remove it: the receiver sends in batches already"},
	"tail_sampling": {early, "answers at once and decides later, in memory",
		"use it in a pipeline behind a persistent queue, or filter in the receiver"},
	"groupbytrace": {early, "answers at once and waits in memory",
		"remove it: the receiver sends whole traces"},
	"memory_limiter":        {},
	"transform":             {},
	"redaction":             {},
	"genai":                 {},
	"attributes":            {},
	"resource":              {},
	"resourcedetection":     {},
	"span":                  {},
	"k8sattributes":         {},
	"filter":                {drops, "leaves out what its conditions match", ""},
	"probabilistic_sampler": {drops, "leaves out what it does not sample", ""},
}

var connectors = map[string]stage{
	"routing":           {},
	"forward":           {},
	"span_metrics":      {aggregates, "", ""},
	"spanmetrics":       {aggregates, "", ""},
	"count":             {aggregates, "", ""},
	"signal_to_metrics": {aggregates, "", ""},
	"signaltometrics":   {aggregates, "", ""},
	"servicegraph":      {aggregates, "", ""},
	"service_graph":     {aggregates, "", ""},
}

type graph struct {
	conf, pipelines map[string]any
	processors      []string // met behind the receiver under way
}

// follow adds to f what lies behind a receiver or connector in every traces pipeline that takes
// from it.
func (g *graph) follow(from string, f *Guarantee, seen map[string]bool) {
	used := false
	for _, name := range slices.Sorted(maps.Keys(g.pipelines)) {
		p := section(g.pipelines, name)
		if kind(name) != "traces" || !slices.Contains(list(p, "receivers"), from) {
			continue
		}
		used = true
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, id := range list(p, "processors") {
			s, ok := processors[kind(id)]
			f.stage("processor "+id, s, ok)
			if !slices.Contains(g.processors, id) {
				g.processors = append(g.processors, id)
			}
		}
		for _, id := range list(p, "exporters") {
			if _, ok := section(g.conf, "connectors")[id]; ok {
				g.connector(id, f, seen)
				continue
			}
			g.exporter(id, f)
		}
	}
	if !used {
		f.lower(progress.Unknown, from+" is in no traces pipeline")
	}
}

func (g *graph) connector(id string, f *Guarantee, seen map[string]bool) {
	s, ok := connectors[kind(id)]
	if s.effect == aggregates {
		f.note(fmt.Sprintf("connector %s aggregates in memory: what is sent again after a crash counts twice there",
			id))
		return
	}
	f.stage("connector "+id, s, ok)
	g.follow(id, f, seen)
}

func (f *Guarantee) stage(name string, s stage, known bool) {
	switch {
	case !known:
		f.lower(progress.Unknown,
			name+": not known here; it delivers end to end only if it answers after the next stage did")
	case s.effect == early:
		f.lower(progress.Queued, fmt.Sprintf("%s %s; %s", name, s.what, s.remedy))
	case s.effect == drops:
		f.note(fmt.Sprintf("%s %s: a destination may hold less than was accepted", name, s.what))
	}
}

// lower makes the delivery worse: queued wins over unknown, since it is certain.
func (f *Guarantee) lower(d progress.Delivery, note string) {
	if f.Delivery == progress.EndToEnd || d == progress.Queued {
		f.Delivery = d
	}
	f.note(note)
}

func (f *Guarantee) note(n string) {
	if !slices.Contains(f.Notes, n) {
		f.Notes = append(f.Notes, n)
	}
}

// kind is the type in a component or pipeline id.
func kind(id string) string {
	k, _, _ := strings.Cut(id, "/")
	return strings.TrimSpace(k)
}

func section(m map[string]any, key string) map[string]any {
	s, _ := m[key].(map[string]any)
	return s
}

// text is a scalar as it is written; nothing for what is not set. The configuration that the
// collector hands out has all defaults in it.
func text(m map[string]any, key string) string {
	if m[key] == nil {
		return ""
	}
	return fmt.Sprint(m[key])
}

func list(m map[string]any, key string) []string {
	raw, _ := m[key].([]any)
	out := make([]string, 0, len(raw))
	for _, v := range raw {
		out = append(out, fmt.Sprint(v))
	}
	return out
}
