package send

import (
	"sync"
	"time"
)

// hold is the state of a destination that the workspace refused: requests wait without asking, and from time to time one of them asks.
type hold struct {
	mu      sync.Mutex
	held    bool
	since   time.Time // when it began to be a reason to give data up some time; zero while it is none
	next    time.Time // when one may ask again
	message string
}

// admit reports whether a request may go out. If not, it says why, and how long to wait.
func (h *hold) admit(now time.Time, interval time.Duration) (ok bool, message string, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.held {
		return true, "", 0
	}
	if now.Before(h.next) {
		return false, h.message, h.next.Sub(now)
	}
	h.next = now.Add(interval)
	return true, "", 0
}

// begin holds, or goes on holding. A hold that does not count is no reason to give data up, however long it lasts.
func (h *hold) begin(message string, now time.Time, interval time.Duration, counts bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !counts:
		h.since = time.Time{}
	case h.since.IsZero():
		h.since = now
	}
	h.held, h.message, h.next = true, message, now.Add(interval)
}

// end lets everything go out.
func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held, h.since = false, time.Time{}
}

// lasts says for how long the destination has been held in a way that counts; 0 when it has not.
func (h *hold) lasts(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		return 0
	}
	return now.Sub(h.since)
}
