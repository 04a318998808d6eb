// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package mlflowreportextension checks at start what "accepted" means in each pipeline behind an
// mlflow receiver, reads what OTLP destinations answer to exporters that name it as middleware, and
// writes the report at the end: extensions stop last, when exporters have drained.
package mlflowreportextension

//go:generate go tool mdatagen metadata.yaml
//go:generate ../../scripts/readme.sh
