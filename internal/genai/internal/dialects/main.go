// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command dialects writes the document of dialects to the file that is its argument.
package main

import (
	"bytes"
	"log"
	"os"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

func main() {
	var document bytes.Buffer
	if err := genai.WriteDialects(&document); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], document.Bytes(), 0o644); err != nil { //nolint:gosec // a document
		log.Fatal(err)
	}
}
