// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowverifyextension

import (
	"context"
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/metadata"
)

// NewFactory returns the factory of the mlflow_verify extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig,
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return newVerifier(set, cfg.(*Config), os.Stdout), nil
		}, metadata.ExtensionStability)
}
