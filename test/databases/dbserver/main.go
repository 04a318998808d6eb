// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command dbserver runs a database server with a copy of an SQLite store of MLflow, for benchmarks, until its input
// ends.
//
//	dbserver postgresql|mysql FILE    prints {"uri", "version"}, or {"missing"}: why there is no such server
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "dbserver:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return errors.New("usage: dbserver postgresql|mysql FILE")
	}
	kinds := map[string]func() (*databases.Server, error){
		"postgresql": databases.Postgres, "mysql": databases.MariaDB,
	}
	get, ok := kinds[os.Args[1]]
	if !ok {
		return fmt.Errorf("%q is not one of postgresql, mysql", os.Args[1])
	}
	say := json.NewEncoder(os.Stdout).Encode
	defer databases.StopAll()
	s, err := get()
	if errors.Is(err, databases.ErrMissing) {
		return say(map[string]string{"missing": err.Error()})
	}
	if err != nil {
		return err
	}
	const name = "bench"
	if err := s.CopyTo(name, os.Args[2]); err != nil {
		return err
	}
	version, err := s.Version()
	if err != nil {
		return err
	}
	if err := say(map[string]string{"uri": s.URI(databases.Admin, name), "version": version}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
