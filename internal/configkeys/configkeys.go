// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package configkeys writes the paths of keys in configurations, decodes configurations of
// components, and explains two mistakes in keys that the collector itself only names: a key that
// does not exist, and one without a value.
package configkeys

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/similar"
)

// Empty are the keys that are written without a value. Each keeps its default.
type Empty []string

// EmptyKeys returns the keys of a configuration that are written without a value, as from
// ${env:NAME} with a variable that is not set.
func EmptyKeys(conf *confmap.Conf) Empty {
	var found Empty
	Walk("", conf.ToStringMap(), func(path string, value any) {
		if value == nil {
			found = append(found, path)
		}
	})
	return found
}

// Walk calls visit for each value inside of a value, and then for those inside of it, keys in
// alphabetical order. at is the path of the value; the path of an element of a list is list[0].
func Walk(at string, value any, visit func(path string, value any)) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			path := Join(at, key)
			visit(path, value[key])
			Walk(path, value[key], visit)
		}
	case []any:
		for i, e := range value {
			path := element(at, i)
			visit(path, e)
			Walk(path, e, visit)
		}
	}
}

// Explain adds the keys without a value to an error of a configuration: they may be its cause.
func (e Empty) Explain(err error) error {
	if hint := e.Hint(err); hint != nil {
		return errors.Join(err, hint)
	}
	return err
}

// Hint is what Explain adds, alone; nil without an error.
func (e Empty) Hint(err error) error {
	if err == nil || len(e) == 0 {
		return nil
	}
	return fmt.Errorf("%s: no value is written; if it comes from ${env:NAME}, the environment "+
		"variable is not set or empty", strings.Join(e, ", "))
}

// Unmarshal decodes conf into cfg, a pointer to a struct, as conf.Unmarshal does. To an error it
// adds what was probably meant by keys that do not exist. meant maps names that people know from
// elsewhere to the path of a key here.
func Unmarshal(conf *confmap.Conf, cfg any, meant map[string]string) error {
	err := conf.Unmarshal(cfg)
	if err == nil {
		return nil
	}
	root := reflect.TypeOf(cfg).Elem()
	s := suggester{root: root, meant: meant}
	s.walk("", root, conf.ToStringMap())
	return errors.Join(append([]error{err}, s.hints...)...)
}

type suggester struct {
	root  reflect.Type
	meant map[string]string
	hints []error
}

// walk compares the keys that are written with those of a type.
func (s *suggester) walk(at string, t reflect.Type, value any) {
	t = unwrap(t)
	switch value := value.(type) {
	case []any:
		if t.Kind() == reflect.Slice {
			for i, e := range value {
				s.walk(element(at, i), t.Elem(), e)
			}
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return
		}
		fields := fieldsOf(t)
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if inner, ok := fields[key]; ok {
				s.walk(Join(at, key), inner, value[key])
			} else if found := s.suggest(at, key, fields); found != "" {
				s.hints = append(s.hints, fmt.Errorf("%s: there is no such key; did you mean %s?",
					Join(at, key), found))
			}
		}
	}
}

// suggest returns the path of the key that was probably meant, or "": what its name is known to
// mean, a key of that name in another place, or one beside it with a similar name.
func (s *suggester) suggest(at, key string, beside map[string]reflect.Type) string {
	if path, ok := s.meant[strings.ToLower(key)]; ok {
		return path
	}
	if paths := places(s.root, key); len(paths) > 0 {
		return strings.Join(paths, " or ")
	}
	for _, name := range slices.Sorted(maps.Keys(beside)) {
		if similar.Names(key, name) {
			return Join(at, name)
		}
	}
	return ""
}

// most is how many places of a key are named. A key with more of them, such as enabled, tells
// nothing.
const most = 2

// places returns where in a struct a key is, with the fewest levels first.
func places(root reflect.Type, key string) []string {
	type place struct {
		path string
		t    reflect.Type
	}
	var found []string
	for level := []place{{"", root}}; len(level) > 0; {
		var next []place
		for _, p := range level {
			fields := fieldsOf(p.t)
			for _, name := range slices.Sorted(maps.Keys(fields)) {
				path, t := Join(p.path, name), unwrap(fields[name])
				if name == key {
					found = append(found, path)
				}
				if t.Kind() == reflect.Struct && strings.Count(path, "::") < 3 {
					next = append(next, place{path, t})
				}
			}
		}
		if len(found) > most {
			return nil
		}
		level = next
	}
	return found
}

// fieldsOf returns the types of the fields of a struct by key, squashed ones included.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		key, options, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		switch {
		case !f.IsExported() || key == "-":
		case slices.Contains(strings.Split(options, ","), "squash"):
			maps.Copy(fields, fieldsOf(unwrap(f.Type)))
		case key != "":
			fields[key] = f.Type
		}
	}
	return fields
}

// unwrap returns the type behind pointers and configoptional.Optional.
func unwrap(t reflect.Type) reflect.Type {
	for {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
			continue
		}
		get, ok := reflect.PointerTo(t).MethodByName("Get")
		if !ok || !strings.HasPrefix(t.Name(), "Optional[") || get.Type.NumOut() != 1 {
			return t
		}
		t = get.Type.Out(0)
	}
}

// Join returns the path of a key below a path, which is empty at the top.
func Join(at, key string) string { return strings.TrimPrefix(at+"::"+key, "::") }

func element(at string, i int) string { return fmt.Sprintf("%s[%d]", at, i) }
