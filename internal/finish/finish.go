// Package finish ends the process once the work that it was started for is done.
//
// A receiver can't ask the collector to stop with a chosen exit status: a fatal status event exits 0, and a SIGTERM sent before the collector has installed its
// handler kills the process undrained. So a member first takes SIGTERM itself and then signals the process again and again until its Shutdown comes; exit
// status 1 is what Shutdown's error makes. The collector drains everything either way.
package finish

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// interval between two signals to the own process.
const interval = 100 * time.Millisecond

// Member is one component whose end the process waits for.
type Member struct{ fallback func() }

// The group is the process's: signals are too.
var group struct {
	mu      sync.Mutex
	members map[*Member]bool // done
	signals chan os.Signal
	begin   chan struct{} // closed when the work is done
	begun   bool
	quit    chan struct{} // closed when the collector stops
	ended   chan struct{} // closed when nothing is sent any more
}

// Join adds a member; the process ends when every member is done. Where a process can't signal itself (Windows), fallback is called instead, in a goroutine of its own.
func Join(fallback func()) *Member {
	group.mu.Lock()
	defer group.mu.Unlock()
	m := &Member{fallback}
	if len(group.members) == 0 {
		group.members = map[*Member]bool{}
		group.signals = make(chan os.Signal, 1)
		group.begin, group.quit, group.ended = make(chan struct{}), make(chan struct{}), make(chan struct{})
		group.begun = false
		signal.Notify(group.signals, syscall.SIGTERM)
		go end(group.signals, group.begin, group.quit, group.ended)
	}
	group.members[m] = false
	return m
}

// end waits for the work to be done, or for a SIGTERM that came before the collector listened for it, and then signals the process until the collector stops.
// It takes back every signal that it sends: one that is still on its way when nobody listens any more would kill the process.
func end(signals <-chan os.Signal, begin, quit <-chan struct{}, ended chan<- struct{}) {
	defer close(ended)
	select {
	case <-begin:
	case <-signals:
	case <-quit:
		return
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := terminate(); err != nil {
			group.mu.Lock()
			defer group.mu.Unlock()
			for m := range group.members {
				go m.fallback()
			}
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

// Done says that the member's work is over.
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

// Leave takes the member out; it belongs into Shutdown and may be called more than once. No signal is sent after the first member left: the collector is stopping, which
// is what the signals were for.
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
