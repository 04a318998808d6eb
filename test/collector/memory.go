// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// peakEvery is how often the peak of a process is read. The kernel keeps the peak, so only the growth
// within the last interval of a process can be missed.
const peakEvery = 5 * time.Millisecond

// Peak reads the peak of a process's resident memory for as long as the process runs.
type Peak struct {
	stop  chan struct{}
	done  chan struct{}
	close sync.Once
	bytes int64 // read after done
}

// WatchPeak begins to read the peak resident memory of a process, VmHWM in /proc. A system without
// /proc skips the test.
func WatchPeak(t testing.TB, p *Process) *Peak {
	t.Helper()
	path := fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the peak of resident memory is read in /proc, which this system has not")
	}
	k := &Peak{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(k.done)
		tick := time.NewTicker(peakEvery)
		defer tick.Stop()
		for {
			k.bytes = max(k.bytes, memory(path, "VmHWM:"))
			select {
			case <-k.stop:
				return
			case <-p.done:
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { k.MiB() })
	return k
}

// MiB ends the watch and returns the peak in MiB.
func (k *Peak) MiB() int64 {
	k.close.Do(func() { close(k.stop) })
	<-k.done
	return k.bytes >> 20
}

// Resident is the resident memory of the process in MiB; 0 for one that has ended, and without /proc.
func (p *Process) Resident() int64 {
	return memory(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), "VmRSS:") >> 20
}

// memory reads a line of a process's status, in bytes; 0 for a process that has ended.
func memory(path, line string) int64 {
	status, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		if value, ok := bytes.CutPrefix(lines.Bytes(), []byte(line)); ok {
			n, _ := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(value, []byte("kB")))), 10, 64)
			return n << 10
		}
	}
	return 0
}
