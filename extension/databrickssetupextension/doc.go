// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databrickssetupextension prepares a Databricks workspace once, with an administrator's
// credentials: trace location, grants, refined views, quality monitors. It takes the configuration
// and prints a plan as a SQL script. It carries the plan out only with apply: true.
package databrickssetupextension

//go:generate go tool mdatagen metadata.yaml
//go:generate ../../scripts/readme.sh
