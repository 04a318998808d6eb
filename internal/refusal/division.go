// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package refusal

// Part is a part of a batch that is sent in one call.
type Part[T any] struct {
	Items []T
	Check bool // sent alone to find out whether the destination takes anything
	Again bool // sent before
}

// Division divides a batch into the parts that are sent: all of it at first, and halves of what is
// refused, down to single items. It is not safe for concurrent use.
type Division[T any] struct {
	parts   []Part[T] // the next one is the last
	checked bool
}

// Divide returns the division of a batch. again says that its items were sent before.
func Divide[T any](items []T, again bool) *Division[T] {
	return &Division[T]{parts: []Part[T]{{Items: items, Again: again}}}
}

// Next returns the part to send next; false when none is left. The caller says what became of it:
// nothing for one that was accepted, else Retry or Refuse.
func (d *Division[T]) Next() (p Part[T], ok bool) {
	if len(d.parts) == 0 {
		return p, false
	}
	last := len(d.parts) - 1
	p, d.parts = d.parts[last], d.parts[:last]
	return p, true
}

// Probe cuts a part down to its first item, as a check. The others follow later.
func (d *Division[T]) Probe(p Part[T]) Part[T] {
	if len(p.Items) == 1 {
		return p
	}
	d.parts = append(d.parts, Part[T]{p.Items[1:], false, p.Again})
	return Part[T]{p.Items[:1], true, p.Again}
}

// Retry sends items once more, after an error that may pass.
func (d *Division[T]) Retry(items []T) {
	d.parts = append(d.parts, Part[T]{items, false, true})
}

// Refuse divides items that were refused together. The first time one of them goes
// alone, as a check: where the destination refuses everything, nothing is divided further.
func (d *Division[T]) Refuse(items []T) {
	cut := len(items) / 2
	if !d.checked {
		cut = 1
	}
	if cut < len(items) {
		d.parts = append(d.parts, Part[T]{items[cut:], false, true})
	}
	d.parts = append(d.parts, Part[T]{items[:cut], !d.checked, true})
	d.checked = true
}
