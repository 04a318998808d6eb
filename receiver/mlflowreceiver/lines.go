// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import "sync"

// tornLines lets nothing be sent after a failure before the lines of files behind the receiver have
// their ends: a disk that is full leaves a part of a line, and what is appended to it is lost although
// it was accepted.
type tornLines struct {
	end func() error // see progress.Sink; nil when nothing knows of the files

	mu     sync.Mutex
	failed bool // something has failed since end returned nil
}

// send calls f unless the lines can't be ended.
func (l *tornLines) send(f func() error) error {
	if l.end == nil {
		return f()
	}
	if err := l.prepare(); err != nil {
		return err
	}
	err := f()
	if err != nil {
		l.mu.Lock()
		l.failed = true
		l.mu.Unlock()
	}
	return err
}

func (l *tornLines) prepare() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.failed {
		return nil
	}
	if err := l.end(); err != nil {
		return err
	}
	l.failed = false
	return nil
}
