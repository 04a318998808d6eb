// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestScoreName(t *testing.T) {
	long := strings.Repeat("abcdefgh_", 10)
	tests := map[string]string{
		"relevance": "relevance", "Retrieval/Precision": "retrieval_precision", "a__b": "a__b", " a - b ": "a_b",
		"_a_": "a", "!?": "", "": "",
		"caf\u00e9": "caf", "cafe\u0301": "caf", "naïve bayes": "na_ve_bayes", "p95.latency(ms)": "p95_latency_ms",
		"日本": "",
	}
	for name, want := range tests {
		assert.Equal(t, want, ScoreName(name), "%q", name)
	}
	cut := ScoreName(long)
	assert.Len(t, cut, MaxScoreName)
	assert.Equal(t, long[:55]+"_", cut[:56])
	assert.NotEqual(t, cut, ScoreName(long+"x"))
	assert.Equal(t, cut, ScoreName(strings.ToUpper(long)))
	assert.Equal(t, long[:64], ScoreName(long[:64]), "64 characters fit")
}
