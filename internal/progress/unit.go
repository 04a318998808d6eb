// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// PartiallyRejected is the reason for traces of a unit of which a destination stored some spans and
// rejected others. Sending them again would store the former twice, so no run does by itself.
const PartiallyRejected mlflow.Reason = "partially_rejected"

// Unit is what a receiver hands to a pipeline in one call. It travels in the context of the call, so
// that what reads the destination's answer can say what became of it. Its methods may be called at
// the same time.
type Unit struct {
	spans int64

	mu       sync.Mutex
	rejected int64
	message  string
	refined  map[[16]byte]*aggregate.Refined
	by       string // the processor whose refinements are kept
	unnamed  bool   // see WithholdNames
	plain    bool   // see KeepNoRefinements
}

// NewUnit returns a unit of a number of spans.
func NewUnit(spans int) *Unit { return &Unit{spans: int64(spans)} }

// Carry sets the number of spans, before the unit is handed over.
func (u *Unit) Carry(spans int) { u.spans = int64(spans) }

// Spans is the number of spans that the receiver handed over.
func (u *Unit) Spans() int64 { return u.spans }

// Reject notes that a destination stored a part of the unit and rejected n spans for good. The
// message is the destination's; the first one is kept. On a nil unit it does nothing.
func (u *Unit) Reject(n int64, message string) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.rejected == 0 {
		u.message = message
	}
	u.rejected += n
}

// Rejected is the number of spans that destinations rejected, at most all of them, and the first
// message.
func (u *Unit) Rejected() (n int64, message string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return min(u.rejected, u.spans), u.message
}

// KeepNoRefinements says that nothing asks what processors did with the traces, before the unit is handed over.
func (u *Unit) KeepNoRefinements() { u.plain = true }

// KeepsRefinements reports whether processors should call Refine. A nil unit does not ask for it.
func (u *Unit) KeepsRefinements() bool { return u != nil && !u.plain }

// Refine notes what a processor did with a trace of the unit. Of several processors the one whose id comes first
// counts, so that a trace that takes two ways counts once; what a processor notes of a trace again replaces what it
// noted before.
func (u *Unit) Refine(processor component.ID, traceID [16]byte, r *aggregate.Refined) {
	id := processor.String()
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.refined == nil || id < u.by:
		u.refined, u.by = map[[16]byte]*aggregate.Refined{}, id
	case id > u.by:
		return
	}
	u.refined[traceID] = r
}

// Refined returns what was done with a trace; nil where that is not known.
func (u *Unit) Refined(traceID [16]byte) *aggregate.Refined {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.refined[traceID]
}

// WithholdNames notes that a processor treats content: names of spans, which a person may have written, are shown in no
// report. On a nil unit it does nothing.
func (u *Unit) WithholdNames() {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unnamed = true
}

// NamesWithheld reports whether WithholdNames was called.
func (u *Unit) NamesWithheld() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.unnamed
}

type unitKey struct{}

// WithUnit returns a context that carries a unit.
func WithUnit(ctx context.Context, u *Unit) context.Context {
	return context.WithValue(ctx, unitKey{}, u)
}

// UnitOf returns the unit that a context carries, or nil: the data comes from another receiver, or a
// queue on disk or a batch lies between.
func UnitOf(ctx context.Context) *Unit {
	u, _ := ctx.Value(unitKey{}).(*Unit)
	return u
}

// AnswerError is the error for an answer that no OTLP destination gives: a web page, or a redirect
// that would lose the request. Sending again may help once a person has corrected something, so it
// counts as a refusal of the destination.
type AnswerError struct {
	Message string // names the place, without credentials
}

func (e *AnswerError) Error() string { return e.Message }

// GRPCStatus makes exporters over gRPC send again.
func (e *AnswerError) GRPCStatus() *status.Status { return status.New(codes.Unavailable, e.Message) }

// Find returns the extension of the host that has the interface T; of several the one whose id comes
// first, so that all components find the same. It returns the zero T when there is none.
func Find[T any](host component.Host) (found T) {
	first := ""
	for id, ext := range host.GetExtensions() {
		if v, ok := ext.(T); ok && (first == "" || id.String() < first) {
			found, first = v, id.String()
		}
	}
	return found
}
