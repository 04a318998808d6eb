// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package similar

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	for _, x := range [][2]string{
		{"experiment", "experiments"}, {"Support Bot", "support-bot"}, {"suport-bot", "support-bot"},
		{"support", "support-bot"}, {"table_prefx", "table_prefix"}, {"mod", "mode"},
	} {
		require.True(t, Names(x[0], x[1]), x)
		require.True(t, Names(x[1], x[0]), x)
	}
	for _, x := range [][2]string{{"", "a"}, {"-", "_"}, {"endpoint", "storage"}, {"tls", "http"},
		{"bot", "robotics"}} {
		require.False(t, Names(x[0], x[1]), x)
		require.False(t, Names(x[1], x[0]), x)
	}
}
