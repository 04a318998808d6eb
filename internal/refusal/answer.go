// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// PartialSuccess is the answer of a destination that stored a part of what one call carried.
type PartialSuccess struct {
	Rejected, Spans int64  // 0 < Rejected <= Spans
	Message         string // of the destination
	// Rest is the error for what was not taken, as the pipeline returned it; nil when everything was.
	Rest error
}

func (p *PartialSuccess) Error() string {
	text := fmt.Sprintf("%d of the %d spans that were sent together were rejected", p.Rejected, p.Spans)
	if p.Message != "" {
		text += ": " + p.Message
	}
	return text
}

// Permanent reports whether sending the same data again is pointless: only if every leaf of the
// error tree says so. A fan-out joins the errors of its branches, and one permanent branch must not
// cost the other its data.
func Permanent(err error) bool {
	if !consumererror.IsPermanent(err) {
		return false
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if joined, ok := e.(interface{ Unwrap() []error }); ok {
			for _, leaf := range joined.Unwrap() {
				if !Permanent(leaf) {
					return false
				}
			}
			return true
		}
	}
	return true
}

// Missing returns the ids of the traces that a partial error says were not taken, or nil when it
// doesn't say or can't be trusted because several destinations answered.
func Missing(err error) map[[16]byte]bool {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if _, joined := e.(interface{ Unwrap() []error }); joined {
			return nil
		}
	}
	var partial consumererror.Traces
	if !errors.As(err, &partial) {
		return nil
	}
	return traceIDs(partial.Data())
}

func traceIDs(td ptrace.Traces) map[[16]byte]bool {
	ids := map[[16]byte]bool{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				ids[s.TraceID()] = true
			}
		}
	}
	return ids
}

// Parts of addresses that may be secret.
var (
	user  = regexp.MustCompile(`(://)[^/\s"]*@`)
	query = regexp.MustCompile(`(://[^\s?"]*)\?[^\s"]*`)
)

// Message returns an error's text, without user and query of addresses in it, and cut: errors of destinations may be
// long.
func Message(err error) string {
	const most = 300
	s := strings.ToValidUTF8(err.Error(), "\uFFFD")
	s = query.ReplaceAllString(user.ReplaceAllString(s, "$1"), "$1")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// answered finds the status in the message of an OTLP exporter over HTTP: the code that its error
// carries is the same for several.
var answered = regexp.MustCompile(`HTTP Status Code (\d{3})`)

// Unavailable reports whether an error, permanent or not, says that the destination fails or is
// busy (429 and 5xx, and their counterparts of gRPC): it refuses nothing then, and a run waits for
// it.
func Unavailable(err error) bool {
	if m := answered.FindStringSubmatch(err.Error()); m != nil {
		return m[1] == "429" || m[1][0] == '5'
	}
	switch status.Code(err) {
	case codes.Internal, codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded,
		codes.DataLoss, codes.Aborted:
		return true
	}
	return false
}
