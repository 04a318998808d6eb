// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package artifacts

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/httpcheck"
)

// Config says where files of spans are that do not lie where the database says, or not in the file system.
type Config struct {
	// Destination is where mlflow-artifacts: locations lie: what the tracking server has as
	// --artifacts-destination, or the address of that server. Folders, s3:// and http(s)://.
	Destination string `mapstructure:"destination"`
	// Mounts are folders of this machine that show other locations.
	Mounts []Mount `mapstructure:"mounts"`
	// S3 says how s3:// locations are read. Without it they are not.
	S3 configoptional.Optional[S3Config] `mapstructure:"s3"`
}

// Mount is a folder of this machine that shows a location.
type Mount struct {
	Location string `mapstructure:"location"` // such as gs://bucket/prefix
	Folder   string `mapstructure:"folder"`
}

// S3Config is a client of an object store with the API of Amazon S3. Nothing is taken from the environment
// but what a profile or iam_role asks for.
type S3Config struct {
	// Endpoint is the address of the store; empty means Amazon S3.
	Endpoint string `mapstructure:"endpoint"`
	// Region of the buckets. Empty: the store is asked once per bucket.
	Region string `mapstructure:"region"`
	// S3ForcePathStyle puts the bucket into the path of a request and not into the host name.
	S3ForcePathStyle bool `mapstructure:"s3_force_path_style"`
	// ExpectedBucketOwner is the account that the buckets must belong to; empty means any.
	ExpectedBucketOwner string `mapstructure:"expected_bucket_owner"`
	// TLS configures the connection.
	TLS configtls.ClientConfig `mapstructure:"tls"`
	// Timeout bounds one attempt to read an object; 0 is no bound.
	Timeout time.Duration `mapstructure:"timeout"`

	// One of four ways to sign. AccessKeyID and SecretAccessKey, with SessionToken where they are temporary.
	AccessKeyID     string              `mapstructure:"access_key_id"`
	SecretAccessKey configopaque.String `mapstructure:"secret_access_key"`
	SessionToken    configopaque.String `mapstructure:"session_token"`
	// Profile of the shared credentials file, ~/.aws/credentials unless CredentialsFile names another.
	Profile         string `mapstructure:"profile"`
	CredentialsFile string `mapstructure:"credentials_file"`
	// IAMRole signs with the role of the machine, task or service account.
	IAMRole bool `mapstructure:"iam_role"`
	// Anonymous does not sign.
	Anonymous bool `mapstructure:"anonymous"`
}

// NewDefaultConfig returns the defaults.
func NewDefaultConfig() Config {
	return Config{S3: configoptional.Default(S3Config{Timeout: 2 * time.Minute})}
}

// Unset reports whether nothing is configured.
func (c *Config) Unset() bool { return c.Destination == "" && len(c.Mounts) == 0 && !c.S3.HasValue() }

// Server reports whether the destination is the address of a tracking server.
func (c *Config) Server() bool {
	scheme, _ := split(c.Destination)
	return scheme == "http" || scheme == "https"
}

// Validate implements confmap.Validator. Errors begin with the key.
func (c *Config) Validate() error {
	var errs []error
	switch scheme, rest := split(c.Destination); scheme {
	case "", "file", "http", "https":
	case "s3":
		if !c.S3.HasValue() {
			errs = append(errs, errors.New("destination: it is a bucket, so s3 must say how buckets are read"))
		}
		if bucket, _ := s3Object(rest); bucket == "" {
			errs = append(errs, errors.New("destination: it has no bucket; write s3://bucket/prefix"))
		}
	default:
		errs = append(errs, fmt.Errorf("destination: %s: can't be read; write a folder, s3://bucket/prefix or the "+
			"address of the tracking server (http://host:5000)", scheme))
	}
	for i, m := range c.Mounts {
		if m.Location == "" || m.Folder == "" {
			errs = append(errs, fmt.Errorf("mounts[%d]: write a location, such as gs://bucket, and the folder "+
				"that shows it", i))
		}
	}
	return errors.Join(errs...)
}

// Validate implements confmap.Validator. Errors begin with the key and hold no secret.
func (c *S3Config) Validate() error {
	errs := []error{httpcheck.TLS(&c.TLS)}
	if _, err := c.endpoint(); err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	}
	keys := c.AccessKeyID != "" || c.SecretAccessKey != "" || c.SessionToken != ""
	if keys && (c.AccessKeyID == "" || c.SecretAccessKey == "") {
		errs = append(errs, errors.New("access_key_id: goes together with secret_access_key"))
	}
	ways := 0
	for _, way := range []bool{keys, c.Profile != "", c.IAMRole, c.Anonymous} {
		if way {
			ways++
		}
	}
	if ways != 1 {
		errs = append(errs, errors.New("write one of access_key_id with secret_access_key, profile, iam_role: true, "+
			"and anonymous: true"))
	}
	if c.CredentialsFile != "" && c.Profile == "" {
		errs = append(errs, errors.New("credentials_file: goes with profile"))
	}
	if c.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout: %s is negative", c.Timeout))
	}
	return errors.Join(errs...)
}

// endpoint parses the address of the store.
func (c *S3Config) endpoint() (*url.URL, error) {
	if c.Endpoint == "" {
		return &url.URL{Scheme: "https", Host: "s3.amazonaws.com"}, nil
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("this is no address; write https://host or http://host:9000")
	case u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "":
		return nil, fmt.Errorf("it holds more than scheme, host and port; write %s://%s", u.Scheme, u.Host)
	}
	return u, nil
}
