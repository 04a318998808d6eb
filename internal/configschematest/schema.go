// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package configschematest reads config.schema.yaml files, compares them with the configuration
// structs of components, and validates configurations against them. Only tests use it.
//
// The files have the form that the Collector's own components ship: JSON Schema with references
// that name Go packages. A reference is one of
//
//	name                     a definition of the same file
//	./path/to/package.name   a definition of a package below
//	/path/to/package.name    a definition of a package of the same repository
//	import/path.name         a definition of a package of another repository
package configschematest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Module is the import path of this repository.
const Module = "github.com/otelcol-mlflow/otelcol-mlflow"

// repositories are the roots that references with a leading slash start at.
var repositories = []string{
	Module, "go.opentelemetry.io/collector", "github.com/open-telemetry/opentelemetry-collector-contrib",
}

// Schema describes a value of a configuration. Fields are named as their keywords; keywords with x-
// are those that the Collector's schemas add to JSON Schema.
type Schema struct {
	Defs        map[string]*Schema `yaml:"$defs"`
	Ref         string             `yaml:"$ref"`
	Description string             `yaml:"description"`
	Types       types              `yaml:"type"`
	CustomType  string             `yaml:"x-customType"` // Go type of a value whose type does not tell
	Optional    bool               `yaml:"x-optional"`   // a configoptional.Optional
	Pointer     bool               `yaml:"x-pointer"`
	Format      string             `yaml:"format"`
	Pattern     string             `yaml:"pattern"`
	Minimum     *float64           `yaml:"minimum"`
	Maximum     *float64           `yaml:"maximum"`
	Enum        []any              `yaml:"enum"`
	Default     any                `yaml:"default"`
	Properties  map[string]*Schema `yaml:"properties"`
	Required    []string           `yaml:"required"`
	Values      *Schema            `yaml:"additionalProperties"`
	Items       *Schema            `yaml:"items"`
	AllOf       []*Schema          `yaml:"allOf"`
	AnyOf       []*Schema          `yaml:"anyOf"`

	pkg string // import path of the package that the file belongs to
}

// types is one type or a list of them.
type types []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *types) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*t = types{n.Value}
		return nil
	}
	return n.Decode((*[]string)(t))
}

// foreign reports whether the schema belongs to another repository.
func (s *Schema) foreign() bool { return s.pkg != Module && !strings.HasPrefix(s.pkg, Module+"/") }

// Loader reads schemas, each file once.
type Loader struct{ files map[string]*Schema }

// Load returns the schema of a package by its import path. Files of other repositories are those of
// the module versions that go.mod requires.
func (l *Loader) Load(pkg string) (*Schema, error) {
	if s, ok := l.files[pkg]; ok {
		return s, nil
	}
	dir, err := exec.Command("go", "list", "-find", "-f", "{{.Dir}}", pkg).Output()
	if err != nil {
		return nil, fmt.Errorf("package %s is not there: %w", pkg, err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "config.schema.yaml"))
	if err != nil {
		return nil, err
	}
	s, err := Parse(pkg, text)
	if err != nil {
		return nil, err
	}
	if l.files == nil {
		l.files = map[string]*Schema{}
	}
	l.files[pkg] = s
	return s, nil
}

// Parse reads the text of the file of a package. Keywords that this package does not know are
// errors in files of this repository.
func Parse(pkg string, text []byte) (*Schema, error) {
	s := &Schema{pkg: pkg}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(!s.foreign())
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("%s: %w", pkg, err)
	}
	s.each(func(c *Schema) { c.pkg = pkg })
	return s, nil
}

// each calls f for all schemas below s.
func (s *Schema) each(f func(*Schema)) {
	children := slices.Concat(s.AllOf, s.AnyOf)
	for _, m := range []map[string]*Schema{s.Defs, s.Properties} {
		for _, c := range m {
			children = append(children, c)
		}
	}
	for _, c := range append(children, s.Values, s.Items) {
		if c != nil {
			f(c)
			c.each(f)
		}
	}
}

// follow returns the definition that a schema refers to, or the schema itself.
func (l *Loader) follow(s *Schema) (*Schema, error) {
	for hops := 0; s.Ref != ""; hops++ {
		pkg, name := s.target()
		file, err := l.Load(pkg)
		if err != nil {
			return nil, fmt.Errorf("$ref %s: %w", s.Ref, err)
		}
		def := file.Defs[name]
		if def == nil || hops > 10 {
			return nil, fmt.Errorf("$ref %s: %s has no definition %q", s.Ref, pkg, name)
		}
		s = def
	}
	return s, nil
}

// target splits a reference into the import path of a package and the name of a definition.
func (s *Schema) target() (pkg, name string) {
	dot := strings.LastIndexByte(s.Ref, '.')
	if dot < 0 {
		return s.pkg, s.Ref
	}
	pkg, name = s.Ref[:dot], s.Ref[dot+1:]
	switch {
	case strings.HasPrefix(pkg, "./"):
		pkg = path.Join(s.pkg, pkg)
	case strings.HasPrefix(pkg, "/"):
		for _, root := range repositories {
			if s.pkg == root || strings.HasPrefix(s.pkg, root+"/") {
				return root + pkg, name
			}
		}
	}
	return pkg, name
}

// object returns the properties and required keys of an object, with those of its allOf.
func (l *Loader) object(s *Schema) (properties map[string]*Schema, required []string, err error) {
	properties, required = map[string]*Schema{}, slices.Clone(s.Required)
	maps.Copy(properties, s.Properties)
	for _, part := range s.AllOf {
		part, err := l.follow(part)
		if err != nil {
			return nil, nil, err
		}
		more, also, err := l.object(part)
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(properties, more)
		required = append(required, also...)
	}
	return properties, required, nil
}
