// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package mlflowreporttopicextension writes the reports of mlflow_report to a topic of Apache Kafka, where
// mlflow_verify reads them: processes on different machines need no common folder. It lies in the module of
// mlflow_verify, since both need Kafka's client.
package mlflowreporttopicextension

//go:generate go tool -modfile=../../../go.mod mdatagen metadata.yaml
//go:generate ../../../scripts/readme.sh
