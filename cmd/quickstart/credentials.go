// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// mostCredentials bounds what is read of a file of credentials, in bytes.
const mostCredentials = 64 << 10

// credentials are those of a tracking server. Errors about them never hold a value.
type credentials struct{ username, password, token string }

// header returns the value of the Authorization header, as MLflow's client sends it.
func (c credentials) header() (string, error) {
	switch {
	case strings.ContainsFunc(c.username+c.password+c.token, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", errors.New("a user name, password or token holds a control character")
	case c.token != "" && c.username+c.password != "":
		return "", fmt.Errorf("write %s, or %s and %s, not both", token, username, password)
	case c.token != "":
		return "Bearer " + c.token, nil
	case c.username == "" || c.password == "":
		return "", fmt.Errorf("%s and %s belong together; one of them is missing", username, password)
	case strings.Contains(c.username, ":"):
		return "", fmt.Errorf("%s holds a colon, which basic authentication does not allow", username)
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.username+":"+c.password)), nil
}

// readCredentials reads a file that only its owner may read: a NAME=value in each line, or the credentials file of
// MLflow (~/.mlflow/credentials), whose names are in lower case and whose first line is [mlflow].
func readCredentials(path string) (c credentials, err error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return c, err
		}
		path = filepath.Join(home, rest)
	}
	f, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return c, err
	case !info.Mode().IsRegular():
		return c, fmt.Errorf("%s is not a file", path)
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return c, fmt.Errorf("others may read %s; run chmod 600 %s", path, path)
	}
	body, err := io.ReadAll(io.LimitReader(f, mostCredentials))
	if err != nil {
		return c, err
	}
	for i, line := range strings.Split(string(body), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.EqualFold(line, "[mlflow]") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return c, fmt.Errorf("%s:%d: the line is not NAME=value", path, i+1)
		}
		name, value = strings.TrimSpace(strings.TrimPrefix(name, "export ")), unquote(strings.TrimSpace(value))
		switch strings.ToUpper(name) {
		case username:
			c.username = value
		case password:
			c.password = value
		case token:
			c.token = value
		default:
			return c, fmt.Errorf("%s:%d: the name is not one of %s, %s, %s", path, i+1, username, password, token)
		}
	}
	return c, nil
}

// unquote removes a pair of quotes around a value.
func unquote(s string) string {
	if n := len(s); n >= 2 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : n-1]
	}
	return s
}
