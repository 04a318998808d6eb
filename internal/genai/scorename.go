// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// MaxScoreName is the longest name that ScoreName returns.
const MaxScoreName = 64

// ScorePrefix stands before ScoreName in the attribute that holds a score, unless the genai
// processor is told otherwise.
const ScorePrefix = "metric_"

// ScoreName returns the name of an assessment in a form that can be a column everywhere: lower
// case, since columns of Databricks don't distinguish it, of a-z, 0-9 and _, every run of other
// characters one _, none at the ends. A long name is cut and ends in a hash of the whole. The
// result is empty for a name without any of these characters. What writes scores and what makes
// columns of them share this rule.
func ScoreName(name string) string {
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
	if len(clean) > MaxScoreName {
		sum := sha256.Sum256([]byte(clean))
		clean = clean[:MaxScoreName-9] + "_" + hex.EncodeToString(sum[:4])
	}
	return clean
}
