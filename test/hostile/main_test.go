// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package hostile runs the built distribution against sources that answer without an end, with too
// much, or with what was not asked for.
package hostile

import (
	"fmt"
	"os"
	"testing"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

func TestMain(m *testing.M) {
	if _, err := os.Stat(collector.Default()); err != nil {
		fmt.Fprintln(os.Stderr, "run make build first:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
