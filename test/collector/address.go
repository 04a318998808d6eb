// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// given are the ports that FreeAddress has returned in this process.
var given sync.Map

// FreeAddress returns an address of 127.0.0.1 that nothing listens at, for a collector that is
// started later. The port lies below the ports that systems use for outgoing connections and for
// port 0 (from 32768 on Linux, from 49152 elsewhere), so that none of these takes it meanwhile.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		if _, repeated := given.LoadOrStore(port, true); repeated {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return l.Addr().String()
	}
	t.Fatal("no free port")
	return ""
}
