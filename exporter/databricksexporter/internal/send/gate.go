package send

import (
	"sync"
	"time"
)

// hold is the state of a destination that the workspace refused: requests wait without asking, and from time to time one of them asks.
type hold struct {
	mu      sync.Mutex
	held    bool
	since   time.Time
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

// begin holds, or goes on holding.
func (h *hold) begin(message string, now time.Time, interval time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.held {
		h.held, h.since = true, now
	}
	h.message, h.next = message, now.Add(interval)
}

// end lets everything go out.
func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = false
}

// lasts says for how long the destination has been held; 0 when it is not.
func (h *hold) lasts(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.held {
		return 0
	}
	return now.Sub(h.since)
}
