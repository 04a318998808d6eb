// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package artifacts

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

const trace = "tr-00000000000000000000000000000001"

func folder(location string) Folder {
	return Folder{Location: location + "/7/traces/" + trace + "/artifacts", Trace: trace}
}

// bucketServer answers as an object store does, and counts.
type bucketServer struct {
	*httptest.Server
	requests atomic.Int32
}

func serveBucket(t *testing.T, answer http.HandlerFunc) *bucketServer {
	t.Helper()
	s := &bucketServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		w.Header().Set("Last-Modified", "Mon, 02 Mar 2026 15:04:05 GMT")
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// read reads traces.json of a folder with a reader of its own.
func read(t *testing.T, cfg S3Config, f Folder) ([]byte, error) {
	t.Helper()
	r := New(Options{MaxSize: 1000, Config: Config{S3: configoptional.Some(cfg)}})
	defer func() { require.NoError(t, r.Close()) }()
	return r.Read(context.Background(), f, TraceFile)
}

func keysFor(endpoint string) S3Config {
	return S3Config{Endpoint: endpoint, Region: "us-east-1", AccessKeyID: "id", SecretAccessKey: "canary-secret",
		SessionToken: "canary-token", Timeout: time.Minute}
}

func failure(w http.ResponseWriter, status int, code, region string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>canary-message</Message><Region>%s</Region></Error>", code, region)
}

func TestBucketReasons(t *testing.T) {
	for name, tc := range map[string]struct {
		answer   http.HandlerFunc
		reason   mlflow.Reason
		detail   string
		requests int32
	}{
		"missing": {func(w http.ResponseWriter, _ *http.Request) { failure(w, 404, "NoSuchKey", "") },
			mlflow.ReasonArtifactMissing, "there is no object s3://bucket/a b%/7/traces/", 1},
		"no bucket": {func(w http.ResponseWriter, _ *http.Request) { failure(w, 404, "NoSuchBucket", "") },
			mlflow.ReasonUnreachable, "there is no bucket bucket at 127.0.0.1", 1},
		"denied": {func(w http.ResponseWriter, _ *http.Request) { failure(w, 403, "AccessDenied", "") },
			mlflow.ReasonArtifactDenied, "need s3:GetObject", 1},
		"wrong key": {func(w http.ResponseWriter, _ *http.Request) { failure(w, 403, "InvalidAccessKeyId", "") },
			mlflow.ReasonArtifactDenied, "not accepted", 1},
		"other owner": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
			mlflow.ReasonArtifactDenied, "denied", 1},
		"region": {func(w http.ResponseWriter, _ *http.Request) {
			failure(w, 400, "AuthorizationHeaderMalformed", "eu-west-3")
		}, mlflow.ReasonWrongRegion, "write eu-west-3 into artifacts::s3::region", 1},
		"redirect": {func(w http.ResponseWriter, _ *http.Request) { failure(w, 301, "PermanentRedirect", "") },
			mlflow.ReasonWrongRegion, "another region than us-east-1", 1},
		"expired": {func(w http.ResponseWriter, _ *http.Request) { failure(w, 400, "ExpiredToken", "") },
			mlflow.ReasonTokenExpired, "write new credentials", s3Attempts},
		"away": {func(w http.ResponseWriter, _ *http.Request) { failure(w, 503, "SlowDown", "") },
			mlflow.ReasonUnreachable, "SlowDown", s3Attempts},
		"large": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1001)) },
			mlflow.ReasonTooLarge, "more than the limit of 1000", 1},
		"large without a length": {func(w http.ResponseWriter, _ *http.Request) {
			for range 10 {
				_, _ = w.Write(make([]byte, 500))
				w.(http.Flusher).Flush()
			}
		}, mlflow.ReasonTooLarge, "more than the limit of 1000", 1},
		"broken": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		}, mlflow.ReasonUnreachable, "broke off", s3Attempts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveBucket(t, tc.answer)
			_, err := read(t, keysFor(s.URL), folder("s3://bucket/a b%"))
			var skip *mlflow.Skip
			require.ErrorAs(t, err, &skip)
			require.Equal(t, tc.reason, skip.Reason, skip.Detail)
			require.Contains(t, skip.Detail, tc.detail)
			require.NotContains(t, skip.Detail, "canary")
			require.Equal(t, tc.requests, s.requests.Load())
		})
	}
}

func TestBucketRead(t *testing.T) {
	var seen http.Header
	var path string
	s := serveBucket(t, func(w http.ResponseWriter, r *http.Request) {
		seen, path = r.Header.Clone(), r.URL.EscapedPath()
		_, _ = w.Write([]byte("content"))
	})
	cfg := keysFor(s.URL)
	cfg.ExpectedBucketOwner = "111122223333"
	doc, err := read(t, cfg, folder("s3://bucket/a b%41"))
	require.NoError(t, err)
	require.Equal(t, "content", string(doc))
	require.Equal(t, "/bucket/a%20b%2541/7/traces/"+trace+"/artifacts/traces.json", path, "the key is taken literally")
	require.Contains(t, seen.Get("Authorization"), "Credential=id/")
	require.Equal(t, "111122223333", seen.Get("x-amz-expected-bucket-owner"))
	require.Equal(t, "canary-token", seen.Get("x-amz-security-token"))

	location := folder("s3://bucket/prefix")
	location.Location += "?endpoint=x#y"
	_, err = read(t, cfg, location)
	require.NoError(t, err)
	require.Equal(t, "/bucket/prefix/7/traces/"+trace+"/artifacts/traces.json", path)

	_, err = read(t, S3Config{Endpoint: s.URL, Region: "us-east-1", Anonymous: true}, folder("s3://bucket"))
	require.NoError(t, err)
	require.Empty(t, seen.Get("Authorization"))

	credentials := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(credentials,
		[]byte("[mine]\naws_access_key_id = filed\naws_secret_access_key = s\n"), 0o600))
	_, err = read(t, S3Config{Endpoint: s.URL, Region: "us-east-1", Profile: "mine", CredentialsFile: credentials},
		folder("s3://bucket"))
	require.NoError(t, err)
	require.Contains(t, seen.Get("Authorization"), "Credential=filed/")

	_, err = read(t, S3Config{Endpoint: s.URL, Region: "us-east-1", Profile: "none", CredentialsFile: credentials},
		folder("s3://bucket"))
	var skip *mlflow.Skip
	require.ErrorAs(t, err, &skip)
	require.Equal(t, mlflow.ReasonUnreachable, skip.Reason)
}

// Only folders of the trace itself are asked for.
func TestBucketFolders(t *testing.T) {
	s := serveBucket(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("content")) })
	for _, location := range []string{"s3://bucket/secret", "s3://bucket/7/traces/tr-other/artifacts", "s3://bucket",
		"s3://",
		"s3://bucket/7/traces/" + trace + "/artifacts/more"} {
		_, err := read(t, keysFor(s.URL), Folder{Location: location, Trace: trace})
		var skip *mlflow.Skip
		require.ErrorAs(t, err, &skip, location)
		require.Equal(t, mlflow.ReasonArtifactMissing, skip.Reason, location)
	}
	for _, bucket := range []string{"arn:aws:s3:eu-west-1:1:accesspoint", "a", "key:secret@b"} {
		_, err := read(t, keysFor(s.URL), folder("s3://"+bucket))
		var skip *mlflow.Skip
		require.ErrorAs(t, err, &skip, bucket)
		require.Equal(t, mlflow.ReasonUnreachable, skip.Reason, bucket)
		require.NotContains(t, skip.Detail, "secret")
	}
	require.Zero(t, s.requests.Load())
}

// A bucket that can't be read at all is not asked for every trace; a missing object stops nothing.
func TestBucketPause(t *testing.T) {
	code := "ExpiredToken"
	s := serveBucket(t, func(w http.ResponseWriter, _ *http.Request) { failure(w, 400, code, "") })
	r := New(Options{MaxSize: 1000, Config: Config{S3: configoptional.Some(keysFor(s.URL))}})
	defer r.Close()
	for range 10 {
		_, err := r.Read(context.Background(), folder("s3://bucket"), ArchiveFile)
		require.ErrorContains(t, err, "token_expired")
	}
	require.EqualValues(t, s3Attempts, s.requests.Load())
	for text, want := range map[string]string{"NoSuchKey": "artifact_missing",
		"SignatureDoesNotMatch": "artifact_denied"} {
		code = text
		before := s.requests.Load()
		for range 3 {
			_, err := r.Read(context.Background(), folder("s3://other"), ArchiveFile)
			require.ErrorContains(t, err, want)
		}
		require.Equal(t, before+3, s.requests.Load())
	}
}

func TestBucketCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := serveBucket(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		failure(w, 503, "SlowDown", "")
	})
	r := New(Options{MaxSize: 1000, Config: Config{S3: configoptional.Some(keysFor(s.URL))}})
	defer r.Close()
	_, err := r.Read(ctx, folder("s3://bucket"), TraceFile)
	require.ErrorIs(t, err, context.Canceled)
	_, err = r.Read(ctx, folder("s3://bucket"), TraceFile)
	require.ErrorIs(t, err, context.Canceled)
}

// Without artifacts::s3 nothing is opened and the message says what to write.
func TestBucketNotConfigured(t *testing.T) {
	r := New(Options{MaxSize: 1000, Config: NewDefaultConfig()})
	_, err := r.Read(context.Background(), folder("s3://bucket/"+strings.Repeat("x", 10)), TraceFile)
	require.EqualError(t, err, "spans_unreachable: spans are in s3://bucket/… (not readable here; write "+
		"artifacts::s3, or read through the tracking server)")
	require.NoError(t, r.Close())
}
