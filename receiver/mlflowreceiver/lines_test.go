// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// After a failure nothing is sent until lines could be ended; until the next failure they are not asked
// for again.
func TestTornLines(t *testing.T) {
	full := errors.New("no space left on device")
	var ended, sent int
	ending, sending := error(nil), error(nil)
	l := tornLines{end: func() error { ended++; return ending }}
	send := func() error { return l.send(func() error { sent++; return sending }) }

	assert.NoError(t, send())
	assert.Equal(t, []int{0, 1}, []int{ended, sent}, "nothing has failed")
	sending, ending = full, full
	assert.ErrorIs(t, send(), full)
	assert.ErrorIs(t, send(), full)
	assert.Equal(t, []int{1, 2}, []int{ended, sent}, "the line could not be ended")
	ending = nil
	assert.ErrorIs(t, send(), full)
	assert.Equal(t, []int{2, 3}, []int{ended, sent}, "failed again")
	sending = nil
	assert.NoError(t, send())
	assert.NoError(t, send())
	assert.Equal(t, []int{3, 5}, []int{ended, sent})

	l.end = nil
	sending = full
	assert.ErrorIs(t, send(), full)
	assert.ErrorIs(t, send(), full)
	assert.Equal(t, []int{3, 7}, []int{ended, sent}, "nothing knows of the files")
}
