// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/freeport"
)

// FreeAddress returns an address of 127.0.0.1 that nothing listens at, for a collector that is
// started later.
func FreeAddress(t testing.TB) string {
	t.Helper()
	port, err := freeport.Get()
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
