// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/originalstatus"
)

// Each status as the exporter sees it, with and without RetryRefusals.
func TestRetryRefusalsHTTP(t *testing.T) {
	for answered, again := range map[int]int{
		400: 400, 401: 503, 403: 503, 404: 503, 405: 405, 408: 503, 413: 413, 429: 429, 500: 503, 501: 501, 502: 502,
		503: 503, 504: 504,
	} {
		server := httptest.NewServer(says(answered, "text/plain", "no"))
		for _, on := range []bool{false, true} {
			r := NewReader(zap.NewNop())
			want := answered
			if on {
				r.RetryRefusals()
				want = again
			}
			client := &http.Client{Transport: r.RoundTripper(server.Client().Transport)}
			resp, err := client.Post(server.URL+"/v1/traces", proto, strings.NewReader("body"))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, want, resp.StatusCode, "%d, retried: %t", answered, on)
			require.Equal(t, answered, originalstatus.Of(resp))
			replaced := int64(0)
			if want != answered {
				replaced = 1
			}
			require.Equal(t, Counts{Requests: 1, Refused: replaced}, r.Counts())
			require.Equal(t, replaced == 1, r.Refusing() != "", "%q", r.Refusing())
		}
		server.Close()
	}
}

// Each code as the exporter sees it, with and without RetryRefusals.
func TestRetryRefusalsGRPC(t *testing.T) {
	cc, err := grpc.NewClient("passthrough:///destination", grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer cc.Close()
	again := map[codes.Code]bool{codes.Unauthenticated: true, codes.PermissionDenied: true, codes.NotFound: true,
		codes.Unimplemented: true, codes.Internal: true, codes.Unknown: true}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		for _, on := range []bool{false, true} {
			r := NewReader(zap.NewNop())
			if on {
				r.RetryRefusals()
			}
			err := r.Interceptor(t.Context(), "/Export", nil, nil, cc, func(context.Context, string, any, any,
				*grpc.ClientConn, ...grpc.CallOption) error {
				return status.Error(code, "no")
			})
			if on && again[code] {
				require.Equal(t, codes.Unavailable, status.Code(err), "%s", code)
				require.ErrorContains(t, err, code.String()+": no")
				require.Contains(t, r.Refusing(), "answered "+code.String())
				continue
			}
			require.Equal(t, code, status.Code(err))
			require.Empty(t, r.Refusing())
		}
	}
}

// A destination that refuses is logged once a minute, and no longer named once it takes data.
func TestRetryRefusalsAreLogged(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	r := NewReader(zap.New(core))
	r.RetryRefusals()
	code := http.StatusUnauthorized
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		says(code, proto, "")(w, q)
	}))
	defer server.Close()
	client := &http.Client{Transport: r.RoundTripper(server.Client().Transport)}
	send := func() {
		resp, err := client.Post(server.URL+"/v1/traces?token=canary", proto, strings.NewReader("body"))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	for range 3 {
		send()
	}
	require.Equal(t, server.URL+"/v1/traces answered 401 Unauthorized; it gets the data again until it takes it",
		r.Refusing())
	require.Len(t, logs.All(), 1)
	require.NotContains(t, logs.All()[0].ContextMap()["reason"], "canary")
	code = http.StatusOK
	send()
	require.Empty(t, r.Refusing())
	require.Equal(t, Counts{Requests: 4, Confirmed: 1, Refused: 3}, r.Counts())
}
