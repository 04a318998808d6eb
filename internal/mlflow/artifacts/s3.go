// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package artifacts

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

const (
	s3Attempts = 4                // of one request, with the client's own back-off of at most a second
	s3Pause    = 30 * time.Second // how long a bucket that can't be read at all is left alone
)

// bucketReader reads objects. The client is made, and credentials are looked up, when the first object is
// read.
type bucketReader struct {
	cfg    S3Config
	client func() (*client, error)

	mu     sync.Mutex
	pauses map[string]pause // by bucket
}

// client is what objects are read with.
type client struct {
	*minio.Core
	signer    *credentials.Credentials
	transport *http.Transport
}

// pause is how long a bucket is not asked again, and why.
type pause struct {
	until time.Time
	why   *mlflow.Skip
}

func newBucketReader(cfg S3Config) *bucketReader {
	return &bucketReader{cfg: cfg, client: sync.OnceValues(cfg.client), pauses: map[string]pause{}}
}

// close releases idle connections.
func (b *bucketReader) close() {
	if c, err := b.client(); err == nil { // what was never used has none
		c.transport.CloseIdleConnections()
	}
}

// credentials returns the configured way to sign. It does not look anything up.
func (c *S3Config) credentials() *credentials.Credentials {
	switch {
	case c.Anonymous:
		return credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	case c.IAMRole:
		return credentials.NewIAM("")
	case c.Profile != "":
		return credentials.NewFileAWSCredentials(c.CredentialsFile, c.Profile)
	}
	return credentials.NewStaticV4(c.AccessKeyID, string(c.SecretAccessKey), string(c.SessionToken))
}

// client makes a client. It does not talk to the network.
func (c *S3Config) client() (*client, error) {
	endpoint, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	secure := endpoint.Scheme == "https"
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, err
	}
	if transport.TLSClientConfig, err = c.TLS.LoadTLSConfig(context.Background()); err != nil {
		return nil, err
	}
	lookup := minio.BucketLookupAuto
	if c.S3ForcePathStyle {
		lookup = minio.BucketLookupPath
	}
	signer := c.credentials()
	core, err := minio.NewCore(endpoint.Host, &minio.Options{Creds: signer, Secure: secure, Transport: transport,
		Region: c.Region, BucketLookup: lookup, MaxRetries: s3Attempts})
	return &client{core, signer, transport}, err
}

// s3Object splits what follows "s3:" into bucket and key. The key is taken literally; what MLflow's own
// reader takes for a query or a fragment is left out.
func s3Object(rest string) (bucket, key string) {
	rest = strings.TrimPrefix(rest, "//")
	if at := strings.IndexAny(rest, "?#"); at >= 0 {
		rest = rest[:at]
	}
	bucket, key, _ = strings.Cut(rest, "/")
	bucket = bucket[strings.LastIndexByte(bucket, '@')+1:] // credentials there are neither used nor shown
	return bucket, strings.TrimRight(key, "/")
}

// read returns an object of at most limit bytes. An error is a *Skip or that of the context.
func (b *bucketReader) read(ctx context.Context, bucket, key string, limit int) ([]byte, error) {
	if why := b.paused(bucket); why != nil {
		return nil, why
	}
	c, err := b.client()
	if err != nil {
		return nil, mlflow.Skipf(mlflow.ReasonUnreachable, "artifacts::s3: %v", err)
	}
	var doc []byte
	for range s3Attempts { // the client itself tries again what failed before the answer began
		if doc, err = b.attempt(ctx, c, bucket, key, limit); !errors.Is(err, errBroken) {
			break
		}
	}
	switch {
	case err == nil:
		return doc, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	skip, shared := b.explain(err, bucket, key)
	if skip.Reason == mlflow.ReasonTokenExpired && b.cfg.Profile != "" {
		c.signer.Expire() // the file is read again
	}
	if shared {
		b.mu.Lock()
		b.pauses[bucket] = pause{time.Now().Add(s3Pause), skip}
		b.mu.Unlock()
	}
	return nil, skip
}

// paused returns why the bucket is not asked now, or nil.
func (b *bucketReader) paused(bucket string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, ok := b.pauses[bucket]; ok && time.Now().Before(p.until) {
		return p.why
	}
	return nil
}

// errBroken is the error of an answer that ended before its end.
var errBroken = errors.New("the answer broke off")

func (b *bucketReader) attempt(ctx context.Context, c *client, bucket, key string, limit int) ([]byte, error) {
	if b.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.cfg.Timeout)
		defer cancel()
	}
	var opts minio.GetObjectOptions
	if b.cfg.ExpectedBucketOwner != "" {
		opts.Set("x-amz-expected-bucket-owner", b.cfg.ExpectedBucketOwner)
	}
	body, info, _, err := c.GetObject(ctx, bucket, key, opts)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if info.Size > int64(limit) {
		return nil, tooLarge(path.Base(key), info.Size, limit)
	}
	var doc bytes.Buffer
	switch n, err := io.Copy(&doc, io.LimitReader(body, int64(limit)+1)); {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil, info.Size >= 0 && n < info.Size:
		return nil, errBroken
	case n > int64(limit):
		return nil, tooLarge(path.Base(key), n, limit)
	}
	return doc.Bytes(), nil
}

// explain says why an object can't be read, and whether the reason is one of the whole bucket. Texts of the
// store may hold what it was sent, so they are not repeated: its codes are.
func (b *bucketReader) explain(err error, bucket, key string) (skip *mlflow.Skip, shared bool) {
	if skip, ok := errors.AsType[*mlflow.Skip](err); ok {
		return skip, false
	}
	at := "s3://" + bucket
	e := minio.ToErrorResponse(err)
	switch e.Code {
	case minio.NoSuchKey:
		return mlflow.Skipf(mlflow.ReasonArtifactMissing, "there is no object %s/%s", at, key), false
	case minio.NoSuchBucket:
		return mlflow.Skipf(mlflow.ReasonUnreachable, "there is no bucket %s at %s", bucket, b.where()), true
	case minio.InvalidBucketName:
		return mlflow.Skipf(mlflow.ReasonUnreachable, "%q is not the name of a bucket", bucket), true
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return mlflow.Skipf(mlflow.ReasonTokenExpired,
			"the token for %s has expired (%s); write new credentials into artifacts::s3", at, e.Code), true
	case "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException", minio.InvalidRegion,
		"AuthorizationHeaderMalformed", "MovedPermanently":
		hint := "the right one into artifacts::s3::region"
		if e.Region != "" {
			hint = e.Region + " into artifacts::s3::region"
		}
		return mlflow.Skipf(mlflow.ReasonWrongRegion, "%s lies in another region than %s (%s); write %s", at,
			b.region(), e.Code, hint), true
	case minio.InvalidAccessKeyID, minio.SignatureDoesNotMatch, "InvalidToken", "RequestTimeTooSkewed":
		// A signature is that of one object: a store may take it for others.
		return mlflow.Skipf(mlflow.ReasonArtifactDenied,
			"the credentials of artifacts::s3 are not accepted for %s (%s)",
			at, e.Code), e.Code != minio.SignatureDoesNotMatch
	}
	switch e.StatusCode {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return mlflow.Skipf(mlflow.ReasonWrongRegion, "%s lies in another region than %s; write the right one into "+
			"artifacts::s3::region", at, b.region()), true
	case http.StatusUnauthorized, http.StatusForbidden:
		return mlflow.Skipf(mlflow.ReasonArtifactDenied,
			"reading %s/%s is denied (%s); the credentials of artifacts::s3 "+
				"need s3:GetObject, and s3:ListBucket so that a missing object is told from a denied one", at, key,
			e.Code), false
	case http.StatusNotFound:
		return mlflow.Skipf(mlflow.ReasonArtifactMissing, "there is no object %s/%s", at, key), false
	}
	why := e.Code
	if e.StatusCode == 0 {
		why = transportText(err)
	}
	return mlflow.Skipf(mlflow.ReasonUnreachable, "%s can't be read at %s: %s", at, b.where(), why), true
}

// transportText is an error without the address of the request.
func transportText(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return err.Error()
}

// where names the store.
func (b *bucketReader) where() string {
	if u, err := b.cfg.endpoint(); err == nil {
		return u.Host
	}
	return "the endpoint"
}

// region names the region that requests are signed for.
func (b *bucketReader) region() string {
	if b.cfg.Region != "" {
		return b.cfg.Region
	}
	return "the one that the store told"
}
