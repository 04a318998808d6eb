// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shownKeys are the keys whose values the report shows, by the kind and type of a component. What may hold a credential
// or a place is not among them: the source and the destinations are in the report without credentials.
var shownKeys = map[string][]string{
	"receivers::mlflow": {
		"mode", "experiments::ids", "experiments::names", "experiments::exclude", "experiments::deleted", "start_time",
		"end_time", "recheck", "shard::index", "shard::count", "payloads", "capture_content", "concurrency",
		"max_source_utilization", "max_skipped", "accept", "collection_interval", "late_changes::lookback",
	},
	"processors::genai": {
		"tokens::mode", "tokens::spans", "tokens::default_encoding", "assessments::on_duplicate", "assessments::names",
		"cost::currency", "cost::price_list", "content::action", "content::person_ids",
	},
}

// Settings are what the report shows of a configuration: the components of each pipeline, and a line for each key of
// theirs that is shown and set, such as "receivers::mlflow::mode: backfill". Lists are JSON.
func Settings(effective map[string]any) (lines []string) {
	pipelines, _ := at(effective, "service", "pipelines").(map[string]any)
	var components []string
	for _, name := range slices.Sorted(maps.Keys(pipelines)) {
		for _, group := range []string{"receivers", "processors", "exporters"} {
			ids, _ := at(pipelines, name, group).([]any)
			if len(ids) > 0 {
				names := strings.Trim(fmt.Sprint(ids), "[]")
				lines = append(lines, fmt.Sprintf("service::pipelines::%s::%s: [%s]", name, group,
					strings.ReplaceAll(names, " ", ", ")))
			}
			for _, id := range ids {
				if c := fmt.Sprint(group, "::", id); !slices.Contains(components, c) {
					components = append(components, c)
				}
			}
		}
	}
	for _, c := range components {
		group, id, _ := strings.Cut(c, "::")
		kind, _, _ := strings.Cut(id, "/")
		for _, key := range shownKeys[group+"::"+kind] {
			path := append([]string{group, id}, strings.Split(key, "::")...)
			if text := written(at(effective, path...)); text != "" {
				lines = append(lines, c+"::"+key+": "+text)
			}
		}
	}
	return lines
}

// at is the value at a path, nil where there is none.
func at(m map[string]any, path ...string) any {
	var v any = m
	for _, key := range path {
		section, _ := v.(map[string]any)
		v = section[key]
	}
	return v
}

// written is a value as text, empty for what is not set.
func written(v any) string {
	if list, ok := v.([]any); ok {
		if len(list) == 0 {
			return ""
		}
		text, err := json.Marshal(list)
		if err != nil {
			return ""
		}
		return string(text)
	}
	if v == nil || v == false {
		return ""
	}
	return fmt.Sprint(v)
}
