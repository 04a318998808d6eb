// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// AddFixtures adds the traces recorded in a folder, under their own experiment id, which it
// returns. The files are answers of a real server: search_v3.json or search_v2.json,
// trace-<label>.info_v2.json, .artifact.json and .get_v3.json, batch_get_v3.json. A trace without a
// recorded artifact has none.
func (s *Server) AddFixtures(dir string) (experiment string, err error) {
	traces := map[string]*Trace{}
	get := func(id string) *Trace {
		if traces[id] == nil {
			traces[id] = &Trace{ID: id}
		}
		return traces[id]
	}
	var v3, v2 struct {
		Traces []json.RawMessage `json:"traces"`
	}
	if err := errors.Join(load(filepath.Join(dir, "search_v3.json"), &v3),
		load(filepath.Join(dir, "search_v2.json"), &v2)); err != nil {
		return "", err
	}
	for _, doc := range v3.Traces {
		var i struct {
			ID       string    `json:"trace_id"`
			Time     time.Time `json:"request_time"`
			Duration string    `json:"execution_duration"`
			State    string    `json:"state"`
			Location struct {
				Experiment struct {
					ID string `json:"experiment_id"`
				} `json:"mlflow_experiment"`
			} `json:"trace_location"`
			Tags     map[string]string `json:"tags"`
			Metadata map[string]string `json:"trace_metadata"`
		}
		if err := json.Unmarshal(doc, &i); err != nil {
			return "", err
		}
		t := get(i.ID)
		t.ExperimentID, t.Timestamp, t.State, t.Tags, t.Metadata, t.InfoV3 = i.Location.Experiment.ID,
			i.Time.UnixMilli(), i.State, i.Tags, i.Metadata, doc
		duration, err := time.ParseDuration(i.Duration)
		t.Duration, t.Untimed = duration.Milliseconds(), err != nil
	}
	for _, doc := range v2.Traces {
		var i struct {
			ID         string                        `json:"request_id"`
			Experiment string                        `json:"experiment_id"`
			Time       int64                         `json:"timestamp_ms"`
			Duration   *int64                        `json:"execution_time_ms"`
			Status     string                        `json:"status"`
			Tags       []struct{ Key, Value string } `json:"tags"`
		}
		if err := json.Unmarshal(doc, &i); err != nil {
			return "", err
		}
		t := get(i.ID)
		t.ExperimentID, t.Timestamp, t.State, t.InfoV2 = i.Experiment, i.Time, i.Status, doc
		if t.InfoV3 == nil {
			t.Untimed = i.Duration == nil
			if !t.Untimed {
				t.Duration = *i.Duration
			}
		}
		if t.Tags == nil {
			t.Tags = map[string]string{}
			for _, kv := range i.Tags {
				t.Tags[kv.Key] = kv.Value
			}
		}
	}
	if err := spans(dir, get); err != nil {
		return "", err
	}
	for _, t := range traces {
		if t.ExperimentID == "" {
			continue // recorded for another purpose
		}
		experiment = t.ExperimentID
		if t.Tags["mlflow.trace.spansLocation"] == "TRACKING_STORE" && t.Typed == nil && t.Artifact == nil {
			t.Typed, t.Partial = json.RawMessage("[]"), true // nothing could be recorded
		}
		s.Add(*t)
	}
	if experiment == "" {
		return "", fmt.Errorf("no traces in %s", dir)
	}
	s.AddExperiment(Experiment{ID: experiment, Name: "fixtures-" + filepath.Base(dir),
		ArtifactLocation: "mlflow-artifacts:/" + experiment})
	return experiment, nil
}

// spans reads the documents that hold spans. The info beside them names the trace of each label.
func spans(dir string, get func(string) *Trace) error {
	type element struct {
		Info struct {
			ID string `json:"trace_id"`
		} `json:"trace_info"`
		Spans json.RawMessage `json:"spans"`
	}
	var batch struct {
		Traces []element `json:"traces"`
	}
	if err := load(filepath.Join(dir, "batch_get_v3.json"), &batch); err != nil {
		return err
	}
	for _, e := range batch.Traces {
		get(e.Info.ID).Typed = e.Spans
	}
	infos, err := filepath.Glob(filepath.Join(dir, "trace-*.info_v2.json"))
	if err != nil {
		return err
	}
	for _, path := range infos {
		var info struct {
			Info struct {
				ID string `json:"request_id"`
			} `json:"trace_info"`
		}
		if err := load(path, &info); err != nil {
			return err
		}
		t := get(info.Info.ID)
		label := strings.TrimSuffix(path, ".info_v2.json")
		doc, err := os.ReadFile(label + ".artifact.json")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && strings.Contains(string(doc), `"spans"`) { // or an error that was recorded
			t.Artifact = doc
		}
		var one struct {
			Trace element `json:"trace"`
		}
		if err := load(label+".get_v3.json", &one); err != nil {
			return err
		}
		if one.Trace.Spans != nil {
			t.Typed = one.Trace.Spans
		}
	}
	return nil
}

// load decodes a file; a missing one is left out.
func load(path string, into any) error {
	doc, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(doc, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
