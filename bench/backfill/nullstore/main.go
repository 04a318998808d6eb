// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command nullstore is the null reader of the backfill from a store: the same driver, windows and
// queries, values scanned and dropped.
//
//	nullstore URI WORKERS    prints {"traces", "seconds"}
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store"
)

// window is the number of traces of a unit of the backfill: the default of page_size.
const window = 500

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "nullstore:", err)
		os.Exit(1)
	}
}

// source is a store that can be read without doing anything with what is read.
type source interface {
	mlflow.Source
	Scan(context.Context, []mlflow.Info) error
}

// open opens a store; of a server, with a connection for each worker.
func open(ctx context.Context, uri string, workers int) (source, error) {
	target, err := store.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	options := store.Options{MaxTraceSize: 64 << 20, Readers: workers}
	if target.URL == nil {
		return store.Open(ctx, target, options)
	}
	s, err := store.OpenServer(target, options)
	if err != nil {
		return nil, err
	}
	return s.(source), nil
}

func run() error {
	if len(os.Args) != 3 {
		return errors.New("usage: nullstore URI WORKERS")
	}
	workers, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	s, err := open(ctx, os.Args[1], workers)
	if err != nil {
		return err
	}
	defer s.Close()

	begin, traces := time.Now(), 0
	windows := make(chan []mlflow.Info)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for infos := range windows {
				if err := s.Scan(ctx, infos); err != nil {
					cancel(err)
				}
			}
		})
	}
	experiments, err := s.Experiments(ctx)
	if err != nil {
		return err
	}
	for _, e := range experiments {
		for at := (mlflow.Position{}); ; {
			infos, err := s.Infos(ctx, mlflow.Range{ExperimentID: e.ID}, at, window)
			if err != nil {
				return err
			}
			if len(infos) == 0 {
				break
			}
			last := infos[len(infos)-1]
			at = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
			traces += len(infos)
			windows <- infos
		}
	}
	close(windows)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"traces": traces, "seconds": time.Since(begin).Seconds()})
}
