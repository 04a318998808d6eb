// Package delivery reads a collector's configuration and tells, for each mlflow receiver, what it means that the pipeline accepted something: every destination has it,
// or a stage on the way answers earlier.
package delivery

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Finding is the answer for one receiver. Notes name the stages that make it less than end to end, each with its remedy, and what else deserves to be known.
// Destinations says where the data goes, without credentials.
// Files are the files that lines of JSON are appended to.
type Finding struct {
	Delivery     progress.Delivery
	Notes        []string
	Destinations []string
	Files        []string
}

// Check returns a finding for each receiver of type mlflow in the effective configuration, by its component id.
func Check(conf map[string]any) map[string]Finding {
	g := graph{conf: conf, pipelines: section(section(conf, "service"), "pipelines")}
	findings := map[string]Finding{}
	for _, name := range slices.Sorted(maps.Keys(section(conf, "receivers"))) {
		if kind(name) == "mlflow" {
			f := Finding{Delivery: progress.EndToEnd}
			g.follow(name, &f, map[string]bool{})
			findings[name] = f
		}
	}
	return findings
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

// processors and connectors whose behaviour is known. Source: their code at v0.158.0, and runs of batch and tail_sampling.
var processors = map[string]stage{
	"batch":                 {early, "answers at once and drops what it can't export", "remove it: the receiver sends in batches already"},
	"tail_sampling":         {early, "answers at once and decides later, in memory", "use it in a pipeline behind a persistent queue, or filter in the receiver"},
	"groupbytrace":          {early, "answers at once and waits in memory", "remove it: the receiver sends whole traces"},
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

// queues are exporters with a sending_queue, by whether it is on, and answers early, when nothing is written.
var queues = map[string]bool{
	"otlp_http": true, "otlphttp": true, "otlp_grpc": true, "otlp": true, "kafka": true,
	"debug": false, "databricks": false,
}

type graph struct{ conf, pipelines map[string]any }

// follow adds to f what lies behind a receiver or connector in every traces pipeline that takes from it.
func (g graph) follow(from string, f *Finding, seen map[string]bool) {
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
		f.lower(progress.Unknown, fmt.Sprintf("%s is in no traces pipeline", from))
	}
}

func (g graph) connector(id string, f *Finding, seen map[string]bool) {
	s, ok := connectors[kind(id)]
	if s.effect == aggregates {
		f.note(fmt.Sprintf("connector %s aggregates in memory: what is sent again after a crash counts twice there", id))
		return
	}
	f.stage("connector "+id, s, ok)
	g.follow(id, f, seen)
}

func (g graph) exporter(id string, f *Finding) {
	cfg := section(section(g.conf, "exporters"), id)
	if d := destination(id, cfg); !slices.Contains(f.Destinations, d) {
		f.Destinations = append(f.Destinations, d)
	}
	switch k := kind(id); k {
	case "nop":
	case "file":
		fileExporter(id, cfg, f)
	default:
		on, known := queues[k]
		if !known {
			f.lower(progress.Unknown, fmt.Sprintf("exporter %s: not known here; it delivers end to end only if it answers after the destination did", id))
			return
		}
		queue(id, cfg, on, f)
	}
}

func fileExporter(id string, cfg map[string]any, f *Finding) {
	rotation, ok := cfg["rotation"].(map[string]any)
	if !ok {
		f.lower(progress.Queued, fmt.Sprintf("exporter %s buffers in memory and truncates its file at start: write rotation: {max_megabytes: 1024, max_backups: 0}", id))
		return
	}
	if path, _ := cfg["path"].(string); path != "" && slices.Contains([]string{"", "json"}, text(cfg, "format")) && text(cfg, "compression") == "" &&
		text(cfg, "encoding") == "" && text(section(cfg, "group_by"), "enabled") != "true" {
		f.Files = append(f.Files, path)
	}
	if n, ok := rotation["max_backups"]; !ok || fmt.Sprint(n) != "0" {
		f.note(fmt.Sprintf("exporter %s deletes its oldest files: write rotation::max_backups: 0 to keep all of them", id))
	}
}

func queue(id string, cfg map[string]any, on bool, f *Finding) {
	const remedy = "write sending_queue: {wait_for_result: true, block_on_overflow: true}"
	q, written := cfg["sending_queue"].(map[string]any)
	if v, ok := cfg["sending_queue"]; ok && v == nil {
		return // how the collector writes out a queue that is off
	}
	if enabled, ok := q["enabled"]; ok && fmt.Sprint(enabled) == "false" {
		return
	}
	waits := fmt.Sprint(q["wait_for_result"]) == "true"
	if kind(id) == "databricks" {
		v, ok := q["wait_for_result"]
		waits = !ok && q["storage"] == nil || ok && fmt.Sprint(v) == "true"
	}
	switch {
	case q["storage"] != nil:
		f.lower(progress.Queued, fmt.Sprintf("exporter %s has a persistent queue: accepted means queued on disk; for a backfill, which can be read again, %s without storage", id, remedy))
	case waits:
		if q["batch"] != nil {
			f.note(fmt.Sprintf("exporter %s: sending_queue::batch with wait_for_result waits for a size that never comes and is about 200 times slower: remove batch", id))
		}
	case on || written:
		f.lower(progress.Queued, fmt.Sprintf("exporter %s has a queue in memory: accepted means queued there, and a crash loses it; %s", id, remedy))
	}
}

// destination says where an exporter sends: a path, or scheme and host of an address.
func destination(id string, cfg map[string]any) string {
	if path, ok := cfg["path"].(string); ok && kind(id) == "file" {
		return path + " (holds prompts and answers unless content was left out: keep it private)"
	}
	for _, key := range []string{"endpoint", "traces_endpoint", "host"} {
		address, ok := cfg[key].(string)
		if !ok || address == "" {
			continue
		}
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			return id + " to " + u.Scheme + "://" + u.Host
		}
		if at := strings.LastIndexByte(address, '@'); at >= 0 {
			address = address[at+1:]
		}
		address, _, _ = strings.Cut(address, "?")
		return id + " to " + address
	}
	return id
}

func (f *Finding) stage(name string, s stage, known bool) {
	switch {
	case !known:
		f.lower(progress.Unknown, name+": not known here; it delivers end to end only if it answers after the next stage did")
	case s.effect == early:
		f.lower(progress.Queued, fmt.Sprintf("%s %s; %s", name, s.what, s.remedy))
	case s.effect == drops:
		f.note(fmt.Sprintf("%s %s: a destination may hold less than was accepted", name, s.what))
	}
}

// lower makes the delivery worse: queued wins over unknown, since it is certain.
func (f *Finding) lower(d progress.Delivery, note string) {
	if f.Delivery == progress.EndToEnd || d == progress.Queued {
		f.Delivery = d
	}
	f.note(note)
}

func (f *Finding) note(n string) {
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

// text is a scalar as it is written; nothing for what is not set. The configuration that the collector hands out has all defaults in it.
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
