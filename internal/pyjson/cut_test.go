// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each beginning of an object or an array is cut, the whole text is not.
func TestCut(t *testing.T) {
	for _, whole := range []string{
		`{}`, `[]`, `{"a": [1, {"b": "}]"}], "c\\": "\"", "d": "\\\\"}`, `[NaN, "[", {}, []]`, `{"\\\"": {"ü": null}}`,
	} {
		for n := range len(whole) {
			require.True(t, Cut([]byte(whole[:n])), whole[:n])
		}
		require.False(t, Cut([]byte(whole)), whole)
		require.False(t, Cut([]byte(whole+" \n")), whole)
	}
	require.True(t, Cut([]byte(" \n")))
	for _, other := range []string{"hello", "\x1f\x8bgarbage", "{}}", "17"} {
		require.False(t, Cut([]byte(other)), other)
	}
}
