// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databricksexporter takes traces, logs and metrics and writes them to OpenTelemetry tables
// in Databricks Unity Catalog. Routes choose the table by the attributes of the resource. When a
// run has ended, the exporter counts its spans in the tables and reports how many have arrived.
package databricksexporter

//go:generate go tool mdatagen metadata.yaml
//go:generate ../../scripts/readme.sh
