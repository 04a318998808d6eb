// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowserver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// startLimit is how long a server may take to answer, after its environment was made.
const startLimit = 5 * time.Minute

// process is a script that runs a server until its input ends.
type process struct {
	stdin io.Closer
	ended chan struct{}
	once  sync.Once
}

// launch starts a script and decodes the line of JSON that it prints when its server answers.
func launch(cmd *exec.Cmd, name string, answer any) (*process, error) {
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{stdin: stdin, ended: make(chan struct{})}
	hung := time.AfterFunc(startLimit, func() { _ = cmd.Process.Kill() })
	line, readErr := bufio.NewReader(stdout).ReadBytes('\n')
	hung.Stop()
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	if readErr != nil {
		p.stop()
		return nil, fmt.Errorf("%s did not start: %s", name, complaints.String())
	}
	if err := json.Unmarshal(line, answer); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// stop ends the server and returns when it is gone.
func (p *process) stop() {
	p.once.Do(func() {
		_ = p.stdin.Close()
		<-p.ended
	})
}
