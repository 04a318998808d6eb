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
  file: {path: x}
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
		"encoding": {"exporters: {file: {encoding: x}}", `exporters::file::encoding: there is no extension "x"`},
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
