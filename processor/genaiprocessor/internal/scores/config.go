// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package scores

import (
	"errors"
	"fmt"
	"math"

	"github.com/gobwas/glob"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// Config says how assessments become numbers.
type Config struct {
	// Prefix stands before the name of an assessment.
	Prefix string `mapstructure:"prefix"`
	// Names says of which characters names are made: unicode or ascii.
	Names genai.ScoreNames `mapstructure:"names"`
	// OnDuplicate chooses among several assessments of one name on one span.
	OnDuplicate OnDuplicate `mapstructure:"on_duplicate"`
	// Rename gives assessments another name.
	Rename []Rename `mapstructure:"rename"`
	// LabelScores are the numbers of labels that have none by themselves. The first that matches
	// counts.
	LabelScores []LabelScore `mapstructure:"label_scores"`
	// MaxMetrics bounds the attributes written to one span; 0 writes none at all.
	MaxMetrics int `mapstructure:"max_metrics"`
	// MaxNames bounds the different attributes that the process writes.
	MaxNames int `mapstructure:"max_names"`
}

// OnDuplicate is a way to choose.
type OnDuplicate string

// The ways.
const (
	OnDuplicateLatest      OnDuplicate = "latest"       // changed last
	OnDuplicateFirst       OnDuplicate = "first"        // changed first
	OnDuplicatePreferHuman OnDuplicate = "prefer_human" // a human's before a judge's before code's, then the latest
	// one attribute for each kind of source, metric_<name>_human and so on, the latest of each
	OnDuplicateBySource OnDuplicate = "by_source"
)

// Rename gives the assessments named Name the name To.
type Rename struct {
	Name string `mapstructure:"name"` // of an assessment, exactly
	To   string `mapstructure:"to"`   // the name that its attribute is made of
}

// LabelScore gives a label a number. Match is the name of an assessment or a glob, empty for all;
// case counts in names, not in labels.
type LabelScore struct {
	Match string  `mapstructure:"match"`
	Label string  `mapstructure:"label"` // the value of the feedback
	Score float64 `mapstructure:"score"` // a finite number
}

// NewDefaultConfig returns the defaults.
func NewDefaultConfig() Config {
	return Config{Prefix: genai.ScorePrefix, Names: genai.ScoreNamesUnicode, OnDuplicate: OnDuplicateLatest,
		MaxMetrics: 64, MaxNames: 256}
}

// Validate reports every mistake with its key, its value and what to write instead.
func (c *Config) Validate() error {
	var errs []error
	switch c.OnDuplicate {
	case OnDuplicateLatest, OnDuplicateFirst, OnDuplicatePreferHuman, OnDuplicateBySource:
	default:
		errs = append(errs, fmt.Errorf("on_duplicate: %q is not one of latest, first, prefer_human, by_source",
			c.OnDuplicate))
	}
	if c.Names != genai.ScoreNamesUnicode && c.Names != genai.ScoreNamesASCII {
		errs = append(errs, fmt.Errorf("names: %q is not one of unicode, ascii", c.Names))
	}
	if c.Prefix == "" {
		errs = append(errs,
			errors.New("prefix: empty; the names of assessments would replace other attributes, write metric_ or "+
				"one of your own"))
	}
	for i, r := range c.Rename {
		if r.Name == "" || c.Names.Of(r.To) == "" {
			errs = append(errs,
				fmt.Errorf("rename[%d]: write name, that of an assessment, and to, which holds a letter or digit", i))
		}
	}
	for i, l := range c.LabelScores {
		if l.Label == "" {
			errs = append(errs, fmt.Errorf("label_scores[%d]::label: empty; write the label that has the score", i))
		}
		if math.IsNaN(l.Score) || math.IsInf(l.Score, 0) {
			errs = append(errs, fmt.Errorf("label_scores[%d]::score: %v is not a finite number", i, l.Score))
		}
		if _, err := glob.Compile(l.Match); err != nil {
			errs = append(errs, fmt.Errorf("label_scores[%d]::match: %q is not a name or a glob", i, l.Match))
		}
	}
	if c.MaxMetrics < 0 || c.MaxMetrics > 10_000 {
		errs = append(errs, fmt.Errorf("max_metrics: %d is not between 0 and 10000; 0 writes none", c.MaxMetrics))
	}
	if c.MaxNames < 1 || c.MaxNames > 100_000 {
		errs = append(errs, fmt.Errorf("max_names: %d is not between 1 and 100000", c.MaxNames))
	}
	return errors.Join(errs...)
}
