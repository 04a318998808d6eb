// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command dialects writes the document of dialects to the file that is its argument.
package main

import (
	"log"
	"os"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

func main() {
	f, err := os.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := genai.WriteDialects(f); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
}
