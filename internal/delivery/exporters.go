// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Databricks is the type of the exporter whose destination can answer success without storing
// anything.
const Databricks = "databricks"

// IsDatabricks reports whether an exporter is of that type.
func IsDatabricks(id string) bool { return kind(id) == Databricks }

// queues are exporters with a sending_queue, by whether it is on, and answers early, when nothing
// is written.
var queues = map[string]bool{
	"otlp_http": true, "otlphttp": true, "otlp_grpc": true, "otlp": true,
	"debug": false,
}

// exporter adds an exporter that gets data with a word at most as strong as the given one.
func (g *graph) exporter(id string, word progress.Delivery, f *Guarantee) {
	cfg := section(section(g.conf, "exporters"), id)
	if kind(id) == kafkaType {
		f.topic(Topic{id, topicOf(cfg), progress.Weakest(word, g.kafkaExporter(id, cfg, f))})
		return
	}
	f.destination(Destination{id, destination(id, cfg), progress.Weakest(word, g.answers(id, cfg, f)),
		readerOf(cfg, g.readers)})
}

// answers returns the word for what an exporter has accepted.
func (g *graph) answers(id string, cfg map[string]any, f *Guarantee) progress.Delivery {
	switch k := kind(id); k {
	case "nop":
		return progress.Acknowledged
	case "file":
		return fileExporter(id, cfg, f)
	case Databricks:
		givesUp(id, cfg, f)
		return g.queue(id, cfg, false, f)
	default:
		on, known := queues[k]
		if !known && !slices.Contains(g.waits, k) && !slices.Contains(g.waits, id) {
			return f.lower(progress.Unknown,
				fmt.Sprintf("exporter %s is not known here; if it answers only after its destination has, "+
					"write extensions::mlflow_report::waits_for_result: [%s]", id, k))
		}
		word := g.queue(id, cfg, on, f)
		if IsOTLP(id) && readerOf(cfg, g.readers) == "" {
			word = f.lower(progress.HandedOver, fmt.Sprintf("%s takes every answer with a status 2xx for a success; "+
				"write middlewares: [{id: %s}]", id, g.reader()))
		}
		return word
	}
}

// IsOTLP reports whether an exporter is a stock one of OTLP.
func IsOTLP(id string) bool {
	return slices.Contains([]string{"otlp_http", "otlphttp", "otlp_grpc", "otlp"}, kind(id))
}

// reader is the id to write as middleware.
func (g *graph) reader() string {
	if len(g.readers) > 0 {
		return g.readers[0]
	}
	return reportType
}

const reportType = "mlflow_report"

// readers are the mlflow_report extensions that are started.
func readers(conf map[string]any) []string {
	return slices.DeleteFunc(list(section(conf, "service"), "extensions"),
		func(id string) bool { return kind(id) != reportType })
}

// readerOf is the first of them that an exporter names as middleware; empty when it names none.
func readerOf(cfg map[string]any, readers []string) string {
	middlewares, _ := cfg["middlewares"].([]any)
	for _, m := range middlewares {
		named, _ := m.(map[string]any)
		if id := text(named, "id"); slices.Contains(readers, id) {
			return id
		}
	}
	return ""
}

// Readers returns which exporters of the configuration name which mlflow_report extension as
// middleware, in the order of their ids. Those that are in no pipeline are left out.
func Readers(conf map[string]any) map[string][]string {
	used := map[string]bool{}
	for _, p := range section(section(conf, "service"), "pipelines") {
		pipeline, _ := p.(map[string]any)
		for _, id := range list(pipeline, "exporters") {
			used[id] = true
		}
	}
	named := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(used)) {
		if reader := readerOf(section(section(conf, "exporters"), id), readers(conf)); reader != "" {
			named[reader] = append(named[reader], id)
		}
	}
	return named
}

func fileExporter(id string, cfg map[string]any, f *Guarantee) progress.Delivery {
	rotation, ok := cfg["rotation"].(map[string]any)
	if !ok {
		return f.lower(progress.HandedOver, fmt.Sprintf("%s buffers in memory and truncates its file at start; "+
			"write rotation: {max_megabytes: 1024, max_backups: 0}", id))
	}
	if path, _ := cfg["path"].(string); path != "" && slices.Contains([]string{"", "json"}, text(cfg, "format")) &&
		text(cfg, "compression") == "" && text(cfg, "encoding") == "" &&
		text(section(cfg, "group_by"), "enabled") != "true" {
		f.Files = append(f.Files, path)
	} else {
		f.note(fmt.Sprintf("exporter %s: a full disk or a killed process leaves a part of a record, and what comes "+
			"after it can't be read; write format: json, without compression, encoding and group_by", id))
	}
	if n, ok := rotation["max_backups"]; !ok || fmt.Sprint(n) != "0" {
		f.note(fmt.Sprintf("exporter %s deletes its oldest files: write rotation::max_backups: 0 to keep all of them",
			id))
	}
	return progress.Acknowledged
}

// queue returns the word for what the queue of an exporter does; on says whether there is one when nothing is written.
func (g *graph) queue(id string, cfg map[string]any, on bool, f *Guarantee) progress.Delivery {
	early := progress.HandedOver
	if kind(id) == kafkaType {
		early = progress.Unknown
	}
	const remedy = "write sending_queue: {wait_for_result: true, block_on_overflow: true}"
	q, written := cfg["sending_queue"].(map[string]any)
	if v, ok := cfg["sending_queue"]; ok && v == nil {
		return progress.Acknowledged // how the collector writes out a queue that is off
	}
	if text(q, "enabled") == "false" {
		return progress.Acknowledged
	}
	waits := text(q, "wait_for_result") == "true"
	if kind(id) == Databricks {
		waits = waits || q["wait_for_result"] == nil && q["storage"] == nil
	}
	switch {
	case q["storage"] != nil && g.source != mlflowType: // what can't be read again is safer there than in memory
		return f.weaken(early, id+" queues on disk")
	case q["storage"] != nil:
		return f.lower(early,
			fmt.Sprintf("%s queues on disk; for a backfill, which can be read again, %s without storage", id, remedy))
	case waits:
		if q["batch"] != nil && text(section(q, "batch"), "min_size") != "0" {
			f.note(fmt.Sprintf(
				"exporter %s: sending_queue::batch with wait_for_result waits for a size that never comes and is "+
					"about 200 times slower: remove batch, or write min_size: 0", id))
		}
	case on || written:
		return f.lower(early,
			fmt.Sprintf("%s queues in memory, and a crash loses what is there; %s", id, remedy))
	}
	return progress.Acknowledged
}

// givesUp notes what a databricks exporter doesn't hold for ever.
func givesUp(id string, cfg map[string]any, f *Guarantee) {
	switch after := text(cfg, "hold_max"); after {
	case "", "0", "0s":
	default:
		f.note(fmt.Sprintf("exporter %s gives up after hold_max: %s what a missing grant or table refuses, and "+
			"counts it as rejected: write hold_max: 0 to hold it for ever", id, after))
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
			return id + " to " + u.Scheme + "://" + u.Host + tables(cfg)
		}
		if at := strings.LastIndexByte(address, '@'); at >= 0 {
			address = address[at+1:]
		}
		address, _, _ = strings.Cut(address, "?")
		return id + " to " + address + tables(cfg)
	}
	return id + tables(cfg)
}

// tables names the schema of an exporter that writes into Unity Catalog.
func tables(cfg map[string]any) string {
	catalog, schema := text(cfg, "catalog"), text(cfg, "schema")
	if catalog == "" || schema == "" {
		return ""
	}
	return fmt.Sprintf(", tables in %s.%s", catalog, schema)
}
