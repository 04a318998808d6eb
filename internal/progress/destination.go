// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"time"

	"go.opentelemetry.io/collector/component"
)

// DestinationSink takes what an exporter knows of the places that it writes to. The mlflow_report
// extension is one; exporters find it among the extensions of the host.
type DestinationSink interface {
	// PublishDestination takes the newest state of one destination; the last one for (Exporter,
	// Name) counts. Exporters call it at least at their Shutdown, which comes before that of
	// extensions.
	PublishDestination(Destination)
}

// Verification says what is known of the arrival of what was sent.
type Verification string

// The states of a verification.
const (
	NotVerified Verification = "not_verified" // nobody counted there: an answer of success is all that is known
	Arrived     Verification = "arrived"      // everything that was sent is there
	Short       Verification = "short"        // something that was sent is not there
)

// Destination is the state of one table that an exporter writes to. Counts are of items (spans, log
// records, data points) in this process.
type Destination struct {
	Exporter component.ID
	Name     string // catalog.schema.table
	Signal   string // traces, logs, metrics
	Sent     int64  // accepted by the destination's answer
	Rejected int64  // given up: refused for good
	// DeadLettered is the part of Rejected that lies in the dead-letter file.
	DeadLettered int64
	// Held says why data waits right now, with the one statement or click that fixes it; empty
	// while data flows.
	Held      string
	HeldSince time.Time
	// Refused is true while the hold ends only when a person does something; false while the
	// destination is away or busy.
	Refused bool
	// Problems are findings of preflight and refusals, for people; no content, no credential.
	Problems []string

	Verification Verification
	// Detail says why nothing was counted, or what is missing.
	Detail string
	// Arrived, Missing and Repeated are counted at the destination; they mean nothing while
	// Verification is NotVerified.
	Arrived, Missing, Repeated int64
}
