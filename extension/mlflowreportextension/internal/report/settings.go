// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
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
func Settings(effective *confmap.Conf) (lines []string) {
	pipelines, _ := effective.Get("service::pipelines").(map[string]any)
	var components []string
	for _, name := range slices.Sorted(maps.Keys(pipelines)) {
		for _, group := range []string{"receivers", "processors", "exporters"} {
			key := "service::pipelines::" + name + "::" + group
			ids, _ := effective.Get(key).([]any)
			if len(ids) == 0 {
				continue
			}
			names := make([]string, len(ids))
			for i, id := range ids {
				names[i] = fmt.Sprint(id)
				if c := group + "::" + names[i]; !slices.Contains(components, c) {
					components = append(components, c)
				}
			}
			lines = append(lines, key+": ["+strings.Join(names, ", ")+"]")
		}
	}
	for _, c := range components {
		kind, _, _ := strings.Cut(c, "/")
		for _, key := range shownKeys[kind] {
			if text := written(effective.Get(c + "::" + key)); text != "" {
				lines = append(lines, c+"::"+key+": "+text)
			}
		}
	}
	return lines
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
