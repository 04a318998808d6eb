// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package finish ends the process when the work that it was started for is done.
//
// The collector's exit status is decided elsewhere: it is 1 when the Shutdown of a component
// returns an error, and 0 otherwise. What is missing is a way for a component to ask for the end.
// There are two: a fatal status event, and a signal to the own process. Both give the same exit
// status, and the collector drains everything after both. This package sends SIGTERM, for two
// reasons:
//
//   - A fatal event hangs the process when the collector is already stopping, for example because
//     of a SIGTERM in the same moment or because a second receiver reports its own end. The
//     collector hands the event over on an unbuffered channel that nobody reads any more, and holds
//     the lock of its status reporter meanwhile. Its own shutdown then waits for this lock. It
//     makes no difference which goroutine reports the event.
//   - The collector logs a fatal event as an error with a stack trace, also after a complete run.
//
// The collector installs its signal handler after all components have started. A SIGTERM before
// that moment kills the process before exporters have drained. So a member takes SIGTERM itself,
// and repeats the signal until its Shutdown is called.
//
// Windows has no such signal. There one fatal event is reported for the whole process, unless the
// collector is known to be stopping.
package finish

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// interval is the time between two signals to the own process.
const interval = 100 * time.Millisecond

// Member is one component whose work the process was started for.
type Member struct{ fallback func() }

// group holds the members of this process: signals belong to the process, too.
var group struct {
	mu      sync.Mutex
	members map[*Member]bool // whether the work is done
	signals chan os.Signal
	begin   chan struct{} // closed when all work is done
	begun   bool
	quit    chan struct{} // closed when the collector stops
	ended   chan struct{} // closed when no more signals are sent
	stopped bool          // a SIGTERM came before the work was done
}

// Join adds a member. The process ends when all members are done. fallback must report a fatal
// status event. It is called in a goroutine of its own, at most once for all members, where a
// process can't signal itself (Windows).
func Join(fallback func()) *Member {
	group.mu.Lock()
	defer group.mu.Unlock()
	m := &Member{fallback}
	if len(group.members) == 0 {
		group.members = map[*Member]bool{}
		group.signals = make(chan os.Signal, 1)
		group.begin, group.quit, group.ended = make(chan struct{}), make(chan struct{}), make(chan struct{})
		group.begun, group.stopped = false, false
		signal.Notify(group.signals, syscall.SIGTERM)
		go end(terminate, group.signals, group.begin, group.quit, group.ended)
	}
	group.members[m] = false
	return m
}

// end waits until the work is done, or until a SIGTERM arrives before the collector listens for it.
// Then it signals the process until the collector stops. It receives each signal that it sends
// before it returns: a signal that is delivered after the last handler is gone would kill the
// process.
func end(terminate func() error, signals <-chan os.Signal, begin, quit <-chan struct{}, ended chan<- struct{}) {
	defer close(ended)
	select {
	case <-begin:
	case <-signals:
		group.mu.Lock()
		group.stopped = true
		group.mu.Unlock()
	case <-quit:
		return
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := terminate(); err != nil {
			fallback()
			return
		}
		<-signals
		select {
		case <-tick.C:
		case <-quit:
			return
		}
	}
}

// fallback reports one fatal event, unless a member has left: the collector is stopping then.
func fallback() {
	group.mu.Lock()
	defer group.mu.Unlock()
	select {
	case <-group.quit:
		return
	default:
	}
	for m := range group.members {
		go m.fallback()
		return
	}
}

// Done reports that the member's work is over. It may be called more than once, and after Leave.
func (m *Member) Done() {
	group.mu.Lock()
	defer group.mu.Unlock()
	if _, in := group.members[m]; !in {
		return
	}
	group.members[m] = true
	for _, done := range group.members {
		if !done {
			return
		}
	}
	if !group.begun {
		group.begun = true
		close(group.begin)
	}
}

// Stopped reports whether the process was stopped by SIGTERM before all work was done.
func (m *Member) Stopped() bool {
	group.mu.Lock()
	defer group.mu.Unlock()
	return group.stopped
}

// Leave removes the member. A component calls it in Shutdown, and may call it more than once. No
// signal is sent after the first member has left: the collector is stopping, which is what the
// signals are for.
func (m *Member) Leave() {
	group.mu.Lock()
	if _, in := group.members[m]; !in {
		group.mu.Unlock()
		return
	}
	delete(group.members, m)
	last := len(group.members) == 0
	select {
	case <-group.quit:
	default:
		close(group.quit)
	}
	signals, ended := group.signals, group.ended
	group.mu.Unlock()
	<-ended
	if last {
		signal.Stop(signals)
	}
}
