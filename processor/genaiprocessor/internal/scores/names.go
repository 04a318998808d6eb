package scores

import (
	"strings"
	"sync"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// names gives assessments the names of their attributes, and bounds how many different ones there are.
type names struct {
	prefix string
	rename map[string]string
	max    int

	mu    sync.RWMutex
	known map[string]string // original name to attribute, empty for one that has none
	used  map[string]bool   // attributes
}

// attribute returns the name of the attribute for an assessment's name. It is empty when nothing of the name can be kept; full is true when the process has too many.
func (n *names) attribute(name string) (key string, full bool) {
	n.mu.RLock()
	key, ok := n.known[name]
	n.mu.RUnlock()
	if ok {
		return key, false
	}
	if len(name) > 1<<12 { // no name; hashing it again and again would cost
		return "", false
	}
	to, renamed := n.rename[name]
	if !renamed {
		to = name
	}
	if key = genai.ScoreName(to); key != "" {
		key = n.prefix + key
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if key != "" && !n.used[key] {
		if len(n.used) >= n.max {
			return "", true
		}
		n.used[key] = true
	}
	if len(n.known) < 4*n.max {
		n.known[strings.Clone(name)] = key
	}
	return key, false
}
