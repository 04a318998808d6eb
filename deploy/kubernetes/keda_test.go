// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/kedacore/keda/v2/version" // its module has the definition of the resource
	"github.com/stretchr/testify/require"
)

// schema is what is used of the schema of a resource.
type schema struct {
	Type                 string
	Properties           map[string]*schema
	AdditionalProperties *schema
	Items                *schema
	Required             []string
	Enum                 []any
	Open                 bool `json:"x-kubernetes-preserve-unknown-fields"`
}

// problems are those of a value: unknown and missing fields, and values of other types. metadata is not looked at.
func (s *schema) problems(path string, value any) (list []string) {
	say := func(format string, args ...any) { list = append(list, path+": "+fmt.Sprintf(format, args...)) }
	kind := ""
	switch v := value.(type) {
	case map[string]any:
		kind = "object"
		for _, key := range s.Required {
			if _, ok := v[key]; !ok {
				say("%s is missing", key)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			field, at := s.Properties[key], path+"."+key
			switch {
			case at == ".metadata":
			case field != nil:
				list = append(list, field.problems(at, v[key])...)
			case s.AdditionalProperties != nil:
				list = append(list, s.AdditionalProperties.problems(at, v[key])...)
			case !s.Open:
				say("%s is not known", key)
			}
		}
	case []any:
		kind = "array"
		for i := range v {
			if s.Items != nil {
				list = append(list, s.Items.problems(fmt.Sprintf("%s[%d]", path, i), v[i])...)
			}
		}
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	case float64:
		if kind = "number"; v == float64(int64(v)) && s.Type == "integer" {
			kind = "integer"
		}
	}
	if s.Type != "" && s.Type != kind {
		say("it is of type %q, not %q", kind, s.Type)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		say("%v is none of %v", value, s.Enum)
	}
	return list
}

// definition is the schema of a ScaledObject, from the module of KEDA. Its Go types would need the libraries of
// operators and of clients.
func definition(t *testing.T) *schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kedacore/keda/v2").Output()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", "bases",
		"keda.sh_scaledobjects.yaml"))
	require.NoError(t, err)
	var d struct {
		Spec struct {
			Group    string
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema *schema }
			}
		}
	}
	decode(t, text, &d, false)
	require.Equal(t, "keda.sh", d.Spec.Group)
	for _, v := range d.Spec.Versions {
		if v.Name == "v1alpha1" {
			return v.Schema.OpenAPIV3Schema
		}
	}
	t.Fatal("KEDA has no ScaledObject v1alpha1")
	return nil
}

func TestScaledObject(t *testing.T) {
	s := definition(t)
	var value any
	decode(t, scaledObject(t), &value, false)
	require.Empty(t, s.problems("", value))

	spec := value.(map[string]any)["spec"].(map[string]any)
	spec["maxReplicas"] = 24.0 // the field of another kind
	spec["minReplicaCount"] = "1"
	delete(spec, "triggers")
	spec["scaleTargetRef"].(map[string]any)["name"] = true
	require.Equal(t, []string{
		`.spec: triggers is missing`,
		`.spec: maxReplicas is not known`,
		`.spec.minReplicaCount: it is of type "string", not "integer"`,
		`.spec.scaleTargetRef.name: it is of type "boolean", not "string"`,
	}, s.problems("", value))
}
