// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package delivery reads a collector's configuration and says, for each receiver of mlflow, kafka or otlp,
// what it means that the pipeline accepted something: which word of progress.Delivery each destination
// gets, and why.
package delivery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Check returns a guarantee for each receiver of type mlflow in a configuration, by its component id, and for
// each of kafka and otlp that traces or logs come from.
// Where defaults are not filled in, it may find less than in the effective configuration, but nothing
// else. waits names exporters, by type or id, that are not known here and that answer only
// after their destination has.
func Check(conf map[string]any, waits []string) map[string]Guarantee {
	guarantees := map[string]Guarantee{}
	readers := readers(conf)
	for _, name := range slices.Sorted(maps.Keys(section(conf, "receivers"))) {
		g := graph{conf: conf, pipelines: section(section(conf, "service"), "pipelines"), waits: waits,
			readers: readers, source: kind(name)}
		cfg := section(section(conf, "receivers"), name)
		f := Guarantee{Delivery: progress.Acknowledged, Readers: readersOf(cfg)}
		switch {
		case g.source == mlflowType:
			g.follow(name, progress.Acknowledged, &f, map[string]progress.Delivery{})
			g.countedText(name, &f)
			g.shownText(name, &f)
		case g.source != kafkaType && g.source != "otlp" || len(g.from(name)) == 0:
			continue
		default:
			if g.source == kafkaType {
				f.Source, f.Group = topicOf(cfg), groupOf(cfg)
				kafkaReceiver(name, cfg, &f)
			}
			g.follow(name, progress.Acknowledged, &f, map[string]progress.Delivery{})
			if g.source == kafkaType {
				g.sendersBehind(name, cfg, &f)
				readsDeadLetters(name, cfg, &f)
				g.stopsAt(name, &f)
			}
		}
		if ids := f.Exporters(); len(ids) > 1 && g.source != "otlp" {
			f.note(fmt.Sprintf("several exporters are behind %s (%s): while one refuses, the others get traces "+
				"again; write one receiver per destination",
				name, strings.Join(ids, ", ")))
		}
		guarantees[name] = f
	}
	return guarantees
}

// readersOf is the number of processes that share the backfill of a receiver of the configuration cfg.
func readersOf(cfg map[string]any) int {
	n, err := strconv.Atoi(text(section(cfg, "shard"), "count"))
	if err != nil {
		return 1
	}
	return max(n, 1)
}

// Refusal says why a collector must not start: the faults of its receivers or, with strict, what makes
// a delivery weaker than acknowledged, or otherwise not safe; a topic that all in-sync replicas have is. It is nil if
// nothing is wrong.
func Refusal(guarantees map[string]Guarantee, strict bool) error {
	var faults, weak []string
	for _, name := range slices.Sorted(maps.Keys(guarantees)) {
		f := guarantees[name]
		faults = append(faults, f.Faults...)
		if strict && len(f.Unsafe) > 0 {
			weak = append(weak, fmt.Sprintf("%s: %s: %s", name, f.Delivery, strings.Join(f.Unsafe, "; ")))
		}
	}
	switch {
	case len(faults) > 0:
		return errors.New(strings.Join(faults, " | "))
	case len(weak) > 0:
		return fmt.Errorf("strict: delivery would not be acknowledged: %s", strings.Join(weak, " | "))
	}
	return nil
}

// Types of receivers, exporters and connectors.
const (
	mlflowType     = "mlflow"
	kafkaType      = "kafka"
	quarantineType = "mlflow_quarantine"
)

// effect is what a stage means for delivery.
type effect uint8

const (
	passes     effect = iota // returns what the next stage returned
	early                    // acknowledges before the next stage has it
	aggregates               // feeds another signal; a side branch
	drops                    // passes, and leaves data out on purpose
	divides                  // passes parts to different stages
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
	"routing":           {divides, "", ""},
	quarantineType:      {},
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
	waits           []string
	readers         []string // the ids of mlflow_report extensions that are started
	source          string   // type of the receiver under way
	processors      []string // met behind it
}

// from are the names of the pipelines of traces and logs that take from a receiver or connector, in order.
func (g *graph) from(id string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(g.pipelines)) {
		signal := kind(name)
		if (signal == "traces" || signal == "logs") &&
			slices.Contains(list(section(g.pipelines, name), "receivers"), id) {
			names = append(names, name)
		}
	}
	return names
}

// follow adds to f what lies behind a receiver or connector in every pipeline of traces or logs that
// takes from it: a position moves once all of them have accepted. word is the weakest word of the stages before.
func (g *graph) follow(from string, word progress.Delivery, f *Guarantee, seen map[string]progress.Delivery) {
	names := g.from(from)
	g.through(names, word, f, seen)
	if len(names) == 0 {
		f.lower(progress.Unknown, from+" is in no traces pipeline")
	}
}

// through is follow for some pipelines.
func (g *graph) through(names []string, word progress.Delivery, f *Guarantee, seen map[string]progress.Delivery) {
	for _, name := range names {
		p := section(g.pipelines, name)
		if was, ok := seen[name]; ok && word.AtLeast(was) {
			continue
		}
		seen[name] = word
		here := word
		for _, id := range list(p, "processors") {
			s, ok := processors[kind(id)]
			here = progress.Weakest(here, g.stage("processor "+id, s, ok, f))
			if !slices.Contains(g.processors, id) {
				g.processors = append(g.processors, id)
			}
		}
		for _, id := range list(p, "exporters") {
			if _, ok := section(g.conf, "connectors")[id]; ok {
				g.connector(id, here, f, seen)
				continue
			}
			g.exporter(id, here, f)
		}
	}
}

func (g *graph) connector(id string, word progress.Delivery, f *Guarantee, seen map[string]progress.Delivery) {
	s, ok := connectors[kind(id)]
	if s.effect == aggregates {
		f.note(fmt.Sprintf("connector %s aggregates in memory: what is sent again after a crash counts twice there",
			id))
		return
	}
	if kind(id) == quarantineType {
		g.quarantine(id, word, f, seen)
		return
	}
	if s.effect == divides {
		f.DividedBy = id
	}
	g.follow(id, progress.Weakest(word, g.stage("connector "+id, s, ok, f)), f, seen)
}

// stage returns the word for what passes a stage.
func (g *graph) stage(name string, s stage, known bool, f *Guarantee) progress.Delivery {
	remedy := s.remedy
	if g.source != mlflowType {
		remedy = "remove it: a crash loses what it holds"
	}
	switch {
	case !known:
		return f.lower(progress.Unknown, name+" is not known here; it may answer before the next stage does")
	case s.effect == early:
		return f.lower(progress.HandedOver, fmt.Sprintf("%s %s; %s", name, s.what, remedy))
	case s.effect == drops:
		f.note(fmt.Sprintf("%s %s: a destination may hold less than was accepted", name, s.what))
	}
	return progress.Acknowledged
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
