// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Topic is what an exporter of Kafka writes to, and the word for what it got. What reads the topic delivers it.
type Topic struct {
	Exporter string            `json:"exporter"`
	Name     string            `json:"name"`
	Delivery progress.Delivery `json:"delivery"`
}

// TopicReader is a receiver of Kafka. How much of the topic is delivered is in the offsets of its group.
type TopicReader struct {
	Receiver      string            `json:"receiver"`
	Topic         string            `json:"topic"`
	GroupID       string            `json:"group_id"`
	Delivery      progress.Delivery `json:"delivery"`
	DeliveryNotes []string          `json:"delivery_notes,omitempty"`
	// DeliveryEarlier is the weakest word of processes before this one, whose reports the file had, of the same topic
	// and group; empty where none is weaker than Delivery.
	DeliveryEarlier progress.Delivery `json:"delivery_earlier,omitempty"`
	Destinations    []Destination     `json:"destinations,omitempty"`
	Topics          []Topic           `json:"topics,omitempty"`
	// DeadLetters are where traces go that destinations refuse for good.
	DeadLetters []Destination `json:"dead_letters,omitempty"`
}

// places are where the data of a receiver goes.
func places(g *delivery.Guarantee) (destinations []Destination, topics []Topic) {
	for _, d := range g.Destinations {
		destinations = append(destinations, Destination{d.Exporter, d.Name, d.Delivery})
	}
	for _, t := range g.Topics {
		topics = append(topics, Topic{t.Component, t.Name, t.Delivery})
	}
	return destinations, topics
}

func topicReader(receiver string, g *delivery.Guarantee) TopicReader {
	r := TopicReader{Receiver: receiver, Topic: g.Source, GroupID: g.Group, Delivery: g.Delivery,
		DeliveryNotes: g.Notes}
	r.Destinations, r.Topics = places(g)
	for _, d := range g.DeadLetters {
		r.DeadLetters = append(r.DeadLetters, Destination{d.Exporter, d.Name, d.Delivery})
	}
	return r
}

// topicHeadline is what is said of a process without an mlflow receiver.
func (d *Document) topicHeadline() string {
	if len(d.TopicReaders) == 0 {
		return "no mlflow receiver reported"
	}
	parts := make([]string, len(d.TopicReaders))
	for i, r := range d.TopicReaders {
		parts[i] = fmt.Sprintf("%s reads topic %s; delivery: %s", r.Receiver, r.Topic, r.Delivery)
	}
	return strings.Join(parts, "; ")
}

func (r *TopicReader) summary(b *strings.Builder) {
	fmt.Fprintf(b, "  delivery  %s\n", meaning[r.Delivery])
	for _, n := range r.DeliveryNotes {
		fmt.Fprintf(b, "            %s\n", n)
	}
	outputs(b, r.Destinations, r.Topics)
	for _, d := range r.DeadLetters {
		fmt.Fprintf(b, "  refused   %s\n", d.Name)
	}
}

// outputs lists where data goes, with the words where there are several.
func outputs(b *strings.Builder, destinations []Destination, topics []Topic) {
	one := len(destinations)+len(topics) == 1
	line := func(label, name string, word progress.Delivery) {
		if !one {
			name += ": " + string(word)
		}
		fmt.Fprintf(b, "  %-9s %s\n", label, name)
	}
	for _, d := range destinations {
		line("output", d.Name, d.Delivery)
	}
	for _, t := range topics {
		line("topic", t.Name, t.Delivery)
	}
}
