// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package artifacts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.uber.org/goleak"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a tracking server that has every artifact, or fails.
type server struct {
	asked []string
	err   error
}

func (s *server) Artifact(_ context.Context, path string, _ int) ([]byte, error) {
	s.asked = append(s.asked, path)
	return []byte("served"), s.err
}

func (s *server) Close() error { return nil }

func put(t *testing.T, dir, text string) {
	t.Helper()
	dir = filepath.Join(dir, "7", "traces", trace, "artifacts")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, TraceFile), []byte(text), 0o600))
}

func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "destination"), "destination")
	put(t, filepath.Join(dir, "mounted"), "mounted")
	put(t, filepath.Join(dir, "mounted", "in ner"), "inner")
	put(t, filepath.Join(dir, "artifacts"), "beside")
	for name, tc := range map[string]struct {
		cfg      Config
		location string
		want     string // content, or the start of the error
	}{
		"beside the database": {Config{}, "mlflow-artifacts:", "beside"},
		"folder": {Config{Destination: filepath.Join(dir, "destination")}, "mlflow-artifacts:",
			"destination"},
		"host": {Config{Destination: filepath.Join(dir, "destination")}, "mlflow-artifacts://host:5000",
			"destination"},
		"file": {Config{Destination: "file://" + filepath.ToSlash(filepath.Join(dir, "destination"))},
			"mlflow-artifacts:", "destination"},
		"wrong folder": {Config{Destination: filepath.Join(dir, "nothing")}, "mlflow-artifacts:",
			"artifact_missing: there is no traces.json at mlflow-artifacts:/7/traces/"},
		"mount": {Config{Mounts: []Mount{{"gs://bucket/", filepath.Join(dir, "mounted")}}}, "gs://bucket", "mounted"},
		"longest mount": {Config{Mounts: []Mount{{"gs://bucket", filepath.Join(dir, "nothing")},
			{"gs://bucket/prefix", filepath.Join(dir, "mounted")}, {"gs://", filepath.Join(dir, "nothing")}}},
			"gs://bucket/prefix", "mounted"},
		"below a mount": {Config{Mounts: []Mount{{"wasbs://box@account", filepath.Join(dir, "mounted")}}},
			"wasbs://box@account/in ner", "inner"},
		"other bucket": {Config{Mounts: []Mount{{"gs://buck", filepath.Join(dir, "mounted")}}}, "gs://bucket",
			"spans_unreachable: spans are in gs://bucket/… (not readable here; read through the tracking server or a " +
				"mounted path"},
		"out of a mount": {Config{Mounts: []Mount{{"gs://bucket", filepath.Join(dir, "destination")}}},
			"gs://bucket/../mounted", "artifact_missing"},
		"azure": {Config{}, "abfss://fs@account.dfs.core.windows.net/a", "spans_unreachable: spans are in " +
			"abfss://fs@account.dfs.core.windows.net/… (not readable here; read through the tracking server or a " +
			"mounted path"},
		"http": {Config{}, "http://user:secret@host:5000/api/2.0/mlflow-artifacts/artifacts",
			"spans_unreachable: spans are in http://host:5000/… (not readable here; if that is a tracking server"},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(Options{Database: filepath.Join(dir, "mlflow.db"), MaxSize: 100, Config: tc.cfg})
			doc, err := r.Read(context.Background(), folder(tc.location), TraceFile)
			if err != nil {
				require.NotContains(t, err.Error(), "secret")
				doc = []byte(err.Error())
			}
			require.Contains(t, string(doc), tc.want)
		})
	}
}

func TestServed(t *testing.T) {
	const route = "/prefix/api/2.0/mlflow-artifacts/artifacts"
	s := &server{}
	r := New(Options{MaxSize: 100, Config: Config{Destination: "https://host:5000/prefix"}, Server: s})
	for _, location := range []string{"mlflow-artifacts:", "mlflow-artifacts://other:1", "https://host:5000" + route,
		"http://HOST:5000" + route} {
		doc, err := r.Read(context.Background(), folder(location), ArchiveFile)
		require.NoError(t, err, location)
		require.Equal(t, "served", string(doc))
	}
	for _, path := range s.asked {
		require.Equal(t, "7/traces/"+trace+"/artifacts/traces.pb", path)
	}
	require.Len(t, s.asked, 4)
	for _, location := range []string{"https://other:5000" + route, "https://host:5000/some/file"} {
		_, err := r.Read(context.Background(), folder(location), ArchiveFile)
		require.ErrorContains(t, err, "spans_unreachable", location)
	}
	_, err := r.Read(context.Background(), Folder{"mlflow-artifacts:/secret", trace}, ArchiveFile)
	require.ErrorContains(t, err, "artifact_missing")
	require.Len(t, s.asked, 4)
	_, err = r.Read(context.Background(), folder("mlflow-artifacts:/in%20ner"), TraceFile)
	require.NoError(t, err)
	require.Equal(t, "in ner/7/traces/"+trace+"/artifacts/traces.json", s.asked[4])
	s.err = errors.New("the server is away")
	_, err = r.Read(context.Background(), folder("mlflow-artifacts:"), TraceFile)
	require.Equal(t, s.err, err)
}

func TestDestinationBucket(t *testing.T) {
	r := New(Options{MaxSize: 100, Config: Config{Destination: "s3://bucket/prefix"}})
	_, err := r.Read(context.Background(), folder("mlflow-artifacts:"), TraceFile)
	var skip *mlflow.Skip
	require.ErrorAs(t, err, &skip)
	require.Contains(t, skip.Detail, "s3://bucket/…")
}

func TestValidate(t *testing.T) {
	some := configoptional.Some[S3Config]
	keys := S3Config{AccessKeyID: "a", SecretAccessKey: "canary"}
	for name, tc := range map[string]struct {
		cfg  Config
		want string // empty: valid
	}{
		"nothing":      {NewDefaultConfig(), ""},
		"folder":       {Config{Destination: "/a"}, ""},
		"server":       {Config{Destination: "http://host:5000"}, ""},
		"bucket":       {Config{Destination: "s3://b/p", S3: some(keys)}, ""},
		"bucket alone": {Config{Destination: "s3://b/p"}, "destination: it is a bucket"},
		"no bucket":    {Config{Destination: "s3:", S3: some(keys)}, "destination: it has no bucket"},
		"gs":           {Config{Destination: "gs://b"}, "destination: gs: can't be read"},
		"mount":        {Config{Mounts: []Mount{{"gs://b", "/a"}}}, ""},
		"half a mount": {Config{Mounts: []Mount{{"gs://b", "/a"}, {"gs://c", ""}}}, "mounts[1]: write a location"},
	} {
		t.Run(name, func(t *testing.T) { requireError(t, tc.cfg.Validate(), tc.want) })
	}
	for name, tc := range map[string]struct {
		cfg  S3Config
		want string
	}{
		"keys":            {keys, ""},
		"role":            {S3Config{IAMRole: true, Endpoint: "https://host"}, ""},
		"profile":         {S3Config{Profile: "p", CredentialsFile: "f", Endpoint: "http://host:9000/"}, ""},
		"none":            {S3Config{}, "write one of access_key_id"},
		"two":             {S3Config{IAMRole: true, Anonymous: true}, "write one of access_key_id"},
		"half":            {S3Config{AccessKeyID: "a"}, "access_key_id: goes together"},
		"file alone":      {S3Config{Anonymous: true, CredentialsFile: "f"}, "credentials_file: goes with profile"},
		"no scheme":       {S3Config{Anonymous: true, Endpoint: "host:9000"}, "endpoint: this is no address"},
		"secret endpoint": {S3Config{Anonymous: true, Endpoint: "https://user:canary@host"}, "endpoint: it holds more"},
		"bucket endpoint": {S3Config{Anonymous: true, Endpoint: "https://host/bucket"}, "write https://host"},
		"negative":        {S3Config{Anonymous: true, Timeout: -1}, "timeout: -1ns is negative"},
	} {
		t.Run("s3 "+name, func(t *testing.T) { requireError(t, tc.cfg.Validate(), tc.want) })
	}
}

func requireError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorContains(t, err, want)
	require.NotContains(t, err.Error(), "canary")
}
