// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package originalstatus keeps the status of an HTTP answer that a middleware replaced, for those that have to know it.
package originalstatus

import (
	"net/http"
	"strconv"
)

// header holds the status that the server gave.
const header = "Otelcol-Mlflow-Original-Status"

// Replace gives an answer another status. Of still returns the one before.
func Replace(resp *http.Response, status int) {
	if resp.Header == nil {
		resp.Header = http.Header{}
	}
	resp.Header.Set(header, strconv.Itoa(resp.StatusCode))
	resp.StatusCode = status
	resp.Status = strconv.Itoa(status) + " " + http.StatusText(status)
}

// Of returns the status that the server gave.
func Of(resp *http.Response) int {
	if status, err := strconv.Atoi(resp.Header.Get(header)); err == nil {
		return status
	}
	return resp.StatusCode
}
