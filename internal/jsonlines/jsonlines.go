// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package jsonlines takes an open file of JSON lines that is appended to, and ends a last line that
// a killed process left without an end, so that the next line is not joined to it.
package jsonlines

import (
	"io"
	"os"
)

// EndLastLine appends the end of the last line if it is missing. An empty file stays empty. The file
// is open for reading and appending, and nothing else appends to it meanwhile.
func EndLastLine(f *os.File) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || end == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, end-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.WriteString("\n")
	return err
}
