// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package scores

import (
	"math"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// words are the labels that are numbers by themselves. MLflow's own charts know yes and no; pass
// and fail and their like are what test suites write.
var words = map[string]float64{
	"yes": 1, "no": 0, "true": 1, "false": 0, "pass": 1, "fail": 0, "passed": 1, "failed": 0,
}

// number returns the number that the value of a feedback stands for: a finite number, a truth
// value, one of words or of the configured labels, or a string that is a decimal number and nothing
// else ("0.85", not "85%", "4/5", "1,000", "0x10" or "inf").
func (s *Scorer) number(name string, value []byte) (float64, bool) {
	scan := pyjson.NewScanner(value)
	switch scan.Kind() {
	case pyjson.KindBool:
		if scan.Bool() {
			return 1, true
		}
		return 0, true
	case pyjson.KindNumber:
		return finite(pyjson.Float64(scan.Num()))
	case pyjson.KindString:
		return s.label(name, scan.Str())
	}
	return 0, false
}

func finite(f float64) (float64, bool) { return f, !math.IsNaN(f) && !math.IsInf(f, 0) }

// maxLabel is the length above which a string is prose and no label.
const maxLabel = 128

func (s *Scorer) label(name, label string) (float64, bool) {
	label = strings.TrimSpace(label)
	if label == "" || len(label) > maxLabel {
		return 0, false
	}
	for i := range s.labels {
		if l := &s.labels[i]; strings.EqualFold(l.Label, label) && l.matches(name) {
			return l.Score, true
		}
	}
	if isDecimal(label) {
		return finite(pyjson.Float64([]byte(label)))
	}
	if len(label) > len("passed") {
		return 0, false
	}
	f, ok := words[strings.ToLower(label)]
	return f, ok
}

// isDecimal reports whether s is [+-] digits [. digits] [e [+-] digits], with a digit before or
// after the point.
func isDecimal(s string) bool {
	i := 0
	sign := func() {
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
	}
	digits := func() int {
		start := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i - start
	}
	sign()
	n := digits()
	if i < len(s) && s[i] == '.' {
		i++
		n += digits()
	}
	if n == 0 {
		return false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		sign()
		if digits() == 0 {
			return false
		}
	}
	return i == len(s)
}
