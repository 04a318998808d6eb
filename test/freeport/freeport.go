// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package freeport finds ports for servers that are started later.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// given are the ports that Get has returned in this process.
var given sync.Map

// Get returns a port of 127.0.0.1 that nothing listens at. It lies below the ports that systems use for outgoing
// connections and for port 0 (from 32768 on Linux, from 49152 elsewhere), so that none of these takes it meanwhile.
func Get() (int, error) {
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		if _, repeated := given.LoadOrStore(port, true); repeated {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("no free port")
}
