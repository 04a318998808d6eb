// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowserver

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// Bucket is a running object store with one bucket, which ends with Stop.
type Bucket struct {
	URL    string
	Writer Keys // may do everything
	Reader Keys // may read objects and list the bucket
	Other  Keys // may not read

	packages string // folder of boto3 and moto
	process  *process
}

// Keys sign requests to a bucket.
type Keys struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// packages returns the folder of the packages of an environment of env.sh that holds no MLflow; the first call of a
// machine makes it.
func packages(environment string) (string, error) {
	python, err := Python(environment)
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(python)), "lib", "python3*", "site-packages"))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("the environment %s has the folders %q", environment, found)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// StartBucket starts an object store with a bucket.
func StartBucket(name string) (*Bucket, error) {
	python, err := Python(Database)
	if err != nil {
		return nil, err
	}
	boto3, err := packages("s3")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python, filepath.Join(Scripts(), "bucket.py"), name)
	cmd.Env = append(environment(), "PYTHONPATH="+boto3)
	b := &Bucket{packages: boto3}
	if b.process, err = launch(cmd, "the object store", b); err != nil {
		return nil, err
	}
	return b, nil
}

// Stop ends the object store.
func (b *Bucket) Stop() { b.process.stop() }

// Env is what MLflow needs to write into the bucket, as NAME=value.
func (b *Bucket) Env() []string {
	return []string{"PYTHONPATH=" + b.packages, "MLFLOW_S3_ENDPOINT_URL=" + b.URL, "AWS_DEFAULT_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=" + b.Writer.ID, "AWS_SECRET_ACCESS_KEY=" + b.Writer.Secret,
		"AWS_EC2_METADATA_DISABLED=true"}
}
