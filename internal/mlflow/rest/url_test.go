// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseURL(t *testing.T) {
	for address, want := range map[string]string{
		"http://localhost:5000":         "http://localhost:5000",
		"https://mlflow.example.com/":   "https://mlflow.example.com",
		" http://10.0.0.1:5000/ml/ops/": "http://10.0.0.1:5000/ml/ops",
		"http://[::1]:5000":             "http://[::1]:5000",
		"https://example.com/apiary":    "https://example.com/apiary",
		"https://example.com/api/ml":    "https://example.com/api/ml",
	} {
		u, err := ParseURL(address)
		if assert.NoError(t, err, address) {
			assert.Equal(t, want, u.String())
		}
	}
	for address, want := range map[string]string{
		"":               "has no scheme",
		"localhost:5000": "http",
		"mlflow.example.com": "has no scheme; write http://mlflow.example.com or " +
			"https://mlflow.example.com",
		"postgresql://u:secret@h/db":           "only http and https",
		"http:///path":                         "has no host",
		"http://h:port":                        "is not a URL",
		"https://user:secret@h:5000/x":         "write https://h:5000/x and put the credentials",
		"https://h/?token=secret":              "write https://h",
		"http://h:5000/#/experiments/3/traces": "user interface (#/experiments/3/traces); write http://h:5000 ",
		"http://h/ml/#/experiments/3?x=secret": "write http://h/ml ",
		"http://h:5000/api":                    "write http://h:5000",
		"http://h:5000/ajax-api/":              "write http://h:5000",
		"http://h:5000/api/2.0/mlflow/":        "write http://h:5000",
		"http://h/pre/api/3.0/mlflow/traces": "(/api/3.0/mlflow/traces), which is added to it for each request; " +
			"write http://h/pre",
	} {
		_, err := ParseURL(address)
		if assert.Error(t, err, address) {
			assert.Contains(t, err.Error()+" ", want, address)
			assert.NotContains(t, err.Error(), "secret", address)
		}
	}
}
