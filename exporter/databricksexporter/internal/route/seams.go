package route

import (
	"context"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Held is the error of Gate.Hold. An error of another type counts as one without flags: a fault that a person has to mend.
type Held struct {
	Message string
	// Looking: nothing is known yet, and soon will be. It is no news for anybody, and data is asked for again within a second or so.
	Looking bool
	// Passes: trouble that passes by itself, such as a workspace that can't be reached, or that is not the destination's, such as a refused sign-in. No data is given up because
	// of it, however long it lasts.
	Passes bool
}

// Error implements error.
func (h *Held) Error() string { return h.Message }

// Gate is preflight: what is known of destinations before data is sent there. Its methods may be called at the same time.
type Gate interface {
	// Start checks the destinations that the configuration names, in the background; with on_failure: fail it waits a bounded time for definite answers and returns the
	// faults. An unreachable workspace is no fault. The context is good for the call only.
	Start(ctx context.Context, fixed []Destination) error
	// Hold returns nil, or why nothing can be written to a destination: one sentence that names the grant, table or setting and the statement that mends it. It answers at
	// once, from what is known; a destination that it sees for the first time is checked in the background. It is asked before each request, and a fault is looked at again
	// from time to time, so that a grant given later lets data flow without a restart. Errors are *Held.
	Hold(d Destination) error
	// Refused tells that the workspace answered with 403 or 404 though the gate was open: look again soon. It answers at once. The returned sentence, if any, names the fault
	// more exactly than the answer did.
	Refused(d Destination) string
	// Shutdown ends what runs in the background. It may be called without Start and twice.
	Shutdown(ctx context.Context) error
}

// Ledger is verification: what was sent, to be counted in the table afterwards. Its methods may be called at the same time.
type Ledger interface {
	// Acknowledged is called after the workspace answered a request with success, with exactly the spans of that request as they were sent; they may be read during the call
	// only. rejected is how many of them a partial success refused, without saying which.
	Acknowledged(d Destination, td ptrace.Traces, rejected int64)
	// Finish counts in the tables, after everything was drained and before the report, until ctx ends. Each element names its destination (Name, Signal) and fills what
	// verification knows: Verification, Detail, Arrived, Missing, Repeated; the exporter adds the rest. The error is non-nil when something that was acknowledged did not
	// arrive; Shutdown returns it.
	Finish(ctx context.Context) ([]progress.Destination, error)
}

// OpenGate is a gate that knows nothing and holds nothing.
type OpenGate struct{}

// Start does nothing.
func (OpenGate) Start(context.Context, []Destination) error { return nil }

// Hold returns nil.
func (OpenGate) Hold(Destination) error { return nil }

// Refused knows nothing.
func (OpenGate) Refused(Destination) string { return "" }

// Shutdown does nothing.
func (OpenGate) Shutdown(context.Context) error { return nil }

// NoLedger counts nothing.
type NoLedger struct{}

// Acknowledged does nothing.
func (NoLedger) Acknowledged(Destination, ptrace.Traces, int64) {}

// Finish knows nothing.
func (NoLedger) Finish(context.Context) ([]progress.Destination, error) { return nil, nil }
