package outcome

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func request() Request {
	l := unity.Location{Catalog: "main", Schema: "my-traces", Prefix: "agents"}
	return Request{
		Destination: route.Destination{Signal: unity.Spans, Layout: unity.V2, Table: l.Table(unity.Spans, unity.V2), Location: l},
		Items:       10, Principal: "app-1", Path: "/api/2.0/otel/v1/traces", TableHeader: "X-Databricks-UC-Table-Name", Now: now,
		Rejected: func([]byte, string) (int64, string, error) { return 0, "", nil },
	}
}

func body(code, message string) []byte {
	return fmt.Appendf(nil, `{"error_code": %q, "message": %q}`, code, message)
}

func TestJudge(t *testing.T) {
	const table = "`main`.`my-traces`.`agents_otel_spans`"
	for name, c := range map[string]struct {
		answer  Answer
		action  Action
		label   string
		reason  string
		message string // a part
	}{
		"200":                 {Answer{Status: 200}, Accept, "accepted", "", ""},
		"204":                 {Answer{Status: 204}, Accept, "accepted", "", ""},
		"301":                 {Answer{Status: 301}, Hold, "redirected", "", "a redirect (status 301)"},
		"400":                 {Answer{Status: 400}, Refuse, "invalid", Invalid, "refuses the request (status 400)"},
		"400 in words":        {Answer{Status: 400, Body: body("INVALID_PARAMETER_VALUE", "no")}, Refuse, "invalid", Invalid, "it says: no"},
		"400 with a code":     {Answer{Status: 400, Body: body("BAD_REQUEST", "")}, Refuse, "invalid", Invalid, "it says BAD_REQUEST"},
		"400 with a number":   {Answer{Status: 400, Body: []byte(`{"error_code": 400, "message": "no"}`)}, Refuse, "invalid", Invalid, "it says: no"},
		"401":                 {Answer{Status: 401}, SignIn, "unauthenticated", "", "does not know the credential (status 401)"},
		"403 to the table":    {Answer{Status: 403, Body: body("PERMISSION_DENIED", "User does not have MODIFY on Table 't'.")}, Hold, Forbidden, "", "GRANT MODIFY, SELECT ON TABLE " + table + " TO `app-1`"},
		"403 to the schema":   {Answer{Status: 403, Body: body("PERMISSION_DENIED", "User does not have USE SCHEMA on Schema 's'.")}, Hold, Forbidden, "", "GRANT USE SCHEMA ON SCHEMA `main`.`my-traces` TO `app-1`"},
		"403 to the catalog":  {Answer{Status: 403, Body: body("PERMISSION_DENIED", "USE_CATALOG is needed")}, Hold, Forbidden, "", "GRANT USE CATALOG ON CATALOG `main` TO `app-1`"},
		"403":                 {Answer{Status: 403}, Hold, Forbidden, "", "GRANT MODIFY, SELECT ON TABLE " + table + " TO `app-1`; GRANT USE SCHEMA"},
		"403 with a table":    {Answer{Status: 403, Body: body("PERMISSION_DENIED", "TABLE_DOES_NOT_EXIST or no permission")}, Hold, Forbidden, "", "GRANT"},
		"404":                 {Answer{Status: 404, Body: body("ENDPOINT_NOT_FOUND", "No API found")}, Hold, NotFound, "", "no route /api/2.0/otel/v1/traces (status 404): turn on the preview"},
		"404 in HTML":         {Answer{Status: 404, Body: []byte("<html>")}, Hold, NotFound, "", "turn on the preview"},
		"404 table":           {Answer{Status: 404, Body: body("TABLE_DOES_NOT_EXIST", "no")}, Hold, NotFound, "", "table main.my-traces.agents_otel_spans does not exist"},
		"404 table or view":   {Answer{Status: 404, Body: body("NOT_FOUND", "[TABLE_OR_VIEW_NOT_FOUND] no")}, Hold, NotFound, "", "table main.my-traces.agents_otel_spans does not exist"},
		"404 some table":      {Answer{Status: 404, Body: body("RESOURCE_DOES_NOT_EXIST", "Table x")}, Hold, NotFound, "", "table main.my-traces.agents_otel_spans does not exist"},
		"404 schema":          {Answer{Status: 404, Body: body("SCHEMA_DOES_NOT_EXIST", "no")}, Hold, NotFound, "", "CREATE SCHEMA `main`.`my-traces`"},
		"404 catalog":         {Answer{Status: 404, Body: body("CATALOG_NOT_FOUND", "no")}, Hold, NotFound, "", "catalog main does not exist"},
		"400 table":           {Answer{Status: 400, Body: body("TABLE_DOES_NOT_EXIST", "no")}, Hold, NotFound, "", "does not exist"},
		"405":                 {Answer{Status: 405}, Hold, "misconfigured", "", "correct path_prefix"},
		"408":                 {Answer{Status: 408}, Retry, "timeout", "", "status 408"},
		"413":                 {Answer{Status: 413}, Split, "too_large", TooLarge, "status 413"},
		"415":                 {Answer{Status: 415}, Hold, "misconfigured", "", "http::compression: none"},
		"422":                 {Answer{Status: 422}, Refuse, "invalid", Invalid, "status 422"},
		"425":                 {Answer{Status: 425}, Retry, "server_error", "", "status 425"},
		"429":                 {Answer{Status: 429}, Retry, Throttled, "", "status 429"},
		"500":                 {Answer{Status: 500}, Retry, "server_error", "", "status 500"},
		"502":                 {Answer{Status: 502, Body: []byte("<html>")}, Retry, "server_error", "", "status 502"},
		"503":                 {Answer{Status: 503}, Retry, "server_error", "", "status 503"},
		"504":                 {Answer{Status: 504}, Retry, "server_error", "", "status 504"},
		"599":                 {Answer{Status: 599}, Retry, "server_error", "", "status 599"},
		"missing header":      {Answer{Status: 400, Body: body("X", "Missing required header: x-databricks-uc-table-name")}, Hold, "misconfigured", "", "correct table_header"},
		"connection refused":  {Answer{Err: &url.Error{Op: "Post", URL: "https://x", Err: errors.New("refused")}}, Retry, "network", "", "can't be reached: refused"},
		"no answer in time":   {Answer{Err: &url.Error{Op: "Post", URL: "https://x", Err: context.DeadlineExceeded}}, Retry, "timeout", "", "did not answer in time"},
		"sign-in refused":     {Answer{Err: &url.Error{Err: &signin.SignInError{Host: "h", AuthType: "oauth-m2m", Permanent: true, Status: 401}}}, SignIn, "unauthenticated", "", "sign-in to h as oauth-m2m is refused"},
		"sign-in unavailable": {Answer{Err: &url.Error{Err: &signin.SignInError{Host: "h", AuthType: "oauth-m2m"}}}, Retry, "unauthenticated", "", "sign-in to h"},
		"a page": {
			Answer{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}}, Hold, "redirected", "", "a web page (status 200)",
		},
		"no PAT": {
			Answer{Status: 401, Body: body("401", "Credential was not sent or was of an unsupported type for this API.")}, SignIn, "unauthenticated", "", "oauth-m2m",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := Judge(request(), c.answer)
			require.Equal(t, c.action, v.Action)
			require.Equal(t, c.label, v.Label)
			require.Equal(t, c.reason, v.Reason)
			require.Contains(t, v.Message, c.message)
			require.Equal(t, c.message == "", v.Message == "")
			require.Zero(t, v.Rejected)
		})
	}
}

func TestPartialSuccess(t *testing.T) {
	for _, c := range []struct {
		n      int64
		err    error
		action Action
		label  string
		want   int64
	}{
		{0, nil, Accept, "accepted", 0},
		{-1, nil, Accept, "accepted", 0},
		{3, nil, Accept, "partial", 3},
		{10, nil, Refuse, "partial", 10},
		{99, nil, Refuse, "partial", 10},
		{0, errors.New("nonsense"), Accept, "accepted_unreadable", 0},
	} {
		q := request()
		q.Rejected = func([]byte, string) (int64, string, error) { return c.n, "invalid trace_id", c.err }
		v := Judge(q, Answer{Status: 200})
		require.Equal(t, c.action, v.Action)
		require.Equal(t, c.label, v.Label)
		require.Equal(t, c.want, v.Rejected)
		if c.want > 0 {
			require.Equal(t, fmt.Sprintf("the workspace took a request and refused %d of its 10 items; it says: invalid trace_id", c.want), v.Message)
			require.Equal(t, Partial, v.Reason)
		}
	}
}

func TestSchemaErrors(t *testing.T) {
	field := func(name string) string {
		return fmt.Sprintf("Field %q found in the proto definition, but not in the table schema.", name)
	}
	for name, c := range map[string]struct {
		fields []string
		want   string
	}{
		"one":     {[]string{"flags"}, "column flags is missing in table main.my-traces.agents_otel_spans: ALTER TABLE `main`.`my-traces`.`agents_otel_spans` ADD COLUMN flags INT"},
		"two":     {[]string{"flags", "attributes", "flags"}, "columns flags, attributes are missing in table main.my-traces.agents_otel_spans: ALTER TABLE `main`.`my-traces`.`agents_otel_spans` ADD COLUMNS (flags INT, attributes VARIANT)"},
		"unknown": {[]string{"odd.field"}, "column odd.field is missing in table main.my-traces.agents_otel_spans: give the table the columns of Databricks' OpenTelemetry table reference"},
		"both":    {[]string{"odd.field", "kind"}, "columns odd.field, kind are missing in table main.my-traces.agents_otel_spans (for odd.field see Databricks' OpenTelemetry table reference): ALTER TABLE `main`.`my-traces`.`agents_otel_spans` ADD COLUMN kind STRING"},
	} {
		t.Run(name, func(t *testing.T) {
			message := "Schema validation error:"
			for _, f := range c.fields {
				message += " " + field(f)
			}
			v := Judge(request(), Answer{Status: 400, Body: body("INVALID_PARAMETER_VALUE", message)})
			require.Equal(t, Verdict{Action: Refuse, Label: "schema", Reason: Schema, Message: c.want}, v)
		})
	}
	v := Judge(request(), Answer{Status: 400, Body: body("X", field("a`; DROP TABLE x"))})
	require.Equal(t, Invalid, v.Reason, "what is no name of a column makes no statement")
	q := request()
	q.Destination.Layout = unity.V1
	v = Judge(q, Answer{Status: 400, Body: body("X", field("attributes"))})
	require.Contains(t, v.Message, "attributes MAP<STRING, STRING>")
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "2": 2 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "soon": 0, "1.5": 0, "99999999999999": 0, "4000000000": 10 * time.Minute,
		"Sat, 21 Nov 2026 12:00:30 GMT":    30 * time.Second,
		"Saturday, 21-Nov-26 12:00:30 GMT": 30 * time.Second,
		"Sat Nov 21 12:00:30 2026":         30 * time.Second,
		"Sat, 21 Nov 2026 11:00:00 GMT":    0,
		"Sun, 21 Nov 2027 12:00:00 GMT":    10 * time.Minute,
	} {
		for _, status := range []int{408, 429, 500, 503} {
			h := http.Header{}
			if text != "" {
				h.Set("Retry-After", text)
			}
			require.Equal(t, want, Judge(request(), Answer{Status: status, Header: h}).Delay, "%q", text)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                              "plain",
		"two\nlines\tand\x00more":                            "two lines and more",
		"Bearer abc.def.ghi is not valid":                    "… is not valid",
		"token dapi0123456789abcdef":                         "token …",
		"eyJhbGciOiJIUzI1NiJ9.e30.x":                         "…",
		`value "` + strings.Repeat("word ", 20) + `" is bad`: `value "…" is bad`,
		`value '` + strings.Repeat("word ", 20) + `' is bad`: `value "…" is bad`,
		"\xff\xfe": "\uFFFD",
		"":         "",
	} {
		require.Equal(t, want, clean(in))
	}
	long := clean(strings.Repeat("long ", 1000))
	require.LessOrEqual(t, len([]rune(long)), 201)
	require.True(t, strings.HasSuffix(long, "…"))
}
