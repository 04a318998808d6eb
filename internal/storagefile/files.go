// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package storagefile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kinds are the components that may keep something in a file: the key of a pipeline and of the
// configuration, and the word in the name of the file.
var kinds = map[string]string{"receivers": "receiver", "processors": "processor", "exporters": "exporter"}

// CheckAll refuses files of file_storage that would end the process when a component opens them. conf is the effective
// configuration.
func CheckAll(conf map[string]any) error {
	files, err := Files(conf)
	if err != nil {
		return fmt.Errorf("file_storage: %w", err)
	}
	var errs []error
	for _, path := range files {
		err := Check(path)
		if errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w; restore the folder from a backup, or remove the file: "+
				"a receiver begins again then, and what waited in the queue of an exporter is lost", err)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("file_storage: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Files returns the files that components of pipelines have in the file_storage extensions that they
// name, sorted. Those of an extension with recreate are left out: it replaces what is damaged. conf is
// the effective configuration.
func Files(conf map[string]any) ([]string, error) {
	service := section(conf, "service")
	var paths []string
	for _, storage := range list(service, "extensions") {
		if kind, _, _ := strings.Cut(storage, "/"); kind != "file_storage" {
			continue
		}
		settings := section(section(conf, "extensions"), storage)
		if settings["recreate"] == true {
			continue
		}
		dir := fmt.Sprint(settings["directory"])
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		owners := prefixes(conf, section(service, "pipelines"), storage)
		for _, e := range entries {
			if e.Type().IsRegular() && owned(e.Name(), owners) {
				paths = append(paths, filepath.Join(dir, e.Name()))
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// prefixes are how the names of files begin of the components that name a storage extension.
func prefixes(conf, pipelines map[string]any, storage string) map[string]bool {
	out := map[string]bool{}
	for p := range maps.Keys(pipelines) {
		for key, word := range kinds {
			for _, id := range list(section(pipelines, p), key) {
				if names(section(conf, key)[id], storage) {
					kind, name, _ := strings.Cut(id, "/")
					out[escape(word+"_"+kind+"_"+name)] = true
				}
			}
		}
	}
	return out
}

// owned reports whether a file is one of the components: it has their prefix for a name, or with a
// further part, as the signal of an exporter's queue.
func owned(file string, prefixes map[string]bool) bool {
	for p := range prefixes {
		if rest, ok := strings.CutPrefix(file, p); ok && (rest == "" || rest[0] == '_') &&
			!strings.HasSuffix(file, ".backup") {
			return true
		}
	}
	return false
}

// names reports whether a value is a text, or one of its members has it.
func names(value any, text string) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			if names(member, text) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(member any) bool { return names(member, text) })
	case string:
		return v == text
	}
	return false
}

// escape is how file_storage v0.158.0 writes characters that are not safe in the name of a file.
func escape(name string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	var out strings.Builder
	for _, c := range name {
		if strings.ContainsRune(safe, c) {
			out.WriteRune(c)
		} else {
			fmt.Fprintf(&out, "~%04X", c)
		}
	}
	return out.String()
}

func section(m map[string]any, key string) map[string]any {
	s, _ := m[key].(map[string]any)
	return s
}

func list(m map[string]any, key string) (out []string) {
	raw, _ := m[key].([]any)
	for _, v := range raw {
		out = append(out, fmt.Sprint(v))
	}
	return out
}
