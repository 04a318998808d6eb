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
	"path"
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
	// Config tells of other places. It must be valid.
	Config Config
	// Server reads from the artifact store of a tracking server, where Config.Server is true.
	Server Server
}

// Server is a tracking server.
type Server interface {
	// Artifact returns a file of the server's artifact store, given its path there without percent-encoding, which
	// is at most limit bytes. An error that is about this file is a *Skip; other errors end the reading.
	Artifact(ctx context.Context, path string, limit int) ([]byte, error)
	// Close releases idle connections.
	Close() error
}

// Reader reads files of folders. Its methods may be called at the same time.
type Reader struct {
	opts    Options
	folders []string      // of experiments, see experimentFolder
	roots   []string      // see rootsBeside
	buckets *bucketReader // nil: s3:// is not configured
}

// New returns a reader. It does not talk to the network.
func New(opts Options) *Reader {
	r := &Reader{opts: opts, roots: rootsBeside(opts.Database)}
	if cfg := opts.Config.S3.Get(); cfg != nil {
		r.buckets = newBucketReader(*cfg)
	}
	for _, location := range opts.Experiments {
		if folder := experimentFolder(location); folder != "" {
			r.folders = append(r.folders, folder)
		}
	}
	return r
}

// Read returns the content of a file of the folder, which is at most Options.MaxSize bytes. An error is a *Skip,
// that of the context, or one of the server. A file that is not there is mlflow.ReasonArtifactMissing.
func (r *Reader) Read(ctx context.Context, f Folder, name string) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if places := r.mounted(f.Location); places != nil {
		return r.readFirst(f, places, name)
	}
	switch scheme, rest := split(f.Location); scheme {
	case "":
		return r.readLocal(f, filepath.ToSlash(rest), name)
	case "file":
		return r.readLocal(f, filepath.ToSlash(filePath(rest)), name)
	case "s3":
		bucket, key := s3Object(rest)
		return r.readObject(ctx, f, bucket, key, name)
	case "mlflow-artifacts":
		return r.readProxied(ctx, f, withoutHost(rest), name)
	case "http", "https":
		return r.readServed(ctx, f, name)
	}
	return nil, mlflow.Skipf(mlflow.ReasonUnreachable, "spans are in %s (not readable here; read through the tracking "+
		"server or a mounted path, see artifacts::mounts)", bucketOf(f.Location))
}

// Close releases idle connections.
func (r *Reader) Close() error {
	if r.buckets != nil {
		r.buckets.close()
	}
	if r.opts.Server != nil {
		return r.opts.Server.Close()
	}
	return nil
}

// mounted returns the places of a location that a folder of this machine shows: that of the longest match.
func (r *Reader) mounted(location string) (places []place) {
	longest := 0
	for _, m := range r.opts.Config.Mounts {
		shown := strings.TrimRight(m.Location, "/")
		rest, ok := strings.CutPrefix(location, shown)
		if ok && strings.HasPrefix(rest, "/") && len(shown) > longest {
			longest = len(shown)
			rest, _, _ = strings.Cut(rest, "?")
			places = spellings(m.Folder, rest)
		}
	}
	return places
}

// readLocal reads a file of a folder in the file system.
func (r *Reader) readLocal(f Folder, folder, name string) ([]byte, error) {
	places := r.local(folder)
	if name == ArchiveFile {
		places = r.archived(folder, f.Trace)
	}
	return r.readFirst(f, places, name)
}

// readObject reads a file of a bucket.
func (r *Reader) readObject(ctx context.Context, f Folder, bucket, key, name string) ([]byte, error) {
	if r.buckets == nil {
		return nil, mlflow.Skipf(mlflow.ReasonUnreachable, "spans are in s3://%s/… (not readable here; write "+
			"artifacts::s3, or read through the tracking server)", bucket)
	}
	if strings.HasPrefix(bucket, "arn:") {
		return nil, mlflow.Skipf(mlflow.ReasonUnreachable, "spans are behind the access point %s (not readable "+
			"here; read through the tracking server)", bucket)
	}
	if !f.owns(key) {
		return nil, missing(f, name)
	}
	return r.buckets.read(ctx, bucket, key+"/"+name, r.opts.MaxSize)
}

// owns reports whether a path is that of the trace's own folder.
func (f Folder) owns(folder string) bool {
	return f.Trace != "" && strings.HasSuffix("/"+folder, "/traces/"+f.Trace+"/artifacts")
}

// readProxied reads a file of the artifact store of the tracking server, given its path there.
func (r *Reader) readProxied(ctx context.Context, f Folder, rel, name string) ([]byte, error) {
	rel = strings.TrimLeft(rel, "/")
	switch scheme, rest := split(r.opts.Config.Destination); {
	case r.opts.Server != nil:
		if decoded, err := url.PathUnescape(rel); err == nil {
			rel = decoded // the server decodes the path of a request, too
		}
		if !f.owns(rel) {
			return nil, missing(f, name)
		}
		return r.opts.Server.Artifact(ctx, rel+"/"+name, r.opts.MaxSize)
	case scheme == "s3":
		bucket, prefix := s3Object(rest)
		return r.readObject(ctx, f, bucket, path.Join(prefix, rel), name)
	case scheme == "file":
		return r.readFirst(f, spellings(filepath.FromSlash(filePath(rest)), rel), name)
	case r.opts.Config.Destination != "":
		return r.readFirst(f, spellings(rest, rel), name)
	case len(r.roots) == 0:
		return nil, mlflow.Skipf(mlflow.ReasonUnreachable,
			"spans are in %s, the artifact store of the tracking server; write where that is into "+
				"artifacts::destination, or read through the tracking server", bucketOf(f.Location))
	}
	return r.readFirst(f, r.under(rel), name)
}

// artifactRoute is where a tracking server serves its artifact store.
const artifactRoute = "/api/2.0/mlflow-artifacts/artifacts/"

// readServed reads a file of a location http(s)://…, which must be one of the artifact store of the configured
// server: no other server is asked for what a tag names.
func (r *Reader) readServed(ctx context.Context, f Folder, name string) ([]byte, error) {
	u, err := url.Parse(f.Location)
	destination, destinationErr := url.Parse(r.opts.Config.Destination)
	if err == nil && destinationErr == nil && r.opts.Server != nil && strings.EqualFold(u.Host, destination.Host) {
		if _, rel, ok := strings.Cut(u.Path, artifactRoute); ok && f.owns(rel) {
			return r.opts.Server.Artifact(ctx, rel+"/"+name, r.opts.MaxSize)
		}
	}
	return nil, mlflow.Skipf(mlflow.ReasonUnreachable, "spans are in %s (not readable here; if that is a tracking "+
		"server, write its address into artifacts::destination)", bucketOf(f.Location))
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
	return mlflow.Skipf(mlflow.ReasonArtifactMissing, "there is no %s at %s", name, redact(f.Location))
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

// bucketOf returns scheme and host of a location, which many traces share: s3://bucket/….
func bucketOf(location string) string {
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

// redact returns a location without credentials and query.
func redact(location string) string {
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
