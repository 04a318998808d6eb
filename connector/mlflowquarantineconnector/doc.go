// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package mlflowquarantineconnector takes batches of traces and delivers them to the pipelines behind it. A trace that
// the destination refuses for good goes to the dead-letter pipelines, with the reason, so that it stops nothing. A
// batch is answered once each of its traces is delivered or stored as a dead letter.
package mlflowquarantineconnector

//go:generate go tool mdatagen metadata.yaml
//go:generate ../../scripts/readme.sh
