// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package originalstatus

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReplace(t *testing.T) {
	for _, resp := range []*http.Response{{StatusCode: 401, Header: http.Header{"A": {"b"}}}, {StatusCode: 401}} {
		require.Equal(t, 401, Of(resp), "nothing was replaced")
		Replace(resp, 503)
		require.Equal(t, 503, resp.StatusCode)
		require.Equal(t, "503 Service Unavailable", resp.Status)
		require.Equal(t, 401, Of(resp))
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{header: {"x"}}}
	require.Equal(t, http.StatusOK, Of(resp), "the header holds no status")
}
