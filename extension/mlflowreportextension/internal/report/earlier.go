// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Earlier is what is read of the report of a process before this one. The zero Earlier is none.
type Earlier struct {
	Receivers []struct {
		Receiver    string    `json:"receiver"`
		Source      Source    `json:"source"`
		Ended       time.Time `json:"ended"`
		Experiments []struct {
			Run     Numbers `json:"run"`
			Earlier Numbers `json:"earlier_runs"`
		} `json:"experiments"`
	} `json:"receivers"`
	Refinements  []Refinement  `json:"refinements"`
	TopicReaders []TopicReader `json:"topic_readers"`
	Destinations []struct {
		Rejected int64 `json:"rejected"`
	} `json:"destination_results"`
	Answers []struct {
		Rejected int64 `json:"rejected"`
	} `json:"answers"`
	RejectedEarlier int64 `json:"rejected_earlier"`
}

// rejected is how much destinations rejected of topics that a process goes on reading.
func (e *Earlier) rejected(now []TopicReader) (n int64) {
	goesOn := slices.ContainsFunc(now, func(r TopicReader) bool {
		return slices.ContainsFunc(e.TopicReaders, func(o TopicReader) bool {
			return o.Topic == r.Topic && o.GroupID == r.GroupID
		})
	})
	if !goesOn {
		return 0
	}
	for _, d := range e.Destinations {
		n += d.Rejected
	}
	for _, a := range e.Answers {
		n += a.Rejected
	}
	return n + e.RejectedEarlier
}

// weaker is the weakest word of what processes before read of a topic that a process goes on reading; empty where it is
// not weaker than the word of this one.
func (e *Earlier) weaker(now *TopicReader) (word progress.Delivery) {
	for _, o := range e.TopicReaders {
		if o.Topic == now.Topic && o.GroupID == now.GroupID {
			word = progress.Weakest(word, progress.Weakest(o.Delivery, o.DeliveryEarlier))
		}
	}
	if word.AtLeast(now.Delivery) {
		return ""
	}
	return word
}

// largestReport bounds what is read of a report.
const largestReport = 64 << 20

// Read reads the report at a path; without one it returns none.
func Read(path string) (Earlier, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Earlier{}, nil
	}
	if err != nil {
		return Earlier{}, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, largestReport+1))
	if err != nil {
		return Earlier{}, err
	}
	if len(body) > largestReport {
		return Earlier{}, fmt.Errorf("%s is larger than %d bytes", path, largestReport)
	}
	var e Earlier
	if err := json.Unmarshal(body, &e); err != nil {
		return Earlier{}, fmt.Errorf("%s is not a report: %w", path, err)
	}
	return e, nil
}

// Run returns what the report tells of a run of a receiver over a source that delivered something.
func (e *Earlier) Run(receiver string, source mlflow.Description) (progress.EarlierRun, bool) {
	for _, r := range e.Receivers {
		if r.Receiver != receiver || r.Source.Kind != source.Kind || r.Source.Location != source.Location {
			continue
		}
		run := progress.EarlierRun{Ended: r.Ended}
		for _, x := range r.Experiments {
			run.Accepted += x.Run.Accepted + x.Earlier.Accepted
		}
		return run, run.Accepted > 0
	}
	return progress.EarlierRun{}, false
}

// refined returns what processors did in runs that these runs continue.
func (e *Earlier) refined(runs []progress.Run) (list []progress.Refinement) {
	continues := slices.ContainsFunc(runs, func(r progress.Run) bool {
		return slices.ContainsFunc(r.Experiments, func(a progress.Experiment) bool { return a.Earlier.Accepted > 0 })
	})
	if !continues {
		return nil
	}
	for i := range e.Refinements {
		r := &e.Refinements[i]
		var id component.ID
		if id.UnmarshalText([]byte(r.Processor)) != nil {
			continue
		}
		p := progress.Refinement{
			Processor: id, Spans: r.Spans, ModelCalls: r.ModelCalls,
			Counted: r.Counted.Spans, CountedRequest: r.Counted.Request, CountedResponse: r.Counted.Response,
			Reported: r.Reported.Calls, ReportedInput: r.Reported.Input, ReportedOutput: r.Reported.Output,
		}
		for _, s := range r.Scores {
			p.Scores = append(p.Scores, progress.Score(s))
		}
		if c := r.Cost; c != nil {
			p.Prices, p.Cost, p.Currency, p.PriceList = true, c.Amount, c.Currency, c.PriceList
			p.Priced, p.Unpriced, p.WithoutUsage = c.Priced, c.Unpriced, c.WithoutUsage
		}
		list = append(list, p)
	}
	return list
}

// withEarlier adds what earlier runs did to what a processor did in this one. Costs in different
// currencies don't add up: that of this run stays alone.
func withEarlier(p progress.Refinement, earlier []progress.Refinement) (sum progress.Refinement, added bool) {
	at := slices.IndexFunc(earlier, func(e progress.Refinement) bool { return e.Processor == p.Processor })
	if at < 0 {
		return p, false
	}
	before := earlier[at]
	if before.Prices && p.Prices && before.Currency != p.Currency {
		before.Prices, before.Cost, before.Priced, before.Unpriced, before.WithoutUsage = false, 0, 0, 0, 0
	}
	if !p.Prices {
		p.Currency, p.PriceList = before.Currency, before.PriceList
	}
	before.Scores = slices.Clone(before.Scores)
	before.Add(p)
	return before, true
}
