// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"cmp"
	"slices"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
)

// result turns what happened into the error of the attempt.
//
// What was refused is given up only once nothing has to be tried again: until then it stays with
// the rest, so that the last attempt knows all that is refused.
func (a *attempt[T]) result() error {
	if len(a.rest) > 0 && a.overdue && a.DeadLetters != nil {
		for _, r := range a.rest {
			a.refused = append(a.refused, refusal{r, reasonHeldTooLong, a.message})
		}
		a.rest = nil
	}
	if len(a.rest) > 0 {
		for _, r := range a.refused {
			a.rest = append(a.rest, r.Range)
		}
		return a.delayed(a.part(joined(a.rest)...), a.message)
	}
	if len(a.refused) == 0 {
		return nil
	}
	if a.DeadLetters == nil {
		ranges := make([]batch.Range, len(a.refused))
		for i, r := range a.refused {
			ranges[i] = r.Range
		}
		first := a.refused[0]
		return consumererror.NewPermanent(
			a.Kind.Undelivered(&Refused{first.reason, first.message}, a.part(joined(ranges)...)),
		)
	}
	return a.deadLetter()
}

// deadLetter puts what was refused into the dead-letter file. If the file can't be written, it is
// tried again.
func (a *attempt[T]) deadLetter() error {
	for i, r := range a.refused {
		b := a.part(r.Range)
		if err := a.DeadLetter(b, r.reason, r.message); err != nil {
			var left []batch.Range
			for _, l := range a.refused[i:] {
				left = append(left, l.Range)
			}
			a.Status.Wait(err.Error(), a.Now())
			return a.delayed(a.part(joined(left)...), err.Error())
		}
	}
	return nil
}

// write puts a batch into the dead-letter file.
func (s *Sender[T]) write(b T, items int, rejected int64, reason, message string) error {
	line, err := s.Kind.JSON(b)
	if err != nil {
		return err
	}
	return s.DeadLetters.write(note{
		Time: s.Now().
			UTC(),
		Exporter: s.Exporter, Destination: s.Status.Name(), Signal: s.Kind.Path(), Reason: reason, Message: message,
		Items: items, Rejected: rejected,
	}, line)
}

// DeadLetter puts data that no destination takes into the dead-letter file, and counts it. After an
// error, which is a *Delayed, it was not given up.
func (s *Sender[T]) DeadLetter(b T, reason, message string) error {
	items := s.Kind.Items(b)
	if err := s.write(b, items, 0, reason, message); err != nil {
		return &Delayed{Message: "dead_letter can't be written: " + err.Error()}
	}
	s.Status.Rejected(reason, int64(items), int64(items), message)
	return nil
}

// Refuse gives back data that no destination takes, as a permanent error, and counts it. With a
// dead-letter file it goes there.
func (s *Sender[T]) Refuse(b T, reason, message string) error {
	if s.DeadLetters != nil {
		return s.DeadLetter(b, reason, message)
	}
	s.Status.Returned(reason, int64(s.Kind.Items(b)), message)
	return consumererror.NewPermanent(&Refused{Reason: reason, Message: message})
}

// Drop is for data that exists nowhere else once it returns: it goes to the dead-letter file if
// there is one, and is counted.
func (s *Sender[T]) Drop(b T, reason, message string) {
	items := s.Kind.Items(b)
	dead := 0
	if s.DeadLetters != nil {
		if err := s.write(b, items, 0, reason, message); err == nil {
			dead = items
		} else {
			message += "; dead_letter can't be written: " + err.Error()
		}
	}
	s.Status.Rejected(reason, int64(items), int64(dead), message)
}

// joined sorts ranges and joins those that touch.
func joined(ranges []batch.Range) []batch.Range {
	out := slices.Clone(ranges)
	slices.SortFunc(out, func(a, b batch.Range) int { return cmp.Compare(a.From, b.From) })
	n := 0
	for _, r := range out[1:] {
		if out[n].To == r.From {
			out[n].To = r.To
		} else {
			n++
			out[n] = r
		}
	}
	return out[:n+1]
}
