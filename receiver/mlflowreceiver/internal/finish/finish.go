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
	quit    chan struct{}
	ending  bool
	wg      sync.WaitGroup
}

// Join adds a member; the process ends when every member is done. Where a process can't signal itself (Windows), fallback is called instead, in a goroutine of its own.
func Join(fallback func()) *Member {
	group.mu.Lock()
	defer group.mu.Unlock()
	m := &Member{fallback}
	if len(group.members) == 0 {
		group.members = map[*Member]bool{}
		group.signals = make(chan os.Signal, 1)
		group.quit = make(chan struct{})
		group.ending = false
		signal.Notify(group.signals, syscall.SIGTERM)
		group.wg.Add(1)
		go listen(group.signals, group.quit)
	}
	group.members[m] = false
	return m
}

// listen makes a SIGTERM that came before the collector listened for it count.
func listen(signals <-chan os.Signal, quit <-chan struct{}) {
	defer group.wg.Done()
	select {
	case <-signals:
		group.mu.Lock()
		defer group.mu.Unlock()
		end()
	case <-quit:
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
	end()
}

// end starts to signal; group.mu is held.
func end() {
	select {
	case <-group.quit:
		return
	default:
	}
	if group.ending || len(group.members) == 0 {
		return
	}
	group.ending = true
	var fallbacks []func()
	for m := range group.members {
		fallbacks = append(fallbacks, m.fallback)
	}
	group.wg.Add(1)
	go func(quit <-chan struct{}) {
		defer group.wg.Done()
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			if err := terminate(); err != nil {
				for _, f := range fallbacks {
					go f()
				}
				return
			}
			select {
			case <-tick.C:
			case <-quit:
				return
			}
		}
	}(group.quit)
}

// Leave takes the member out; it belongs into Shutdown and may be called more than once. No signal is sent after the last member left.
func (m *Member) Leave() {
	group.mu.Lock()
	if _, in := group.members[m]; !in {
		group.mu.Unlock()
		return
	}
	delete(group.members, m)
	// The collector is stopping: that is what the signals were for.
	last := len(group.members) == 0
	select {
	case <-group.quit:
	default:
		close(group.quit)
	}
	group.mu.Unlock()
	group.wg.Wait()
	if last {
		signal.Stop(group.signals)
	}
}
