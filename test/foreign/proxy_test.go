// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// file is a file of the checkout, as the zip of a module takes it.
type file string

// Path is relative to the root of the checkout, with slashes.
func (f file) Path() string { return string(f) }

func (f file) Lstat() (os.FileInfo, error) { return os.Lstat(f.name()) }

func (f file) Open() (io.ReadCloser, error) { return os.Open(f.name()) }

func (f file) name() string { return filepath.Join(collector.Root(), filepath.FromSlash(string(f))) }

// writeProxy writes a module proxy into dir that serves the checkout as one version of the root
// module. The zip holds what git has and would add. As with the go command, nested modules are not
// part of it.
// The layout is that of https://go.dev/ref/mod#goproxy-protocol.
func writeProxy(t *testing.T, dir string, version module.Version) {
	t.Helper()
	var files []modzip.File
	listed := run(t, collector.Root(), nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for name := range strings.SplitSeq(strings.TrimSuffix(listed, "\x00"), "\x00") {
		if _, err := file(name).Lstat(); os.IsNotExist(err) {
			continue // deleted, and the deletion is not committed
		}
		files = append(files, file(name))
	}

	path, err := module.EscapePath(version.Path)
	require.NoError(t, err)
	versions := filepath.Join(dir, filepath.FromSlash(path), "@v")
	require.NoError(t, os.MkdirAll(versions, 0o700))
	goMod, err := os.ReadFile(file("go.mod").name())
	require.NoError(t, err)
	for name, content := range map[string]string{
		"list":                    version.Version + "\n",
		version.Version + ".info": `{"Version":"` + version.Version + `"}`,
		version.Version + ".mod":  string(goMod),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(versions, name), []byte(content), 0o600))
	}
	zip, err := os.Create(filepath.Join(versions, version.Version+".zip"))
	require.NoError(t, err)
	require.NoError(t, modzip.Create(zip, version, files))
	size, err := zip.Seek(0, io.SeekCurrent)
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	t.Logf("the module has %d bytes as zip", size)
}
