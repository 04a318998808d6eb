// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import "slices"

// Delivery is the word for what is known of the data that a pipeline accepted.
type Delivery string

// The words, from the strongest to the weakest.
const (
	// Verified: the data was counted at the destination.
	Verified Delivery = "verified"
	// Acknowledged: every exporter waited for a success of its destination.
	Acknowledged Delivery = "acknowledged"
	// HandedOver: a stage on the way answers before the destination has the data.
	HandedOver Delivery = "handed_over"
	// Unknown: what a stage does is not known, or the configuration was not checked.
	Unknown Delivery = "unknown"
)

var deliveries = []Delivery{Verified, Acknowledged, HandedOver, Unknown}

// AtLeast reports whether d is as strong as o or stronger. What is none of the words counts as the
// weakest.
func (d Delivery) AtLeast(o Delivery) bool { return d.rank() <= o.rank() }

func (d Delivery) rank() int {
	if i := slices.Index(deliveries, d); i >= 0 {
		return i
	}
	return len(deliveries) - 1
}

// Weakest returns the weaker of two words. An empty one is no statement and gives way to the other.
func Weakest(a, b Delivery) Delivery {
	switch {
	case a == "":
		return b
	case b == "" || b.AtLeast(a):
		return a
	default:
		return b
	}
}

// participle is what the headline says of traces that were delivered with this word.
func (d Delivery) participle() string {
	switch d {
	case Verified, Acknowledged:
		return string(d)
	case HandedOver:
		return "handed over"
	default:
		return "accepted"
	}
}

// DeliveryCheck is what the configuration says about the pipelines behind one receiver.
type DeliveryCheck struct {
	// Delivery is the weakest word of all destinations.
	Delivery Delivery
	// Reason names the first stage that makes it weaker than acknowledged, and its remedy; empty
	// when there is none.
	Reason string
	// Notes are all remarks on stages, each with its remedy.
	Notes []string
}
