// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Version of the views that this package writes. A view of a higher version is left alone.
const Version = 1

// The marker of a view is in its table properties.
const (
	// MarkerVersion says that a view is ours, and of which version.
	MarkerVersion = "otelcol_mlflow.view"
	// MarkerDefinition is the fingerprint of the query that was written.
	MarkerDefinition = "otelcol_mlflow.definition"
	// MarkerNext is that of a query that is about to be written: setup may end between two
	// statements.
	MarkerNext = "otelcol_mlflow.definition_next"
	// MarkerStored is that of the query as the catalog gave it back, where it is another text than
	// was written.
	MarkerStored = "otelcol_mlflow.definition_stored"
	// MarkerScores are the scores whose column is not their prefix and name, as JSON: those whose
	// names differ in case only, or hold what a column can't.
	MarkerScores = "otelcol_mlflow.scores"
)

// Existing is what the catalog says of an object where a view should be.
type Existing struct {
	Type       string // VIEW, MANAGED, STREAMING_TABLE …
	Columns    []string
	Definition string
	Properties map[string]string
}

// Ownership says whether an existing object was made by setup, and so may be changed.
type Ownership struct {
	// Ours is true for a view that was made here and not changed since.
	Ours bool
	// Why says why it is left alone, if it is not ours.
	Why string
}

// OwnershipOf tells whether an existing object is a view of ours that nobody changed. The
// comparison sees through white space, comments, the case of words and quotes around plain names,
// which catalogs are known to change.
func OwnershipOf(e *Existing) Ownership {
	version, marked := e.Properties[MarkerVersion]
	n, err := strconv.Atoi(version)
	switch {
	case e.Type != "VIEW":
		return Ownership{Why: "it is no view but a " + strings.ToLower(strings.ReplaceAll(e.Type, "_", " "))}
	case !marked || err != nil:
		return Ownership{Why: "it was not made by databricks_setup: it has no property " + MarkerVersion}
	case n > Version:
		return Ownership{
			Why: fmt.Sprintf("it was made by a newer otelcol-mlflow (version %d of the views, this one writes %d)", n,
				Version)}
	}
	now := Fingerprint(e.Definition)
	for _, key := range []string{MarkerDefinition, MarkerNext, MarkerStored} {
		if e.Properties[key] == now {
			return Ownership{Ours: true}
		}
	}
	return Ownership{Why: "its definition was changed by hand: the query does not match the property " +
		MarkerDefinition}
}

// ScoresOf are the scores that an existing view of ours has columns for, in their order.
func (o *Options) ScoresOf(e *Existing) ([]Score, error) {
	named := map[string]string{}
	if text := e.Properties[MarkerScores]; text != "" {
		if err := json.Unmarshal([]byte(text), &named); err != nil {
			return nil, fmt.Errorf("the property %s is no JSON object of columns and names", MarkerScores)
		}
	}
	fixed := map[string]bool{}
	for _, f := range fields {
		fixed[f.name] = true
	}
	var scores []Score
	for _, column := range e.Columns {
		column = strings.ToLower(column)
		name, renamed := named[column]
		switch {
		case fixed[column]:
		case renamed:
			scores = append(scores, Score{name, column})
		case strings.HasPrefix(column, o.scorePrefix()) && len(column) > len(o.scorePrefix()):
			scores = append(scores, Score{column[len(o.scorePrefix()):], column})
		default:
			return nil, fmt.Errorf("the column %s is no score: its name does not begin with %s",
				column, o.scorePrefix())
		}
	}
	return scores, nil
}

// markers are the properties of a view with the given fingerprint.
func (o *Options) markers(v *View) map[string]string {
	renamed := map[string]string{}
	for _, s := range v.Scores {
		if s.Column != o.scorePrefix()+s.Name {
			renamed[s.Column] = s.Name
		}
	}
	m := map[string]string{MarkerVersion: strconv.Itoa(Version), MarkerDefinition: Fingerprint(v.Query)}
	if len(renamed) > 0 {
		text, _ := json.Marshal(renamed) // keys in order
		m[MarkerScores] = string(text)
	}
	return m
}

// Fingerprint is a hash of what a query says, whatever its white space, comments, the case of its
// words and quotes around plain names.
func Fingerprint(query string) string {
	h := sha256.New()
	for _, t := range tokens(query) {
		h.Write([]byte(t))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// tokens are the words, strings and signs of a query. Strings keep their text; a name in backticks
// that needs none loses them.
func tokens(query string) (out []string) {
	for i := 0; i < len(query); {
		c := query[i]
		rest := query[i:]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			i++
		case strings.HasPrefix(rest, "--"):
			i += length(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			i += length(rest, "*/")
		case c == '\'' || c == '"' || c == '`':
			n := quoted(rest)
			t := rest[:n]
			if plain := strings.Trim(t, "`"); c == '`' && n == len(plain)+2 && isWord(plain) {
				t = strings.ToLower(plain)
			}
			out = append(out, t)
			i += n
		case wordByte(c):
			n := 0
			for n < len(rest) && wordByte(rest[n]) {
				n++
			}
			out = append(out, strings.ToLower(rest[:n]))
			i += n
		default:
			out = append(out, rest[:1])
			i++
		}
	}
	for len(out) > 0 && out[len(out)-1] == ";" {
		out = out[:len(out)-1]
	}
	return out
}

// length is that of s up to and with end, or of all of it.
func length(s, end string) int {
	if n := strings.Index(s, end); n >= 0 {
		return n + len(end)
	}
	return len(s)
}

// quoted is the length of the string or quoted name that s begins with. Strings escape with a
// backslash, names by doubling.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] != '`':
			i++
		case s[i] == s[0] && s[0] == '`' && i+1 < len(s) && s[i+1] == '`':
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return len(s)
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isWord(s string) bool {
	for i := range len(s) {
		if !wordByte(s[i]) {
			return false
		}
	}
	return s != "" && (s[0] < '0' || s[0] > '9')
}
