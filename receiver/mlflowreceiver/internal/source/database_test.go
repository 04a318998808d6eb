// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A password is read anew each time, and no error holds what was read.
func TestPasswords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	for name, d := range map[string]Database{
		"database::password_file":    {PasswordFile: file},
		"database::password_command": {PasswordCommand: []string{"cat", file}},
	} {
		get := d.fromFile
		if d.PasswordFile == "" {
			get = d.fromCommand
		}
		for _, text := range []string{"one", "two\n", "three four\r\n"} {
			write(text)
			got, err := get(t.Context())
			require.NoError(t, err)
			require.Equal(t, map[string]string{"one": "one", "two\n": "two", "three four\r\n": "three four"}[text], got)
		}
		for _, text := range []string{"", "\n", "canary\ncanary\n", "canary\x00"} {
			write(text)
			_, err := get(t.Context())
			require.ErrorContains(t, err, name)
			require.NotContains(t, err.Error(), "canary")
		}
		require.NoError(t, os.Remove(file))
		_, err := get(t.Context())
		require.ErrorContains(t, err, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Database{PasswordCommand: []string{"cat"}}.fromCommand(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
