// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faithful

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// A comparison that finds nothing is worth nothing: every kind of difference is found.
func TestDifferencesAreFound(t *testing.T) {
	want := map[string]any{
		"int": json.Number("1"), "float": json.Number("1.0"), "nan": map[string]any{"$float": "NaN"}, "text": "1",
		"null": nil, "flag": true,
		"list": []any{json.Number("1"), "a"}, "object": map[string]any{"k": json.Number("2")},
		"huge": json.Number("1180591620717411303424"),
	}
	emitted := func() pcommon.Map {
		m := pcommon.NewMap()
		require.NoError(t, m.FromRaw(map[string]any{
			"int": 1, "float": 1.0, "text": "1", "null": nil, "flag": true, "list": []any{1, "a"},
			"object": map[string]any{"k": 2}, "huge": "1180591620717411303424",
			"mlflow.jsonAttributes": []any{"huge"},
		}))
		nan, _ := json.Number("NaN").Float64()
		m.PutDouble("nan", nan)
		return m
	}
	extra, err := attributes(want, emitted())
	require.NoError(t, err)
	require.Equal(t, []string{"mlflow.jsonAttributes"}, extra)
	for name, change := range map[string]func(m pcommon.Map){
		"missing":              func(m pcommon.Map) { m.Remove("null") },
		"int as float":         func(m pcommon.Map) { m.PutDouble("int", 1) },
		"float as int":         func(m pcommon.Map) { m.PutInt("float", 1) },
		"text as int":          func(m pcommon.Map) { m.PutInt("text", 1) },
		"null as text":         func(m pcommon.Map) { m.PutStr("null", "") },
		"another flag":         func(m pcommon.Map) { m.PutBool("flag", false) },
		"shorter list":         func(m pcommon.Map) { m.PutEmptySlice("list").AppendEmpty().SetInt(1) },
		"another member":       func(m pcommon.Map) { m.PutEmptyMap("object").PutInt("j", 2) },
		"another huge number":  func(m pcommon.Map) { m.PutStr("huge", "1180591620717411303425") },
		"json text not listed": func(m pcommon.Map) { m.Remove("mlflow.jsonAttributes") },
		"listed without need": func(m pcommon.Map) {
			v, _ := m.Get("mlflow.jsonAttributes")
			v.Slice().AppendEmpty().SetStr("text")
		},
		"infinity for nan": func(m pcommon.Map) { m.PutStr("nan", "NaN") },
	} {
		m := emitted()
		change(m)
		_, err := attributes(want, m)
		require.Error(t, err, name)
	}
	m := emitted()
	m.PutStr("more", "x")
	extra, err = attributes(want, m)
	require.NoError(t, err)
	require.Contains(t, extra, "more")
}
