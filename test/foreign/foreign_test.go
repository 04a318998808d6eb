// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bytes"
	"debug/buildinfo"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

const (
	ours   = "github.com/otelcol-mlflow/otelcol-mlflow"
	sdk    = "github.com/databricks/databricks-sdk-go"
	sqlite = "modernc.org/sqlite"
	howTo  = "docs/how-to/custom-collector.md"
)

var emptyCache = flag.Bool("empty-module-cache", false, "download each module instead of taking it from GOMODCACHE")

// manifest is the configuration of the builder.
type manifest struct {
	Dist       map[string]string      `yaml:"dist"`
	Components map[string][]component `yaml:",inline"` // by kind, as "receivers"
}

type component struct {
	GoMod  string `yaml:"gomod"`
	Import string `yaml:"import,omitempty"`
}

// parse reads a block of the how-to. Keys that manifest has no field for, as "path" and "replaces",
// are an error.
func parse(t *testing.T, block string) (m manifest) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(block))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&m), block)
	return m
}

// imports are the packages of our components in the manifest, by kind.
func (m manifest) imports() map[string][]string {
	out := map[string][]string{}
	for kind, components := range m.Components {
		for _, c := range components {
			if strings.HasPrefix(c.GoMod, ours+" ") {
				out[kind] = append(out[kind], c.Import)
			}
		}
		slices.Sort(out[kind])
	}
	return out
}

// documented are the YAML blocks of the how-to: a manifest with the processor alone, and one with a
// stanza for each component in place of it.
func documented(t *testing.T) (alone, everything manifest) {
	t.Helper()
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, howTo), -1)
	require.NotEmpty(t, blocks, "%s has no YAML blocks", howTo)
	alone = parse(t, blocks[0][1])
	require.NotEmpty(t, alone.Dist, "the first block is a whole manifest")

	everything = manifest{Dist: alone.Dist, Components: maps.Clone(alone.Components)}
	delete(everything.Components, "processors")
	for _, block := range blocks[1:] {
		stanza := parse(t, block[1])
		require.Empty(t, stanza.Dist)
		for kind, components := range stanza.Components {
			everything.Components[kind] = slices.Concat(everything.Components[kind], components)
		}
	}
	return alone, everything
}

// read returns a file of the checkout.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(collector.Root(), filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

// The how-to has a stanza for each component of the default distribution, and names its versions.
func TestEachComponentHasAStanza(t *testing.T) {
	var distribution manifest
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "builder-config.yaml")), &distribution))
	alone, everything := documented(t)
	require.Equal(t, distribution.imports(), everything.imports())
	require.Equal(t, map[string][]string{"processors": {ours + "/processor/genaiprocessor"}}, alone.imports())
	require.Equal(t, version(t, distribution), version(t, everything))
	require.Equal(t, version(t, distribution), version(t, alone))

	goMod, err := modfile.Parse("go.mod", []byte(read(t, "go.mod")), nil)
	require.NoError(t, err)
	required := map[string]string{}
	for _, r := range goMod.Require {
		required[r.Mod.Path] = r.Mod.Version
	}
	row := fmt.Sprintf("| %s | %s | %s | %s or later |", version(t, alone).Version,
		required["go.opentelemetry.io/collector/cmd/builder"], required["go.opentelemetry.io/collector/component"],
		goMod.Go.Version)
	require.Contains(t, read(t, howTo), row)
}

// version is that of our module in a manifest, which names no other one.
func version(t *testing.T, m manifest) module.Version {
	t.Helper()
	var found []string
	for _, c := range slices.Concat(slices.Collect(maps.Values(m.Components))...) {
		if path, v, _ := strings.Cut(c.GoMod, " "); path == ours && !slices.Contains(found, v) {
			found = append(found, v)
		}
	}
	require.Len(t, found, 1, "versions of %s in one manifest", ours)
	return module.Version{Path: ours, Version: found[0]}
}

// The how-to has a table that says what each component compiles of the two largest dependencies.
func TestWhatComponentsCompile(t *testing.T) {
	rows := map[string][]string{}
	row := regexp.MustCompile(`(?m)^\| \[.*\]\(\.\./\.\./(.*)\) \| (yes|no) \| (yes|no) \|$`)
	for _, m := range row.FindAllStringSubmatch(read(t, howTo), -1) {
		rows[ours+"/"+m[1]] = m[2:]
	}
	_, everything := documented(t)
	require.Len(t, rows, len(slices.Concat(slices.Collect(maps.Values(everything.imports()))...)))
	for pkg, said := range rows {
		modules := strings.Fields(run(t, collector.Root(), nil,
			"go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", pkg))
		for i, dependency := range []string{sdk, sqlite} {
			require.Equal(t, said[i] == "yes", slices.Contains(modules, dependency), "%s compiles %s", pkg, dependency)
		}
	}
}

// Outside of the checkout the builder makes a collector from what the how-to shows, without "path"
// and "replaces".
func TestBuild(t *testing.T) {
	alone, everything := documented(t)
	proxy, cache := t.TempDir(), t.TempDir()
	writeProxy(t, proxy, version(t, alone))
	settings := strings.Split(run(t, collector.Root(), nil,
		"go", "env", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GONOSUMDB"), "\n")
	if !*emptyCache {
		link(t, settings[0], cache, "github.com/otelcol-mlflow", "cache/download/github.com/otelcol-mlflow")
	}
	env := []string{
		"GOMODCACHE=" + cache,
		"GOPROXY=file://" + filepath.ToSlash(proxy) + "," + settings[1],
		"GONOSUMDB=" + ours + "," + settings[3],
		// t.TempDir can remove the cache only when it is writable.
		"GOFLAGS=" + settings[2] + " -mod=mod -modcacherw",
		"GOWORK=off",
	}
	builder := filepath.Join(t.TempDir(), "builder")
	run(t, collector.Root(), nil, "go", "build", "-o", builder, "go.opentelemetry.io/collector/cmd/builder")

	for name, c := range map[string]struct {
		manifest manifest
		compiles map[string]bool
	}{
		"the processor alone": {alone, map[string]bool{sdk: false, sqlite: false}},
		"everything":          {everything, map[string]bool{sdk: true, sqlite: true}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text, err := yaml.Marshal(c.manifest)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.yaml"), text, 0o600))
			run(t, dir, env, builder, "--config", "manifest.yaml")

			binary := filepath.Join(dir, c.manifest.Dist["output_path"], c.manifest.Dist["name"])
			require.Equal(t, types(t, c.manifest), built(t, binary, version(t, c.manifest)))

			info, err := buildinfo.ReadFile(binary)
			require.NoError(t, err)
			linked := map[string]bool{sdk: false, sqlite: false}
			for _, dependency := range info.Deps {
				require.Nil(t, dependency.Replace, dependency.Path)
				if _, watched := linked[dependency.Path]; watched {
					linked[dependency.Path] = true
				}
			}
			require.Equal(t, c.compiles, linked)
		})
	}
}

// link makes symbolic links in a folder to the content of another one, without the paths of except,
// which have slashes. So the module cache of the machine is used, and never holds a version of our
// module that was not released.
func link(t *testing.T, from, to string, except ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(to, 0o700))
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, entry := range entries {
		if slices.Contains(except, entry.Name()) {
			continue
		}
		var below []string
		for _, path := range except {
			if rest, ok := strings.CutPrefix(path, entry.Name()+"/"); ok {
				below = append(below, rest)
			}
		}
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		if below != nil {
			link(t, source, target, below...)
		} else {
			require.NoError(t, os.Symlink(source, target))
		}
	}
}

// types are the names by which configurations call our components in a manifest, sorted, by kind.
func types(t *testing.T, m manifest) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for kind, imports := range m.imports() {
		for _, pkg := range imports {
			if kind == "converters" {
				out[kind] = append(out[kind], "") // the collector shows its module only
				continue
			}
			var metadata struct{ Type string }
			text := read(t, strings.TrimPrefix(pkg, ours+"/")+"/metadata.yaml")
			require.NoError(t, yaml.Unmarshal([]byte(text), &metadata))
			out[kind] = append(out[kind], metadata.Type)
		}
		slices.Sort(out[kind])
	}
	return out
}

// built are the names of the components that a collector says it has from one version of a module,
// sorted, by kind.
func built(t *testing.T, binary string, from module.Version) map[string][]string {
	t.Helper()
	var listed map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(run(t, "", nil, binary, "components")), &listed))
	out := map[string][]string{}
	for kind, node := range listed {
		if node.Kind != yaml.SequenceNode {
			continue // the version of the collector
		}
		var components []struct{ Name, Module string }
		require.NoError(t, node.Decode(&components))
		for _, c := range components {
			if c.Module == from.Path+" "+from.Version {
				out[kind] = append(out[kind], c.Name)
			}
		}
		slices.Sort(out[kind])
	}
	return out
}

// run returns what a command prints to its standard output. The variables of env are added to those
// of the test.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), stderr.String())
	return string(out)
}
