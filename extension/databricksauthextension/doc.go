// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databricksauthextension signs the requests of any HTTP or gRPC client component to one
// Databricks workspace, with Databricks unified authentication.
package databricksauthextension

//go:generate go tool mdatagen metadata.yaml
//go:generate ../../scripts/readme.sh
