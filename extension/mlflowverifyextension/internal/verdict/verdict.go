// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package verdict makes one verdict of what is known of the tiers of a backfill through a topic. It is pure.
package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/drain"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/reports"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Document is the verdict as it is written.
type Document struct {
	Headline string `json:"headline"`
	// Complete is true if nothing is missing and Delivery is acknowledged or verified.
	Complete bool              `json:"complete"`
	Delivery progress.Delivery `json:"delivery"`
	// ExitStatus is that of the process.
	ExitStatus int       `json:"exit_status"`
	Written    time.Time `json:"written"`
	Version    string    `json:"version"`
	// Problems say what is missing, Notes why the delivery is weaker than acknowledged or not verified.
	Problems    []string           `json:"problems,omitempty"`
	Notes       []string           `json:"notes,omitempty"`
	Readers     reports.Readers    `json:"readers"`
	Topic       *Topic             `json:"topic,omitempty"` // absent if it was not asked for
	Consumers   *reports.Consumers `json:"consumers,omitempty"`
	DeadLetters []DeadLetters      `json:"dead_letters,omitempty"`
	Destination *Count             `json:"destination,omitempty"`
}

// Topic is what became of the records of the topic: Records = Committed + the lag.
type Topic struct {
	Name    string `json:"name"`
	GroupID string `json:"group_id"`
	drain.State
}

// DeadLetters are the records of a topic of dead letters; Waiting of them were not fed back. Of Deleted records nothing
// tells whether the group that feeds them back had read them.
type DeadLetters struct {
	Topic   string `json:"topic"`
	Records int64  `json:"records"`
	Waiting int64  `json:"waiting"`
	Deleted int64  `json:"deleted_unseen,omitempty"`
	// GroupID is the group that feeds them back, and Feeding what the reports of its members say; nil where it has fed
	// nothing back.
	GroupID string             `json:"group_id,omitempty"`
	Feeding *reports.Consumers `json:"feeding,omitempty"`
}

// Count is what was counted at the destination: distinct traces by experiment.
type Count struct {
	Tables []string `json:"tables"`
	Traces int64    `json:"traces"` // of the experiments that the readers read
	// Experiments has the traces by the id of their experiment.
	Experiments map[string]int64 `json:"experiments"`
	// Error says why nothing was counted.
	Error string `json:"error,omitempty"`
}

// Input is what is known. Parts that were not reached are nil.
type Input struct {
	Readers     reports.Readers
	Topic       *Topic
	Consumers   *reports.Consumers
	DeadLetters []DeadLetters
	Destination *Count
	// Fault is the error that ended the work before its end.
	Fault error
	// Accept is the weakest word with which the exit status is 0.
	Accept  progress.Delivery
	Version string
}

// mostPerRecord is more traces than a record holds: a receiver hands over 256 at once, and an exporter may put together
// what several workers of it hand over at the same time.
const mostPerRecord = 4096

// Judge makes the verdict.
func Judge(in Input, now time.Time) Document {
	d := Document{Written: now.UTC(), Version: in.Version, Readers: in.Readers, Topic: in.Topic,
		Consumers: in.Consumers, DeadLetters: in.DeadLetters, Destination: in.Destination,
		Problems: slices.Clone(in.Readers.Problems)}
	if in.Fault != nil {
		d.Problems = append(d.Problems, in.Fault.Error())
	}
	if in.Topic != nil {
		d.Problems = append(d.Problems, in.Topic.Problems...)
		if in.Topic.Records == 0 && in.Readers.HandedOver > 0 {
			d.Problems = append(d.Problems, fmt.Sprintf("topic %s is empty, although the readers wrote to it",
				in.Topic.Name))
		}
	}
	if in.Consumers != nil {
		d.Problems = append(d.Problems, in.Consumers.Problems...)
	}
	for _, x := range in.DeadLetters {
		if x.Waiting > 0 {
			d.Problems = append(d.Problems, fmt.Sprintf("%s in the dead letters, topic %s",
				progress.Count(x.Waiting, "record"), x.Topic))
		}
		if x.Feeding != nil {
			d.Problems = append(d.Problems, x.Feeding.Problems...)
		}
	}
	d.Delivery = d.word()
	if len(d.Problems) > 0 {
		d.Delivery = progress.Weakest(d.Delivery, progress.HandedOver)
	}
	d.Complete = d.Delivery.AtLeast(progress.Acknowledged)
	d.ExitStatus = 1
	if len(d.Problems) == 0 && d.Delivery.AtLeast(in.Accept) {
		d.ExitStatus = 0
	}
	d.Headline = d.headline()
	return d
}

// word returns the word for the delivery, and notes why it is not a stronger one.
func (d *Document) word() progress.Delivery {
	if d.Topic == nil || !d.Topic.Drained() {
		return progress.HandedOver
	}
	counted := d.counted()
	if n, t := d.Readers.HandedOver, d.Topic; !counted && t.Records > 0 && n/mostPerRecord > t.Records {
		d.Problems = append(d.Problems, fmt.Sprintf("topic %s has had %s, too few for %s: it was made again since, or "+
			"earlier runs of the readers wrote elsewhere; a reader with another storage folder begins anew", t.Name,
			progress.Count(t.Records, "record"), progress.Count(n, "trace")))
	}
	word := progress.Acknowledged
	switch c := d.Consumers; {
	case c == nil || c.Reports == 0:
		word = progress.HandedOver
		d.Notes = append(d.Notes, fmt.Sprintf("no report of a member of group %s was given, so it is not known "+
			"whether they wait for the destination; name the reports in consumer_reports or reports_topic",
			d.Topic.GroupID))
	case c.Reason != "":
		word = progress.Weakest(progress.HandedOver, c.Delivery)
		d.Notes = append(d.Notes, c.Reason)
	}
	if n := d.Topic.Unknown(); n > 0 {
		word = progress.Weakest(word, progress.HandedOver)
		d.Notes = append(d.Notes, fmt.Sprintf("%s of topic %s were deleted before this process looked, and nothing "+
			"tells whether group %s had read them; write retention.ms=-1 for the time of a backfill",
			progress.Count(n, "record"), d.Topic.Name, d.Topic.GroupID))
	}
	for i := range d.DeadLetters {
		word = progress.Weakest(word, d.fedBack(&d.DeadLetters[i]))
	}
	if c := d.Consumers; c != nil && c.Unfinished > 0 && c.Reason == "" {
		d.Notes = append(d.Notes, fmt.Sprintf("%s of group %s ended without a last report; what a destination "+
			"rejected just before is not known", progress.Count(int64(c.Unfinished), "consumer"), d.Topic.GroupID))
	}
	if counted && !d.Topic.expired() {
		return progress.Verified
	}
	return word
}

// fedBack is the word for dead letters that were fed back, and notes why it is weaker than acknowledged.
func (d *Document) fedBack(x *DeadLetters) progress.Delivery {
	word := progress.Acknowledged
	if x.Records > x.Waiting {
		switch c := x.Feeding; {
		case c == nil || c.Reports == 0:
			word = progress.HandedOver
			d.Notes = append(d.Notes, fmt.Sprintf("no report of a member of group %s was given, so it is not known "+
				"whether dead letters that it fed back from topic %s have arrived", x.GroupID, x.Topic))
		case c.Reason != "":
			word = progress.Weakest(progress.HandedOver, c.Delivery)
			d.Notes = append(d.Notes, c.Reason)
		}
	}
	if x.Deleted > 0 {
		word = progress.Weakest(word, progress.HandedOver)
		d.Notes = append(d.Notes, fmt.Sprintf("%s of topic %s were deleted before this process looked, and nothing "+
			"tells whether they had been fed back; write retention.ms=-1 for the time of a backfill",
			progress.Count(x.Deleted, "dead letter"), x.Topic))
	}
	return word
}

func (t *Topic) expired() bool {
	return slices.ContainsFunc(t.Partitions, func(p drain.Partition) bool { return p.Expired > 0 })
}

// counted reports whether the destination holds exactly the traces that the readers handed over, and notes what it
// lacks or has beyond them.
func (d *Document) counted() bool {
	c := d.Destination
	if c == nil {
		return false
	}
	if c.Error != "" {
		d.Notes = append(d.Notes, "not counted at the destination: "+c.Error)
		return false
	}
	same := true
	for _, id := range slices.Sorted(maps.Keys(d.Readers.Experiments)) {
		e, n := d.Readers.Experiments[id], c.Experiments[id]
		switch {
		case n < e.HandedOver:
			d.Problems = append(d.Problems, fmt.Sprintf("experiment %s (%s): %d of %s found at the destination, %d "+
				"missing", e.Name, id, n, progress.Count(e.HandedOver, "trace"), e.HandedOver-n))
		case n > e.HandedOver:
			d.Notes = append(d.Notes, fmt.Sprintf("experiment %s (%s): the destination has %d traces, and the readers "+
				"handed over %d: others wrote there, too, so the numbers prove nothing", e.Name, id, n, e.HandedOver))
		default:
			continue
		}
		same = false
	}
	return same
}

func (d *Document) headline() string {
	text := d.numbers()
	switch {
	case len(d.Problems) > 0:
		text = "not complete: " + text + "; " + d.Problems[0]
		if more := len(d.Problems) - 1; more > 0 {
			text += "; and " + progress.Count(int64(more), "more problem")
		}
		return text
	case d.Delivery == progress.Verified, d.Delivery == progress.Acknowledged:
		return "complete: " + text
	case d.Delivery == progress.HandedOver:
		return "handed over: " + text + "; delivery not confirmed: " + d.Notes[0]
	}
	return "delivery unknown: " + text + "; " + d.Notes[0]
}

// numbers are those of each tier, in the order in which traces pass them.
func (d *Document) numbers() string {
	r := d.Readers
	verb := "handed over"
	if d.Delivery.AtLeast(progress.Acknowledged) {
		verb = string(d.Delivery)
	}
	parts := []string{fmt.Sprintf("%d of %s %s", r.HandedOver, progress.Count(r.Found, "trace"), verb)}
	for _, left := range []struct {
		n    int64
		what string
	}{{r.Rejected, "rejected"}, {r.Skipped, "skipped"}, {r.Pending, "pending"}} {
		if left.n > 0 {
			parts[0] += fmt.Sprintf(", %d %s", left.n, left.what)
		}
	}
	parts[0] += " by " + progress.Count(int64(r.Reports), "reader")
	if t := d.Topic; t != nil {
		parts = append(parts, fmt.Sprintf("%d of %s of topic %s committed by group %s", t.Committed,
			progress.Count(t.Records, "record"), t.Name, t.GroupID))
	}
	for _, x := range d.DeadLetters {
		if x.Records > 0 {
			parts = append(parts, fmt.Sprintf("%s, %d of them fed back", progress.Count(x.Records, "dead letter"),
				x.Records-x.Waiting))
		}
	}
	switch c := d.Destination; {
	case c == nil || c.Error != "":
		parts = append(parts, "nothing counted at the destination")
	default:
		parts = append(parts, fmt.Sprintf("%s counted in %s", progress.Count(c.Traces, "trace"),
			strings.Join(c.Tables, ", ")))
	}
	return strings.Join(parts, "; ")
}
