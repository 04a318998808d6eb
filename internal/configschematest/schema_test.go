// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package configschematest

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"

	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databricksauthextension"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/tokens"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver"
)

const root = "../.."

// components are all components of this repository by the folder that they lie in.
var components = map[string]component.Factory{
	"receiver/mlflowreceiver":             mlflowreceiver.NewFactory(),
	"processor/genaiprocessor":            genaiprocessor.NewFactory(),
	"exporter/databricksexporter":         databricksexporter.NewFactory(),
	"extension/databricksauthextension":   databricksauthextension.NewFactory(),
	"extension/databrickssetupextension":  databrickssetupextension.NewFactory(),
	"extension/mlflowreportextension":     mlflowreportextension.NewFactory(),
	"connector/mlflowquarantineconnector": mlflowquarantineconnector.NewFactory(),
}

// loader is shared: asking the go command where packages are takes longer than all the rest.
var loader = &Loader{}

func load(t *testing.T, folder string) *Schema {
	t.Helper()
	s, err := loader.Load(Module + "/" + folder)
	require.NoError(t, err)
	return s
}

func TestEachComponentIsCompared(t *testing.T) {
	manifest, err := os.ReadFile(filepath.Join(root, "builder-config.yaml"))
	require.NoError(t, err)
	var imports []string
	entry := regexp.MustCompile(`import: ` + regexp.QuoteMeta(Module) + `/(\S+)`)
	for _, m := range entry.FindAllStringSubmatch(string(manifest), -1) {
		if !strings.HasPrefix(m[1], "confmap/") { // converters have no configuration
			imports = append(imports, m[1])
		}
	}
	var compared []string
	for folder := range components {
		compared = append(compared, folder)
	}
	require.ElementsMatch(t, imports, compared)
}

func TestSchemasAgreeWithStructs(t *testing.T) {
	for folder, f := range components {
		t.Run(folder, func(t *testing.T) {
			assert.Empty(t, Compare(loader, load(t, folder), f.CreateDefaultConfig()))
		})
	}
}

// Required keys are those without which a configuration is refused.
func TestRequiredKeys(t *testing.T) {
	for folder, f := range components {
		required := load(t, folder).Required
		for _, missing := range required {
			cfg := f.CreateDefaultConfig()
			for _, key := range required {
				if key != missing {
					require.NoError(t, confmap.NewFromStringMap(map[string]any{key: "x"}).Unmarshal(cfg))
				}
			}
			assert.ErrorContains(t, confmap.Validate(cfg), missing+": ", folder)
		}
	}
}

// A schema that takes numbers or booleans for text tells the truth: the component does, too.
func TestNumbersForText(t *testing.T) {
	samples := map[string]any{"integer": 0, "number": 1.5, "boolean": true}
	decoded := 0
	for folder, f := range components {
		for _, x := range leaves(t, load(t, folder), func(v any) any { return v }, "") {
			if len(x.schema.Types) < 2 {
				continue
			}
			for _, kind := range x.schema.Types[1:] {
				conf := confmap.NewFromStringMap(x.wrap(samples[kind]).(map[string]any))
				assert.NoError(t, conf.Unmarshal(f.CreateDefaultConfig()), "%s %v", folder, conf.ToStringMap())
				decoded++
			}
		}
	}
	require.Greater(t, decoded, 10)
}

type leaf struct {
	at     string
	schema *Schema
	wrap   func(any) any // a value at the place of the leaf in a whole configuration
}

// leaves returns what has no keys in the own schemas of a component.
func leaves(t *testing.T, s *Schema, wrap func(any) any, at string) (all []leaf) {
	s, err := loader.follow(s)
	require.NoError(t, err)
	properties, _, err := loader.object(s)
	require.NoError(t, err)
	switch {
	case s.foreign():
	case s.Items != nil:
		all = leaves(t, s.Items, func(v any) any { return wrap([]any{v}) }, at+"[]")
	case len(properties) == 0:
		all = []leaf{{at, s, wrap}}
	}
	if s.foreign() {
		return nil
	}
	for key, p := range properties {
		all = append(all, leaves(t, p, func(v any) any { return wrap(map[string]any{key: v}) }, at+"::"+key)...)
	}
	return all
}

// An enum holds what the component takes, and a value beside it is refused.
func TestEnums(t *testing.T) {
	s := load(t, "processor/genaiprocessor")
	var names []any
	for _, n := range tokens.Names() {
		names = append(names, n)
	}
	assert.Equal(t, names, s.Defs["encoding"].Enum)

	for folder, f := range components {
		all := leaves(t, load(t, folder), func(v any) any { return v }, "")
		for _, x := range all {
			if len(x.schema.Enum) == 0 || strings.Contains(x.at, "[]") {
				continue
			}
			problems := func(value any) string {
				conf := confmap.NewFromStringMap(neighbors[folder])
				if group, ok := strings.CutSuffix(x.at, "azure_environment"); ok {
					i := slices.IndexFunc(all, func(l leaf) bool { return l.at == group+"cloud" })
					require.NoError(t, conf.Merge(confmap.NewFromStringMap(all[i].wrap("azure").(map[string]any))))
				}
				require.NoError(t, conf.Merge(confmap.NewFromStringMap(x.wrap(value).(map[string]any))))
				cfg := f.CreateDefaultConfig()
				if err := errors.Join(conf.Unmarshal(cfg), confmap.Validate(cfg)); err != nil {
					return err.Error()
				}
				return ""
			}
			const outside = "outside-of-the-enum"
			refusal := problems(outside)
			at := strings.Index(refusal, outside)
			if !assert.Positive(t, at, "%s%s: a value outside of the enum is not refused: %s", folder, x.at, refusal) {
				continue
			}
			before := refusal[strings.LastIndexByte(refusal[:at], '\n')+1 : at]
			for _, value := range x.schema.Enum {
				assert.NotContains(t, problems(value), before+value.(string)+`"`, "%s%s", folder, x.at)
			}
		}
	}
}

// neighbors are the keys without which others are not checked.
var neighbors = map[string]map[string]any{
	"receiver/mlflowreceiver":            {"tracking_uri": "databricks", "databricks": workspace},
	"exporter/databricksexporter":        workspace,
	"extension/databricksauthextension":  workspace,
	"extension/databrickssetupextension": {"host": workspace["host"], "catalog": "main", "schema": "agents"},
}

var workspace = map[string]any{"host": "https://dbc-00000000-0000.cloud.databricks.com"}

// environment are values of variables that the shipped configurations require.
var environment = map[string]string{
	"DATABRICKS_HOST": "https://dbc-00000000-0000.cloud.databricks.com", "DATABRICKS_WORKSPACE_ID": "1234567890123456",
	"DATABRICKS_CLIENT_ID": "client", "DATABRICKS_CLIENT_SECRET": "secret",
	"DATABRICKS_ADMIN_CLIENT_ID": "client", "DATABRICKS_ADMIN_CLIENT_SECRET": "secret",
	"OTELCOL_MLFLOW_SOURCE": "http://localhost:5000", "OTELCOL_MLFLOW_EXPERIMENT": "support-bot",
	"OTELCOL_MLFLOW_CATALOG": "main", "OTELCOL_MLFLOW_SCHEMA": "agents", "OTELCOL_MLFLOW_PREFIX": "support_bot",
	"OTELCOL_MLFLOW_DATABRICKS_EXPERIMENT": "/Shared/support-bot", "OTELCOL_MLFLOW_ZEROBUS": "https://zerobus",
	"OTELCOL_MLFLOW_ENDPOINT": "http://localhost:4318", "OTELCOL_MLFLOW_TARGET": "http://localhost:5001",
	"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1", "BACKEND_TOKEN": "token",
	"TEAM_A_ENDPOINT": "http://localhost:4318", "TEAM_B_ENDPOINT": "http://localhost:4319",
}

var reference = regexp.MustCompile(`\$\{env:([A-Z_]+)(:-([^}]*))?\}`)

// shipped returns a configuration of the folder config with its variables replaced.
func shipped(t *testing.T, path string) map[string]map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		lines = append(lines, reference.ReplaceAllStringFunc(line, func(r string) string {
			m := reference.FindStringSubmatch(r)
			if m[2] != "" {
				return m[3]
			}
			require.Contains(t, environment, m[1], "write a value of this variable for the test")
			return environment[m[1]]
		}))
	}
	var c map[string]map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(strings.Join(lines, "")), &c))
	return c
}

// sections returns the components of this repository in a configuration: the values by folder.
func sections(c map[string]map[string]any) map[string][]any {
	found := map[string][]any{}
	for folder, f := range components {
		kind, _, _ := strings.Cut(folder, "/")
		for id, value := range c[kind+"s"] {
			if name, _, _ := strings.Cut(id, "/"); name == f.Type().String() {
				found[folder] = append(found[folder], value)
			}
		}
	}
	return found
}

func TestShippedConfigurationsAreValid(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "config", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	seen := map[string]bool{}
	for _, path := range files {
		if filepath.Base(path) == "kafka-verify.yaml" { // its component is of another module; e2e checks it
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			found := sections(shipped(t, path))
			require.NotEmpty(t, found, "it has no component of this repository")
			for folder, values := range found {
				seen[folder] = true
				validate, err := Validator(loader, load(t, folder))
				require.NoError(t, err)
				for _, v := range values {
					assert.NoError(t, validate(v), folder)
				}
			}
		})
	}
	for folder := range components {
		assert.True(t, seen[folder], "no configuration has %s", folder)
	}
}

func TestValidatorRefuses(t *testing.T) {
	prices := func(p map[string]any) map[string]any {
		return map[string]any{"cost": map[string]any{"models": []any{p}}}
	}
	for name, x := range map[string]struct {
		folder string
		value  map[string]any
		valid  bool
	}{
		"unknown key":  {"extension/mlflowreportextension", map[string]any{"pat": "x"}, false},
		"type":         {"extension/mlflowreportextension", map[string]any{"strict": "yes"}, false},
		"no value":     {"extension/mlflowreportextension", map[string]any{"strict": nil}, true},
		"required":     {"receiver/mlflowreceiver", map[string]any{"storage": "none"}, false},
		"enum":         {"receiver/mlflowreceiver", map[string]any{"tracking_uri": "x", "mode": "all"}, false},
		"in range":     {"receiver/mlflowreceiver", map[string]any{"tracking_uri": "x", "page_size": 500}, true},
		"out of range": {"receiver/mlflowreceiver", map[string]any{"tracking_uri": "x", "page_size": 501}, false},
		"duration":     {"extension/databricksauthextension", map[string]any{"timeout": "1m30s"}, true},
		"no duration":  {"extension/databricksauthextension", map[string]any{"timeout": "soon"}, false},
		"number":       {"receiver/mlflowreceiver", experiments([]any{1, 2}), true},
		"pattern":      {"receiver/mlflowreceiver", experiments([]any{"one"}), false},
		"shared key": {"exporter/databricksexporter", map[string]any{"http": map[string]any{"timeout": "1m"}},
			true},
		"no shared key": {"exporter/databricksexporter", map[string]any{"http": map[string]any{"timeouts": "1m"}},
			false},
		"squashed": {"exporter/databricksexporter", map[string]any{"auth": map[string]any{"token": "x"}}, true},
		"one of a list": {"exporter/databricksexporter", map[string]any{"routes": []any{map[string]any{"exp": "x"}}},
			false},
		"scalar form": {"processor/genaiprocessor", prices(map[string]any{"match": "m", "input": 1, "output": 2}),
			true},
		"object form": {"processor/genaiprocessor", prices(map[string]any{"match": match, "input": 1, "output": 2}),
			true},
		"neither form": {"processor/genaiprocessor", prices(map[string]any{"match": 7, "input": 1, "output": 2}),
			false},
		"price missing": {"processor/genaiprocessor", prices(map[string]any{"match": "m", "input": 1}), false},
		"negative price": {"processor/genaiprocessor", prices(map[string]any{"match": "m", "input": -1, "output": 2}),
			false},
	} {
		t.Run(name, func(t *testing.T) {
			validate, err := Validator(loader, load(t, x.folder))
			require.NoError(t, err)
			if err := validate(x.value); x.valid {
				assert.NoError(t, err)
			} else {
				assert.Error(t, err)
			}
		})
	}
}

var match = map[string]any{"provider": "openai", "model": "m"}

func experiments(ids []any) map[string]any {
	return map[string]any{"tracking_uri": "x", "experiments": map[string]any{"ids": ids}}
}

// Each kind of difference is found.
func TestCompareFinds(t *testing.T) {
	for _, x := range []struct{ folder, old, new, finds string }{
		{"extension/mlflowreportextension", "  strict:\n", "  strictly:\n", "strict: the schema lacks the key"},
		{"extension/mlflowreportextension", "  strict:\n", "  strictly:\n", "strictly: the struct lacks the key"},
		{"extension/mlflowreportextension", "type: boolean", "type: string", "strict: type is [string]"},
		{"extension/mlflowreportextension", "default: false", "default: true", "strict: default is true"},
		{"extension/mlflowreportextension", "    default: false\n", "", "strict: it has no default"},
		{"extension/databricksauthextension", "default: 15s", "default: 16s", "timeout: default is 16s"},
		{"extension/databricksauthextension", "    format: duration\n", "", `timeout: format is ""`},
		{"extension/databricksauthextension", "configtls.client_config", "configopaque.pair", "tls: $ref"},
		{"extension/databricksauthextension", "signin.credentials", "signin.credential", "has no definition"},
		{"extension/databricksauthextension", "    $ref: " + opaqueRef, "    type: string", `proxy_url: $ref is ""`},
		{"exporter/databricksexporter", "    x-optional: true\n", "", "sending_queue: x-optional is false"},
		{"exporter/databricksexporter", "wait_for_result: true", "enabled: true", "wait_for_result: it has no"},
		{"exporter/databricksexporter", "timeout: 1m", "timeout: 2m", "http::timeout: default"},
		{"exporter/databricksexporter", "timeout: 1m", "timeouts: 1m", "http::timeouts: the default has a key"},
		{"exporter/databricksexporter", "[hold, fail, warn]", "[fail, warn]", "on_failure: default hold is not"},
		{"receiver/mlflowreceiver", "    x-pointer: true\n", "", "storage: x-pointer is false"},
		{"receiver/mlflowreceiver", "required: [tracking_uri]", "required: [uri]", "required uri is no key"},
		{"receiver/mlflowreceiver", "            description: Include deleted experiments.\n", "",
			"deleted: it has no"},
		{"processor/genaiprocessor", "    x-customType: float64\n        default: 0", "    default: 0", "score: x-c"},
	} {
		t.Run(x.finds, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, x.folder, "config.schema.yaml"))
			require.NoError(t, err)
			require.Contains(t, string(text), x.old)
			pkg := Module + "/" + x.folder
			s, err := Parse(pkg, []byte(strings.Replace(string(text), x.old, x.new, 1)))
			require.NoError(t, err)
			changed := &Loader{files: map[string]*Schema{}}
			maps.Copy(changed.files, loader.files)
			changed.files[pkg] = s
			found := Compare(changed, s, components[x.folder].CreateDefaultConfig())
			assert.True(t, slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, x.finds) }),
				"%q", found)
		})
	}
	_, err := Parse(Module, []byte("descripton: a keyword with a mistake"))
	require.Error(t, err)
}
