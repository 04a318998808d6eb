// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreporttopicextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/mlflowreporttopicextension/internal/metadata"
)

// NewFactory returns the factory of the mlflow_report_topic extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig,
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return newPublisher(set, cfg.(*Config)), nil
		}, metadata.ExtensionStability)
}
