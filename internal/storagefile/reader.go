// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package storagefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// bucket is where file_storage v0.158.0 keeps everything.
var bucket = []byte("default")

// openTimeout is how long the lock of a file is waited for.
const openTimeout = time.Second

// ErrReadOnly is the error for an operation that writes.
var ErrReadOnly = errors.New("the storage of another process is only read")

// Reader reads a file of file_storage and leaves it as it is. It is a storage.Client that refuses to
// write.
type Reader struct {
	db *bbolt.DB
}

var _ storage.Client = (*Reader)(nil)

// OpenReceiver opens the file that a receiver has in a folder of file_storage. If the folder holds a file of
// one other receiver of the same type, it is that one: ids change. The error names the folder, and what to
// do.
func OpenReceiver(folder string, receiver component.ID) (*Reader, error) {
	path, err := receiverFile(folder, receiver)
	if err != nil {
		return nil, err
	}
	if err := Check(path); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true, Timeout: openTimeout})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("%s is in use; stop the process that writes it, and give this one a storage folder of "+
			"its own", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s can't be read: %w", path, err)
	}
	return &Reader{db}, nil
}

// receiverFile is the path of the file of a receiver.
func receiverFile(folder string, receiver component.ID) (string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no folder %s", folder)
	}
	if err != nil {
		return "", err
	}
	of := escape("receiver_" + receiver.Type().String() + "_")
	own := escape("receiver_" + receiver.Type().String() + "_" + receiver.Name())
	var found []string
	for _, e := range entries {
		name := e.Name()
		if e.Type().IsRegular() && strings.HasPrefix(name, of) && !strings.HasSuffix(name, ".backup") {
			found = append(found, name)
		}
	}
	switch {
	case slices.Contains(found, own):
		return filepath.Join(folder, own), nil
	case len(found) == 1:
		return filepath.Join(folder, found[0]), nil
	case len(found) == 0:
		return "", fmt.Errorf("the folder %s holds no position of an mlflow receiver (%s)", folder, own)
	}
	return "", fmt.Errorf("the folder %s holds positions of several receivers (%s), and none of %s", folder,
		strings.Join(found, ", "), receiver)
}

// Get implements storage.Client.
func (r *Reader) Get(_ context.Context, key string) (value []byte, err error) {
	err = r.db.View(func(tx *bbolt.Tx) error {
		value = get(tx, key)
		return nil
	})
	return value, err
}

func get(tx *bbolt.Tx, key string) []byte {
	b := tx.Bucket(bucket)
	if b == nil {
		return nil
	}
	return bytes.Clone(b.Get([]byte(key)))
}

// Batch implements storage.Client, for operations that get.
func (r *Reader) Batch(_ context.Context, ops ...*storage.Operation) error {
	return r.db.View(func(tx *bbolt.Tx) error {
		for _, op := range ops {
			if op.Type != storage.Get {
				return ErrReadOnly
			}
			op.Value = get(tx, op.Key)
		}
		return nil
	})
}

// Keys returns the keys that begin with a prefix, in ascending order.
func (r *Reader) Keys(prefix string) (keys []string, err error) {
	err = r.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, _ = c.Next() {
			keys = append(keys, string(k))
		}
		return nil
	})
	return keys, err
}

// Set implements storage.Client. It writes nothing.
func (*Reader) Set(context.Context, string, []byte) error { return ErrReadOnly }

// Delete implements storage.Client. It writes nothing.
func (*Reader) Delete(context.Context, string) error { return ErrReadOnly }

// Close implements storage.Client.
func (r *Reader) Close(context.Context) error { return r.db.Close() }
