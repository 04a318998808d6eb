// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// OTelColumns are the columns of an OpenTelemetry table, with types as GET table spells them.
// Recorded answers show them for layout v2, and in layout v1 for spans and logs; metrics of v1 are
// those of public DDL.
func OTelColumns(s unity.Signal, layout unity.Layout) []Column {
	if s == unity.SignalAnnotations {
		return annotationsColumns
	}
	var out []Column
	for _, c := range unity.Columns(s, layout) {
		out = append(out, Column{Name: c.Name, Type: spelling.Replace(strings.ToLower(c.Type))})
	}
	return out
}

// spelling turns a type of a CREATE TABLE statement into that of GET table.
var spelling = strings.NewReplacer(" ", "", "long", "bigint")

func otelProperties(s unity.Signal, layout unity.Layout) map[string]string {
	switch {
	case s == unity.SignalAnnotations:
		return nil
	case layout == unity.LayoutV1:
		return map[string]string{"otel.schemaVersion": "v1"}
	}
	return map[string]string{
		"otel.schemaVersion": "v2", "delta.checkpointPolicy": "classic", "delta.enableVariantShredding": "true",
		"delta.feature.variantShredding-preview": "supported",
		"delta.feature.variantType-preview":      "supported",
	}
}

var annotationsColumns = []Column{
	{Name: "annotation_id", Type: "string"},
	{Name: "target_type", Type: "string"},
	{Name: "target_id", Type: "string"},
	{Name: "annotation_type", Type: "string"},
	{Name: "name", Type: "string"},
	{Name: "value", Type: "variant"},
	{Name: "comment", Type: "string"},
	{Name: "metadata", Type: "variant"},
	{Name: "created_at", Type: "timestamp"},
	{Name: "created_by", Type: "string"},
	{Name: "updated_at", Type: "timestamp"},
	{Name: "updated_by", Type: "string"},
	{Name: "deleted_at", Type: "timestamp"},
	{Name: "deleted_by", Type: "string"},
	{Name: "_change_type", Type: "string"},
}
