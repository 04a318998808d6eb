// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// digest returns the hexadecimal HMAC-SHA256 of a text.
func (p *Policy) digest(text []byte) string {
	h := hmac.New(sha256.New, p.key)
	h.Write(text)
	var sum [sha256.Size]byte
	return hex.EncodeToString(h.Sum(sum[:0]))
}

// hash replaces a value by the digest of its text: a string as it is, anything else as its JSON
// text.
func (p *Policy) hash(v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return
	case pcommon.ValueTypeStr:
		v.SetStr(p.digest([]byte(v.Str())))
		return
	}
	if deeper(v, maxDepth) {
		v.SetStr(masked)
		return
	}
	v.SetStr(p.digest(genai.ValueText(nil, v)))
}

// deeper reports whether containers are nested deeper than that in v.
func deeper(v pcommon.Value, depth int) bool {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		for _, m := range v.Map().All() {
			if depth == 0 || deeper(m, depth-1) {
				return true
			}
		}
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			if depth == 0 || deeper(e, depth-1) {
				return true
			}
		}
	}
	return false
}

// person hashes the id of a person, or reports that it has to go.
func (p *Policy) person(v pcommon.Value) (remove bool) {
	if p.dropIDs {
		p.stats.Removed++
		return true
	}
	p.hash(v)
	p.stats.Hashed++
	return false
}

const (
	sourceType = "source_type"
	sourceID   = "source_id"
)

// assessors treats the ids of humans in assessments, structured or JSON text. What doesn't say that it
// is a machine counts as human.
func (p *Policy) assessors(v pcommon.Value, depth int) {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		m := v.Map()
		t, known := m.Get(sourceType)
		human := !known || !genai.Machine(t.Str())
		m.RemoveIf(func(key string, member pcommon.Value) bool {
			if key == sourceID {
				return human && p.person(member)
			}
			if depth < maxDepth {
				p.assessors(member, depth+1)
			}
			return false
		})
	case pcommon.ValueTypeSlice:
		if depth < maxDepth {
			for _, e := range v.Slice().All() {
				p.assessors(e, depth+1)
			}
		}
	case pcommon.ValueTypeStr:
		if s, changed := p.assessorsText(v.Str(), 0); changed {
			v.SetStr(s)
		}
	}
}

// assessorsText is assessors for JSON text, which may lie in a string of JSON text, and reports whether
// that changed it. The type stands right before the id in what MLflow writes; elsewhere an id is a
// human's. embedded is how many JSON texts it lies in.
func (p *Policy) assessorsText(s string, embedded int) (string, bool) {
	if embedded > maxEmbedded || !looksLikeJSON(s) {
		return s, false
	}
	var member, kind string
	changed := false
	out, err := pyjson.Rewrite(s, func(_ pyjson.Kind, key bool, value string) (r string, replace bool) {
		if key {
			if member = value; member != sourceID {
				kind = ""
			}
			return "", false
		}
		current := member
		member = ""
		switch current {
		case sourceType:
			kind = value
		case sourceID:
			human := !genai.Machine(kind)
			kind = ""
			if r, replace = "", human; human && p.dropIDs {
				p.stats.Removed++
			} else if human {
				p.stats.Hashed++
				r = p.digest([]byte(value))
			}
		default:
			r, replace = p.assessorsText(value, embedded+1)
		}
		changed = changed || replace
		return r, replace
	})
	return out, changed && err == nil
}
