// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// Score is what the value of a feedback stands for.
type Score struct {
	Value    float64 // finite
	HasValue bool
	Label    string // at most MaxLabel bytes; empty for numbers
}

// MaxLabel is the length, in bytes, of the longest text that counts as the label of a score
// ("correct", "partly relevant"). A longer one is prose.
const MaxLabel = 128

// words are the labels that are numbers by themselves. MLflow's own charts know yes and no; pass
// and fail and their like are what test suites write.
var words = map[string]float64{
	"yes": 1, "no": 0, "true": 1, "false": 0, "pass": 1, "fail": 0, "passed": 1, "failed": 0,
}

// ScoreOf returns the score that a JSON text stands for. A finite number is the value, true and
// false are 1 and 0 and their own label, a string is as ScoreOfLabel has it. Everything else, null,
// NaN, infinities, lists and objects among it, has neither value nor label.
func ScoreOf(value []byte) Score {
	scan := pyjson.NewScanner(value)
	switch scan.Kind() {
	case pyjson.KindBool:
		if scan.Bool() {
			return Score{Value: 1, HasValue: true, Label: "true"}
		}
		return Score{HasValue: true, Label: "false"}
	case pyjson.KindNumber:
		return finite(pyjson.Float64(scan.Num()))
	case pyjson.KindString:
		return ScoreOfLabel(scan.Str())
	}
	return Score{}
}

// ScoreOfLabel returns the score that a text stands for, without the space around it. A few words
// have a value whatever their case and are lower case as a label. A decimal number and nothing else
// ("0.85", not "85%", "4/5", "1,000", "0x10" or "inf") is its value. Other texts of at most MaxLabel
// bytes are a label only.
func ScoreOfLabel(label string) Score {
	label = strings.TrimSpace(label)
	if label == "" || len(label) > MaxLabel {
		return Score{}
	}
	if isDecimal(label) {
		s := finite(pyjson.Float64([]byte(label)))
		s.Label = label
		return s
	}
	if len(label) <= len("passed") {
		lower := strings.ToLower(label)
		if f, ok := words[lower]; ok {
			return Score{Value: f, HasValue: true, Label: lower}
		}
	}
	return Score{Label: label}
}

func finite(f float64) Score {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Score{}
	}
	return Score{Value: f, HasValue: true}
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
