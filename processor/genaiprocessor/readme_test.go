// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content/detect"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

// section returns the text below a heading, up to the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(readme(t), "\n## "+heading+"\n")
	require.True(t, ok, heading)
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

var quoted = regexp.MustCompile("`([^`]*)`")

// table returns the rows of the table in a text, cell by cell.
func table(text string) (rows [][]string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "| ---") {
			cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return rows[1:]
}

// keys are the options of a type by their path, and the fields of the elements of a list as
// option[].field.
func keys(typ reflect.Type, path string, into map[string]bool) {
	for f := range typ.Fields() {
		name, squash := strings.CutSuffix(f.Tag.Get("mapstructure"), ",squash")
		at := strings.TrimPrefix(path+"::"+name, "::")
		switch {
		case squash:
			keys(f.Type, path, into)
		case name == "":
		case f.Type.Kind() == reflect.Struct && !isScalar(f.Type):
			keys(f.Type, at, into)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			into[at] = true
			keys(f.Type.Elem(), at+"[]", into)
		default:
			into[at] = true
		}
	}
}

func isScalar(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[confmap.ScalarUnmarshaler]()) && t.NumField() == 1
}

// The README has every option with its default, and no other.
func TestREADMEHasEveryOption(t *testing.T) {
	wanted := map[string]bool{}
	keys(reflect.TypeFor[Config](), "", wanted)
	conf := confmap.New()
	require.NoError(t, conf.Marshal(createDefaultConfig()))
	rows := map[string][]string{}
	for _, row := range table(section(t, "Options")) {
		require.Len(t, row, 3, "%v", row)
		names := quoted.FindAllStringSubmatch(row[0], -1)
		require.Len(t, names, 1, "one option to a row: %s", row[0])
		rows[names[0][1]] = row
	}
	for key := range wanted {
		option, field, isField := strings.Cut(key, "[]::")
		row, ok := rows[option]
		if !assert.True(t, ok, "the README has no row for %s", option) {
			continue
		}
		if isField {
			for part := range strings.SplitSeq(field, "::") { // match::provider
				assert.Regexp(t, `\b`+regexp.QuoteMeta(strings.TrimSuffix(part, "[]"))+`\b`, row[2],
					"field of %s", option)
			}
			continue
		}
		want := ""
		switch v := conf.Get(key); {
		case v == nil || v == "" || v == "[REDACTED]": // a secret that isn't set
		case reflect.ValueOf(v).Kind() == reflect.Slice && reflect.ValueOf(v).Len() == 0:
			want = "`[]`"
		default:
			want = fmt.Sprintf("`%v`", v)
		}
		if want == "" && row[1] == "`[]`" { // a list that isn't set
			want = row[1]
		}
		assert.Equal(t, want, row[1], "default of %s", key)
	}
	for option := range rows {
		assert.True(t, wanted[option], "the README has a row for %s, which is no option", option)
	}
}

// The README has every attribute that is written.
func TestREADMEHasEveryAttribute(t *testing.T) {
	var listed []string
	for _, row := range table(section(t, "Attributes written")) {
		for _, name := range quoted.FindAllStringSubmatch(row[0], -1) {
			listed = append(listed, name[1])
		}
	}
	assert.ElementsMatch(t, []string{
		genai.TokenCountRequest, genai.TokenCountResponse, genai.TokenCountEncoding, genai.TokenCountApproximate,
		genai.TokenCountTruncated, "metric_<name>", genai.EvaluationScore,
		genai.UsageInput, genai.UsageOutput, genai.TokensBackfilled,
		genai.CostInput, genai.CostOutput, genai.CostTotal, genai.CostCurrency, genai.CostPriceList,
		genai.CostUncertain, genai.CostLimited, genai.CostTraceTotal, genai.CostTracePartial,
	}, listed)
}

// The README has the countries whose phone numbers are masked by default.
func TestREADMEHasTheDefaultPhoneRegions(t *testing.T) {
	assert.Contains(t, readme(t), "\n"+strings.Join(detect.DefaultPhoneRegions, ", ")+".\n")
}

// The example of the README is what happens to a trace of the sample store.
func TestREADMEExample(t *testing.T) {
	want := map[string]string{}
	for line := range strings.Lines(section(t, "Before and after")) {
		if key, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "+ ")), ": "); ok &&
			strings.HasPrefix(line, "+ ") {
			want[key] = value
		}
	}
	require.Len(t, want, 7)
	found := 0
	for _, td := range sample(t, genai.PayloadsStructured) {
		out := refine(t, td, nil)
		each(out, out, func(s, _ ptrace.Span) {
			inputs, ok := s.Attributes().Get(genai.SpanInputs)
			if _, top := s.Attributes().Get(genai.Revision); !top || !ok ||
				!strings.Contains(inputs.AsString(), "where is my order TO-70374?") {
				return
			}
			got := map[string]string{}
			for key := range want {
				v, ok := s.Attributes().Get(key)
				require.True(t, ok, key)
				got[key] = v.AsString()
				if strings.HasPrefix(key, "metric_") && !strings.Contains(got[key], ".") {
					got[key] += ".0"
				}
			}
			assert.Equal(t, want, got)
			assert.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(written(s))),
				"nothing else is written")
			found++
		})
	}
	require.Equal(t, 1, found)
}
