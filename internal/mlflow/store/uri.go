// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqlurl"
)

// Target is a parsed tracking URI of a store: a file or a database on a server.
type Target struct {
	// Path is the database file, relative to the working directory if the URI is.
	Path string
	// URL is that of a database on a server; nil: a file.
	URL *sqlurl.URL
}

const spelling = "write sqlite:///mlflow.db for a file in the working directory or sqlite:////data/mlflow.db for an " +
	"absolute path"

// IsStoreURI reports whether a tracking URI names a database rather than a server, whatever else
// may be wrong with it.
func IsStoreURI(uri string) bool {
	scheme, _, ok := strings.Cut(uri, ":")
	return ok && strings.EqualFold(baseScheme(scheme), "sqlite") || IsServerURI(uri)
}

// IsServerURI reports whether a tracking URI names a database on a server.
func IsServerURI(uri string) bool { return sqlurl.Kind(uri) != "" }

// ParseURI takes a database URI as MLflow and SQLAlchemy spell it: three slashes before a relative
// path, four before an absolute one, three before a path with a drive letter. As in SQLAlchemy,
// nothing in the path is percent-encoded.
func ParseURI(uri string) (Target, error) {
	if IsServerURI(uri) {
		u, err := sqlurl.Parse(uri)
		return Target{URL: &u}, err
	}
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || !strings.EqualFold(baseScheme(scheme), "sqlite") {
		return Target{}, fmt.Errorf("not the URI of a store that can be read here: only sqlite:/// is; %s", spelling)
	}
	path, ok := strings.CutPrefix(rest, "///")
	switch {
	case !ok && strings.Trim(rest, "/") == "", path == "" && ok, path == ":memory:":
		return Target{}, fmt.Errorf("%q is a database in memory, which no other process can read; %s", uri, spelling)
	case !ok:
		return Target{}, fmt.Errorf("%q has the wrong number of slashes; %s", uri, spelling)
	case strings.HasPrefix(path, "file:"):
		return Target{}, fmt.Errorf("%q: SQLite's own file: spelling is not taken; %s", uri, spelling)
	case strings.Contains(path, "?"):
		return Target{}, fmt.Errorf("%q: remove the options from ? on: the file is always opened read-only", uri)
	case strings.ContainsRune(path, 0):
		return Target{}, errors.New("the URI holds a NUL byte")
	case strings.HasPrefix(path, "//"):
		return Target{}, fmt.Errorf("%q has too many slashes; %s", uri, spelling)
	}
	if runtime.GOOS == "windows" && len(path) > 2 && path[0] == '/' && path[2] == ':' {
		path = path[1:] // sqlite:////C:/data/mlflow.db
	}
	return Target{Path: path}, nil
}

// baseScheme drops the name of a Python driver: sqlite+pysqlite.
func baseScheme(scheme string) string {
	base, _, _ := strings.Cut(scheme, "+")
	return base
}
