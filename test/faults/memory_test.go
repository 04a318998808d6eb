// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// soakWindow is the number of parts of a soak, of each of which the smallest memory is taken.
const soakWindow = 20

// memory is the resident memory of a process over a soak, in MiB.
type memory struct {
	process *collector.Process
	peak    *collector.Peak
	began   time.Time
	long    time.Duration
	low     [soakWindow]int64
}

func watchMemory(t *testing.T, p *collector.Process, long time.Duration) *memory {
	t.Helper()
	return &memory{process: p, peak: collector.WatchPeak(t, p), began: time.Now(), long: long}
}

// look reads the memory now, in the part of the soak that is passing.
func (m *memory) look() {
	m.at(int(time.Since(m.began) * soakWindow / max(1, m.long)))
}

// at is look in a part that the caller knows.
func (m *memory) at(part int) {
	part = min(soakWindow-1, part)
	if mib := m.process.Resident(); mib > 0 && (m.low[part] == 0 || mib < m.low[part]) {
		m.low[part] = mib
	}
}

func (m *memory) String() string {
	return fmt.Sprintf("peak %d, smallest of each part %v", m.peak.MiB(), m.low)
}

// requireSteady requires that memory did not grow. A run of some seconds is over before it has settled.
func (m *memory) requireSteady(t *testing.T) {
	t.Helper()
	if m.long >= time.Minute {
		early, late := slices.Max(m.low[2:6]), slices.Min(m.low[soakWindow-6:soakWindow-1])
		assert.LessOrEqual(t, late, early*5/4+8, "resident memory grows")
	}
}
