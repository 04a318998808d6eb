// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package artifacts reads the files in which MLflow keeps spans outside of its database: traces.json in the
// artifact folder of a trace, and traces.pb in its archive.
//
// Where a folder lies is told by tags of the trace. Tags are data that a client may have written, so nothing is
// opened but a file of one of the two names, in a folder that is named after the trace or that belongs to an
// experiment. Nothing is opened before a trace needs it.
package artifacts

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// The files that are read.
const (
	TraceFile   = "traces.json" // written by the client, in the artifact folder of the trace
	ArchiveFile = "traces.pb"   // written by the server, in the archive of the trace
)

// Folder is the folder of one trace.
type Folder struct {
	Location string // as the tag of the trace tells it: a path or a URI
	Trace    string // the id of the trace
}

// Options are the settings of a reader.
type Options struct {
	// Database is the path of the store's file. Relative folders lie beside it, and so may the folder that
	// the tracking server keeps artifacts in. Empty where the database is no file.
	Database string
	// Experiments are the artifact locations of the experiments.
	Experiments []string
	// MaxSize is the largest file that is read, in bytes.
	MaxSize int
}

// Reader reads files of folders. Its methods may be called at the same time.
type Reader struct {
	opts    Options
	folders []string // of experiments, see experimentFolder
	roots   []string // see rootsBeside
}

// New returns a reader. It does not talk to the network.
func New(opts Options) *Reader {
	r := &Reader{opts: opts, roots: rootsBeside(opts.Database)}
	for _, location := range opts.Experiments {
		if folder := experimentFolder(location); folder != "" {
			r.folders = append(r.folders, folder)
		}
	}
	return r
}

// Read returns the content of a file of the folder, which is at most Options.MaxSize bytes. An error is a *Skip
// or that of the context. A file that is not there is mlflow.ReasonArtifactMissing.
func (r *Reader) Read(ctx context.Context, f Folder, name string) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	scheme, rest := split(f.Location)
	switch scheme {
	case "":
		return r.readLocal(f, filepath.ToSlash(rest), name)
	case "file":
		return r.readLocal(f, filepath.ToSlash(filePath(rest)), name)
	case "mlflow-artifacts":
		return r.readProxied(f, rest, name)
	}
	return nil, mlflow.Skipf(mlflow.ReasonUnreachable,
		"spans are in %s (not readable here; read through the tracking server)", Bucket(f.Location))
}

// readLocal reads a file of a folder in the file system.
func (r *Reader) readLocal(f Folder, folder, name string) ([]byte, error) {
	places := r.local(folder)
	if name == ArchiveFile {
		places = r.archived(folder, f.Trace)
	}
	return r.readFirst(f, places, name)
}

// readProxied reads a file of the artifact store of the tracking server, given what follows the scheme.
func (r *Reader) readProxied(f Folder, rest, name string) ([]byte, error) {
	if len(r.roots) == 0 {
		return nil, mlflow.Skipf(mlflow.ReasonUnreachable,
			"spans are in %s, the artifact store of the tracking server, "+
				"and beside the database is no folder mlartifacts, mlruns or artifacts; read through the tracking "+
				"server, or put its artifact folder there", Bucket(f.Location))
	}
	return r.readFirst(f, r.under(withoutHost(rest)), name)
}

// readFirst reads the file in the first place that has it.
func (r *Reader) readFirst(f Folder, places []place, name string) ([]byte, error) {
	for _, p := range places {
		doc, err := p.read(name, r.opts.MaxSize)
		if !errors.Is(err, fs.ErrNotExist) {
			return doc, asSkip(err)
		}
	}
	return nil, missing(f, name)
}

func missing(f Folder, name string) *mlflow.Skip {
	return mlflow.Skipf(mlflow.ReasonArtifactMissing, "there is no %s at %s", name, Redact(f.Location))
}

// asSkip makes what a place returned a *Skip, or nil.
func asSkip(err error) error {
	if err == nil {
		return nil
	}
	if skip, ok := errors.AsType[*mlflow.Skip](err); ok {
		return skip
	}
	return mlflow.Skipf(mlflow.ReasonSourceError, "%v", err)
}

// split returns the scheme of a location, which is empty for a path, and what follows it.
func split(location string) (scheme, rest string) {
	scheme, rest, ok := strings.Cut(location, ":")
	if !ok || len(scheme) == 1 { // maybe a drive letter
		return "", location
	}
	return scheme, rest
}

// withoutHost returns the path of what follows the scheme: mlflow-artifacts://host:port/…
func withoutHost(rest string) string {
	if host, ok := strings.CutPrefix(rest, "//"); ok {
		_, rest, _ = strings.Cut(host, "/")
	}
	return rest
}

// Bucket returns scheme and host of a location, which many traces share: s3://bucket/….
func Bucket(location string) string {
	u, err := url.Parse(location)
	switch {
	case err != nil || u.Scheme == "":
		scheme, _, ok := strings.Cut(location, ":")
		if !ok {
			return "a folder"
		}
		return scheme + ":/…"
	case u.Host == "":
		return u.Scheme + ":/…"
	}
	if _, secret := u.User.Password(); !secret && u.User != nil {
		return u.Scheme + "://" + u.User.String() + "@" + u.Host + "/…" // wasbs://container@account…
	}
	return u.Scheme + "://" + u.Host + "/…"
}

// Redact returns a location without credentials and query.
func Redact(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		scheme, _, _ := strings.Cut(location, ":")
		return scheme + ":…"
	}
	u.RawQuery, u.Fragment = "", ""
	if _, secret := u.User.Password(); secret {
		u.User = nil
	}
	return u.String()
}
