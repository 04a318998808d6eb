// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package mlflowreceiver reads GenAI traces out of MLflow and hands them to the pipeline as spans.
package mlflowreceiver

//go:generate go tool mdatagen metadata.yaml
//go:generate ../../scripts/readme.sh
