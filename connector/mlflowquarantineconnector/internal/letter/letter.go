// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package letter makes dead letters: traces with two attributes on each resource that say why they were refused. It
// removes these from a dead letter that is fed back.
package letter

import (
	"errors"
	"regexp"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// Attributes of the resources of a dead letter.
const (
	ReasonKey  = "mlflow.quarantine.reason"
	MessageKey = "mlflow.quarantine.message"
)

// Reasons beside the HTTP statuses and gRPC codes.
const (
	partiallyRejected = "partially_rejected" // the destination stored a part of what was sent together with the trace
	other             = "refused"
)

// Seal appends a trace to td, with why it was refused.
func Seal(td, one ptrace.Traces, reason, message string) {
	for _, rs := range one.ResourceSpans().All() {
		to := td.ResourceSpans().AppendEmpty()
		rs.CopyTo(to)
		to.Resource().Attributes().PutStr(ReasonKey, reason)
		to.Resource().Attributes().PutStr(MessageKey, message)
	}
}

// Open returns traces without what Seal adds: td itself where there is nothing of it, else a copy.
func Open(td ptrace.Traces) ptrace.Traces {
	copied := false
	for i := range td.ResourceSpans().Len() {
		attrs := td.ResourceSpans().At(i).Resource().Attributes()
		if _, sealed := attrs.Get(ReasonKey); !sealed {
			continue
		}
		if !copied {
			opened := ptrace.NewTraces()
			td.CopyTo(opened)
			td, copied = opened, true
			attrs = td.ResourceSpans().At(i).Resource().Attributes()
		}
		attrs.Remove(ReasonKey)
		attrs.Remove(MessageKey)
	}
	return td
}

// answered finds the status in the message of an OTLP exporter over HTTP.
var answered = regexp.MustCompile(`HTTP Status Code (\d{3})`)

// Reason is why something was refused, in one word: the HTTP status, the gRPC code, partially_rejected or refused.
func Reason(err error) string {
	if _, ok := errors.AsType[*refusal.PartialSuccess](err); ok {
		return partiallyRejected
	}
	if m := answered.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	if code := status.Code(err); code != codes.Unknown {
		return code.String()
	}
	return other
}
