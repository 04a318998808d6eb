// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// artifactFile is the file in the artifact folder of a trace that holds its spans.
const artifactFile = "traces.json"

// artifactRoots are the folders beside the database that the artifact server of `mlflow server` may
// have been told to use: its default and the usual names. Only the tracking server knows for sure
// where mlflow-artifacts:/ is.
func artifactRoots(database string) []string {
	dir := filepath.Dir(database)
	var roots []string
	for _, name := range []string{"mlartifacts", "mlruns", "artifacts"} {
		root := filepath.Join(dir, name)
		if info, err := os.Stat(root); err == nil && info.IsDir() {
			roots = append(roots, root)
		}
	}
	return roots
}

// place is a folder and a slash-separated path in it that must not lead out of it.
type place struct{ root, rel string }

// artifact reads and decodes the artifact of a trace.
func (s *Store) artifact(info mlflow.Info) (*mlflow.Trace, *mlflow.Skip) {
	location, ok := mlflow.Get(info.Tags, mlflow.TagArtifactLocation)
	if _, client := mlflow.Get(info.Metadata, mlflow.MetaSchemaVersion); !ok || !client {
		// Every client that writes spans says which schema they have.
		return nil, mlflow.Skipf(mlflow.ReasonNoSpans, "the trace has an info only")
	}
	places, skip := s.places(location)
	if skip != nil {
		return nil, skip
	}
	for _, p := range places {
		doc, err := readWithin(p, s.opts.MaxTraceSize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, asSkip(err)
		}
		trace, err := mlflow.DecodeTrace(info, doc)
		if err != nil {
			return nil, asSkip(err)
		}
		return trace, nil
	}
	if info.State == mlflow.StateInProgress {
		return nil, mlflow.Skipf(mlflow.ReasonNoSpans,
			"the trace was never finished, and its client writes the spans at the end")
	}
	return nil, mlflow.Skipf(mlflow.ReasonArtifactMissing, "there is no %s at %s", artifactFile, redact(location))
}

// places returns where the artifact folder that the tag names can lie on this machine.
func (s *Store) places(location string) ([]place, *mlflow.Skip) {
	scheme, rest, ok := strings.Cut(location, ":")
	switch {
	case !ok || len(scheme) == 1: // a path, maybe with a drive letter
		return s.local(location), nil
	case scheme == "file":
		return s.local(filePath(rest)), nil
	case scheme != "mlflow-artifacts":
		return nil, mlflow.Skipf(mlflow.ReasonUnreachable, "spans are in %s (not readable here)", bucket(location))
	case len(s.roots) == 0:
		return nil, mlflow.Skipf(mlflow.ReasonUnreachable,
			"spans are in %s, the artifact store of the tracking server, "+
				"and beside the database is no folder mlartifacts, mlruns or artifacts; read through the tracking "+
				"server, or put its artifact folder there", bucket(location))
	}
	if host, ok := strings.CutPrefix(rest, "//"); ok { // mlflow-artifacts://host:port/…
		_, rest, _ = strings.Cut(host, "/")
	}
	return s.under(rest), nil
}

// under returns the path in each artifact root, as it is and with percent signs decoded.
func (s *Store) under(rel string) []place {
	rel = strings.TrimLeft(rel, "/")
	names := []string{rel}
	if decoded, err := url.PathUnescape(rel); err == nil && decoded != rel {
		names = append(names, decoded)
	}
	var places []place
	for _, root := range s.roots {
		for _, name := range names {
			places = append(places, place{root, name})
		}
	}
	return places
}

// local returns the places for a folder in the file system, in the form
// <root>/<experiment>/traces/<id>/artifacts. The tag is data that a client can write, so the folder
// in front of traces must be one that an experiment has as its artifact location. A store may have
// been moved here with its artifacts: the folders beside the database are looked through as well.
func (s *Store) local(folder string) []place {
	folder = filepath.ToSlash(folder)
	at := strings.Index(folder, "/traces/")
	if at < 0 {
		return nil
	}
	root, rel := folder[:at], folder[at+1:]
	var places []place
	if slices.Contains(s.experimentFolders, path.Clean(root)) {
		dir := filepath.FromSlash(root)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(s.path), dir)
		}
		places = append(places, place{dir, rel})
	}
	return append(places, s.under(path.Join(path.Base(root), rel))...)
}

// filePath returns the path of a file: URI, given what follows the scheme.
func filePath(rest string) string {
	if host, ok := strings.CutPrefix(rest, "//"); ok {
		if at := strings.IndexByte(host, '/'); at >= 0 {
			rest = host[at:]
		}
	}
	if decoded, err := url.PathUnescape(rest); err == nil {
		rest = decoded
	}
	if runtime.GOOS == "windows" && len(rest) > 2 && rest[0] == '/' && rest[2] == ':' {
		rest = rest[1:]
	}
	return rest
}

// experimentFolder returns the folder that an experiment's artifact location names in the file
// system, or "".
func experimentFolder(location string) string {
	scheme, rest, ok := strings.Cut(location, ":")
	switch {
	case location == "":
		return ""
	case !ok || len(scheme) == 1:
		return path.Clean(filepath.ToSlash(location))
	case scheme == "file":
		return path.Clean(filepath.ToSlash(filePath(rest)))
	}
	return ""
}

// readWithin reads the artifact in the place. No link and no .. leads out of the root, and only a
// regular file is opened.
func readWithin(p place, limit int) ([]byte, error) {
	root, err := os.OpenRoot(p.root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := filepath.FromSlash(path.Join(p.rel, artifactFile))
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case errors.Is(err, fs.ErrPermission):
		return nil, mlflow.Skipf(mlflow.ReasonUnreachable,
			"no permission to read %s in the artifact folder of the trace",
			artifactFile)
	case err != nil:
		return nil, mlflow.Skipf(mlflow.ReasonArtifactMissing, "the artifact folder of the trace can't be used: %v",
			errors.Unwrap(err))
	case !info.Mode().IsRegular():
		return nil, mlflow.Skipf(mlflow.ReasonArtifactMissing, "%s is not a regular file", artifactFile)
	case info.Size() > int64(limit):
		return nil, mlflow.Skipf(mlflow.ReasonTooLarge, "%s has %d bytes, more than the limit of %d",
			artifactFile, info.Size(), limit)
	}
	f, err := root.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, mlflow.Skipf(mlflow.ReasonUnreachable,
				"no permission to read %s in the artifact folder of the trace",
				artifactFile)
		}
		return nil, err
	}
	defer f.Close()
	doc := make([]byte, info.Size())
	n, err := io.ReadFull(f, doc)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, mlflow.Skipf(mlflow.ReasonSourceError, "reading %s: %v", artifactFile, errors.Unwrap(err))
	}
	return doc[:n], nil
}

// bucket returns scheme and host of a location, which many traces share: s3://bucket/….
func bucket(location string) string {
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
