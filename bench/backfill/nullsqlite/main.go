// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command nullsqlite is the null reader of the SQLite backfill: the same driver, windows and
// queries, values scanned and dropped.
//
//	nullsqlite FILE WORKERS    prints {"traces", "seconds"}
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
		fmt.Fprintln(os.Stderr, "nullsqlite:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return errors.New("usage: nullsqlite FILE WORKERS")
	}
	workers, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	s, err := store.Open(ctx, store.Target{Path: os.Args[1]}, store.Options{MaxTraceSize: 64 << 20})
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
