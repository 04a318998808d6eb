// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package scores

import (
	"strings"
	"sync"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// names gives assessments the names of their attributes, and bounds how many different ones there
// are.
type names struct {
	prefix string
	form   genai.ScoreNames
	rename map[string]string
	max    int

	mu    sync.RWMutex
	known map[[2]string]attribute // by original name and kind of source
	used  map[string]owner        // by key
	keys  []string                // by index
}

// attribute is what has become of a name.
type attribute struct {
	key    string // empty: nothing of the name can be kept
	index  int    // of the key in this process
	shared bool   // another name, too, has become this key, and did so earlier
}

// owner is the name that became a key first.
type owner struct {
	index   int
	name    string // with its source
	renamed bool
}

// attribute returns the attribute for an assessment's name and, if it isn't empty, its kind of
// source; full is true when the process has too many. A key that the configuration gives to several
// names on purpose is not shared.
func (n *names) attribute(name, source string) (a attribute, full bool) {
	n.mu.RLock()
	a, ok := n.known[[2]string{name, source}]
	n.mu.RUnlock()
	if ok {
		return a, false
	}
	if len(name)+len(source) > 1<<12 { // no name; hashing it again and again would cost
		return attribute{}, false
	}
	to, renamed := n.rename[name]
	if !renamed {
		to = name
	}
	if a.key = n.form.Of(to); a.key != "" {
		if source != "" {
			a.key = n.form.Of(to + "_" + source)
		}
		a.key = n.prefix + a.key
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.key != "" {
		first, ok := n.used[a.key]
		if !ok {
			if len(n.keys) >= n.max {
				return attribute{}, true
			}
			first = owner{len(n.keys), name + "\x00" + source, renamed}
			n.used[a.key] = first
			n.keys = append(n.keys, a.key)
		}
		a.index, a.shared = first.index, first.name != name+"\x00"+source && !first.renamed && !renamed
	}
	if len(n.known) < 4*n.max {
		n.known[[2]string{strings.Clone(name), strings.Clone(source)}] = a
	}
	return a, false
}
