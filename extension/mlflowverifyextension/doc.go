// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package mlflowverifyextension says whether a backfill through a topic of Apache Kafka is complete. It reads the
// reports of readers and consumers, waits until the group has committed everything that the readers wrote, writes one
// verdict, and ends the process with exit status 0 or 1. It has a Go module of its own, so that Kafka's client sets no
// version for users of the other components.
package mlflowverifyextension

//go:generate go tool -modfile=../../go.mod mdatagen metadata.yaml
//go:generate ../../scripts/readme.sh
