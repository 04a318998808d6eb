// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// kustomization is what is used of that of a folder.
type kustomization struct {
	APIVersion, Kind, Namespace string
	Resources                   []string
	ConfigMapGenerator          []struct {
		Name  string
		Files []string
	}
}

// manifest is a document of a file of the folder, decoded.
type manifest struct {
	file string
	// object is one of Kubernetes; nil for one of KEDA.
	object runtime.Object
	text   []byte
}

// folders have a kustomization each.
var folders = []string{"scale", "scale/verify"}

func yamlFiles(t *testing.T, folders ...string) (list []string) {
	t.Helper()
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*.yaml")
		require.NoError(t, err)
		list = append(list, files...)
	}
	return list
}

// decoder refuses fields that the types of Kubernetes don't have.
var decoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme,
		autoscalingv2.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}()

// decode reads YAML into a type of JSON, whose fields are all there are if strict.
func decode(t *testing.T, text []byte, into any, strict bool) {
	t.Helper()
	body, err := yaml.ToJSON(text)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(body))
	if strict {
		d.DisallowUnknownFields()
	}
	require.NoError(t, d.Decode(into))
}

// manifests are the documents of all files of the folder but the kustomization.
func manifests(t *testing.T) (list []manifest) {
	t.Helper()
	for _, file := range yamlFiles(t, folders...) {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
		for {
			text, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, file)
			m := manifest{file: file, text: text}
			m.object, _, err = decoder.Decode(text, nil, nil)
			if !runtime.IsNotRegisteredError(err) || !strings.Contains(err.Error(), "keda.sh/v1alpha1") {
				require.NoError(t, err, file)
			}
			list = append(list, m)
		}
	}
	return list
}

// find returns the manifests of a type.
func find[T runtime.Object](t *testing.T) (list []T) {
	t.Helper()
	for _, m := range manifests(t) {
		if o, ok := m.object.(T); ok {
			list = append(list, o)
		}
	}
	require.NotEmpty(t, list)
	return list
}

// templates are the pods of all manifests, by the name of what makes them.
func templates(t *testing.T) map[string]corev1.PodTemplateSpec {
	t.Helper()
	list := map[string]corev1.PodTemplateSpec{}
	for _, m := range manifests(t) {
		switch o := m.object.(type) {
		case *appsv1.StatefulSet:
			list[o.Name] = o.Spec.Template
		case *appsv1.Deployment:
			list[o.Name] = o.Spec.Template
		case *batchv1.Job:
			list[o.Name] = o.Spec.Template
		}
	}
	return list
}

func settings(t *testing.T) map[string]string {
	t.Helper()
	for _, c := range find[*corev1.ConfigMap](t) {
		if c.Name == "settings" {
			return c.Data
		}
	}
	t.Fatal("there is no ConfigMap settings")
	return nil
}

// Every file is part of a kustomization, but for the autoscaler that takes the place of the other one.
func TestKustomization(t *testing.T) {
	for _, folder := range folders {
		k := readKustomization(t, folder)
		require.Equal(t, "kustomize.config.k8s.io/v1beta1 Kustomization", k.APIVersion+" "+k.Kind)
		require.Equal(t, find[*corev1.Namespace](t)[0].Name, k.Namespace)
		var want []string
		for _, file := range yamlFiles(t, folder) {
			if name := filepath.Base(file); name != "kustomization.yaml" && name != "autoscale-hpa.yaml" {
				want = append(want, name)
			}
		}
		require.ElementsMatch(t, want, k.Resources)
	}
}

func readKustomization(t *testing.T, folder string) (k kustomization) {
	t.Helper()
	file := filepath.Join(folder, "kustomization.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	decode(t, text, &k, true)
	return k
}

// The configurations are those that are shipped and tested.
func TestConfigurations(t *testing.T) {
	for _, folder := range folders {
		named := 0
		for _, g := range readKustomization(t, folder).ConfigMapGenerator {
			for _, file := range g.Files {
				got, err := os.ReadFile(filepath.Join(folder, file))
				require.NoError(t, err)
				if !strings.HasPrefix(file, "config/") {
					continue
				}
				named++
				want, err := os.ReadFile(filepath.Join("..", "..", file))
				require.NoError(t, err)
				require.Equal(t, string(want), string(got), "cp %s deploy/kubernetes/%s/config", file, folder)
			}
		}
		copies, err := filepath.Glob(folder + "/config/*")
		require.NoError(t, err)
		require.Len(t, copies, named)
	}
}

// What the pods of a namespace with the standard "restricted" need, and no secret in sight.
func TestPods(t *testing.T) {
	var configMaps []string
	for _, folder := range folders {
		for _, g := range readKustomization(t, folder).ConfigMapGenerator {
			configMaps = append(configMaps, g.Name)
		}
	}
	for name, template := range templates(t) {
		pod := template.Spec
		require.False(t, *pod.AutomountServiceAccountToken, name)
		require.True(t, *pod.SecurityContext.RunAsNonRoot, name)
		require.NotZero(t, *pod.SecurityContext.RunAsUser, name)
		require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type, name)
		for _, c := range pod.Containers {
			s := c.SecurityContext
			require.False(t, *s.AllowPrivilegeEscalation, name)
			require.True(t, *s.ReadOnlyRootFilesystem, name)
			require.Equal(t, []corev1.Capability{"ALL"}, s.Capabilities.Drop, name)
			require.NotEmpty(t, c.Resources.Requests, name)
			require.NotEmpty(t, c.Resources.Limits.Memory(), name)
			require.NotContains(t, c.Image, ":latest", name)
			require.Contains(t, c.Image, ":", name)
			for _, e := range c.Env {
				secret := strings.Contains(e.Name, "TOKEN") || strings.Contains(e.Name, "PASSWORD")
				require.Equal(t, secret, e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil, "%s: %s", name, e.Name)
			}
			for _, mount := range c.VolumeMounts {
				require.True(t, hasVolume(t, name, pod, mount.Name), "%s: %s", name, mount.Name)
			}
		}
		for _, v := range pod.Volumes {
			if v.ConfigMap != nil {
				require.Contains(t, configMaps, v.ConfigMap.Name, name)
			}
		}
	}
}

func hasVolume(t *testing.T, owner string, pod corev1.PodSpec, name string) bool {
	t.Helper()
	if slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == name }) {
		return true
	}
	for _, s := range find[*appsv1.StatefulSet](t) {
		if s.Name == owner {
			return slices.ContainsFunc(s.Spec.VolumeClaimTemplates,
				func(c corev1.PersistentVolumeClaim) bool { return c.Name == name })
		}
	}
	return false
}

// Shards, their number and their volumes.
func TestReaders(t *testing.T) {
	s := find[*appsv1.StatefulSet](t)[0]
	require.Equal(t, settings(t)["SHARDS"], strconv.Itoa(int(*s.Spec.Replicas)))
	require.Equal(t, appsv1.ParallelPodManagement, s.Spec.PodManagementPolicy)
	require.Len(t, s.Spec.VolumeClaimTemplates, 1)
	c := s.Spec.Template.Spec.Containers[0]
	at := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "POD_INDEX" })
	require.Equal(t, "metadata.labels['apps.kubernetes.io/pod-index']", c.Env[at].ValueFrom.FieldRef.FieldPath)
	// A StatefulSet starts an ended container again, without end.
	require.Contains(t, c.Args, "--config=yaml:receivers::mlflow::on_complete: stay")
	require.Equal(t, s.Spec.Selector.MatchLabels, s.Spec.Template.Labels)
	require.Equal(t, s.Spec.ServiceName, find[*corev1.Service](t)[0].Name)
}

// More consumers than partitions would have no work, and both autoscalers read the topic that the settings name.
func TestAutoscalers(t *testing.T) {
	job := find[*batchv1.Job](t)
	at := slices.IndexFunc(job, func(j *batchv1.Job) bool { return j.Name == "topic" })
	var partitions string
	for _, arg := range job[at].Spec.Template.Spec.Containers[0].Args {
		if n, ok := strings.CutPrefix(arg, "--partitions="); ok {
			partitions = n
		}
	}
	refine := find[*appsv1.Deployment](t)[0]
	require.Nil(t, refine.Spec.Replicas, "the autoscaler sets them")
	hpa := find[*autoscalingv2.HorizontalPodAutoscaler](t)[0]
	require.Equal(t, partitions, strconv.Itoa(int(hpa.Spec.MaxReplicas)))
	require.Equal(t, "Deployment "+refine.Name, hpa.Spec.ScaleTargetRef.Kind+" "+hpa.Spec.ScaleTargetRef.Name)
	set := settings(t)
	require.Equal(t, map[string]string{"consumergroup": set["OTELCOL_MLFLOW_GROUP"],
		"topic": set["OTELCOL_MLFLOW_TOPIC"]}, hpa.Spec.Metrics[0].External.Metric.Selector.MatchLabels)

	var keda struct {
		Spec struct {
			ScaleTargetRef  struct{ Name string }
			MaxReplicaCount int
			Triggers        []struct {
				Type     string
				Metadata map[string]string
			}
		}
	}
	decode(t, scaledObject(t), &keda, false)
	require.Equal(t, partitions, strconv.Itoa(keda.Spec.MaxReplicaCount))
	require.Equal(t, refine.Name, keda.Spec.ScaleTargetRef.Name)
	trigger := keda.Spec.Triggers[0]
	require.Equal(t, "kafka", trigger.Type)
	for key, want := range map[string]string{"bootstrapServers": "OTELCOL_MLFLOW_BROKERS",
		"consumerGroup": "OTELCOL_MLFLOW_GROUP", "topic": "OTELCOL_MLFLOW_TOPIC"} {
		require.Equal(t, set[want], trigger.Metadata[key])
	}
	require.Equal(t, "false", trigger.Metadata["allowIdleConsumers"])
}

func scaledObject(t *testing.T) []byte {
	t.Helper()
	for _, m := range manifests(t) {
		if m.object == nil {
			return m.text
		}
	}
	t.Fatal("there is no ScaledObject")
	return nil
}

// Processes on all nodes write their reports to one topic, and share no volume.
func TestReports(t *testing.T) {
	require.NotEmpty(t, settings(t)["OTELCOL_MLFLOW_REPORTS_TOPIC"])
	for name, template := range templates(t) {
		for _, v := range template.Spec.Volumes {
			require.Nil(t, v.PersistentVolumeClaim, name)
		}
	}
}

// The topic has the settings of the how-to.
func TestTopic(t *testing.T) {
	text, err := os.ReadFile("../../docs/how-to/kafka.md")
	require.NoError(t, err)
	for _, j := range find[*batchv1.Job](t) {
		if j.Name != "topic" {
			continue
		}
		require.Len(t, j.Spec.Template.Spec.Containers, 3, "the topics of traces, dead letters and reports")
		for _, c := range j.Spec.Template.Spec.Containers {
			for _, arg := range c.Args {
				key, value, _ := strings.Cut(arg, "=")
				switch key {
				case "--partitions", "--replication-factor", "--config":
					require.Contains(t, string(text), key+" "+value)
				}
			}
		}
	}
}
