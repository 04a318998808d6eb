// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		yaml string
		want progress.Delivery
		note string // a part of some note; empty: there is none
	}{
		"waiting exporter": {`
exporters: {otlp_http: {middlewares: [{id: mlflow_report}], sending_queue: {wait_for_result: true, ` +
			`block_on_overflow: true}}}
service: {extensions: [mlflow_report], pipelines: {traces: {receivers: [mlflow], ` +
			`processors: [memory_limiter, transform/x], exporters: [otlp_http]}}}`, progress.Acknowledged, ""},
		"logs beside traces": {`
exporters:
  otlp_http: {middlewares: [{id: mlflow_report}], sending_queue: {enabled: false}}
  otlp_http/logs: {middlewares: [{id: mlflow_report}]}
service: {extensions: [mlflow_report], pipelines: {traces: {receivers: [mlflow], exporters: [otlp_http]}, ` +
			`logs: {receivers: [mlflow], exporters: [otlp_http/logs]}}}`, progress.HandedOver,
			"otlp_http/logs queues in memory"},
		"logs alone": {`
exporters: {otlp_http: {middlewares: [{id: mlflow_report}], sending_queue: {enabled: false}}}
service: {extensions: [mlflow_report], pipelines: {logs: {receivers: [mlflow], ` +
			`exporters: [otlp_http]}}}`, progress.Acknowledged, ""},
		"one exporter for traces and logs": {`
exporters: {otlp_http: {middlewares: [{id: mlflow_report}], sending_queue: {enabled: false}}}
service: {extensions: [mlflow_report], pipelines: {traces: {receivers: [mlflow], exporters: [otlp_http]}, ` +
			`logs: {receivers: [mlflow], exporters: [otlp_http]}}}`, progress.Acknowledged, ""},
		"no queue": {`
exporters: {otlp_grpc: {middlewares: [{id: mlflow_report}], sending_queue: {enabled: false}}}
service: {extensions: [mlflow_report], pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [otlp_grpc]}}}`, progress.Acknowledged, ""},
		"answers that nothing reads": {`
exporters: {otlp_http: {sending_queue: {enabled: false}}}
service: {extensions: [mlflow_report/a], pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [otlp_http]}}}`, progress.HandedOver, "write middlewares: [{id: mlflow_report/a}]"},
		"answers that an extension reads which is not started": {`
exporters: {otlp_grpc: {sending_queue: {enabled: false}, middlewares: [{id: mlflow_report}]}}
service: {extensions: [mlflow_report/a], pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [otlp_grpc]}}}`, progress.HandedOver, "write middlewares: [{id: mlflow_report/a}]"},
		"answers that another middleware reads": {`
exporters: {otlp: {sending_queue: {enabled: false}, middlewares: [{id: acme}]}}
service: {extensions: [acme], pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [otlp]}}}`, progress.HandedOver, "write middlewares: [{id: mlflow_report}]"},
		"second middleware": {`
exporters: {otlp: {sending_queue: {enabled: false}, middlewares: [{id: acme}, {id: mlflow_report}]}}
service: {extensions: [acme, mlflow_report], pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [otlp]}}}`, progress.Acknowledged, ""},
		"queues on disk, answers read": {`
exporters: {otlp_http: {sending_queue: {storage: file_storage}, middlewares: [{id: mlflow_report}]}}
service: {extensions: [mlflow_report], pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [otlp_http]}}}`, progress.HandedOver, "queues on disk"},
		"default queue": {`
exporters: {otlp_http/a: {endpoint: x}}
service: {pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [otlp_http/a]}}}`, progress.HandedOver, "otlp_http/a queues in memory"},
		"old spelling": {`
exporters: {otlphttp: }
service: {pipelines: {traces: {receivers: [mlflow], exporters: [otlphttp]}}}`, progress.HandedOver, "queues in memory"},
		"queues on disk": {`
exporters: {otlp_http: {sending_queue: {storage: file_storage}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [otlp_http]}}}`, progress.HandedOver, "queues on disk"},
		"slow batch": {`
exporters: {otlp_http: {middlewares: [{id: mlflow_report}], sending_queue: {wait_for_result: true, batch: {}}}}
service: {extensions: [mlflow_report], pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [otlp_http]}}}`, progress.Acknowledged, "200 times slower"},
		"queues off, written out": {`
exporters: {debug: {sending_queue: null}, otlp_http: {middlewares: [{id: mlflow_report}], sending_queue: null}}
service: {extensions: [mlflow_report], pipelines: {traces: {receivers: [mlflow], exporters: [debug, ` +
			`otlp_http]}}}`, progress.Acknowledged, "write one receiver per destination"},
		"defaults written out": {`
exporters:
  otlp_http: {middlewares: [{id: mlflow_report}], sending_queue: {wait_for_result: true, batch: null}}
  file: {path: out, format: json, compression: "", encoding: null, group_by: {enabled: false}, ` +
			`rotation: {max_backups: 0}}
service: {extensions: [mlflow_report], pipelines: {traces: {receivers: [mlflow], exporters: [otlp_http, ` +
			`file]}}}`, progress.Acknowledged, "one receiver per destination"},
		"a file of records with lengths": {`
exporters: {file: {path: out, format: proto, rotation: {max_backups: 0}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [file]}}}`, progress.Acknowledged,
			"leaves a part of a record"},
		"batch processor": {`
exporters: {nop: }
service: {pipelines: {traces: {receivers: [mlflow], processors: [batch/2], ` +
			`exporters: [nop]}}}`, progress.HandedOver, "processor batch/2"},
		"tail sampling": {`
exporters: {nop: }
service: {pipelines: {traces: {receivers: [mlflow], processors: [tail_sampling], ` +
			`exporters: [nop]}}}`, progress.HandedOver, "tail_sampling"},
		"filter": {`
exporters: {nop: }
service: {pipelines: {traces: {receivers: [mlflow], processors: [filter], ` +
			`exporters: [nop]}}}`, progress.Acknowledged, "leaves out"},
		"unknown processor": {`
exporters: {nop: }
service: {pipelines: {traces: {receivers: [mlflow], processors: [acme], exporters: [nop]}}}`, progress.Unknown, "acme"},
		"unknown exporter": {`
exporters: {acme: }
service: {pipelines: {traces: {receivers: [mlflow], exporters: [acme]}}}`, progress.Unknown, "acme"},
		"unknown is weaker than handed over": {`
exporters: {acme: , otlp_http: }
service: {pipelines: {traces: {receivers: [mlflow], exporters: [acme, ` +
			`otlp_http]}}}`, progress.Unknown, "waits_for_result: [acme]"},
		"foreign exporter that waits": {`
exporters: {clickhouse: {sending_queue: {enabled: true, wait_for_result: true}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [clickhouse]}}}`, progress.Acknowledged, ""},
		"foreign exporter whose queue does not wait": {`
exporters: {clickhouse/a: {sending_queue: {enabled: true, wait_for_result: false}}}
service: {pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [clickhouse/a]}}}`, progress.HandedOver, "clickhouse/a queues in memory"},
		"file without rotation": {`
exporters: {file: {path: x}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [file]}}}`, progress.HandedOver, "rotation"},
		"file with rotation": {`
exporters: {file: {path: x, rotation: {max_megabytes: 1024, max_backups: 0}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [file]}}}`, progress.Acknowledged, ""},
		"file that deletes": {`
exporters: {file: {path: x, rotation: {max_megabytes: 1024}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [file]}}}`, progress.Acknowledged, "deletes"},
		"debug": {`
exporters: {debug: }
service: {pipelines: {traces: {receivers: [mlflow], exporters: [debug]}}}`, progress.Acknowledged, ""},
		"debug with a queue": {`
exporters: {debug: {sending_queue: {enabled: true}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [debug]}}}`, progress.HandedOver, "debug"},
		"behind a routing connector": {`
exporters: {otlp_http: }
connectors: {routing: }
service: {pipelines: {traces: {receivers: [mlflow], exporters: [routing]}, traces/b: {receivers: [routing], ` +
			`exporters: [otlp_http]}}}`, progress.HandedOver, "otlp_http"},
		"connectors in a circle": {`
exporters: {nop: }
connectors: {forward: }
service: {pipelines: {traces: {receivers: [mlflow, forward], exporters: [forward, nop]}}}`, progress.Acknowledged, ""},
		"span metrics on the side": {`
exporters: {nop: , prometheus: }
connectors: {span_metrics: }
service: {pipelines: {traces: {receivers: [mlflow], exporters: [nop, span_metrics]}, ` +
			`metrics: {receivers: [span_metrics], exporters: [prometheus]}}}`, progress.Acknowledged, "counts twice"},
		"in no pipeline": {`
service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}`, progress.Unknown, "no traces pipeline"},
		"databricks waits by itself": {`
exporters: {databricks: {host: x}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [databricks]}}}`, progress.Acknowledged, ""},
		"databricks, defaults written out": {`
exporters: {databricks: {host: x, hold_max: 0s, sending_queue: {enabled: true, wait_for_result: true, ` +
			`block_on_overflow: true, batch: null, storage: null}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [databricks]}}}`, progress.Acknowledged, ""},
		"databricks without a queue": {`
exporters: {databricks: {host: x, sending_queue: null}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [databricks]}}}`, progress.Acknowledged, ""},
		"databricks with other settings of its queue": {`
exporters: {databricks: {host: x, sending_queue: {num_consumers: 4}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [databricks]}}}`, progress.Acknowledged, ""},
		"databricks that does not wait": {`
exporters: {databricks: {host: x, sending_queue: {wait_for_result: false}}}
service: {pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [databricks]}}}`, progress.HandedOver, "databricks queues in memory"},
		"databricks with storage": {`
exporters: {databricks/a: {host: x, sending_queue: {storage: file_storage}}}
service: {pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [databricks/a]}}}`, progress.HandedOver, "databricks/a queues on disk"},
		"databricks with storage, defaults written out": {`
exporters: {databricks: {host: x, sending_queue: {enabled: true, wait_for_result: false, storage: file_storage, ` +
			`batch: null}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [databricks]}}}`, progress.HandedOver, "queues on disk"},
		"databricks with batch": {`
exporters: {databricks: {host: x, sending_queue: {batch: {min_size: 8192}}}}
service: {pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [databricks]}}}`, progress.Acknowledged, "200 times slower"},
		"databricks with a batch of what is there": {`
exporters: {databricks: {host: x, sending_queue: {batch: {min_size: 0}}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [databricks]}}}`, progress.Acknowledged, ""},
		"databricks that gives up": {`
exporters: {databricks: {host: x, hold_max: 1h, sending_queue: null}}
service: {pipelines: {traces: {receivers: [mlflow], ` +
			`exporters: [databricks]}}}`, progress.Acknowledged, "gives up after hold_max: 1h"},
	} {
		t.Run(name, func(t *testing.T) {
			got := check(t, "receivers: {mlflow: {}, otlp: {}}"+tc.yaml)
			require.Contains(t, got, "mlflow")
			require.Equal(t, tc.want, got["mlflow"].Delivery, "%v", got["mlflow"].Notes)
			if tc.note == "" {
				require.Empty(t, got["mlflow"].Notes)
			} else {
				require.Contains(t, strings.Join(got["mlflow"].Notes, "\n"), tc.note)
			}
		})
	}
}

// Behind a routing connector each destination gets a part, behind others all.
func TestDivided(t *testing.T) {
	for connector, divides := range map[string]bool{"routing/x": true, "forward": false} {
		got := check(t, fmt.Sprintf(`
receivers: {mlflow: }
exporters: {kafka/a: , kafka/b: }
connectors: {%[1]s: }
service: {pipelines: {traces: {receivers: [mlflow], exporters: [%[1]s]}, traces/a: {receivers: [%[1]s], `+
			`exporters: [kafka/a]}, traces/b: {receivers: [%[1]s], exporters: [kafka/b]}}}`, connector))["mlflow"]
		require.Equal(t, divides, got.DividedBy == connector)
		require.Len(t, got.Topics, 2)
	}
}

// What the answers show makes the words of the destinations weaker whose answers are read.
func TestWeaker(t *testing.T) {
	yaml := `
receivers: {mlflow: {}}
exporters:
  otlp_http/a: {endpoint: http://a, sending_queue: {enabled: false}, middlewares: [{id: mlflow_report}]}
  otlp_http/b: {endpoint: http://b, sending_queue: {enabled: false}, middlewares: [{id: mlflow_report/b}]}
  otlp_http/c: {endpoint: http://c, middlewares: [{id: mlflow_report}]}
  nop:
service:
  extensions: [mlflow_report, mlflow_report/b]
  pipelines: {traces: {receivers: [mlflow], exporters: [otlp_http/a, otlp_http/b, nop]}}`
	g := check(t, yaml)["mlflow"]
	words := func(g Guarantee) (words []progress.Delivery) {
		for _, d := range g.Destinations {
			words = append(words, d.Delivery)
		}
		return words
	}
	require.Equal(t, progress.Acknowledged, g.Delivery)
	weaker := g.Weaker(func(reader string) string {
		if reader == "mlflow_report" {
			return "it answered OK"
		}
		return ""
	})
	require.Equal(t, progress.Unknown, weaker.Delivery)
	require.Equal(t, "exporter otlp_http/a: it answered OK", weaker.Reason)
	require.Equal(t, []progress.Delivery{progress.Unknown, progress.Acknowledged, progress.Acknowledged}, words(weaker))
	require.Equal(t, []progress.Delivery{progress.Acknowledged, progress.Acknowledged, progress.Acknowledged}, words(g))
	require.Equal(t, map[string][]string{"mlflow_report": {"otlp_http/a"}, "mlflow_report/b": {"otlp_http/b"}},
		Readers(parse(t, yaml).ToStringMap()), "exporters in pipelines")
}

// The exporter's own factory, with every default in it, as the collector hands it out: what waits
// by default still waits, and what storage turns off is off.
func TestDatabricksExporter(t *testing.T) {
	for yaml, tc := range map[string]struct {
		want progress.Delivery
		note string
	}{
		"{host: https://h}": {progress.Acknowledged, ""},
		"{host: https://h, sending_queue: {num_consumers: 2}}": {
			progress.Acknowledged, ""},
		"{host: https://h, sending_queue: {enabled: false}}": {
			progress.Acknowledged, ""},
		"{host: https://h, sending_queue: {wait_for_result: false}}": {
			progress.HandedOver, "queues in memory"},
		"{host: https://h, sending_queue: {storage: file_storage}}": {
			progress.HandedOver, "queues on disk"},
		"{host: https://h, sending_queue: {batch: {sizer: items, flush_timeout: 200ms, min_size: 8192}}}": {
			progress.Acknowledged, "200 times slower"},
		"{host: https://h, hold_max: 36h}": {
			progress.Acknowledged, "hold_max: 36h0m0s"},
	} {
		t.Run(yaml, func(t *testing.T) {
			conf := map[string]any{
				"receivers": map[string]any{"mlflow": nil},
				"exporters": map[string]any{"databricks": effective(t,
					databricksexporter.NewFactory().CreateDefaultConfig(), yaml)},
				"service": map[string]any{
					"pipelines": map[string]any{"traces": map[string]any{"receivers": []any{"mlflow"},
						"exporters": []any{"databricks"}}}},
			}
			f := Check(conf, nil)["mlflow"]
			require.Equal(t, tc.want, f.Delivery, "%v", f.Notes)
			require.Equal(t, []Destination{{"databricks", "databricks to https://h", tc.want, ""}}, f.Destinations)
			if tc.note == "" {
				require.Empty(t, f.Notes)
			} else {
				require.Contains(t, strings.Join(f.Notes, "\n"), tc.note)
			}
		})
	}
}

// Exporters are named once, wherever they stand behind the receiver; those of other receivers are
// not.
func TestExporters(t *testing.T) {
	got := check(t, `
receivers: {mlflow: {}, mlflow/b: {}, otlp: {}}
exporters: {databricks: , databricks/b: , debug: , nop: }
connectors: {forward: }
service:
  pipelines:
    traces: {receivers: [mlflow], exporters: [forward, databricks]}
    traces/2: {receivers: [forward, otlp], exporters: [databricks, debug]}
    traces/b: {receivers: [mlflow/b], exporters: [databricks/b]}
    traces/3: {receivers: [otlp], exporters: [nop]}`)
	require.Equal(t, []string{"databricks", "debug"}, exporters(got["mlflow"]))
	require.Equal(t, []string{"databricks/b"}, exporters(got["mlflow/b"]))
	require.True(t, IsDatabricks("databricks/b"))
	require.False(t, IsDatabricks("databricks_auth"))
}

func exporters(g Guarantee) []string { return g.Exporters() }

func check(t *testing.T, yaml string) map[string]Guarantee {
	t.Helper()
	return Check(parse(t, yaml).ToStringMap(), []string{"clickhouse"})
}

func TestDestinationsHoldNoCredentials(t *testing.T) {
	for address, want := range map[string]string{
		"https://user:canary@host:4318/v1?token=canary": "otlp_http to https://host:4318",
		"user:canary@host:4317?token=canary":            "otlp_http to host:4317",
		"host:4317":                                     "otlp_http to host:4317",
	} {
		require.Equal(t, want, destination("otlp_http", map[string]any{"endpoint": address}))
	}
	require.Equal(t, "databricks to https://host, tables in main.genai",
		destination("databricks", map[string]any{"host": "https://user:canary@host/",
			"catalog": "main", "schema": "genai"}))
	require.Equal(t, "databricks",
		destination("databricks", map[string]any{"profile": "p", "catalog": "main", "schema": ""}))
}
