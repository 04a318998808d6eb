// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEnvironment reads what is printed: the principals can sign in with it.
func TestEnvironment(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, w := io.Pipe()
	var end bytes.Buffer
	done := make(chan error, 1)
	go func() { done <- run(ctx, nil, w, &end) }()
	printed := make([]byte, 4096)
	n, err := r.Read(printed)
	require.NoError(t, err)
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)=(\S+)`).FindAllStringSubmatch(string(printed[:n]), -1) {
		env[m[1]] = m[2]
	}
	require.Regexp(t, `^http://127\.0\.0\.1:\d+$`, env["DATABRICKS_HOST"])
	for _, who := range []string{"DATABRICKS_CLIENT", "DATABRICKS_ADMIN_CLIENT"} {
		resp, err := http.PostForm(env["DATABRICKS_HOST"]+"/oidc/v1/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {env[who+"_ID"]}, "client_secret": {env[who+"_SECRET"]},
		})
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode)
	}
	stop()
	require.NoError(t, <-done)
	require.Empty(t, end.String(), "no table was made")
}

func TestMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"-address 0.0.0.0:0": "is not loopback", "-address nonsense": "is no address",
		"-nosuch": "nosuch", "stray": "is no flag",
	} {
		require.ErrorContains(t, run(context.Background(), strings.Fields(args), io.Discard, io.Discard), want, args)
	}
}
