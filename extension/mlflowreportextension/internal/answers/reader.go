// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Counts is what was asked and answered. Requests without an answer and those that the exporter
// judges itself are in Requests only.
type Counts struct {
	Requests int64 `json:"requests"`
	// Confirmed is the number of OTLP answers, Unconfirmed that of other answers of success, Refused
	// that of web pages and redirects, and of what RetryRefusals names.
	Confirmed   int64 `json:"confirmed"`
	Unconfirmed int64 `json:"unconfirmed"`
	Refused     int64 `json:"refused"`
	// Rejected is the number of spans, log records and data points that destinations rejected.
	Rejected int64 `json:"rejected"`
}

// Reader reads the answers to the requests of the exporters that name it. It is safe for concurrent
// use.
type Reader struct {
	log   *zap.Logger
	again bool // see RetryRefusals

	mu       sync.Mutex
	counts   Counts
	refusing map[string]string // the newest refusal of each place that gives nothing else
	doubt    string
	warned   map[string]bool
	logged   map[string]time.Time // when a refusal was logged last
}

// NewReader returns a reader that has seen nothing.
func NewReader(log *zap.Logger) *Reader {
	return &Reader{log: log, refusing: map[string]string{}, warned: map[string]bool{},
		logged: map[string]time.Time{}}
}

// Counts returns what was counted so far.
func (r *Reader) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// Refusing returns why a place takes nothing at the moment, although exporters send again and again:
// it answers with web pages or redirects, or with what RetryRefusals names. It is empty when no place does.
func (r *Reader) Refusing() (message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.refusing {
		if message == "" || m < message {
			message = m
		}
	}
	return message
}

// Doubt returns why it is not known whether a destination has everything that exporters sent there;
// empty when it is.
func (r *Reader) Doubt() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.doubt
}

// request is what is known of a request.
type request struct {
	ctx   context.Context
	place string // without credentials
	// spans is false when the address says that there are none in it.
	spans bool
}

// allRejected is the error for a unit of which the destination stored nothing.
type allRejected struct{ message string }

func (e *allRejected) Error() string { return e.message }

// asked counts a request.
func (r *Reader) asked() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Requests++
}

// judged notes an answer; what describes it for people. The error is what the exporter gets instead:
// a *progress.AnswerError or an *allRejected.
func (r *Reader) judged(q request, what string, a answer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.kind == kindWebPage || a.kind == kindRedirect {
		r.counts.Refused++
		message := fmt.Sprintf("%s answered %s, as a sign-in or a proxy does; correct the address or the credentials",
			q.place, what)
		r.refusing[q.place] = message
		return &progress.AnswerError{Message: message}
	}
	delete(r.refusing, q.place)
	switch a.kind {
	case kindOTLP:
		r.counts.Confirmed++
		r.counts.Rejected += a.rejected
		return r.rejected(q, a)
	case kindOther:
		r.counts.Unconfirmed++
		r.doubts(q, fmt.Sprintf("%s answered %s, which is no OTLP answer, so it is not known whether it has the data",
			q.place, what))
	}
	return nil
}

// rejected deals with what an OTLP answer rejects. r.mu is held.
func (r *Reader) rejected(q request, a answer) error {
	unit := progress.UnitOf(q.ctx)
	switch {
	case a.rejected == 0 && a.message == "":
	case a.rejected == 0:
		r.warn(q, "A destination took a request and has a remark: "+a.message)
	case unit == nil:
		r.warn(q, "A destination rejected a part of a request: "+a.message)
		r.doubts(q, fmt.Sprintf("%s rejected %d spans of a request that was queued on disk or put together of "+
			"several, so it is not known of which traces: %s", q.place, a.rejected, a.message))
	case a.rejected >= unit.Spans():
		return &allRejected{fmt.Sprintf("%s rejected all %d spans of a request: %s", q.place, unit.Spans(), a.message)}
	default:
		unit.Reject(a.rejected, a.message)
	}
	return nil
}

// doubts notes the first reason why it is not known whether spans have arrived. r.mu is held.
func (r *Reader) doubts(q request, why string) {
	if !q.spans {
		r.warn(q, why)
		return
	}
	if r.doubt == "" {
		r.doubt = why
		r.log.Warn("Delivery is unknown from here on: " + why)
	}
}

// warn logs a message once for each place. r.mu is held.
func (r *Reader) warn(q request, message string) {
	if !r.warned[q.place] {
		r.warned[q.place] = true
		r.log.Warn(message, zap.String("destination", q.place))
	}
}
