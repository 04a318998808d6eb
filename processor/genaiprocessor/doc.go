// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package genaiprocessor takes traces and writes attributes on their GenAI spans: token counts,
// scores of assessments and costs. Of logs it writes scores on the records of evaluations. Then it
// applies the content policy. Other spans and log records pass unchanged.
package genaiprocessor

//go:generate go tool mdatagen metadata.yaml
//go:generate ../../scripts/readme.sh
