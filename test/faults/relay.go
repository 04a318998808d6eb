// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
)

// Relay takes TLS connections and passes what they carry on to a server that speaks without TLS.
type Relay struct {
	Address string
	target  string

	mu     sync.Mutex
	config *tls.Config
	open   map[net.Conn]bool
}

// NewRelay starts a relay before the address of a server.
func NewRelay(t testing.TB, target string, config *tls.Config) *Relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Address: listener.Addr().String(), target: target, config: config, open: map[net.Conn]bool{}}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(client)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		r.Use(nil)
	})
	return r
}

// Use replaces the settings of TLS and closes the connections that are open.
func (r *Relay) Use(config *tls.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config = config
	for c := range r.open {
		_ = c.Close()
	}
}

// serve passes on what comes over a connection, both ways, until one side closes it.
func (r *Relay) serve(raw net.Conn) {
	defer raw.Close()
	r.mu.Lock()
	config := r.config
	r.open[raw] = true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.open, raw)
	}()
	if config == nil {
		return
	}
	client := tls.Server(raw, config)
	if client.Handshake() != nil {
		return
	}
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}
