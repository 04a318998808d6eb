package send

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/outcome"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
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
	a.Status.Identify(d.String())
	if h := a.Gate.Admit(d, a.began); h != nil {
		a.held(h)
		return false
	}
	return true
}

// held notes why the workspace is not asked now.
func (a *attempt[T]) held(h *preflight.Held) {
	a.message, a.delay, a.unasked, a.overdue = h.Message, h.Wait, true, h.Overdue
	if !h.Pending {
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
		switch v.Action {
		case outcome.Accept:
			a.Gate.Accepted()
			a.Status.Flow()
		case outcome.Split:
			if part.Len() > 1 {
				one, two := part.Halves()
				a.rest = append([]batch.Range{one, two}, a.rest[1:]...)
				continue
			}
			a.refused = append(a.refused, refusal{part, v.Reason, v.Message})
		case outcome.Refuse:
			a.refused = append(a.refused, refusal{part, v.Reason, v.Message})
		default:
			a.waits(v)
			return
		}
		a.rest = a.rest[1:]
	}
}

// waits notes why nothing more can be sent now.
func (a *attempt[T]) waits(v outcome.Verdict) {
	a.message, a.delay = v.Message, v.Delay
	switch v.Action {
	case outcome.Hold:
		if v.Label == outcome.NotFound {
			a.Target.Invalidate()
		}
		a.held(a.Gate.Refused(a.d, v.Message, v.Label == outcome.Forbidden || v.Label == outcome.NotFound, a.Now()))
	case outcome.SignIn:
		a.held(a.Gate.RefusedSignIn(v.Message, a.Now())) // no data is given up because a secret has expired
	default:
		a.Status.Wait(a.message, a.began)
		if v.Label == outcome.Throttled {
			a.Pacer.Pause(v.Delay)
		}
	}
}

// ask sends one part and judges the answer. It reports false when nothing was asked.
func (a *attempt[T]) ask(ctx context.Context, part batch.Range) (outcome.Verdict, bool) {
	b := a.part(part)
	if err := a.Pacer.Wait(ctx, max(1, a.traces(b))); err != nil {
		a.message = "there was no time left to wait for traces_per_second: " + err.Error()
		return outcome.Verdict{}, false
	}
	body, err := a.Kind.Marshal(b)
	if err != nil {
		return outcome.Verdict{Action: outcome.Refuse, Reason: outcome.Invalid, Message: "the data can't be written as protobuf: " + err.Error()}, true
	}
	a.began = a.Now() // later than parts that were taken
	answer := a.Link.post(ctx, a.d, body)
	if answer.Err != nil && ctx.Err() != nil {
		a.Status.Request("canceled")
		a.message = "given up by the sender: " + context.Cause(ctx).Error()
		return outcome.Verdict{}, false
	}
	items := a.Kind.Items(b)
	v := outcome.Judge(outcome.Request{
		Destination: a.d, Items: items, Principal: a.Link.Principal, Path: a.Link.Path, TableHeader: a.Link.TableHeader, Rejected: a.Kind.Rejected, Now: a.Now(),
	}, answer)
	a.Status.Request(v.Label)
	if v.Action == outcome.Accept {
		a.accepted(b, items, v)
	}
	return v, true
}

func (a *attempt[T]) traces(b T) int {
	if a.Pacer == nil {
		return 0
	}
	return a.Kind.Traces(b)
}

// accepted keeps the books of a request that the workspace took.
func (a *attempt[T]) accepted(b T, items int, v outcome.Verdict) {
	if td, ok := any(b).(ptrace.Traces); ok {
		a.Verifier.Acknowledged(a.d, td, v.Rejected)
	}
	a.Status.Sent(int64(items) - v.Rejected)
	if v.Rejected == 0 {
		return
	}
	dead := int64(0)
	if a.DeadLetter != nil && a.write(b, items, v.Rejected, v.Reason, v.Message) == nil {
		dead = v.Rejected
	}
	a.Status.Rejected(v.Reason, v.Rejected, dead, v.Message)
}

// part is a part of the batch; the batch itself when that is all of it.
func (a *attempt[T]) part(ranges ...batch.Range) T {
	if len(ranges) == 1 && ranges[0] == a.whole {
		return a.b
	}
	return a.Kind.Pick(a.b, ranges...)
}

// jittered adds up to a tenth, so that those who were told the same time don't come back at once.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*float64(d)/10)
}

// delayed is the error for a rest.
func (a *attempt[T]) delayed(rest T, message string) error {
	err := a.Kind.Undelivered(&Delayed{message}, rest)
	if d := a.delay; d > 0 {
		if !a.unasked {
			d = jittered(d)
		}
		return exporterhelper.NewThrottleRetry(err, d)
	}
	return err
}

func permanent(err error) error { return consumererror.NewPermanent(err) }
