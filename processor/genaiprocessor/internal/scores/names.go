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
	known map[string]attribute // by original name
	used  map[string]owner     // by key
	keys  []string             // by index
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
	name    string
	renamed bool
}

// attribute returns the attribute for an assessment's name; full is true when the process has too many. A key that the configuration gives to several names on purpose is
// not shared.
func (n *names) attribute(name string) (a attribute, full bool) {
	n.mu.RLock()
	a, ok := n.known[name]
	n.mu.RUnlock()
	if ok {
		return a, false
	}
	if len(name) > 1<<12 { // no name; hashing it again and again would cost
		return attribute{}, false
	}
	to, renamed := n.rename[name]
	if !renamed {
		to = name
	}
	if a.key = sanitise(to); a.key != "" {
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
			first = owner{len(n.keys), strings.Clone(name), renamed}
			n.used[a.key] = first
			n.keys = append(n.keys, a.key)
		}
		a.index, a.shared = first.index, first.name != name && !first.renamed && !renamed
	}
	if len(n.known) < 4*n.max {
		n.known[strings.Clone(name)] = a
	}
	return a, false
}
