// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// metrics is the aggregation route: the number of traces, the mean of their durations and the number
// of their spans in the database, all together or by intervals of time. What others ask for is not
// scripted.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Experiments  []string `json:"experiment_ids"`
		View         string   `json:"view_type"`
		Metric       string   `json:"metric_name"`
		Aggregations []struct {
			Type string `json:"aggregation_type"`
		} `json:"aggregations"`
		From     *int64 `json:"start_time_ms"`
		To       *int64 `json:"end_time_ms"`
		Interval int64  `json:"time_interval_seconds"`
		Max      *int   `json:"max_results"`
	}
	if !read(w, r, &ask) {
		return
	}
	refuse := func(format string, args ...any) {
		fail(w, http.StatusBadRequest, "INVALID_PARAMETER_VALUE", format, args...)
	}
	kind := "COUNT"
	switch ask.View + " " + ask.Metric {
	case "TRACES trace_count", "SPANS span_count":
	case "TRACES latency":
		kind = "AVG"
	default:
		refuse("metric %q of view %q is not scripted", ask.Metric, ask.View)
		return
	}
	if len(ask.Aggregations) != 1 || ask.Aggregations[0].Type != kind {
		refuse("Found invalid aggregation_type(s): of %s only %s is scripted", ask.Metric, kind)
		return
	}
	if ask.Interval != 0 && (ask.From == nil || ask.To == nil) {
		refuse("start_time_ms and end_time_ms are required if time_interval_seconds is set")
		return
	}
	type sums struct{ count, total int64 }
	buckets := map[int64]*sums{}
	if ask.Interval == 0 && kind == "COUNT" {
		buckets[0] = &sums{} // a number comes also where there is nothing
	}
	for _, t := range s.traces {
		if !slices.Contains(ask.Experiments, t.ExperimentID) || ask.From != nil && t.Timestamp < *ask.From ||
			ask.To != nil && t.Timestamp > *ask.To {
			continue
		}
		n, total := int64(1), int64(0)
		switch {
		case ask.View == "SPANS":
			n = t.stored()
		case kind == "AVG" && t.Untimed:
			n = 0
		case kind == "AVG":
			total = t.Duration
		}
		if n == 0 {
			continue
		}
		var bucket int64
		if length := ask.Interval * 1000; length != 0 {
			bucket = t.Timestamp / length * length
		}
		if buckets[bucket] == nil {
			buckets[bucket] = &sums{}
		}
		buckets[bucket].count += n
		buckets[bucket].total += total
	}
	points := []any{}
	for _, bucket := range slices.Sorted(maps.Keys(buckets)) {
		b := buckets[bucket]
		value := float64(b.count)
		if kind == "AVG" {
			value = float64(b.total) / value
		}
		p := map[string]any{"metric_name": ask.Metric, "values": map[string]float64{kind: value}}
		if ask.Interval != 0 {
			at := time.UnixMilli(bucket).UTC().Format("2006-01-02T15:04:05+00:00")
			p["dimensions"] = map[string]string{"time_bucket": at}
		}
		points = append(points, p)
	}
	most := 1000
	if ask.Max != nil {
		most = *ask.Max
	}
	out := map[string]any{}
	if points = points[:min(len(points), most)]; len(points) > 0 { // cut without a word
		out["data_points"] = points
	}
	answer(w, out)
}

// stored is the number of the trace's spans in the database.
func (t *Trace) stored() int64 {
	var list []json.RawMessage
	if t.Typed == nil || json.Unmarshal(t.Typed, &list) != nil {
		return 0
	}
	return int64(len(list))
}
