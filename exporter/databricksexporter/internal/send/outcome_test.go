// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

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

func requested() request {
	l := unity.Location{Catalog: "main", Schema: "my-traces", Prefix: "agents"}
	return request{
		destination: route.Destination{
			Signal:   unity.SignalSpans,
			Layout:   unity.LayoutV2,
			Table:    l.Table(unity.SignalSpans, unity.LayoutV2),
			Location: l,
		},
		items: 10, principal: "app-1", path: "/api/2.0/otel/v1/traces", tableHeader: "X-Databricks-UC-Table-Name",
		now:      now,
		rejected: func([]byte, string) (int64, string, error) { return 0, "", nil },
	}
}

func reasoned(phrase string) http.Header { return http.Header{"X-Databricks-Reason-Phrase": {phrase}} }

func body(code, message string) []byte {
	return fmt.Appendf(nil, `{"error_code": %q, "message": %q}`, code, message)
}

func TestJudge(t *testing.T) {
	const table = "`main`.`my-traces`.`agents_otel_spans`"
	for name, c := range map[string]struct {
		answer  answer
		action  action
		label   string
		reason  string
		message string // a part
	}{
		"200": {answer{status: 200}, actionAccept, "accepted", "", ""},
		"204": {answer{status: 204}, actionAccept, "accepted", "", ""},
		"301": {answer{status: 301}, actionHold, "redirected", "", "a redirect (status 301)"},
		"400": {answer{status: 400}, actionRefuse, "invalid", reasonInvalid,
			"refuses the request (status 400)"},
		"400 in words": {answer{status: 400, body: body("INVALID_PARAMETER_VALUE", "no")}, actionRefuse, "invalid",
			reasonInvalid, "it says: no"},
		"400 with a code": {answer{status: 400, body: body("BAD_REQUEST", "")}, actionRefuse, "invalid",
			reasonInvalid, "it says BAD_REQUEST"},
		"400 with a number": {answer{status: 400, body: []byte(`{"error_code": 400, "message": "no"}`)}, actionRefuse,
			"invalid", reasonInvalid, "it says: no"},
		"401": {answer{status: 401}, actionSignIn, "unauthenticated", "",
			"sign-in: the workspace does not take the token (status 401)"},
		"403 to the token": {answer{status: 403, body: []byte(`{"error_code":403,"message":"Invalid access token. ` +
			`[ReqId: 1]"}`), header: reasoned("Invalid access token.")}, actionSignIn, "unauthenticated", "",
			"sign-in: the workspace does not take the token (status 403); it says: Invalid access token. [ReqId: 1]"},
		"403 to the token by the body": {answer{status: 403, body: body("403", "Invalid access token.")},
			actionSignIn, "unauthenticated", "", "it says: Invalid access token."},
		"403 to the token by the reason": {answer{status: 403, header: reasoned("Invalid access token.")},
			actionSignIn, "unauthenticated", "", "it says: Invalid access token."},
		"403 to the address": {answer{status: 403, body: []byte(`{"error_code":403,"message":"Source IP address is ` +
			`blocked"}`)}, actionHold, labelForbidden, "",
			"does not let the sender in (status 403); it says: Source IP"},
		"403 to the table": {answer{status: 403, body: body("PERMISSION_DENIED", "User does not have MODIFY on "+
			"Table 't'.")}, actionHold, labelForbidden, "", "GRANT MODIFY, SELECT ON TABLE " + table + " TO `app-1`"},
		"403 to the schema": {answer{status: 403, body: body("PERMISSION_DENIED", "User does not have USE SCHEMA "+
			"on Schema 's'.")}, actionHold, labelForbidden, "", "GRANT USE SCHEMA ON SCHEMA `main`.`my-traces` TO " +
			"`app-1`"},
		"403 to the catalog": {answer{status: 403, body: body("PERMISSION_DENIED", "USE_CATALOG is "+
			"needed")}, actionHold, labelForbidden, "", "GRANT USE CATALOG ON CATALOG `main` TO `app-1`"},
		"403": {answer{status: 403}, actionHold, labelForbidden, "",
			"GRANT MODIFY, SELECT ON TABLE " + table + " TO `app-1`; GRANT USE SCHEMA"},
		"403 with a table": {answer{status: 403, body: body("PERMISSION_DENIED",
			"TABLE_DOES_NOT_EXIST or no permission")}, actionHold, labelForbidden, "", "GRANT"},
		"404": {answer{status: 404, body: body("ENDPOINT_NOT_FOUND", "No API "+
			"found")}, actionHold, labelNotFound, "", "no route /api/2.0/otel/v1/traces (status 404): correct " +
			"path_prefix or host; older workspaces need the preview"},
		"404 in HTML": {answer{status: 404, body: []byte("<html>")}, actionHold, labelNotFound, "",
			"need the preview"},
		"404 table": {answer{status: 404, body: body("TABLE_DOES_NOT_EXIST", "no")}, actionHold, labelNotFound, "",
			"table main.my-traces.agents_otel_spans does not exist"},
		"404 table or view": {answer{status: 404, body: body("NOT_FOUND", "[TABLE_OR_VIEW_NOT_FOUND] "+
			"no")}, actionHold, labelNotFound, "", "table main.my-traces.agents_otel_spans does not exist"},
		"404 some table": {answer{status: 404, body: body("RESOURCE_DOES_NOT_EXIST", "Table x")}, actionHold,
			labelNotFound, "", "table main.my-traces.agents_otel_spans does not exist"},
		"404 schema": {answer{status: 404, body: body("SCHEMA_DOES_NOT_EXIST", "no")}, actionHold, labelNotFound,
			"", "CREATE SCHEMA `main`.`my-traces`"},
		"404 catalog": {answer{status: 404, body: body("CATALOG_NOT_FOUND", "no")}, actionHold, labelNotFound, "",
			"catalog main does not exist"},
		"400 table": {answer{status: 400, body: body("TABLE_DOES_NOT_EXIST", "no")}, actionHold, labelNotFound, "",
			"does not exist"},
		"405": {answer{status: 405}, actionHold, "misconfigured", "", "correct path_prefix"},
		"408": {answer{status: 408}, actionRetry, "timeout", "", "status 408"},
		"413": {answer{status: 413}, actionSplit, "too_large", reasonTooLarge, "status 413"},
		"415": {answer{status: 415}, actionHold, "misconfigured", "", "http::compression: none"},
		"422": {answer{status: 422}, actionRefuse, "invalid", reasonInvalid, "status 422"},
		"425": {answer{status: 425}, actionRetry, "server_error", "", "status 425"},
		"429": {answer{status: 429}, actionRetry, labelThrottled, "", "status 429"},
		"500": {answer{status: 500}, actionRetry, "server_error", "", "status 500"},
		"500 in words": {answer{status: 500, body: body("INTERNAL_ERROR", "broken")}, actionRetry, "server_error",
			"", "status 500; it says: broken"},
		"503 in plain words": {answer{status: 503, body: []byte("upstream\nfailed")}, actionRetry, "server_error", "",
			"status 503; it says: upstream failed"},
		"503 with a reason": {answer{status: 503, header: reasoned("Draining")}, actionRetry, "server_error", "",
			"status 503; it says: Draining"},
		"501": {answer{status: 501, body: body("NOT_IMPLEMENTED", "no such storage")}, actionHold,
			"not_implemented", "", "(status 501); it says: no such storage"},
		"429 in words": {answer{status: 429, body: body("X", "200 traces")}, actionRetry, labelThrottled, "",
			"status 429); it says: 200 traces"},
		"400 with a reason": {answer{status: 400, header: reasoned("Bad tenant")}, actionRefuse, "invalid",
			reasonInvalid, "(status 400); it says: Bad tenant"},
		"200 with a reason": {answer{status: 200, header: reasoned("Table \"a.b.c\" cannot be found.")}, actionHold,
			"reason_phrase", "", `a reason why it took nothing; it says: Table "a.b.c" cannot be found.`},
		"200 without a token": {answer{status: 200, header: reasoned("Malformed token")}, actionSignIn,
			"unauthenticated", "", "(status 200); it says: Malformed token"},
		"200 with its own name": {answer{status: 200, header: reasoned("OK")}, actionAccept, "accepted", "", ""},
		"502": {answer{status: 502, body: []byte("<html>")}, actionRetry, "server_error", "",
			"status 502"},
		"503": {answer{status: 503}, actionRetry, "server_error", "", "status 503"},
		"504": {answer{status: 504}, actionRetry, "server_error", "", "status 504"},
		"599": {answer{status: 599}, actionRetry, "server_error", "", "status 599"},
		"missing header": {answer{status: 400, body: body("X", "Missing required header: "+
			"x-databricks-uc-table-name")}, actionHold, "misconfigured", "", "correct table_header"},
		"connection refused": {answer{err: &url.Error{Op: "Post", URL: "https://x", Err: errors.New("refused")}},
			actionRetry, "network", "", "can't be reached: refused"},
		"no answer in time": {answer{err: &url.Error{Op: "Post", URL: "https://x", Err: context.DeadlineExceeded}},
			actionRetry, "timeout", "", "did not answer in time"},
		"sign-in refused": {answer{err: &url.Error{Err: &signin.SignInError{Host: "h", AuthType: "oauth-m2m",
			Permanent: true, Status: 401}}}, actionSignIn, "unauthenticated", "",
			"sign-in to h as oauth-m2m is refused"},
		"sign-in unavailable": {answer{err: &url.Error{Err: &signin.SignInError{Host: "h", AuthType: "oauth-m2m"}}},
			actionRetry, "unauthenticated", "", "sign-in to h"},
		"a page": {
			answer{status: 200, header: http.Header{"Content-Type": {"text/html"}}}, actionHold, "redirected", "",
			"a web page (status 200)",
		},
		"no PAT": {
			answer{status: 401, body: body("401", "Credential was not sent or was of an unsupported type for this "+
				"API.")}, actionSignIn, "unauthenticated", "", "oauth-m2m",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(requested(), c.answer)
			require.Equal(t, c.action, v.action)
			require.Equal(t, c.label, v.label)
			require.Equal(t, c.reason, v.reason)
			require.Contains(t, v.message, c.message)
			require.Equal(t, c.message == "", v.message == "")
			require.Equal(t, v.label == labelForbidden && name != "403 to the address",
				strings.Contains(v.message, "GRANT"))
			require.Zero(t, v.rejected)
		})
	}
}

func TestJudgePartialSuccess(t *testing.T) {
	for _, c := range []struct {
		n      int64
		err    error
		action action
		label  string
		want   int64
	}{
		{0, nil, actionAccept, "accepted", 0},
		{-1, nil, actionAccept, "accepted", 0},
		{3, nil, actionAccept, "partial", 3},
		{10, nil, actionRefuse, "partial", 10},
		{99, nil, actionRefuse, "partial", 10},
		{0, errors.New("nonsense"), actionAccept, "accepted_unreadable", 0},
	} {
		q := requested()
		q.rejected = func([]byte, string) (int64, string, error) { return c.n, "invalid trace_id", c.err }
		v := judge(q, answer{status: 200})
		require.Equal(t, c.action, v.action)
		require.Equal(t, c.label, v.label)
		require.Equal(t, c.want, v.rejected)
		if c.want > 0 {
			require.Equal(
				t,
				fmt.Sprintf(
					"the workspace took a request and refused %d of its 10 items; it says: invalid trace_id",
					c.want,
				),
				v.message,
			)
			require.Equal(t, reasonPartial, v.reason)
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
		"one": {[]string{"flags"}, "column flags is missing in table main.my-traces.agents_otel_spans: ALTER " +
			"TABLE `main`.`my-traces`.`agents_otel_spans` ADD COLUMN flags INT"},
		"two": {[]string{"flags", "attributes", "flags"}, "columns flags, attributes are missing in table " +
			"main.my-traces.agents_otel_spans: ALTER TABLE `main`.`my-traces`.`agents_otel_spans` ADD COLUMNS (flags " +
			"INT, attributes VARIANT)"},
		"unknown": {[]string{"odd.field"}, "column odd.field is missing in table main.my-traces.agents_otel_spans: " +
			"give the table the columns of Databricks' OpenTelemetry table reference"},
		"both": {[]string{"odd.field", "kind"}, "columns odd.field, kind are missing in table " +
			"main.my-traces.agents_otel_spans (for odd.field see Databricks' OpenTelemetry table reference): ALTER " +
			"TABLE `main`.`my-traces`.`agents_otel_spans` ADD COLUMN kind STRING"},
	} {
		t.Run(name, func(t *testing.T) {
			var message strings.Builder
			message.WriteString("Schema validation error:")
			for _, f := range c.fields {
				message.WriteString(" " + field(f))
			}
			v := judge(requested(), answer{status: 400, body: body("INVALID_PARAMETER_VALUE", message.String())})
			require.Equal(t, outcome{action: actionRefuse, label: "schema", reason: reasonSchema, message: c.want}, v)
		})
	}
	v := judge(requested(), answer{status: 400, body: body("X", field("a`; DROP TABLE x"))})
	require.Equal(t, reasonInvalid, v.reason, "what is no name of a column makes no statement")
	q := requested()
	q.destination.Layout = unity.LayoutV1
	v = judge(q, answer{status: 400, body: body("X", field("attributes"))})
	require.Contains(t, v.message, "attributes MAP<STRING, STRING>")
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "2": 2 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "soon": 0, "1.5": 0,
		"99999999999999": 10 * time.Minute, "4000000000": 10 * time.Minute,
		"99999999999999999999999":          10 * time.Minute,
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
			require.Equal(t, want, judge(requested(), answer{status: status, header: h}).delay, "%q", text)
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
