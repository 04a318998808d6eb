// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command go-pkoukk measures github.com/pkoukk/tiktoken-go. It takes an encoding and files, and
// prints the JSON lines that package harness describes.
package main

import (
	"github.com/pkoukk/tiktoken-go"
	loader "github.com/pkoukk/tiktoken-go-loader"

	"github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/harness"
)

func main() {
	harness.Run("tiktoken-go", func(name string) (func(string) int, error) {
		tiktoken.SetBpeLoader(loader.NewOfflineLoader())
		t, err := tiktoken.GetEncoding(name)
		if err != nil {
			return nil, err
		}
		return func(s string) int { return len(t.EncodeOrdinary(s)) }, nil
	})
}
