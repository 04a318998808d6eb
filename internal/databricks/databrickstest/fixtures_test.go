// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The headers that name a table.
const (
	tableHeader   = "X-Databricks-UC-Table-Name"
	zerobusHeader = "X-Databricks-Zerobus-Table-Name"
)

// exchange is one request and answer of a fixture: recorded from official clients, or written from
// the documentation, not by this package.
type exchange struct {
	Name    string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         json.RawMessage
	}
	Response struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
}

func fixture(t *testing.T, file string) map[string]exchange {
	body, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	var f struct{ Exchanges []exchange }
	require.NoError(t, json.Unmarshal(body, &f))
	require.NotEmpty(t, f.Exchanges)
	out := map[string]exchange{}
	for _, e := range f.Exchanges {
		out[e.Name] = e
	}
	return out
}

// bytesOf is a body on the wire: protobuf, text or JSON.
func bytesOf(t *testing.T, body json.RawMessage) []byte {
	var proto struct {
		Base64 string `json:"_protobuf_base64"`
	}
	if json.Unmarshal(body, &proto) == nil && proto.Base64 != "" {
		out, err := base64.StdEncoding.DecodeString(proto.Base64)
		require.NoError(t, err)
		return out
	}
	var text string
	if json.Unmarshal(body, &text) == nil {
		return []byte(text)
	}
	return body
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// send does a request; a token signs it.
func send(t *testing.T, method, url, token string, header map[string]string, body []byte) reply {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	require.NoError(t, err)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{resp.StatusCode, resp.Header, out}
}

// replay sends a fixture's request to a workspace.
func replay(t *testing.T, base, token string, e exchange) reply {
	header := map[string]string{}
	for k, v := range e.Request.Headers {
		if k != "Authorization" && k != "Content-Length" && k != "Accept-Encoding" {
			header[k] = v
		}
	}
	return send(t, e.Request.Method, base+e.Request.Path, token, header, bytesOf(t, e.Request.Body))
}

// requireAnswer compares an answer with the fixture's, field by field. Fields that are made up by
// the server (identifiers and times) are only required to be there.
func requireAnswer(t *testing.T, e exchange, got reply, madeUp ...string) {
	t.Helper()
	require.Equal(t, e.Response.Status, got.status, "%s: %s", e.Name, got.body)
	for k, v := range e.Response.Headers {
		require.Equal(t, v, got.header.Get(k), "%s: header %s", e.Name, k)
	}
	if len(e.Response.Body) == 0 {
		return
	}
	want := bytesOf(t, e.Response.Body)
	if !bytes.HasPrefix(want, []byte("{")) {
		require.Equal(t, want, got.body, e.Name)
		return
	}
	var wantDoc, gotDoc map[string]any
	require.NoError(t, json.Unmarshal(want, &wantDoc))
	require.NoError(t, json.Unmarshal(got.body, &gotDoc), "%s: %s", e.Name, got.body)
	for _, k := range madeUp {
		require.NotEmpty(t, gotDoc[k], "%s: %s", e.Name, k)
		delete(gotDoc, k)
		delete(wantDoc, k)
	}
	for k := range wantDoc {
		require.Equal(t, wantDoc[k], gotDoc[k], "%s: %s", e.Name, k)
	}
	for k := range gotDoc {
		require.Contains(t, wantDoc, k, "%s: the fixture knows no field %s", e.Name, k)
	}
}

func jsonOf(t *testing.T, text string) any {
	var out any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&out))
	return out
}
