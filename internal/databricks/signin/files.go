// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// mostToken is the length of the longest token that a file may hold.
const mostToken = 64 << 10

// readToken reads the token of token_file. Space around it does not count.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("token_file: there is no file %s", path)
	}
	if err != nil {
		return "", fmt.Errorf("token_file: %s can't be read", path)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, mostToken+1))
	token := strings.TrimSpace(string(text))
	switch {
	case err != nil:
		return "", fmt.Errorf("token_file: %s can't be read", path)
	case token == "":
		return "", fmt.Errorf("token_file: %s is empty; write the token into it", path)
	case len(text) > mostToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fmt.Errorf("token_file: %s holds something else than one token", path)
	}
	return token, nil
}

// fingerprint tells whether a file was changed, without reading it.
type fingerprint struct {
	changed int64 // nanoseconds since 1970
	size    int64
}

// fingerprints are those of the files that the configuration is read from. A file that can't be seen
// has an empty one. The identity tokens of file-oidc are not among them: the SDK reads them at each
// sign-in.
func (c *Config) fingerprints() []fingerprint {
	var out []fingerprint
	for _, path := range []string{c.Credentials.TokenFile, c.profiles()} {
		if path == "" {
			continue
		}
		var f fingerprint
		if info, err := os.Stat(path); err == nil {
			f = fingerprint{info.ModTime().UnixNano(), info.Size()}
		}
		out = append(out, f)
	}
	return out
}

// profiles is the path of the file of the Databricks CLI; empty when no profile is named.
func (c *Config) profiles() string {
	switch home, err := os.UserHomeDir(); {
	case c.Profile == "":
		return ""
	case c.Credentials.ConfigFile == "" && err == nil:
		return filepath.Join(home, ".databrickscfg")
	case strings.HasPrefix(c.Credentials.ConfigFile, "~") && err == nil:
		return filepath.Join(home, c.Credentials.ConfigFile[1:])
	}
	return c.Credentials.ConfigFile
}
