// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command tokens measures the token counter of this repository. It takes an encoding and files, and
// prints the JSON lines that package harness describes.
//
//	go -C bench run ./tokens ENCODING FILE...
package main

import (
	"github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/harness"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/tokens"
)

func main() {
	harness.Run("otelcol-mlflow", func(name string) (func(string) int, error) {
		e, err := tokens.For(name)
		if err != nil {
			return nil, err
		}
		return e.Count, nil
	})
}
