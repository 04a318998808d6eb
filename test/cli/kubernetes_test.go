// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// podMaker is what is used of a StatefulSet, a Deployment or a Job.
type podMaker struct {
	Kind string
	Data map[string]string // of a ConfigMap
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Name, Image string
					Args        []string
					Env         []struct{ Name, Value string }
				}
			}
		}
	}
}

func decodeAll(t *testing.T, text []byte) (list []podMaker) {
	t.Helper()
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var m podMaker
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		list = append(list, m)
	}
}

// The distribution with Kafka accepts its arguments in the manifests, with the lines that are comments, too.
func TestKubernetesArguments(t *testing.T) {
	folder := filepath.Join(collector.Root(), "deploy", "kubernetes", "scale")
	read := func(name string) []byte {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		return text
	}
	var env []string
	for key, value := range decodeAll(t, read("settings.yaml"))[0].Data {
		env = append(env, key+"="+value)
	}
	comment := regexp.MustCompile(`(?m)^( +)# (- '--config=| +password: )`)
	tried := 0
	for _, file := range []string{"reader.yaml", "refine.yaml", "verify/verify.yaml"} {
		text := read(file)
		for i, variant := range [][]byte{text, comment.ReplaceAll(text, []byte("$1$2"))} {
			require.Equal(t, i == 0, bytes.Equal(text, variant), file)
			for _, m := range decodeAll(t, variant) {
				for _, c := range m.Spec.Template.Spec.Containers {
					if !strings.Contains(c.Image, "/otelcol-mlflow-kafka:") {
						continue
					}
					tried++
					dir := t.TempDir()
					mine := slices.Clone(env)
					for _, e := range c.Env {
						value := e.Value
						switch {
						case e.Name == "POD_INDEX":
							value = "3"
						case strings.HasPrefix(value, "/"):
							value = filepath.Join(dir, value)
						case value == "":
							value = "name"
						}
						mine = append(mine, e.Name+"="+value)
					}
					args := []string{"validate"}
					for _, a := range c.Args {
						args = append(args, strings.Replace(a, "/etc/otelcol",
							filepath.Join(folder, filepath.Dir(file), "config"), 1))
					}
					p := collector.Command(t, dir, mine, collector.Kafka(), args...)
					require.Zero(t, p.Wait(), "%s: %s%s", file, p.Out(), p.Logs())
				}
			}
		}
	}
	require.Equal(t, 6, tried, "each with and without comments")
}
