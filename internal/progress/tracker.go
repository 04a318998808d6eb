// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import "sync"

// Tracker turns completions in any order into progress in order: a value is released once it and
// everything begun before it is done. The zero Tracker is ready; its methods may be called at the
// same time.
type Tracker[T any] struct {
	mu    sync.Mutex
	queue []*Ticket[T]
}

// Ticket is one begun piece of work.
type Ticket[T any] struct {
	value T
	done  bool
}

// Begin registers the next piece of work, in the order in which its results must be released.
func (t *Tracker[T]) Begin() *Ticket[T] {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := &Ticket[T]{}
	t.queue = append(t.queue, k)
	return k
}

// Done completes a ticket with its result and calls release for every result that is now in order,
// oldest first. release runs under the tracker's lock, so calls of it never overlap and keep the
// order.
func (t *Tracker[T]) Done(k *Ticket[T], value T, release func(T)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k.value, k.done = value, true
	n := 0
	for n < len(t.queue) && t.queue[n].done {
		release(t.queue[n].value)
		n++
	}
	t.queue = append(t.queue[:0], t.queue[n:]...)
}

// Open returns the number of tickets that are not released yet.
func (t *Tracker[T]) Open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue)
}
