// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package reports reads the reports that mlflow_report made in the processes of both tiers: the readers that share a
// backfill, and the consumers that deliver what is in a topic. It says what they add up to, and what is wrong.
package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Document is what is read of a report.
type Document struct {
	// Place is where the report lies: a path, or a key and a topic.
	Place string `json:"-"`
	// InTopic says that reports of processes before this one are beside it: in a topic each has its own key.
	InTopic bool `json:"-"`

	Written time.Time `json:"written"`
	// ID is another one for each process; Final says that the process wrote this at its end.
	ID string `json:"id"`
	// Process is shared by the reports of several extensions of one process; empty in those of older versions.
	Process string `json:"process"`
	// Sequence counts the reports of a process; 0 in those of older versions.
	Sequence     int64         `json:"sequence"`
	Final        bool          `json:"final"`
	Receivers    []Receiver    `json:"receivers"`
	TopicReaders []TopicReader `json:"topic_readers"`
	Destinations []struct {
		Name         string `json:"destination"`
		Rejected     int64  `json:"rejected"`
		DeadLettered int64  `json:"dead_lettered"`
		Held         string `json:"held"`
	} `json:"destination_results"`
	Answers []struct {
		Rejected int64 `json:"rejected"`
	} `json:"answers"`
	// RejectedEarlier were rejected in processes before, whose reports the file had. They may be in a topic, too.
	RejectedEarlier int64 `json:"rejected_earlier"`
	// Configuration has lines such as "receivers::mlflow::start_time: 2026-01-01"; none in reports of older versions.
	Configuration []string `json:"configuration"`
}

// before reports whether a report of a process was written before another one of it. Its clock may have been set back.
func (d *Document) before(o *Document) bool {
	if d.Sequence > 0 && o.Sequence > 0 {
		return d.Sequence < o.Sequence
	}
	return d.Written.Before(o.Written)
}

// Merge keeps the newest report of each process.
func Merge(lists ...[]Document) (merged []Document) {
	at := map[string]int{}
	for _, d := range slices.Concat(lists...) {
		i, known := at[d.ID]
		switch {
		case d.ID == "" || !known:
			at[d.ID] = len(merged)
			merged = append(merged, d)
		case merged[i].before(&d):
			merged[i] = d
		}
	}
	return merged
}

// Receiver is the run of an mlflow receiver.
type Receiver struct {
	Receiver string          `json:"receiver"`
	Mode     string          `json:"mode"`
	Shard    *progress.Shard `json:"shard"` // nil: everything
	List     bool            `json:"list"`  // only traces of a list were read
	Headline string          `json:"headline"`
	Problems []string        `json:"problems"`
	Source   struct {
		Kind     string `json:"kind"`
		Location string `json:"location"`
	} `json:"source"`
	Delivery progress.Delivery `json:"delivery"`
	Topics   []Topic           `json:"topics"`
	// DividedBy is a connector that gives each topic and destination a part of the traces.
	DividedBy    string `json:"divided_by"`
	Destinations []struct {
		Name string `json:"name"`
	} `json:"destinations"`
	Started     time.Time  `json:"started"`
	Ended       *time.Time `json:"ended"`
	Stopped     bool       `json:"stopped"`
	Experiments []struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		First    string   `json:"first"`
		Last     string   `json:"last"`
		Run      Numbers  `json:"run"`
		Earlier  *Numbers `json:"earlier_runs"`
		Complete bool     `json:"complete"`
	} `json:"experiments"`
}

// Topic is what an exporter of Kafka wrote to.
type Topic struct {
	Name string `json:"name"` // with the brokers: "mlflow-traces at kafka-1:9092, kafka-2:9092"
}

// is reports whether it has a name, or a pattern that matches it. Brokers may have other addresses elsewhere, so they
// are not compared.
func (t Topic) is(name string) bool {
	names, _, _ := strings.Cut(t.Name, " at ")
	return delivery.TopicAmong(strings.Split(names, ", "), name)
}

// Numbers are counts of traces: Read = Accepted + Skipped + Rejected + Pending + InFlight.
type Numbers struct {
	Read     int64            `json:"read"`
	Accepted int64            `json:"accepted"`
	Skipped  map[string]int64 `json:"skipped"`
	Rejected int64            `json:"rejected"`
	Pending  map[string]int64 `json:"pending"`
	InFlight int64            `json:"in_flight"`
}

// TopicReader is a receiver of Kafka, and the word for what it delivers.
type TopicReader struct {
	Receiver string            `json:"receiver"`
	Topic    string            `json:"topic"`
	GroupID  string            `json:"group_id"`
	Delivery progress.Delivery `json:"delivery"`
	Notes    []string          `json:"delivery_notes"`
	// Earlier is a weaker word of processes before, whose reports the file had.
	Earlier progress.Delivery `json:"delivery_earlier"`
	// DeadLetters are where what a destination refuses for good is set aside: "topic NAME at BROKERS", or a file.
	DeadLetters []struct {
		Name string `json:"name"`
	} `json:"dead_letters"`
}

// largest bounds what is read of a report.
const largest = 64 << 20

// read reads one report.
func read(path string) (Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return Document{}, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err != nil {
		return Document{}, err
	}
	if len(body) > largest {
		return Document{}, fmt.Errorf("%s is larger than %d bytes", path, largest)
	}
	return parse(path, body)
}

// parse reads the report that lies at a place.
func parse(place string, body []byte) (Document, error) {
	d := Document{Place: place}
	if err := json.Unmarshal(body, &d); err != nil {
		return Document{}, fmt.Errorf("%s is not a report of mlflow_report: %w", place, err)
	}
	if d.Written.IsZero() {
		return Document{}, fmt.Errorf("%s is not a report of mlflow_report: it does not say when it was written", place)
	}
	return d, nil
}
