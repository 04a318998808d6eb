// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

const (
	proto = "application/x-protobuf"
	js    = "application/json"
)

// response is an OTLP answer in protobuf.
func response(rejected int64, message string) string {
	r := ptraceotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedSpans(rejected)
	r.PartialSuccess().SetErrorMessage(message)
	b, err := r.MarshalProto()
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Each body of a success, by its media type.
func TestBodies(t *testing.T) {
	for name, tc := range map[string]struct {
		media, body string
		want        answer
	}{
		"nothing":                   {"", "", answer{}},
		"nothing, of a media type":  {"text/plain", " \n", answer{}},
		"protobuf":                  {proto, response(0, ""), answer{}},
		"protobuf, rejected":        {proto, response(2, "no"), answer{rejected: 2, message: "no"}},
		"protobuf, remark":          {proto, response(0, "slow down"), answer{message: "slow down"}},
		"protobuf with a parameter": {proto + "; v=1", response(2, "no"), answer{rejected: 2, message: "no"}},
		"negative count":            {proto, response(-2, "no"), answer{message: "no"}},
		"JSON as protobuf, null":    {proto, `{"partialSuccess":null}`, answer{}}, // of MLflow 3.6.0
		"JSON as protobuf, spans":   {proto, `{"partialSuccess":{"rejectedSpans":"3"}}`, answer{rejected: 3}},
		"JSON, empty object":        {js, `{}`, answer{}},
		"JSON, null":                {js, `{"partialSuccess":null}`, answer{}},
		"JSON, empty":               {js, `{"partialSuccess":{}}`, answer{}},
		"JSON, spans": {js, `{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}`,
			answer{rejected: 3, message: "no"}},
		"JSON, log records": {js + "; charset=utf-8", `{"partialSuccess":{"rejectedLogRecords":3}}`,
			answer{rejected: 3}},
		"JSON, data points":             {js, `{"partialSuccess":{"rejectedDataPoints":3}}`, answer{rejected: 3}},
		"JSON of something else":        {js, `{"error":"unauthorized"}`, answer{kind: kindOther}},
		"JSON, no object":               {js, `"ok"`, answer{kind: kindOther}},
		"JSON, nothing":                 {js, `null`, answer{kind: kindOther}},
		"JSON, broken":                  {js, `{"partialSuccess":`, answer{kind: kindOther}},
		"protobuf, broken":              {proto, "ok", answer{kind: kindOther}},
		"text":                          {"text/plain", "ok", answer{kind: kindOther}},
		"no media type":                 {"", "ok", answer{kind: kindOther}},
		"media type that can't be read": {";;", "ok", answer{kind: kindOther}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := body(tc.media, []byte(tc.body), true)
			require.Equal(t, tc.want, got)
		})
	}
	logs := plogotlp.NewExportResponse()
	logs.PartialSuccess().SetRejectedLogRecords(4)
	b, err := logs.MarshalProto()
	require.NoError(t, err)
	got, _ := body(proto, b, true)
	require.Equal(t, answer{rejected: 4}, got, "all signals look alike")
	got, _ = body(proto, b, false)
	require.Equal(t, answer{kind: kindOther}, got, "longer than is read")
}

// FuzzBody: no body makes it fail.
func FuzzBody(f *testing.F) {
	f.Add(proto, []byte(response(2, "no")))
	f.Add(js, []byte(`{"partialSuccess":{"rejectedSpans":"3"}}`))
	f.Add("text/html", []byte("<html>"))
	f.Fuzz(func(t *testing.T, media string, b []byte) {
		a, _ := body(media, b, true)
		if a.rejected < 0 || a.kind == kindOther && a.message != "" || len(a.message) > 210 {
			t.Fatalf("%+v", a)
		}
	})
}

// ask sends a unit of three spans through a reader, over HTTP, and returns what the exporter gets.
func ask(t *testing.T, r *Reader, path string, unit *progress.Unit, answer http.HandlerFunc) (string, error) {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	ctx := t.Context()
	if unit != nil {
		ctx = progress.WithUnit(ctx, unit)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path, strings.NewReader("body"))
	require.NoError(t, err)
	client := &http.Client{Transport: r.RoundTripper(server.Client().Transport)}
	resp, err := client.Do(q)
	if err != nil {
		return "", errors.New(strings.ReplaceAll(err.Error(), server.URL, "http://destination"))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.EqualValues(t, len(b), max(resp.ContentLength, int64(len(b))))
	return string(b), nil
}

func says(code int, media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// What the exporter gets, and what is known afterwards.
func TestHTTP(t *testing.T) {
	for name, tc := range map[string]struct {
		answer   http.HandlerFunc
		body     string // that the exporter reads
		fails    string
		counts   Counts
		doubt    string
		rejected int64 // in the unit
	}{
		"an OTLP answer": {answer: says(200, proto, response(0, "fine")), body: response(0, "fine"),
			counts: Counts{Requests: 1, Confirmed: 1}},
		"no body": {answer: says(202, "text/html", ""), counts: Counts{Requests: 1, Confirmed: 1}},
		"some rejected": {answer: says(200, js, `{"partialSuccess":{"rejectedSpans":"2"}}`),
			body: `{"partialSuccess":{"rejectedSpans":"2"}}`, rejected: 2,
			counts: Counts{Requests: 1, Confirmed: 1, Rejected: 2}},
		"JSON that says it is protobuf": {answer: says(200, proto, `{"partialSuccess":{"rejectedSpans":"2"}}`),
			rejected: 2, counts: Counts{Requests: 1, Confirmed: 1, Rejected: 2}},
		"all rejected": {answer: says(200, proto, response(3, "no")),
			fails:  "http://destination/v1/traces rejected all 3 spans of a request: no",
			counts: Counts{Requests: 1, Confirmed: 1, Rejected: 3}},
		"a web page": {answer: says(200, "text/html; charset=utf-8", "<html>"),
			fails: "http://destination/v1/traces answered 200 with a web page (text/html), as a sign-in or a proxy " +
				"does; correct the address or the credentials",
			counts: Counts{Requests: 1, Refused: 1}},
		"a redirect": {answer: func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "/login?token=canary", http.StatusFound)
		}, fails: "http://destination/v1/traces answered 302 to http://destination/login, as",
			counts: Counts{Requests: 1, Refused: 1}},
		"another body": {answer: says(200, "text/plain", "all fine"),
			counts: Counts{Requests: 1, Unconfirmed: 1},
			doubt: "/v1/traces answered 200 with text/plain, 8 bytes, which is no OTLP answer, so it is not known " +
				"whether it has the data"},
		"a long body": {answer: says(200, proto, strings.Repeat("x", 2*mostBody)),
			counts: Counts{Requests: 1, Unconfirmed: 1}, doubt: "application/x-protobuf, "},
		"a body that is cut off": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "12345")
		}, fails: "was cut off: unexpected EOF", counts: Counts{Requests: 1}},
		"refused": {answer: says(403, "text/html", "<html>no"), body: "<html>no", counts: Counts{Requests: 1}},
		"kept method": {answer: func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path != "/there" {
				http.Redirect(w, q, "/there", http.StatusPermanentRedirect)
			}
		}, counts: Counts{Requests: 2, Confirmed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(zap.NewNop())
			unit := progress.NewUnit(3)
			got, err := ask(t, r, "/v1/traces", unit, tc.answer)
			if tc.fails != "" {
				require.ErrorContains(t, err, tc.fails)
				require.NotContains(t, err.Error(), "canary")
			} else {
				require.NoError(t, err)
				require.Equal(t, tc.body, got)
			}
			require.Equal(t, tc.counts, r.Counts())
			require.Equal(t, tc.counts.Refused > 0, r.Refusing() != "")
			require.Contains(t, r.Doubt(), tc.doubt)
			require.Equal(t, tc.doubt == "", r.Doubt() == "")
			n, _ := unit.Rejected()
			require.Equal(t, tc.rejected, n)
		})
	}
}

type fixed struct {
	resp *http.Response
}

func (f fixed) RoundTrip(*http.Request) (*http.Response, error) { return f.resp, nil }

// The exporter finds out whether it may send again.
func TestErrorsOverHTTP(t *testing.T) {
	answer := func(media, body string) error {
		q, err := http.NewRequestWithContext(progress.WithUnit(t.Context(), progress.NewUnit(3)), http.MethodPost,
			"https://user:canary@destination/v1/traces?key=canary", http.NoBody)
		require.NoError(t, err)
		resp, err := NewReader(zap.NewNop()).RoundTripper(fixed{&http.Response{StatusCode: http.StatusOK,
			ContentLength: -1,
			Header:        http.Header{"Content-Type": {media}},
			Body:          io.NopCloser(strings.NewReader(body))}}).RoundTrip(q)
		require.Nil(t, resp)
		require.NotContains(t, err.Error(), "canary")
		return err
	}
	require.True(t, consumererror.IsPermanent(answer(proto, response(3, "no"))))
	page := answer("text/html", "<html>")
	require.False(t, consumererror.IsPermanent(page))
	_, ok := errors.AsType[*progress.AnswerError](page)
	require.True(t, ok)
}

// A remark is logged once; without a unit it is not known what was rejected, unless it was no span.
func TestWithoutUnit(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	r := NewReader(zap.New(core))
	server := httptest.NewServer(says(200, proto, response(0, "slow down")))
	defer server.Close()
	client := &http.Client{Transport: r.RoundTripper(http.DefaultTransport)}
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for range 3 {
		resp, err := client.Post(server.URL, proto, nil)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.Equal(t, 1, logs.FilterMessage("A destination took a request and has a remark: slow down").Len())

	_, err := ask(t, r, "/v1/logs", nil, says(200, proto, response(2, "no")))
	require.NoError(t, err)
	require.Empty(t, r.Doubt())
	_, err = ask(t, r, "/v1/traces", nil, says(200, proto, response(2, "no")))
	require.NoError(t, err)
	require.Contains(t, r.Doubt(), "rejected 2 spans of a request that was queued on disk or put together of several")
	require.Equal(t, Counts{Requests: 5, Confirmed: 5, Rejected: 4}, r.Counts())
}

// A place that gives OTLP answers again refuses no more.
func TestRefusalEnds(t *testing.T) {
	r := NewReader(zap.NewNop())
	page := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if page {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		}
	}))
	defer server.Close()
	client := &http.Client{Transport: r.RoundTripper(server.Client().Transport)}
	_, err := client.Post(server.URL, proto, nil)
	require.Error(t, err)
	require.NotEmpty(t, r.Refusing())
	page = false
	resp, err := client.Post(server.URL, proto, nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Empty(t, r.Refusing())
}

// reply is a message of pdata: what gRPC fills in.
type reply struct{ body string }

func (m *reply) SizeProto() int              { return len(m.body) }
func (m *reply) MarshalProto(buf []byte) int { return copy(buf, m.body) }

func TestGRPC(t *testing.T) {
	conn, err := grpc.NewClient("passthrough:///destination:4317", grpc.WithInsecure()) //nolint:staticcheck // no call
	require.NoError(t, err)
	defer conn.Close()
	for name, tc := range map[string]struct {
		reply    any
		fails    error
		code     codes.Code
		counts   Counts
		rejected int64
		doubt    bool
	}{
		"taken":         {reply: &reply{}, counts: Counts{Requests: 1, Confirmed: 1}},
		"some rejected": {reply: &reply{response(2, "no")}, counts: Counts{1, 1, 0, 0, 2}, rejected: 2},
		"all rejected": {reply: &reply{response(3, "no")}, counts: Counts{1, 1, 0, 0, 3},
			code: codes.InvalidArgument},
		"a message of another library": {reply: struct{}{}, counts: Counts{Requests: 1, Unconfirmed: 1}, doubt: true},
		"refused": {fails: status.Error(codes.PermissionDenied, "no"), counts: Counts{Requests: 1},
			code: codes.PermissionDenied},
		"a web page": {fails: status.Error(codes.Unknown, "unexpected HTTP status code received from server: "+
			`200 (OK); transport: received unexpected content-type "text/html; charset=utf-8"`),
			counts: Counts{Requests: 1, Refused: 1}, code: codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(zap.NewNop())
			unit := progress.NewUnit(3)
			err := r.Interceptor(progress.WithUnit(t.Context(), unit),
				"/opentelemetry.proto.collector.trace.v1.TraceService/Export", nil, tc.reply, conn,
				func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return tc.fails })
			require.Equal(t, tc.code, status.Code(err))
			require.Equal(t, tc.counts, r.Counts())
			require.Equal(t, tc.doubt, r.Doubt() != "")
			n, _ := unit.Rejected()
			require.Equal(t, tc.rejected, n)
		})
	}
}

// Addresses are told without what may be a credential, and stay apart.
func TestPlace(t *testing.T) {
	at := func(address string) string {
		u, err := url.Parse(address)
		require.NoError(t, err)
		return place(u)
	}
	require.Equal(t, "https://host/otel/v1/traces", at("https://me:secret@host/otel/v1/traces?key=secret"))
	one, two := strings.Repeat("Za3", 20), strings.Repeat("Za4", 20)
	got := at("https://host/receiver/v1/otlp/" + one + "/v1/traces")
	require.Regexp(t, `^https://host/receiver/v1/otlp/withheld-[0-9a-f]{4}/v1/traces$`, got)
	require.NotEqual(t, got, at("https://host/receiver/v1/otlp/"+two+"/v1/traces"))
}

func TestCut(t *testing.T) {
	require.Equal(t, "short", cut("short"))
	require.Equal(t, strings.Repeat("a", 199)+"…", cut(strings.Repeat("a", 199)+"éé"))
	require.Equal(t, "a\uFFFDb", cut("a\xffb"))
}
