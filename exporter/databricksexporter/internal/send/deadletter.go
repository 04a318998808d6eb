// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/jsonlines"
)

// note says why a line is there. It stands in the line under the key deadLetter, which readers of
// OTLP/JSON skip.
type note struct {
	Time        time.Time `json:"time"`
	Exporter    string    `json:"exporter"`
	Destination string    `json:"destination"`
	Signal      string    `json:"signal"`
	Reason      string    `json:"reason"`
	Message     string    `json:"message"`
	// Items is how many spans, log records or data points the line holds; Rejected how many of them
	// were refused, when the workspace took the others without saying which.
	Items    int   `json:"items"`
	Rejected int64 `json:"rejected,omitempty"`
}

// appending is held while any handle looks at the end of a file and appends to it. Handles of the
// same file share no other lock, and the end of a write that has not returned looks like a torn
// line.
var appending sync.Mutex

// DeadLetters is a file for data that is given up: a line of OTLP/JSON for each part of a request,
// so that it can be fed back (otlp_json_file receiver). Its methods may be called at the same time,
// and several exporters may have the same file open.
type DeadLetters struct {
	mu   sync.Mutex
	file *os.File
}

// OpenDeadLetters opens or makes the file, readable by its owner only. A last line that a killed
// process left torn gets its end.
func OpenDeadLetters(path string) (*DeadLetters, error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if err := appendTo(f, nil); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &DeadLetters{file: f}, nil
}

// appendTo appends the line behind a last line that has its end. A write that failed half-way, when
// the disk was full, must not be glued to this line.
func appendTo(f *os.File, line []byte) error {
	appending.Lock()
	defer appending.Unlock()
	if err := jsonlines.EndLastLine(f); err != nil || len(line) == 0 {
		return err
	}
	_, err := f.Write(line)
	return err
}

// write appends a line and returns once it is on disk. otlp is a JSON object that isn't empty, in
// one line.
func (f *DeadLetters) write(n note, otlp []byte) error {
	head, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if len(otlp) < 3 || otlp[0] != '{' {
		return fmt.Errorf("%d bytes are no object of OTLP/JSON", len(otlp))
	}
	line := make([]byte, 0, len(head)+len(otlp)+20)
	line = append(line, `{"deadLetter":`...)
	line = append(line, head...)
	line = append(line, ',')
	line = append(line, otlp[1:]...)
	line = append(line, '\n')

	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return os.ErrClosed
	}
	if err := appendTo(f.file, line); err != nil {
		return err
	}
	return f.file.Sync()
}

// Close closes the file. It may be called twice.
func (f *DeadLetters) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
