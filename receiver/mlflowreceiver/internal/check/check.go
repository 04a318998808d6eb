// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package check takes a source and a selection of experiments, and returns findings: what a
// backfill would read. It reads the spans of a small sample only, and writes nothing.
package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// page is the largest number of infos that MLflow serves at once; sampled is how many traces of
// each storage era are read to learn their size and that they can be read.
const (
	page    = 500
	sampled = 5
)

// quota is the number of traces per second that Databricks takes by default, half of the
// workspace's quota.
const quota = 100

// Settings is what a check looks at: From <= timestamp < To.
type Settings struct {
	Source   mlflow.Source // that is counted
	Select   func([]mlflow.Experiment) ([]mlflow.Experiment, error)
	From, To int64
	Filter   string // of MLflow's search; empty: all traces
}

// Run returns the findings. An error of the source in one experiment is a problem of that
// experiment; an error of the listing or the selection is returned.
func Run(ctx context.Context, s Settings) (*progress.Findings, error) {
	all, err := s.Source.Experiments(ctx)
	if err != nil {
		return nil, err
	}
	chosen, err := s.Select(all)
	if err != nil {
		return nil, err
	}
	f := &progress.Findings{QuotaPerSecond: quota, Experiments: []progress.ExperimentFinding{}}
	c := checker{Settings: s, samples: map[string][]mlflow.Info{}}
	begin := time.Now()
	for _, x := range chosen {
		e, err := c.experiment(ctx, x)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			e.Problems = append(e.Problems, err.Error())
		}
		f.Experiments = append(f.Experiments, e)
	}
	listing := time.Since(begin)
	eras := c.sample(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var traces int64
	var reading float64
	for i := range f.Experiments {
		e := &f.Experiments[i]
		traces += e.Traces
		reading += judge(e, eras)
	}
	f.SourceSeconds = listing.Seconds() + reading
	f.QuotaSeconds = float64(traces) / quota
	return f, nil
}

type checker struct {
	Settings
	samples map[string][]mlflow.Info // by era
}

// experiment pages through the infos of one experiment.
func (c *checker) experiment(ctx context.Context, x mlflow.Experiment) (progress.ExperimentFinding, error) {
	f := progress.ExperimentFinding{ID: x.ID, Name: x.Name, Deleted: x.Deleted, Eras: map[string]int64{}}
	scores := map[string]bool{}
	var first, last, bytes, sized int64
	r := mlflow.Range{ExperimentID: x.ID, From: c.From, To: c.To, Filter: c.Filter}
	for after := (mlflow.Position{}); ; {
		infos, err := c.Source.Infos(ctx, r, after, page)
		if err == nil && len(infos) > 0 {
			err = c.Source.Detailed(ctx, infos)
		}
		if err != nil {
			return f, err
		}
		for i := range infos {
			info := &infos[i]
			f.Traces++
			if info.State == mlflow.StateInProgress {
				f.InProgress++
			}
			if first == 0 || info.Timestamp < first {
				first = info.Timestamp
			}
			last = max(last, info.Timestamp)
			for k := range info.Assessments {
				if info.Assessments[k].Kind == mlflow.AssessmentKindFeedback {
					scores[info.Assessments[k].Name] = true
				}
			}
			if n, ok := sizeOf(info); ok {
				bytes += n
				sized++
			}
			era := eraOf(info)
			f.Eras[era]++
			if len(c.samples[era]) < sampled && info.State != mlflow.StateInProgress {
				c.samples[era] = append(c.samples[era], *info)
			}
		}
		if len(infos) == 0 {
			break
		}
		end := infos[len(infos)-1]
		after = mlflow.Position{Timestamp: end.Timestamp, ID: end.ID}
	}
	f.First, f.Last = progress.Timestamp(first), progress.Timestamp(last)
	f.Scores = slices.Sorted(maps.Keys(scores))
	if sized > 0 {
		f.BytesPerTrace = bytes / sized
	}
	return f, nil
}

// sample is what reading a few traces of an era showed. A trace without spans tells nothing about
// the place.
type sample struct {
	readable bool
	problem  string  // why the place can't be read
	bytes    int64   // per trace
	seconds  float64 // per trace
}

// places are the reasons that are about where spans lie, not about one trace.
var places = []mlflow.Reason{mlflow.ReasonUnreachable, mlflow.ReasonArtifactMissing, mlflow.ReasonArtifactDenied,
	mlflow.ReasonWrongRegion, mlflow.ReasonTokenExpired, mlflow.ReasonForbidden, mlflow.ReasonSourceError}

// sample reads the remembered traces of each era.
func (c *checker) sample(ctx context.Context) map[string]sample {
	eras := map[string]sample{}
	for era, infos := range c.samples {
		var s sample
		var size, read int64
		begin := time.Now()
		err := c.Source.Traces(ctx, infos, func(_ int, t *mlflow.Trace, skip *mlflow.Skip) error {
			switch {
			case t != nil:
				size += int64(t.Size)
				read++
			case s.problem == "" && slices.Contains(places, skip.Reason):
				s.problem = skip.Error()
			}
			return nil
		})
		if err != nil {
			s.problem = err.Error()
		}
		if read > 0 {
			s = sample{readable: true, bytes: size / read, seconds: time.Since(begin).Seconds() / float64(read)}
		}
		eras[era] = s
	}
	return eras
}

// judge fills in what the samples tell about an experiment and returns how many seconds reading its
// spans takes at the source.
func judge(e *progress.ExperimentFinding, eras map[string]sample) (seconds float64) {
	e.Reachable = map[string]bool{}
	for era, n := range e.Eras {
		s := eras[era]
		if !s.readable && s.problem == "" {
			continue
		}
		e.Reachable[era] = s.readable
		seconds += s.seconds * float64(n)
		if !s.readable {
			e.Problems = append(e.Problems, fmt.Sprintf("%d traces in %s: %s", n, era, s.problem))
		}
		if e.BytesPerTrace == 0 {
			e.BytesPerTrace = s.bytes
		}
	}
	return seconds
}

func sizeOf(info *mlflow.Info) (int64, bool) {
	v, ok := mlflow.Get(info.Metadata, mlflow.MetaSizeBytes)
	if !ok {
		return 0, false
	}
	var n int64
	_, err := fmt.Sscan(v, &n)
	return n, err == nil && n > 0
}

// eraOf names where the spans of a trace are, as people know it.
func eraOf(info *mlflow.Info) string {
	if place, _ := mlflow.SplitPlaceID(info.ID); place != "" {
		return "unity_catalog"
	}
	switch info.SpansLocation() {
	case mlflow.SpansInStore:
		return "database"
	case mlflow.SpansInArchive:
		return "archive"
	default:
		return "artifacts"
	}
}
