// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Stored is, next to queues on disk, the list of the targets that have one, for one exporter and
// signal: a route that was removed from the configuration must not leave accepted data behind that
// is never sent. Methods of a nil Stored do nothing.
type Stored struct {
	client     storage.Client
	plan       *Plan
	configured int // as many targets of the plan are of this configuration; those of earlier ones follow
}

const (
	storedClient = "destinations_" // and the signal
	storedKey    = "destinations"
)

// Recall reads the list from a storage extension, adds to the plan the targets of earlier
// configurations, and saves it. The caller finds what was added behind the targets that the plan
// had.
func Recall(ctx context.Context, host component.Host, extension, exporter component.ID, signal string, p *Plan,
) (*Stored, error) {
	ext, ok := host.GetExtensions()[extension]
	if !ok {
		return nil, fmt.Errorf("sending_queue::storage: the extension %s is not there; "+
			"define it under extensions and list it under service::extensions", extension)
	}
	provider, ok := ext.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("sending_queue::storage: the extension %s does not store anything; "+
			"name one such as file_storage", extension)
	}
	client, err := provider.GetClient(ctx, component.KindExporter, exporter, storedClient+signal)
	if err != nil {
		return nil, fmt.Errorf("sending_queue::storage: %w", err)
	}
	s := &Stored{client: client, plan: p, configured: len(p.Targets)}
	if err := s.recall(ctx); err != nil {
		return nil, errors.Join(err, client.Close(ctx))
	}
	return s, nil
}

func (s *Stored) recall(ctx context.Context) error {
	text, err := s.client.Get(ctx, storedKey)
	if err != nil {
		return fmt.Errorf("sending_queue::storage: %w", err)
	}
	var known []Target
	if text != nil {
		if err := json.Unmarshal(text, &known); err != nil {
			return fmt.Errorf("sending_queue::storage: the list of destinations can't be read: %w", err)
		}
	}
	for _, t := range known {
		if !slices.Contains(s.plan.Targets, t) {
			s.plan.Targets = append(s.plan.Targets, t)
		}
	}
	return s.save(ctx, s.plan.Targets)
}

func (s *Stored) save(ctx context.Context, targets []Target) error {
	text, err := json.Marshal(targets)
	if err != nil {
		return err
	}
	return s.client.Set(ctx, storedKey, text)
}

// Close saves the list without the targets of earlier configurations that nothing is left of: those
// that used, called with an index of the plan's targets, returns false for.
func (s *Stored) Close(ctx context.Context, used func(target int) bool) error {
	if s == nil {
		return nil
	}
	kept := slices.Clone(s.plan.Targets[:s.configured])
	for i := s.configured; i < len(s.plan.Targets); i++ {
		if used(i) {
			kept = append(kept, s.plan.Targets[i])
		}
	}
	return errors.Join(s.save(ctx, kept), s.client.Close(ctx))
}
