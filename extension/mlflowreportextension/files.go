// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreportextension

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/atomicfile"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/jsonlines"
)

// openLines opens a file of lines for appending; a torn last line of a killed process gets its end first.
// A file that isn't there yet is made, for its owner alone.
func openLines(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if err := jsonlines.EndLastLine(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// endTornLine ends the last line of an output if a killed process left it without an end: the file
// exporter appends, and the next line, once accepted, must not be glued to it. A file that isn't
// there yet is made, for its owner alone: it will hold prompts and answers, and the exporter would
// make it readable for others. Where its folder isn't there, the exporter makes both.
func endTornLine(path string) error {
	f, err := openLines(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return f.Close()
}

// replaceLines puts a line of JSON for each element into a file, as replace does. Without elements the file is removed.
func replaceLines[T any](path string, list []T) error {
	if len(list) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("report: %w", err)
		}
		return nil
	}
	var lines bytes.Buffer
	e := json.NewEncoder(&lines)
	e.SetEscapeHTML(false)
	for i := range list {
		if err := e.Encode(&list[i]); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return replace(path, lines.Bytes())
}

// replace is atomicfile.Replace with an error that names the report.
func replace(path string, content []byte) error {
	if err := atomicfile.Replace(path, content); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
