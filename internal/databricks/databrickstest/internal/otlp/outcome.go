// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"net/http"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
)

// Outcome is how the OTLP routes answer requests that name a table. The zero value is strict: what
// is well formed, for a table that fits, from a principal with grants is taken, all else refused. A
// Status without Write and a Reset without Write answer before any of that is checked.
type Outcome struct {
	// Drop answers as if all were well and writes nothing.
	Drop bool
	// Status, if not 0, refuses; nothing is written unless Write is set. The error document is the
	// documented or likely one for the status.
	Status int
	// RetryAfter is the header of that name: seconds, an HTTP date, or empty for none.
	RetryAfter string
	// Code and Message replace those of the error document.
	Code, Message string
	// Reason is the X-Databricks-Reason-Phrase of the answer. Without a Status the answer is 200 with
	// an empty body, and nothing is written: as the edge of Zerobus refuses.
	Reason string
	// Empty leaves out the error document.
	Empty bool
	// HTML answers with a page, as proxies do.
	HTML bool
	// Write writes the rows although the request is then refused or reset.
	Write bool
	// Reset closes the connection without an answer.
	Reset bool
	// Garbage answers 200 with a body that is no OTLP response.
	Garbage bool
	// Reject refuses so many spans, log records or data points (the first ones) with a partial
	// success; the rest is written.
	Reject int
	// Delay is real time before the request is worked on; Until holds it until the channel is
	// closed.
	Delay time.Duration
	Until <-chan struct{}
}

// Outcomes that tests ask for most.
var (
	Take       = Outcome{}
	SilentDrop = Outcome{Drop: true}
	// Ambiguous writes the rows, then closes the connection without an answer.
	Ambiguous = Outcome{Write: true, Reset: true}
)

// Refuse answers with a status.
func Refuse(status int) Outcome { return Outcome{Status: status} }

// Edge answers 200 with a reason phrase and writes nothing.
func Edge(reason string) Outcome { return Outcome{Reason: reason} }

// Throttle answers 429; retryAfter may be empty.
func Throttle(retryAfter string) Outcome {
	return Outcome{Status: http.StatusTooManyRequests, RetryAfter: retryAfter}
}

// Partly rejects n of each request.
func Partly(n int) Outcome { return Outcome{Reject: n} }

// SetOutcome answers OTLP requests for a table (full name; "" for all tables without an outcome of
// their own) so until it is changed.
func (w *Ingest) SetOutcome(table string, o Outcome) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.otlp.standing[catalog.Key(table)] = o
}

// NextOutcomes answers the next n OTLP requests for a table ("" for any) so, after those that were
// ordered before. They go before SetOutcome.
func (w *Ingest) NextOutcomes(table string, n int, o Outcome) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	for range n {
		w.otlp.next[catalog.Key(table)] = append(w.otlp.next[catalog.Key(table)], o)
	}
}

// outcome takes the outcome for a request off the queue. Under the lock.
func (w *Ingest) outcome(table string) Outcome {
	for _, k := range []string{catalog.Key(table), ""} {
		if q := w.otlp.next[k]; len(q) > 0 {
			w.otlp.next[k] = q[1:]
			return q[0]
		}
	}
	if o, ok := w.otlp.standing[catalog.Key(table)]; ok {
		return o
	}
	return w.otlp.standing[""]
}
