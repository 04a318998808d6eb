// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store"
)

// Database says how a database server is read. Of the two sources of a password at most one is set.
type Database struct {
	PasswordFile    string   // read at each connect
	PasswordCommand []string // run at each connect; prints the password
}

// Unset reports whether nothing is set.
func (d Database) Unset() bool { return d.PasswordFile == "" && len(d.PasswordCommand) == 0 }

// IsDatabaseServer reports whether a tracking URI names a database on a server.
func IsDatabaseServer(uri string) bool { return store.IsServerURI(uri) }

// openServer prepares for a store on a database server.
func (s *Settings) openServer(target store.Target, opts store.Options) (mlflow.Source, About, error) {
	opts.Retry = s.Retry
	opts.Retrying = func(cause error, wait time.Duration) {
		s.Telemetry.Logger.Warn("Reading the database failed, trying again", zap.Error(cause),
			zap.Duration("wait", wait))
		s.Observer.Retry()
	}
	how := "password"
	switch {
	case s.Database.PasswordFile != "":
		opts.Password, how = s.Database.fromFile, "password file"
	case len(s.Database.PasswordCommand) > 0:
		opts.Password, how = s.Database.fromCommand, "password command"
	case target.URL.Password == "":
		how = "no password in tracking_uri"
	}
	src, err := store.OpenServer(target, opts)
	if err != nil {
		return nil, About{}, err
	}
	place := target.URL.Place()
	return src, About{
		Description: mlflow.Description{Kind: store.Kind(target), Location: place, Principal: target.URL.User,
			Authentication: how},
		Identity: place,
	}, nil
}

// maxPassword bounds what is read as a password; tokens of clouds have some 2 kB.
const maxPassword = 64 << 10

// fromFile reads the password of a new connection.
func (d Database) fromFile(context.Context) (string, error) {
	f, err := os.Open(d.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("database::password_file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	if err != nil {
		return "", fmt.Errorf("database::password_file: %w", err)
	}
	return password("database::password_file", text)
}

// commandTimeout bounds one run of the command.
const commandTimeout = time.Minute

// fromCommand runs the command for the password of a new connection. What it prints is never repeated.
func (d Database) fromCommand(ctx context.Context) (string, error) {
	const key = "database::password_command"
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	var out bytes.Buffer
	//nolint:gosec // G204: the command is that of the configuration, which decides what runs here
	cmd := exec.CommandContext(limited, d.PasswordCommand[0], d.PasswordCommand[1:]...)
	cmd.Stdout = &limitedWriter{&out, maxPassword + 1}
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limited.Err() != nil:
		return "", fmt.Errorf("%s: %s did not end within %s", key, d.PasswordCommand[0], commandTimeout)
	case err != nil:
		return "", fmt.Errorf("%s: %s: %w", key, d.PasswordCommand[0], err)
	}
	return password(key, out.Bytes())
}

// password is the text without the end of its line.
func password(key string, text []byte) (string, error) {
	p := strings.TrimRight(string(text), "\r\n")
	switch {
	case p == "":
		return "", fmt.Errorf("%s: gave no password", key)
	case len(p) > maxPassword || strings.ContainsAny(p, "\r\n\x00"):
		return "", fmt.Errorf("%s: gave more than a line of at most %d bytes", key, maxPassword)
	}
	return p, nil
}

// limitedWriter keeps the first bytes.
type limitedWriter struct {
	to   *bytes.Buffer
	room int
}

// Write implements io.Writer.
func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return 0, errors.New("it prints too much")
	}
	w.room -= len(p)
	return w.to.Write(p)
}
