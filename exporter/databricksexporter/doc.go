// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databricksexporter writes OpenTelemetry data to tables in Databricks Unity Catalog,
// routed by experiment, and says what arrived.
package databricksexporter

//go:generate go tool mdatagen metadata.yaml
