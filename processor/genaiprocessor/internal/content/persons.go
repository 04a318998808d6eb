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

// assessors treats the ids of humans in mlflow.assessments, structured or JSON text. What doesn't
// say that it is a machine counts as human.
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
		if looksLikeJSON(v.Str()) {
			p.assessorsText(v)
		}
	}
}

// assessorsText is assessors for JSON text. The type stands before the id in what MLflow writes;
// without a type an id is a human's.
func (p *Policy) assessorsText(v pcommon.Value) {
	var member, kind string
	out, err := pyjson.Rewrite(v.Str(), func(_ pyjson.Kind, key bool, value string) (string, bool) {
		if key {
			member = value
			if member == "source" {
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
			if !human {
				return "", false
			}
			if p.dropIDs {
				p.stats.Removed++
				return "", true
			}
			p.stats.Hashed++
			return p.digest([]byte(value)), true
		}
		return "", false
	})
	if err == nil {
		v.SetStr(out)
	}
}
