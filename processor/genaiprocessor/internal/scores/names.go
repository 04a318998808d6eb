package scores

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// maxName is the longest name of an assessment in an attribute's name.
const maxName = 64

// sanitise returns a name that can be a column everywhere: lower case, since columns of Databricks don't distinguish it, of a-z, 0-9 and _, every run of other characters
// one _, none at the ends. A long name is cut and ends in a hash of the whole. The result is empty for a name without any of these characters.
func sanitise(name string) string {
	name = strings.ToLower(norm.NFC.String(name))
	var b strings.Builder
	gap := false
	for i := range len(name) {
		c := name[i]
		kept := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
		if kept {
			b.WriteByte(c)
		} else if !gap {
			b.WriteByte('_')
		}
		gap = !kept
	}
	clean := strings.Trim(b.String(), "_")
	if len(clean) > maxName {
		sum := sha256.Sum256([]byte(clean))
		clean = clean[:maxName-9] + "_" + hex.EncodeToString(sum[:4])
	}
	return clean
}

// names gives assessments the names of their attributes, and bounds how many different ones there are.
type names struct {
	prefix string
	rename map[string]string
	max    int

	mu    sync.RWMutex
	known map[[2]string]string // original name and source to attribute, empty for one that has none
	used  map[string]bool      // attributes
}

// attribute returns the name of the attribute for an assessment's name and, if it isn't empty, its kind of source. It is empty when nothing of the name can be kept; full
// is true when the process has too many.
func (n *names) attribute(name, source string) (key string, full bool) {
	n.mu.RLock()
	key, ok := n.known[[2]string{name, source}]
	n.mu.RUnlock()
	if ok {
		return key, false
	}
	if len(name)+len(source) > 1<<12 { // no name; hashing it again and again would cost
		return "", false
	}
	to, renamed := n.rename[name]
	if !renamed {
		to = name
	}
	if key = sanitise(to); key != "" {
		if source != "" {
			key = sanitise(to + "_" + source)
		}
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
		n.known[[2]string{strings.Clone(name), strings.Clone(source)}] = key
	}
	return key, false
}
