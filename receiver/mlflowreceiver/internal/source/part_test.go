// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Bounds are those of all readers together; each takes its part. What has no bound stays so.
func TestPart(t *testing.T) {
	for _, tc := range []struct{ of, want Settings }{
		{Settings{RequestsPerSecond: 10, MaxUtilization: 0.5, Readers: 4},
			Settings{RequestsPerSecond: 2.5, MaxUtilization: 0.125, Readers: 4}},
		{Settings{MaxUtilization: 1, Readers: 4}, Settings{MaxUtilization: 1, Readers: 4}},
		{Settings{RequestsPerSecond: 10, MaxUtilization: 0.5},
			Settings{RequestsPerSecond: 10, MaxUtilization: 0.5, Readers: 1}},
	} {
		assert.Equal(t, tc.want, tc.of.part())
	}
}
