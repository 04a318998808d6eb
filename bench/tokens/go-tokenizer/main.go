// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command go-tokenizer measures github.com/tiktoken-go/tokenizer. It takes an encoding and files,
// and prints the JSON lines that package harness describes.
package main

import (
	"github.com/tiktoken-go/tokenizer"

	"github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/harness"
)

func main() {
	harness.Run("tokenizer", func(name string) (func(string) int, error) {
		c, err := tokenizer.Get(tokenizer.Encoding(name))
		if err != nil {
			return nil, err
		}
		return func(s string) int {
			n, err := c.Count(s)
			if err != nil {
				panic(err)
			}
			return n
		}, nil
	})
}
