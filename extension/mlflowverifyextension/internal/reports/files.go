// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// fileName is how mlflow_report calls its report, unless it is told another name.
const fileName = "report.json"

// Read reads the reports at places, each once: a place is a file, a pattern of package path/filepath, or a folder,
// which stands for all files report.json in it and below it. empty are the places without a report.
func Read(places []string) (list []Document, empty []string, err error) {
	var files []string
	for _, place := range places {
		found, err := find(place)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			empty = append(empty, place)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	for _, file := range slices.Compact(files) {
		d, err := read(file)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, d)
	}
	return list, empty, nil
}

func find(place string) (files []string, err error) {
	matches := []string{place} // a name may hold the characters of patterns
	if _, err := os.Stat(place); err != nil {
		if matches, err = filepath.Glob(place); err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
	}
	for _, match := range matches {
		info, err := os.Stat(match)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, filepath.Clean(match))
			continue
		}
		err = filepath.WalkDir(match, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Name() == fileName && !entry.IsDir() {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}
