// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/originalstatus"
)

func TestReason(t *testing.T) {
	for phrase, want := range map[string]string{
		"": "", " ": "", "OK": "", "ok": "", "Invalid access token.": "Invalid access token.",
		"two\tparts": "two parts",
	} {
		h := http.Header{ReasonHeader: {phrase}}
		require.Equal(t, want, Reason(200, h))
		require.Equal(t, want == "", Accepts(200, h))
	}
	require.Empty(t, Reason(200, nil))
	require.True(t, Accepts(204, nil))
	require.False(t, Accepts(302, nil))
	require.Empty(t, Reason(403, http.Header{ReasonHeader: {"Forbidden"}}))
}

func TestRefusesToken(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		reason, body string
		want         bool
	}{
		"401": {401, "", "", true},
		"recorded": {403, "Invalid access token.",
			`{"error_code":403,"message":"Invalid access token. [ReqId: 1]"}`, true},
		"body only": {403, "", `{"error_code":"403","message":"Invalid access token. [ReqId: 1]"}`, true},
		"reason":    {403, "Invalid access token.", "", true},
		"expired":   {403, "", `{"error_code":403,"message":"Access token has expired"}`, true},
		"zerobus":   {200, "Malformed token", "", true},
		"grant": {403, "", `{"error_code":"PERMISSION_DENIED","message":"User does not have MODIFY on Table 't'."}`,
			false},
		"address":       {403, "", `{"error_code":403,"message":"Source IP address 1.2.3.4 is blocked"}`, false},
		"nothing":       {403, "", "", false},
		"page":          {403, "", "<html>Invalid access token</html>", false},
		"no refusal":    {200, "", `{"message":"Invalid access token"}`, false},
		"another state": {500, "Invalid access token.", "", false},
		"long":          {403, "", `{"message":"` + strings.Repeat("x", mostDocument) + `"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			closed := false
			res := &http.Response{StatusCode: c.status, Header: http.Header{},
				Body: body{strings.NewReader(c.body), &closed}}
			if c.reason != "" {
				res.Header.Set(ReasonHeader, c.reason)
			}
			require.Equal(t, c.want, RefusesToken(res))
			got, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.Equal(t, c.body, string(got), "the body is handed on whole")
			require.False(t, closed)
			require.NoError(t, res.Body.Close())
			require.True(t, closed)

			res.Body = body{strings.NewReader(c.body), &closed}
			originalstatus.Replace(res, http.StatusServiceUnavailable)
			require.Equal(t, c.want, RefusesToken(res), "a middleware replaced the status")
		})
	}
}

type body struct {
	io.Reader
	closed *bool
}

func (b body) Close() error { *b.closed = true; return nil }
