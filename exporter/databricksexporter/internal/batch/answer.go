// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"bytes"
	"errors"
	"mime"
)

// ErrNoAnswer says that the body of an answer is none that OTLP knows.
var ErrNoAnswer = errors.New("the body is no OTLP answer")

// decode reads an answer in the form that its content type names. No body is an answer without
// anything to say, and so is an empty JSON object.
func decode(body []byte, contentType string, proto, json func([]byte) error) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ErrNoAnswer
	}
	switch media {
	case "application/x-protobuf":
		err = proto(body)
	case "application/json":
		err = json(body)
	default:
		return ErrNoAnswer
	}
	if err != nil {
		return ErrNoAnswer
	}
	return nil
}
