// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// OTelColumns are the columns of an OpenTelemetry table, with types as GET table spells them.
// Recorded answers show them for layout v2, and in layout v1 for spans and logs. There is no legacy
// table of metrics on record: it is taken to be that of v2 without the columns that ingest makes
// up, and with maps in place of variants.
func OTelColumns(s unity.Signal, layout unity.Layout) []Column {
	if s == Annotations {
		return annotationsColumns
	}
	from, legacy := unity.Columns(s, layout), s == unity.SignalMetrics && layout == unity.LayoutV1
	if legacy {
		from = unity.Columns(s, unity.LayoutV2)
	}
	var out []Column
	for _, c := range from {
		kind := spelling.Replace(strings.ToLower(c.Type))
		if legacy {
			kind = strings.ReplaceAll(kind, "variant", "map<string,string>")
		}
		if !legacy || !slices.Contains([]string{"record_id", "time", "date", "service_name"}, c.Name) {
			out = append(out, Column{Name: c.Name, Type: kind})
		}
	}
	return out
}

// spelling turns a type of a CREATE TABLE statement into that of GET table.
var spelling = strings.NewReplacer(" ", "", "long", "bigint")

func otelProperties(s unity.Signal, layout unity.Layout) map[string]string {
	switch {
	case s == Annotations:
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
