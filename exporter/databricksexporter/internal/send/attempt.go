// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// attempt is what happened to the parts of one batch.
type attempt[T any] struct {
	*Sender[T]
	d     route.Destination
	b     T
	whole batch.Range
	began time.Time

	refused []refusal
	rest    []batch.Range // not tried, or to be tried again
	message string        // why there is a rest
	delay   time.Duration
	unasked bool // the delay is ours, not the workspace's
	overdue bool // it was held for too long
}

type refusal struct {
	batch.Range
	reason, message string
}

// admitted reports whether the workspace may be asked at all; if not, everything is rest.
func (a *attempt[T]) admitted(ctx context.Context) bool {
	a.rest = []batch.Range{a.whole}
	if message, _ := a.Status.Waiting(); message != "" && a.stopping.Load() {
		a.message = message
		return false
	}
	d, err := a.Target.Resolve(ctx)
	if err != nil {
		var f *route.Fault
		if !errors.As(err, &f) {
			a.message = err.Error()
			return false
		}
		a.held(a.Gate.Unresolved(f, a.Now()))
		return false
	}
	a.d = d
	if h := a.Gate.Admit(d, a.began); h != nil {
		a.held(h)
		return false
	}
	return true
}

// held notes why the workspace is not asked now.
func (a *attempt[T]) held(h *preflight.Held) {
	a.message, a.delay, a.unasked, a.overdue = h.Message, h.Wait, true, h.Overdue
	switch {
	case h.Refused:
		a.Status.Hold(h.Message, a.began)
	case !h.Pending:
		a.Status.Wait(h.Message, a.began)
	}
}

// run sends part by part until all are through or one has to wait.
func (a *attempt[T]) run(ctx context.Context) {
	if most := a.Pacer.Most(); most > 0 {
		a.rest = a.Kind.Paces(a.b, most)
	}
	for len(a.rest) > 0 {
		part := a.rest[0]
		v, ok := a.ask(ctx, part)
		if !ok {
			return
		}
		switch v.action {
		case actionAccept:
			a.Gate.Accepted()
			a.Status.Flow()
		case actionSplit:
			if part.Len() > 1 {
				one, two := part.Halves()
				a.rest = append([]batch.Range{one, two}, a.rest[1:]...)
				continue
			}
			a.refused = append(a.refused, refusal{part, v.reason, v.message})
		case actionRefuse:
			a.refused = append(a.refused, refusal{part, v.reason, v.message})
		default:
			a.waits(v)
			return
		}
		a.rest = a.rest[1:]
	}
}

// waits notes why nothing more can be sent now.
func (a *attempt[T]) waits(v outcome) {
	a.message, a.delay = v.message, v.delay
	switch v.action {
	case actionHold:
		if v.label == labelNotFound {
			a.Target.Invalidate()
		}
		a.held(a.Gate.Refused(a.d, v.message, v.label == labelForbidden || v.label == labelNotFound, a.Now()))
	case actionSignIn:
		a.held(a.Gate.RefusedSignIn(v.message, a.Now())) // no data is given up because a secret has expired
	default:
		a.Status.Wait(a.message, a.began)
		if v.label == labelThrottled {
			a.Pacer.Pause(v.delay)
		}
	}
}

// ask sends one part and judges the answer. It reports false when nothing was asked.
func (a *attempt[T]) ask(ctx context.Context, part batch.Range) (outcome, bool) {
	b := a.part(part)
	if err := a.Pacer.Wait(ctx, max(1, a.traces(b))); err != nil {
		a.message = "there was no time left to wait for traces_per_second: " + err.Error()
		return outcome{}, false
	}
	body, err := a.Kind.Marshal(b)
	if err != nil {
		return outcome{
			action:  actionRefuse,
			reason:  reasonInvalid,
			message: "the data can't be written as protobuf: " + err.Error(),
		}, true
	}
	a.began = a.Now() // later than parts that were taken
	answer := a.Link.post(ctx, a.d, body)
	if answer.err != nil && ctx.Err() != nil {
		a.Status.Request("canceled")
		a.message = "given up by the sender: " + context.Cause(ctx).Error()
		return outcome{}, false
	}
	items := a.Kind.Items(b)
	v := judge(request{
		destination: a.d, items: items, principal: a.Link.Principal, path: a.Link.Path, tableHeader: a.Link.TableHeader,
		rejected: a.Kind.Rejected, now: a.Now(),
	}, answer)
	a.Status.Request(v.label)
	if v.action == actionAccept {
		a.accepted(ctx, b, items, v)
	}
	return v, true
}

func (a *attempt[T]) traces(b T) int {
	if a.Pacer == nil {
		return 0
	}
	return a.Kind.Traces(b)
}

// accepted records a request that the workspace took. What it rejected of it is noted in the unit of
// the receiver, which does not send it again.
func (a *attempt[T]) accepted(ctx context.Context, b T, items int, v outcome) {
	if td, ok := any(b).(ptrace.Traces); ok {
		a.Verifier.Acknowledged(a.d, td, v.rejected)
	}
	a.Status.Sent(int64(items) - v.rejected)
	if v.rejected == 0 {
		return
	}
	progress.UnitOf(ctx).Reject(v.rejected, v.message)
	dead := int64(0)
	if a.DeadLetters != nil && a.write(b, items, v.rejected, v.reason, v.message) == nil {
		dead = v.rejected
	}
	a.Status.Rejected(v.reason, v.rejected, dead, v.message)
}

// part is a part of the batch; the batch itself when that is all of it.
func (a *attempt[T]) part(ranges ...batch.Range) T {
	if len(ranges) == 1 && ranges[0] == a.whole {
		return a.b
	}
	return a.Kind.Pick(a.b, ranges...)
}

// jittered adds up to a tenth, so that requests that were told the same time are not repeated at
// once.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*float64(d)/10)
}

// delayed is the error for a rest.
func (a *attempt[T]) delayed(rest T, message string) error {
	wait := a.delay
	if !a.unasked {
		wait = jittered(wait)
	}
	err := a.Kind.Undelivered(&Delayed{Message: message, Wait: wait}, rest)
	if wait > 0 {
		return exporterhelper.NewThrottleRetry(err, wait)
	}
	return err
}
