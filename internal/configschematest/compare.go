// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package configschematest

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
)

// opaqueRef is what a configopaque.String refers to.
const opaqueRef = "go.opentelemetry.io/collector/config/configopaque.string"

// bases are the defaults of shared structs. What a component changes of them is the default beside
// the reference. A struct that is not here has zero values.
var bases = map[reflect.Type]any{
	reflect.TypeFor[confighttp.ClientConfig]():         confighttp.NewDefaultClientConfig(),
	reflect.TypeFor[configretry.BackOffConfig]():       configretry.NewDefaultBackOffConfig(),
	reflect.TypeFor[exporterhelper.QueueBatchConfig](): exporterhelper.NewDefaultQueueConfig(),
}

// Compare returns how a schema differs from the struct of a configuration and its defaults: keys,
// types, defaults, and properties without a description. The struct is a pointer.
func Compare(l *Loader, s *Schema, defaults any) []string {
	c := &comparison{loader: l}
	if strings.TrimSpace(s.Description) == "" {
		c.report("", "it has no description")
	}
	c.structure("", s, reflect.ValueOf(defaults).Elem(), true)
	slices.Sort(c.found)
	return c.found
}

type comparison struct {
	loader *Loader
	found  []string
}

func (c *comparison) report(at, format string, args ...any) {
	c.found = append(c.found, strings.TrimPrefix(at+": ", ": ")+fmt.Sprintf(format, args...))
}

// structure compares an object with a struct. Defaults of what lies in lists are the zero values,
// which need not be written: stated is false there.
func (c *comparison) structure(at string, s *Schema, v reflect.Value, stated bool) {
	properties, required, err := c.loader.object(s)
	if err != nil {
		c.report(at, "%v", err)
		return
	}
	if !slices.Equal(s.Types, []string{"object"}) {
		c.report(at, "type is %v, the struct is an object", s.Types)
	}
	fields := fieldsOf(v)
	for _, key := range required {
		if _, ok := fields[key]; !ok {
			c.report(at, "required %s is no key", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		p := properties[key]
		if p == nil {
			c.report(configkeys.Join(at, key), "the schema lacks the key")
			continue
		}
		if strings.TrimSpace(p.Description) == "" {
			c.report(configkeys.Join(at, key), "it has no description")
		}
		c.value(configkeys.Join(at, key), p, fields[key], stated)
	}
	for key := range properties {
		if _, ok := fields[key]; !ok {
			c.report(configkeys.Join(at, key), "the struct lacks the key")
		}
	}
}

// value compares a schema with a value of the default configuration.
func (c *comparison) value(at string, s *Schema, v reflect.Value, stated bool) {
	v, pointer, optional := unwrap(v)
	if s.Pointer != pointer {
		c.report(at, "x-pointer is %t, the field is a pointer: %t", s.Pointer, pointer)
	}
	if s.Optional != optional {
		c.report(at, "x-optional is %t, the field is optional: %t", s.Optional, optional)
	}
	def, err := c.loader.follow(s)
	if err != nil {
		c.report(at, "%v", err)
		return
	}
	if v.Kind() == reflect.Struct && !isText(v.Type()) {
		switch branch := objectOf(def); {
		case def.foreign():
			c.shared(at, s, def, v)
		case branch != nil && isScalar(v.Type()):
			c.structure(at, branch, v, stated)
		case isScalar(v.Type()):
			c.leaf(at, s, def, v, pointer, stated)
		default:
			c.structure(at, def, v, stated)
		}
		return
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 {
		c.list(at, s, def, v)
		return
	}
	c.leaf(at, s, def, v, pointer, stated)
}

// list compares an array with a slice. One that has a short form is an array or a scalar.
func (c *comparison) list(at string, s, def *Schema, v reflect.Value) {
	if isScalar(v.Type()) {
		for _, form := range def.AnyOf {
			if slices.Equal(form.Types, []string{"array"}) {
				def = form
			}
		}
	}
	if !slices.Equal(def.Types, []string{"array"}) || def.Items == nil {
		c.report(at, "type is %v, the field is a list", def.Types)
		return
	}
	c.value(at+"[]", def.Items, reflect.New(v.Type().Elem()).Elem(), false)
	c.defaults(at, s.Default, v, v.Len() > 0)
}

// leaf compares a scalar.
func (c *comparison) leaf(at string, s, def *Schema, v reflect.Value, pointer, stated bool) {
	t := v.Type()
	kind, custom, format := scalar(t)
	if !slices.Contains(def.Types, kind) || len(def.Types) > 1 && kind != "string" {
		c.report(at, "type is %v, the field is a %s", def.Types, kind)
	}
	if t == reflect.TypeFor[configopaque.String]() != (s.Ref == opaqueRef) {
		c.report(at, "$ref is %q, the field is a %s", s.Ref, t)
	}
	if def.CustomType != custom {
		c.report(at, "x-customType is %q, the field is a %s", def.CustomType, t)
	}
	if def.Format != format {
		c.report(at, "format is %q, the field is a %s", def.Format, t)
	}
	if s.Default != nil && len(def.Enum) > 0 && !slices.Contains(def.Enum, s.Default) {
		c.report(at, "default %v is not one of %v", s.Default, def.Enum)
	}
	if pointer {
		if s.Default != nil {
			c.report(at, "default is %v, the field is a pointer", s.Default)
		}
		return
	}
	c.defaults(at, s.Default, v, stated && (kind != "string" || format != "" || !v.IsZero()))
}

// defaults compares the default of a schema with that of the struct, which must be written if it is
// required.
func (c *comparison) defaults(at string, written any, v reflect.Value, required bool) {
	want := plain(v)
	if written == nil {
		if required {
			c.report(at, "it has no default, the struct has %v", want)
		}
		return
	}
	if got := plainDefault(written, v.Type()); !reflect.DeepEqual(got, want) {
		c.report(at, "default is %v, the struct has %v", got, want)
	}
}

// shared compares what refers to the schema of another repository. Its keys are not ours, and some
// lag behind their struct, so most of them must be there. The default holds what the component
// changes.
func (c *comparison) shared(at string, s, def *Schema, v reflect.Value) {
	properties, _, err := c.loader.object(def)
	if err != nil {
		c.report(at, "%v", err)
		return
	}
	fields := fieldsOf(v)
	common := 0
	for key := range fields {
		if properties[key] != nil {
			common++
		}
	}
	if 2*common <= len(fields) {
		c.report(at, "$ref %s has the keys %v, the field is a %s with %v", s.Ref,
			slices.Sorted(maps.Keys(properties)), v.Type(), slices.Sorted(maps.Keys(fields)))
		return
	}
	base := reflect.New(v.Type()).Elem()
	if b, ok := bases[v.Type()]; ok {
		base.Set(reflect.ValueOf(b))
	}
	changed, _ := s.Default.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		value, _, _ := unwrap(fields[key])
		same := reflect.DeepEqual(plain(value), plain(first(unwrap(fieldsOf(base)[key]))))
		if changed[key] == nil && same {
			continue
		}
		c.defaults(configkeys.Join(at, key), changed[key], value, true)
	}
	for key := range changed {
		if _, ok := fields[key]; !ok {
			c.report(configkeys.Join(at, key), "the default has a key that the struct lacks")
		}
	}
}

func first(v reflect.Value, _, _ bool) reflect.Value { return v }

// fieldsOf returns the fields of a struct by key, squashed ones included.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag, tagged := f.Tag.Lookup("mapstructure")
		key, options, _ := strings.Cut(tag, ",")
		switch {
		case !f.IsExported() || key == "-":
		case slices.Contains(strings.Split(options, ","), "squash"):
			maps.Copy(fields, fieldsOf(v.Field(i)))
		case !tagged || key == "":
			fields["(no key) "+f.Name] = v.Field(i)
		default:
			fields[key] = v.Field(i)
		}
	}
	return fields
}

// unwrap returns what a pointer or an Optional holds, or the value that it begins with.
func unwrap(v reflect.Value) (inner reflect.Value, pointer, optional bool) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return reflect.New(v.Type().Elem()).Elem(), true, false
		}
		return v.Elem(), true, false
	}
	if v.Type().PkgPath() != "go.opentelemetry.io/collector/config/configoptional" {
		return v, false, false
	}
	at := reflect.New(v.Type())
	at.Elem().Set(v)
	return at.MethodByName("GetOrInsertDefault").Call(nil)[0].Elem(), false, true
}

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func isScalar(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[confmap.ScalarUnmarshaler]())
}

// objectOf returns the object among the forms of a value that may also be a scalar.
func objectOf(s *Schema) *Schema {
	for _, form := range s.AnyOf {
		if slices.Contains(form.Types, "object") {
			return form
		}
	}
	return nil
}

// scalar returns the JSON type of a Go type, and the x-customType and format beside it.
func scalar(t reflect.Type) (kind, custom, format string) {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "string", "time.Duration", "duration"
	case t == reflect.TypeFor[component.ID]():
		return "string", "go.opentelemetry.io/collector/component.ID", ""
	case isText(t) || isScalar(t):
		return "string", "", ""
	}
	switch t.Kind() {
	case reflect.String:
		return "string", "", ""
	case reflect.Bool:
		return "boolean", "", ""
	case reflect.Int:
		return "integer", "", ""
	case reflect.Int64:
		return "integer", "int64", ""
	case reflect.Float64:
		return "number", "float64", ""
	}
	return "(unknown) " + t.String(), "", ""
}

// plain returns a value as it can be compared: numbers as float64, durations as such, text as text.
func plain(v reflect.Value) any {
	if d, ok := reflect.TypeAssert[time.Duration](v); ok {
		return d
	}
	if v.CanAddr() && isText(v.Type()) {
		v = v.Addr()
	}
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok &&
		v.Type() != reflect.TypeFor[configopaque.String]() {
		text, err := m.MarshalText()
		if err != nil {
			return err
		}
		return string(text)
	}
	switch v = reflect.Indirect(v); v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int64:
		return float64(v.Int())
	case reflect.Float64:
		return v.Float()
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Struct:
		m := map[string]any{}
		for key, f := range fieldsOf(v) {
			m[key] = plain(first(unwrap(f)))
		}
		return m
	}
	return fmt.Sprint(v.Interface())
}

// plainDefault returns a default of a schema as plain returns a value of the type.
func plainDefault(v any, t reflect.Type) any {
	switch v := v.(type) {
	case string:
		if d, err := time.ParseDuration(v); err == nil && t == reflect.TypeFor[time.Duration]() {
			return d
		}
	case int:
		return float64(v)
	}
	return v
}
