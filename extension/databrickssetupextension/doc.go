// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databrickssetupextension prepares a Databricks workspace once, with an administrator's
// credentials: where traces lie, who may do what, the refined views, the quality monitors. It
// prints a plan, and carries it out only when told so.
package databrickssetupextension

//go:generate go tool mdatagen metadata.yaml
