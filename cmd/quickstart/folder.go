// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// results are the files and folders that a run leaves in its folder.
var results = []string{"position", "traces*.jsonl", "report.*", "skipped.jsonl", "missing.jsonl", logFile}

// removeResults removes what runs have left in a folder. Folders of other runs in it stay.
func removeResults(folder string) error {
	var errs []error
	for _, pattern := range results {
		paths, err := filepath.Glob(filepath.Join(folder, pattern))
		errs = append(errs, err)
		for _, path := range paths {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

// folder is where a run leaves its results: out/<source>/<experiments>/to_<backend>. Each selection of experiments has
// a folder, and so a position and an output.
func (r *request) folder() string {
	parts := []string{"out", "sample"}
	if r.source != "" {
		parts[1] = name(strings.TrimPrefix(strings.TrimPrefix(r.place(), "https://"), "http://"))
	}
	if len(r.experiments) == 1 && r.experiments[0] == "*" {
		parts = append(parts, "_all") // no name begins like this
	} else if len(r.experiments) > 0 {
		parts = append(parts, name(strings.Join(r.experiments, ",")))
	}
	if r.endpoint != "" {
		parts = append(parts, "to_"+name(strings.TrimPrefix(strings.TrimPrefix(r.endpoint, "https://"), "http://")))
	}
	return filepath.Join(parts...)
}

var (
	plain   = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]+)?/?$`)
	unusual = regexp.MustCompile(`[^A-Za-z0-9-]+`)
)

// mostName bounds the length of a name in bytes.
const mostName = 60

// name makes the name of a folder out of a text. Texts that differ have names that differ: where the name is not the
// text itself, or a host and its port, it ends with a checksum.
func name(text string) string {
	if plain.MatchString(text) && len(text) <= mostName {
		return strings.ReplaceAll(strings.TrimSuffix(text, "/"), ":", "_")
	}
	sum := sha256.Sum256([]byte(text))
	short := strings.Trim(unusual.ReplaceAllString(text, "_"), "_")
	return strings.TrimLeft(short[:min(len(short), mostName)]+"-"+hex.EncodeToString(sum[:4]), "-")
}
