// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// ErrNotBinary is the error for a storage that does not keep every byte. Tables that older versions
// of db_storage made in PostgreSQL hold text and refuse some.
var ErrNotBinary = errors.New("the storage does not keep binary values; records of delivered traces are binary")

// probeKey is the key of a record that is there while Probe runs.
const probeKey = "probe"

// Probe writes a record with all 256 values of a byte, reads it back and deletes it. The error is
// ErrNotBinary, with what the storage said, if that fails.
func Probe(ctx context.Context, client storage.Client) error {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if err := client.Set(ctx, probeKey, all); err != nil {
		if text := client.Set(ctx, probeKey, []byte("text")); text != nil {
			return fmt.Errorf("writing to the storage: %w", err)
		}
		return fmt.Errorf("%w: %w", ErrNotBinary, err)
	}
	b, err := client.Get(ctx, probeKey)
	if err != nil {
		return storageError(err)
	}
	if !bytes.Equal(b, all) {
		return fmt.Errorf("%w: %d bytes were read back other than written", ErrNotBinary, len(b))
	}
	return client.Delete(ctx, probeKey)
}
