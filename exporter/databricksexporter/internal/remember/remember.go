// Package remember keeps, next to queues on disk, the list of destinations that have one: a route that was removed from the configuration must not leave accepted data behind
// that nobody sends.
package remember

import (
	"context"
	"encoding/json"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/destination"
)

// Entry is a destination: a table, or an experiment that tells it.
type Entry struct {
	Table      destination.Destination `json:"table"`
	Experiment string                  `json:"experiment,omitempty"`
}

// List is the list of one exporter and signal.
type List struct{ client storage.Client }

const key = "destinations"

// Open opens the list in a storage extension.
func Open(ctx context.Context, host component.Host, extension, exporter component.ID, signal string) (*List, error) {
	ext, ok := host.GetExtensions()[extension]
	if !ok {
		return nil, fmt.Errorf("sending_queue::storage: the extension %s is not there; define it under extensions and list it under service::extensions", extension)
	}
	s, ok := ext.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("sending_queue::storage: the extension %s does not store anything; name one such as file_storage", extension)
	}
	client, err := s.GetClient(ctx, component.KindExporter, exporter, "destinations_"+signal)
	if err != nil {
		return nil, fmt.Errorf("sending_queue::storage: %w", err)
	}
	return &List{client}, nil
}

// Load reads the list; none was saved yet means an empty one.
func (l *List) Load(ctx context.Context) ([]Entry, error) {
	text, err := l.client.Get(ctx, key)
	if err != nil || text == nil {
		return nil, err
	}
	var out []Entry
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("sending_queue::storage: the list of destinations can't be read: %w", err)
	}
	return out, nil
}

// Save replaces the list.
func (l *List) Save(ctx context.Context, entries []Entry) error {
	text, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	return l.client.Set(ctx, key, text)
}

// Close ends the use of the storage.
func (l *List) Close(ctx context.Context) error { return l.client.Close(ctx) }
