// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package extensionconverter

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// base is a configuration that starts.
const base = `
receivers:
  mlflow: {tracking_uri: http://localhost:5000, storage: file_storage/a, http: {auth: {authenticator: basicauth}}}
  otlp: {protocols: {http: {auth: {authenticator: bearertokenauth}}}}
exporters:
  otlp_http: {auth: {authenticator: databricks_auth}, sending_queue: {storage: file_storage/a}}
  file: {path: x, rotation: {max_backups: 0}}
  unused: {auth: {authenticator: nowhere}}
extensions:
  basicauth: {client_auth: {username: a, password: b}}
  bearertokenauth: {token: a}
  databricks_auth: {host: https://h}
  databricks_setup: {http: {auth: {authenticator: oauth2client}}}
  file_storage/a: {directory: .}
  oauth2client: {}
  zpages: {}
  mine: {}
  sleeping: {}
service:
  extensions: [basicauth, bearertokenauth, databricks_auth, databricks_setup, file_storage/a, oauth2client, zpages,
    mine]
  pipelines:
    traces: {receivers: [mlflow], exporters: [otlp_http, file]}
    traces/2: {receivers: [otlp], exporters: [file]}
`

func convert(t *testing.T, change string) error {
	t.Helper()
	conf := confmap.New()
	for _, text := range []string{base, change} {
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
		require.NoError(t, err)
		part, err := retrieved.AsConf()
		require.NoError(t, err)
		require.NoError(t, conf.Merge(part))
	}
	before := conf.ToStringMap()
	err := NewFactory().Create(confmap.ConverterSettings{}).Convert(t.Context(), conf)
	require.Equal(t, before, conf.ToStringMap(), "nothing is changed")
	return err
}

// report is a change of base that starts an mlflow_report extension, with one exporter.
func report(extension, exporter, more string) string {
	return "extensions:\n  mlflow_report: " + extension + `
service:
  extensions: [basicauth, bearertokenauth, databricks_auth, databricks_setup, file_storage/a, oauth2client, zpages,
    mine, mlflow_report]
  pipelines:
    traces: {receivers: [mlflow], processors: [genai], exporters: [` + exporter + `]}
exporters:
  mine: {path: x}
` + more
}

func TestConvert(t *testing.T) {
	for name, x := range map[string]struct{ change, want string }{
		"as it is": {"{}", ""},
		"storage that is not there": {"receivers: {mlflow: {storage: file_storage}}",
			`receivers::mlflow::storage: there is no extension "file_storage"; define it under extensions`},
		"storage that is not started": {"receivers: {mlflow: {storage: sleeping}}",
			`receivers::mlflow::storage: the extension "sleeping" is not started; name it in service::extensions`},
		"storage that stores nothing": {"receivers: {mlflow: {storage: zpages}}",
			`receivers::mlflow::storage: the extension "zpages" is not a storage extension`},
		"storage of an unknown type": {"receivers: {mlflow: {storage: mine}}", ""},
		"position in memory":         {"receivers: {mlflow: {storage: none}}", ""},
		"check needs none":           {"receivers: {mlflow: {storage: nowhere, mode: check}}", ""},
		"queue": {"exporters: {otlp_http: {sending_queue: {storage: x}}}",
			`exporters::otlp_http::sending_queue::storage: there is no extension "x"`},
		"authenticator that is not there": {"exporters: {otlp_http: {auth: {authenticator: x}}}",
			`exporters::otlp_http::auth::authenticator: there is no extension "x"`},
		"storage as authenticator": {"exporters: {otlp_http: {auth: {authenticator: file_storage/a}}}",
			`the extension "file_storage/a" is not an authenticator of clients`},
		"client's as server's": {"receivers: {otlp: {protocols: {http: {auth: {authenticator: oauth2client}}}}}",
			`receivers::otlp::protocols::http::auth::authenticator: the extension "oauth2client" is not an ` +
				`authenticator of servers`},
		"basicauth of clients as server's": {
			"receivers: {otlp: {protocols: {http: {auth: {authenticator: basicauth}}}}}",
			"not an authenticator of servers"},
		"client's as that of an exporter that serves": {
			"{exporters: {prometheus: {auth: {authenticator: oauth2client}}}, " +
				"service: {pipelines: {metrics: {receivers: [otlp], exporters: [prometheus]}}}}",
			`exporters::prometheus::auth::authenticator: the extension "oauth2client" is not an ` +
				`authenticator of servers`},
		"client's as that of an extension that serves": {"extensions: {zpages: {auth: {authenticator: oauth2client}}}",
			`extensions::zpages::auth::authenticator: the extension "oauth2client" is not an ` +
				`authenticator of servers`},
		"server's": {"{extensions: {basicauth/s: {htpasswd: {}}, zpages: {auth: {authenticator: basicauth/s}}}, " +
			"exporters: {prometheus: {auth: {authenticator: basicauth/s}}}, service: {extensions: [basicauth, " +
			"basicauth/s, bearertokenauth, databricks_auth, file_storage/a, zpages], " +
			"pipelines: {metrics: {receivers: [otlp], exporters: [prometheus]}}}}", ""},
		"authenticator of an unknown type": {"{extensions: {basicauth/s: {htpasswd: {}}, " +
			"mine: {auth: {authenticator: basicauth/s}}}, service: {extensions: [basicauth, basicauth/s, " +
			"bearertokenauth, databricks_auth, file_storage/a, mine]}}", ""},
		"workspace": {"receivers: {mlflow: {tracking_uri: databricks}}",
			`receivers::mlflow::http::auth::authenticator: the extension "basicauth" is not a sign-in to Databricks`},
		"workspace, signed": {"receivers: {mlflow: {tracking_uri: databricks, http: {auth: {authenticator: " +
			"databricks_auth}}}}", ""},
		"extension that names another": {"extensions: {databricks_setup: {http: {auth: {authenticator: x}}}}",
			`extensions::databricks_setup::http::auth::authenticator: there is no extension "x"`},
		"middleware": {"exporters: {otlp_http: {middlewares: [{id: mine}, {id: x}]}}",
			`exporters::otlp_http::middlewares[1]::id: there is no extension "x"`},
		"reader of answers": {"{extensions: {mlflow_report: {}}, exporters: {otlp_http: {middlewares: " +
			"[{id: mlflow_report}]}}, service: {extensions: [basicauth, bearertokenauth, databricks_auth, " +
			"file_storage/a, mlflow_report]}}", ""},
		"reader of answers of something else": {"{extensions: {mlflow_report: {}}, receivers: {mlflow: {http: " +
			"{middlewares: [{id: mlflow_report}]}}}, service: {extensions: [basicauth, bearertokenauth, " +
			"databricks_auth, file_storage/a, mlflow_report]}}",
			`receivers::mlflow::http::middlewares[0]::id: the extension "mlflow_report" is not a middleware of this ` +
				"component; name one that is"},
		"encoding": {"exporters: {file: {encoding: x}}", `exporters::file::encoding: there is no extension "x"`},
		"report of a queue on disk": {report("{strict: true}", "otlp_http", ""),
			"extensions::mlflow_report: strict: delivery would not be acknowledged: mlflow: handed_over: " +
				"otlp_http queues"},
		"report that is not started": {"extensions: {mlflow_report: {strict: true}}", ""},
		"report that allows it":      {report("{strict: false}", "otlp_http", ""), ""},
		"report, defaults":           {report("", "otlp_http", ""), ""},
		"report of an exporter that is not known": {report("{strict: true}", "mine", ""),
			"exporter mine is not known here"},
		"report of an exporter that waits": {report("{strict: true, waits_for_result: [mine]}", "mine", ""), ""},
		"report of a queue that waits": {report("{strict: true}", "otlp_http",
			"  otlp_http: {sending_queue: {storage: null, wait_for_result: true}, "+
				"middlewares: [{id: mlflow_report}]}"), ""},
		"report of answers that nothing reads": {report("{strict: true}", "otlp_http",
			"  otlp_http: {sending_queue: {storage: null, wait_for_result: true}}"),
			"write middlewares: [{id: mlflow_report}]"},
		"report of content that is left out": {report("", "file", "receivers: {mlflow: {capture_content: false}}"),
			"extensions::mlflow_report: receivers::mlflow::capture_content is false, so processors::genai::tokens"},
		"report, nothing is counted": {report("", "file", "receivers: {mlflow: {capture_content: false}}\n"+
			"processors: {genai: {tokens: {spans: none}}}"), ""},
		"what the collector reports": {"{receivers: 1, exporters: {file: a}, service: {extensions: a, pipelines: []}}",
			""},
	} {
		t.Run(name, func(t *testing.T) {
			err := convert(t, x.change)
			if x.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, x.want)
			}
		})
	}
}
