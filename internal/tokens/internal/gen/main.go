// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command gen rebuilds what package tokens embeds: vocab/*.bin and class_table.go. It reads the
// vocabularies from a module (no network) and refuses to write anything unless each equals, byte
// for byte, the file published by OpenAI.
//
//	go generate ./internal/tokens
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", ".", "directory of package tokens")
	classes := flag.String("classes", "internal/gen/unicode_classes.json",
		"character classes of the regex engine used by tiktoken")
	flag.Parse()
	for _, v := range published {
		packed, err := packVocabulary(v)
		if err != nil {
			log.Fatalf("vocabulary %s: %v", v.name, err)
		}
		if err := os.WriteFile(filepath.Join(*out, "vocab", v.name+".bin"), packed, 0o644); err != nil {
			log.Fatal(err)
		}
	}
	source, err := classTable(*classes)
	if err != nil {
		log.Fatalf("character classes: %v", err)
	}
	if err := os.WriteFile(filepath.Join(*out, "class_table.go"), source, 0o644); err != nil {
		log.Fatal(err)
	}
}
