// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
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
	"otlp_http": true, "otlphttp": true, "otlp_grpc": true, "otlp": true, "kafka": true,
	"debug": false, Databricks: false,
}

func (g *graph) exporter(id string, f *Guarantee) {
	cfg := section(section(g.conf, "exporters"), id)
	if !slices.Contains(f.Exporters, id) {
		f.Exporters = append(f.Exporters, id)
	}
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
			f.lower(progress.Unknown,
				fmt.Sprintf(
					"exporter %s: not known here; it delivers end to end only if it answers after the destination did",
					id))
			return
		}
		queue(id, cfg, on, f)
		if k == Databricks {
			givesUp(id, cfg, f)
		}
	}
}

func fileExporter(id string, cfg map[string]any, f *Guarantee) {
	rotation, ok := cfg["rotation"].(map[string]any)
	if !ok {
		f.lower(progress.Queued, fmt.Sprintf("exporter %s buffers in memory and truncates its file at start: write "+
			"rotation: {max_megabytes: 1024, max_backups: 0}", id))
		return
	}
	if path, _ := cfg["path"].(string); path != "" && slices.Contains([]string{"", "json"}, text(cfg, "format")) &&
		text(cfg, "compression") == "" &&
		text(cfg, "encoding") == "" && text(section(cfg, "group_by"), "enabled") != "true" {
		f.Files = append(f.Files, path)
	}
	if n, ok := rotation["max_backups"]; !ok || fmt.Sprint(n) != "0" {
		f.note(fmt.Sprintf("exporter %s deletes its oldest files: write rotation::max_backups: 0 to keep all of them",
			id))
	}
}

func queue(id string, cfg map[string]any, on bool, f *Guarantee) {
	const remedy = "write sending_queue: {wait_for_result: true, block_on_overflow: true}"
	q, written := cfg["sending_queue"].(map[string]any)
	if v, ok := cfg["sending_queue"]; ok && v == nil {
		return // how the collector writes out a queue that is off
	}
	if text(q, "enabled") == "false" {
		return
	}
	waits := text(q, "wait_for_result") == "true"
	if kind(id) == Databricks {
		waits = waits || q["wait_for_result"] == nil && q["storage"] == nil
	}
	switch {
	case q["storage"] != nil:
		f.lower(progress.Queued, fmt.Sprintf("exporter %s has a persistent queue: accepted means queued on disk; "+
			"for a backfill, which can be read again, %s without storage", id, remedy))
	case waits:
		if q["batch"] != nil && text(section(q, "batch"), "min_size") != "0" {
			f.note(fmt.Sprintf("exporter %s: sending_queue::batch with wait_for_result waits for a size that never "+
				"comes and is about 200 times slower: remove batch, or write min_size: 0", id))
		}
	case on || written:
		f.lower(progress.Queued,
			fmt.Sprintf("exporter %s has a queue in memory: accepted means queued there, and a crash loses it; %s", id,
				remedy))
	}
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
