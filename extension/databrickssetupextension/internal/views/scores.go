// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// Score is a score that has a column.
type Score struct {
	// Name is the name as the view of scores shows it: the attribute's without its prefix.
	Name string `json:"name"`
	// Column is the column. Columns do not distinguish case, names do.
	Column string `json:"column"`
}

// MaxScores is how many scores get columns. Others are in the view of scores only.
const MaxScores = 256

// Known puts the names of scores together and gives each a column: those that have one keep it, and
// their order; then come the configured ones as they are written, then those that were found, in
// the order of the alphabet. left are names that got none, because there are MaxScores already.
//
// Configured and reported names are those of assessments, as MLflow shows them; found ones are what
// is in the table. A column is the prefix and genai.ScoreName of the name. When another score has
// it already, it ends in a hash of the name.
func (o *Options) Known(existing []Score, configured, reported, found []string) (known []Score, left []string) {
	known = slices.Clone(existing)
	columns, names := map[string]bool{}, map[string]bool{}
	for _, f := range fields {
		columns[f.name] = true
	}
	for _, s := range known {
		columns[strings.ToLower(s.Column)], names[s.Name] = true, true
	}
	add := func(name string) {
		if name == "" || names[name] {
			return
		}
		names[name] = true
		if len(known) >= MaxScores {
			left = append(left, name)
			return
		}
		column := o.column(name, columns)
		columns[column] = true
		known = append(known, Score{name, column})
	}
	for _, name := range configured {
		add(genai.ScoreName(name))
	}
	var rest []string
	for _, name := range reported {
		rest = append(rest, genai.ScoreName(name))
	}
	rest = append(rest, found...)
	slices.Sort(rest)
	for _, name := range rest {
		add(name)
	}
	return known, left
}

// column finds a free column for a score.
func (o *Options) column(name string, taken map[string]bool) string {
	sum := sha256.Sum256([]byte(name))
	column := o.scorePrefix() + genai.ScoreName(name)
	for digits := 4; taken[column] || column == o.scorePrefix(); digits += 4 {
		column = strings.TrimSuffix(o.scorePrefix()+genai.ScoreName(name), "_") + "_" + hex.EncodeToString(sum[:digits])
	}
	return column
}
