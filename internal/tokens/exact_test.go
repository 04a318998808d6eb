// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines calls each with every JSON line of a gzipped file.
func lines(t testing.TB, path string, each func(line []byte)) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	sc := bufio.NewScanner(z)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		each(sc.Bytes())
	}
	require.NoError(t, sc.Err())
}

func encoding(t testing.TB, name string) *Encoding {
	t.Helper()
	e, err := For(name)
	require.NoError(t, err)
	return e
}

// compared compares the counts of the texts in a file with those that the file expects, and returns
// how many there are.
func compared(t *testing.T, path string) (n int) {
	lines(t, path, func(line []byte) {
		var row struct {
			Text   string
			Counts map[string]int
		}
		require.NoError(t, json.Unmarshal(line, &row))
		for name, want := range row.Counts {
			if got := encoding(t, name).Count(row.Text); got != want {
				t.Errorf("%s: Count(%+q) = %d, want %d", name, row.Text, got, want)
			}
			n++
		}
	})
	return n
}

// The expected counts were made with Python tiktoken 0.14.0.
func TestCountMatchesTiktoken(t *testing.T) {
	require.Equal(t, 3298*5, compared(t, "testdata/visible.jsonl.gz"))
}

// The expected counts are those of the bytes decoded by Python with errors="replace".
func TestCountInvalidUTF8(t *testing.T) {
	n := 0
	lines(t, "testdata/invalid_utf8.jsonl.gz", func(line []byte) {
		var row struct {
			B64    string
			Counts map[string]int `json:"counts_replaced"`
		}
		require.NoError(t, json.Unmarshal(line, &row))
		text, err := base64.StdEncoding.DecodeString(row.B64)
		require.NoError(t, err)
		for name, want := range row.Counts {
			if got := encoding(t, name).Count(string(text)); got != want {
				t.Errorf("%s: Count(%q) = %d, want %d", name, text, got, want)
			}
			n++
		}
	})
	require.Equal(t, 138*5, n)
}

// A sample of the strings on which bench/tokens/python/differential.py compares counts with Python
// tiktoken.
func TestDifferentialSample(t *testing.T) {
	for _, c := range []struct {
		path  string
		texts int
	}{
		{"testdata/differential.jsonl.gz", 4000}, // hostile strings
		{"testdata/scripts.jsonl.gz", 10 * 300},  // 300 of each script
	} {
		require.Equal(t, c.texts*4, compared(t, c.path), c.path)
	}
}
