// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package configschematest

import (
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
)

// goDuration is what time.ParseDuration reads, without a sign.
const goDuration = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`

// Validator returns a function that validates a value of a configuration, as a YAML decoder returns
// it, against a schema. It is as strict as the collector: keys that the schema lacks are errors.
func Validator(l *Loader, s *Schema) (func(value any) error, error) {
	js, err := l.jsonSchema(s)
	if err != nil {
		return nil, err
	}
	r, err := js.Resolve(nil)
	if err != nil {
		return nil, err
	}
	return func(value any) error { return r.Validate(value) }, nil
}

// jsonSchema translates a schema into JSON Schema, with references replaced by what they name.
func (l *Loader) jsonSchema(s *Schema) (*jsonschema.Schema, error) {
	s, err := l.follow(s)
	if err != nil {
		return nil, err
	}
	out := &jsonschema.Schema{
		Pattern: s.Pattern, Minimum: s.Minimum, Maximum: s.Maximum, Enum: slices.Clone(s.Enum),
	}
	if len(s.Types) > 0 {
		// A key without a value keeps its default.
		out.Types = append(slices.Clone(s.Types), "null")
	}
	if len(out.Enum) > 0 {
		out.Enum = append(out.Enum, nil)
	}
	if s.Format == "duration" {
		out.Types, out.Pattern = append(out.Types, "integer"), goDuration
	}
	for _, form := range s.AnyOf {
		f, err := l.jsonSchema(form)
		if err != nil {
			return nil, err
		}
		out.AnyOf = append(out.AnyOf, f)
	}
	if s.Items != nil {
		if out.Items, err = l.jsonSchema(s.Items); err != nil {
			return nil, err
		}
	}
	properties, required, err := l.object(s)
	if err != nil || len(properties) == 0 {
		return out, err
	}
	out.Required, out.Properties = required, map[string]*jsonschema.Schema{}
	out.AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}}
	for key, p := range properties {
		if out.Properties[key], err = l.jsonSchema(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}
