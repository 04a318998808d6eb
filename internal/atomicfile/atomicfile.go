// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package atomicfile replaces files.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace puts content into a file, all or nothing, readable by its owner only. The folder must exist. A temporary
// file beside it begins with a dot, and is removed when the file can't be replaced.
func Replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
