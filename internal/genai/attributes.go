// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"cmp"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
)

// Attributes returns the names of the attributes that say one of the facts, whatever the instrumentation
// scope of the span: by fact, in the order given, then by rank. Bare words, which count in some scopes only,
// are left out, and so are names that go on with a number (NumberedAttributes).
func Attributes(facts ...Fact) (names []string) {
	return attributes(facts, func(g *group) bool { return !g.reading.Numbered })
}

// NumberedAttributes returns the beginnings of the names that go on with a number, as Attributes does.
func NumberedAttributes(facts ...Fact) []string {
	return attributes(facts, func(g *group) bool { return g.reading.Numbered })
}

// TokenAttributes returns the names of the attributes that are a number of tokens, as Attributes does.
func TokenAttributes(f usage.Field) []string {
	return attributes([]Fact{FactUsage}, func(g *group) bool { return g.reading.Tokens.Field == f })
}

func attributes(facts []Fact, wanted func(*group) bool) (names []string) {
	for _, f := range facts {
		var of []group
		for _, g := range table {
			if g.reading.Fact == f && wanted(&g) {
				of = append(of, g)
			}
		}
		slices.SortStableFunc(of, func(a, b group) int {
			return cmp.Or(cmp.Compare(a.reading.Source, b.reading.Source), cmp.Compare(a.reading.Rank, b.reading.Rank))
		})
		for _, g := range of {
			for _, r := range g.rows {
				if !isBare(r) {
					names = append(names, r.key)
				}
			}
		}
	}
	return names
}

// UsageMembers returns the members of the documents of an attribute that are a number of tokens, by rank;
// nil if it is no attribute with numbers of tokens.
func UsageMembers(attribute string, f usage.Field) []string {
	r := readings[attribute]
	if r == nil || r.Document == nil {
		return nil
	}
	for _, n := range r.Document.Numbers() {
		if n.Field == f {
			return n.Names
		}
	}
	return nil
}

// KindNames returns the words by which dialects call a kind of spans, in lower case and in the order of
// the alphabet.
func KindNames(k Kind) (names []string) {
	for name, of := range kinds {
		if of == k {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
