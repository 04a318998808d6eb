// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package artifacts

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

// rootsBeside returns the folders beside the database that the artifact server of `mlflow server` may have
// been told to use: its default and the usual names. Only the tracking server knows for sure where
// mlflow-artifacts:/ is.
func rootsBeside(database string) []string {
	if database == "" {
		return nil
	}
	var roots []string
	for _, name := range []string{"mlartifacts", "mlruns", "artifacts"} {
		root := filepath.Join(filepath.Dir(database), name)
		if info, err := os.Stat(root); err == nil && info.IsDir() {
			roots = append(roots, root)
		}
	}
	return roots
}

// place is a folder and a slash-separated path in it that must not lead out of it.
type place struct{ root, rel string }

// under returns the path in each root beside the database, as it is and with percent signs decoded.
func (r *Reader) under(rel string) []place {
	var places []place
	for _, root := range r.roots {
		places = append(places, spellings(root, rel)...)
	}
	return places
}

// spellings returns the path in a folder, as it is and with percent signs decoded.
func spellings(root, rel string) []place {
	rel = strings.TrimLeft(rel, "/")
	places := []place{{root, rel}}
	if decoded, err := url.PathUnescape(rel); err == nil && decoded != rel {
		places = append(places, place{root, decoded})
	}
	return places
}

// local returns the places for a folder in the file system, in the form
// <root>/<experiment>/traces/<id>/artifacts. The folder in front of traces must be one that an experiment has
// as its artifact location. A store may have been moved here with its artifacts: the folders beside the
// database are looked through as well.
func (r *Reader) local(folder string) []place {
	at := strings.Index(folder, "/traces/")
	if at < 0 {
		return nil
	}
	root, rel := folder[:at], folder[at+1:]
	var places []place
	if slices.Contains(r.folders, path.Clean(root)) {
		places = append(places, place{r.absolute(root), rel})
	}
	return append(places, r.under(path.Join(path.Base(root), rel))...)
}

// archived returns the place for an archive in the file system, in the form
// <root>/<experiment>/traces/<id>/artifacts, where the id is that of the trace: the database does not tell which
// folder the server was given for archives.
func (r *Reader) archived(folder, trace string) []place {
	end := "/traces/" + trace + "/artifacts"
	root, ok := strings.CutSuffix(folder, end)
	if !ok || !filepath.IsLocal(trace) || strings.ContainsAny(trace, `/\`) {
		return nil
	}
	return []place{{r.absolute(root), strings.TrimPrefix(end, "/")}}
}

// absolute returns a folder as a path of this machine. Relative ones lie beside the database.
func (r *Reader) absolute(folder string) string {
	dir := filepath.FromSlash(folder)
	if !filepath.IsAbs(dir) && r.opts.Database != "" {
		return filepath.Join(filepath.Dir(r.opts.Database), dir)
	}
	return dir
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

// experimentFolder returns the folder that an experiment's artifact location names in the file system, or "".
func experimentFolder(location string) string {
	switch scheme, rest := split(location); {
	case location == "":
		return ""
	case scheme == "":
		return path.Clean(filepath.ToSlash(location))
	case scheme == "file":
		return path.Clean(filepath.ToSlash(filePath(rest)))
	}
	return ""
}

// read returns the content of a file in the place. No link and no .. leads out of the root, and only a regular
// file is opened. An error is a *Skip or fs.ErrNotExist.
func (p place) read(file string, limit int) ([]byte, error) {
	root, err := os.OpenRoot(p.root)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, denied(file)
		}
		return nil, fs.ErrNotExist
	}
	defer root.Close()
	name := filepath.FromSlash(path.Join(p.rel, file))
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case errors.Is(err, fs.ErrPermission):
		return nil, denied(file)
	case err != nil:
		return nil, mlflow.Skipf(mlflow.ReasonArtifactMissing, "the artifact folder of the trace can't be used: %v",
			errors.Unwrap(err))
	case !info.Mode().IsRegular():
		return nil, mlflow.Skipf(mlflow.ReasonArtifactMissing, "%s is not a regular file", file)
	case info.Size() > int64(limit):
		return nil, tooLarge(file, info.Size(), limit)
	}
	f, err := root.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, denied(file)
		}
		return nil, err
	}
	defer f.Close()
	doc := make([]byte, info.Size())
	n, err := io.ReadFull(f, doc)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, mlflow.Skipf(mlflow.ReasonSourceError, "reading %s: %v", file, errors.Unwrap(err))
	}
	return doc[:n], nil
}

func denied(file string) *mlflow.Skip {
	return mlflow.Skipf(mlflow.ReasonUnreachable, "no permission to read %s in the artifact folder of the trace", file)
}

func tooLarge(file string, size int64, limit int) *mlflow.Skip {
	return mlflow.Skipf(mlflow.ReasonTooLarge, "%s has %d bytes, more than the limit of %d", file, size, limit)
}
