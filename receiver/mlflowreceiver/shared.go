// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver"
)

// sharing holds the receivers that were made and are not shut down, by their configuration: pipelines of
// traces and of logs with the same one have one receiver, since the position moves after both accepted.
type sharing struct {
	mu     sync.Mutex
	shared map[*Config]*shared
}

// shared is a receiver that is started and shut down once.
type shared struct {
	*mlflowReceiver
	forget      func()
	start, stop sync.Once
	startErr    error
	stopErr     error
}

// of returns the receiver of a configuration.
func (s *sharing) of(cfg *Config, set receiver.Settings, sendOnce bool) (*shared, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.shared[cfg]; ok {
		return r, nil
	}
	r, err := newReceiver(cfg, set, sendOnce)
	if err != nil {
		return nil, err
	}
	made := &shared{mlflowReceiver: r}
	made.forget = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.shared[cfg] == made {
			delete(s.shared, cfg)
		}
	}
	s.shared[cfg] = made
	return made, nil
}

// Start implements component.Component.
func (s *shared) Start(ctx context.Context, host component.Host) error {
	s.start.Do(func() { s.startErr = s.mlflowReceiver.Start(ctx, host) })
	return s.startErr
}

// Shutdown implements component.Component.
func (s *shared) Shutdown(ctx context.Context) error {
	first := false
	s.stop.Do(func() {
		first = true
		s.forget()
		s.stopErr = s.mlflowReceiver.Shutdown(ctx)
	})
	if !first {
		return nil
	}
	return s.stopErr
}
