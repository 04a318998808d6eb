// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]int64{
		"0s": 0, "": 0, "0.754s": 754, "90s": 90_000, "0.001s": 1, "1.5s": 1500, "1.000999999s": 1000,
		"-1600000000.123s": -1600000000123, "-0.5s": -500,
		"315576000000s": 315576000000000, "1": 0, "xs": 0, "99999999999999999999s": 0, "1.xs": 0,
	} {
		assert.Equal(t, want, milliseconds(text), text)
	}
}

func TestOddInfos(t *testing.T) {
	page, err := DecodeSearch([]byte(`{"traces":[null,{
		"trace_id":"my-custom-id/ü 1","trace_location":{"type":"MLFLOW_EXPERIMENT",` +
		`"mlflow_experiment":{"experiment_id":7}},
		"request_time":"2020-09-13T12:26:40.123456789+02:00","execution_duration":"-1.5s",` +
		`"state":"STATE_UNSPECIFIED","request":"{}",
		"trace_metadata":{"b":"1","a":null,"b":"2"},"tags":[{"key":"z","value":"1"},{"key":"a","value":2},` +
		`{"value":"x"},5],"assessments":null}],"more":{}}`))
	require.NoError(t, err)
	require.Len(t, page.Infos, 2)
	assert.Equal(t, Info{ID: "unreadable-74234e98afe7498f", Unreadable: "it is no object"}, page.Infos[0])
	assert.Equal(t, []Info{{
		ID: "my-custom-id/ü 1", ExperimentID: "7", Timestamp: 1599992800123, Duration: -1500,
		Metadata: []KeyValue{{"a", ""}, {"b", "2"}}, Tags: []KeyValue{{"", "x"}, {"a", "2"}, {"z", "1"}},
	}}, page.Infos[1:])

	page, err = DecodeSearch(
		[]byte(`{"traces":[{"request_id":"1","experiment_id":2,"timestamp_ms":"1795236936499",` +
			`"execution_time_ms":-3,"status":"TRACE_STATUS_UNSPECIFIED"}]}`))
	require.NoError(t, err)
	assert.Equal(t, []Info{{ID: "1", ExperimentID: "2", Timestamp: 1795236936499, Duration: -3}}, page.Infos)

	for element, want := range map[string]string{
		`{"trace_id": "a", "request_time": "2026-11-21T05:12:40Z"}`:   "",
		`{"trace_id": "a", "timestamp_ms": "0"}`:                      "",
		`{"trace_id": "a", "timestamp_ms": "soon"}`:                   "its time is missing or is no time",
		`{"trace_id": "a", "timestamp_ms": 1e300}`:                    "its time is missing or is no time",
		`{"trace_id": "a", "request_time": "+98765-01-01T00:00:00Z"}`: "its time is missing or is no time",
		`{"trace_id": "a", "request_time": null}`:                     "its time is missing or is no time",
		`{"trace_id": "a"}`:                                           "its time is missing or is no time",
		`{"trace_id": null, "request_time": "2026-11-21T05:12:40Z"}`:  "it has no id",
		`{"request_time": "soon"}`:                                    "it has no id",
	} {
		page, err := DecodeSearch([]byte(`{"traces": [` + element + `]}`))
		require.NoError(t, err)
		require.Len(t, page.Infos, 1)
		assert.Equal(t, want, page.Infos[0].Unreadable, element)
		assert.NotEmpty(t, page.Infos[0].ID)
	}

	for text, want := range map[string]int64{
		"2026-11-21T05:12:40Z": 1795237960000, "2026-11-21T05:12:40.9Z": 1795237960900, "1969-12-31T23:59:59.9995Z": -1,
		"": 0, "yesterday": 0,
	} {
		info, err := DecodeInfo([]byte(`{"trace":{"trace_info":{"request_time":"` + text + `"}}}`))
		require.NoError(t, err)
		assert.Equal(t, want, info.Timestamp, text)
	}
}

func TestAssessments(t *testing.T) {
	info, err := DecodeInfo([]byte(`{"trace":{"trace_info":{"assessments":[
		{"assessment_id":"a-2","assessment_name":"late","create_time":"2026-01-01T00:00:00.002Z",` +
		`"last_update_time":"2026-01-01T00:00:00.002Z","feedback":{"value":{"b":1,"a":[2,null]}}},
		{"assessment_id":"a-1","assessment_name":"n\"1","trace_id":"tr-1","span_id":"00f067aa0ba902b7",` +
		`"source":{"source_type":"CODE","source_id":"s"},"create_time":"2026-01-01T00:00:00.001Z",
		 "last_update_time":"2026-01-01T00:00:00.003Z","feedback":{"value":null},"error":{"error_code":"E",` +
		`"error_message":"m"},"rationale":"r","metadata":{"k":"v"},"overrides":"a-0","valid":false},
		{"assessment_id":"a-0","assessment_name":"facts","create_time":"2026-01-01T00:00:00.001Z",` +
		`"expectation":{"serialized_value":{"serialization_format":"JSON_FORMAT","value":"[1]"}}},
		{"assessment_id":"a-3","assessment_name":"iss-1","create_time":"2026-01-01T00:00:00.003Z",` +
		`"issue":{"issue_name":"wrong"},"valid":true},
		{"assessment_id":"a-4","assessment_name":"nothing","create_time":"2026-01-01T00:00:00.004Z"},
		{"assessment_id":"a-5","assessment_name":"none","create_time":"2026-01-01T00:00:00.005Z","feedback":{}}, ` +
		`7]}}}`))
	require.NoError(t, err)
	var ids []string
	for _, a := range info.Assessments {
		ids = append(ids, a.ID)
	}
	assert.Equal(t, []string{"a-0", "a-1", "a-2", "a-3", "a-4", "a-5"}, ids)
	assert.Equal(t, Assessment{ID: "a-0", Name: "facts", Created: 1767225600001, Kind: AssessmentKindExpectation,
		Serialized: "[1]"},
		info.Assessments[0])
	assert.Nil(t, info.Assessments[5].Value)

	want := `[{"assessment_id": "a-0", "assessment_name": "facts", "trace_id": "", "source": {"source_type": ""}, ` +
		`"create_time": "2026-01-01T00:00:00.001Z", "last_update_time": "1970-01-01T00:00:00.000Z", ` +
		`"expectation": {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": "[1]"}}, ` +
		`"valid": true}, ` +
		`{"assessment_id": "a-1", "assessment_name": "n\"1", "trace_id": "tr-1", "span_id": "00f067aa0ba902b7", ` +
		`"source": {"source_type": "CODE", "source_id": "s"}, "create_time": "2026-01-01T00:00:00.001Z", ` +
		`"last_update_time": "2026-01-01T00:00:00.003Z", "feedback": {"value": null, "error": {"error_code": "E", ` +
		`"error_message": "m"}}, "rationale": "r", "metadata": {"k": "v"}, "overrides": "a-0", "valid": false}, ` +
		`{"assessment_id": "a-2", "assessment_name": "late", "trace_id": "", "source": {"source_type": ""}, ` +
		`"create_time": "2026-01-01T00:00:00.002Z", "last_update_time": "2026-01-01T00:00:00.002Z", ` +
		`"feedback": {"value": {"a": [2.0, null], "b": 1.0}}, "valid": true}, ` +
		`{"assessment_id": "a-3", "assessment_name": "iss-1", "trace_id": "", "source": {"source_type": ""}, ` +
		`"create_time": "2026-01-01T00:00:00.003Z", "last_update_time": "1970-01-01T00:00:00.000Z", ` +
		`"issue": {"issue_name": "wrong"}, "valid": true}, ` +
		`{"assessment_id": "a-4", "assessment_name": "nothing", "trace_id": "", "source": {"source_type": ""}, ` +
		`"create_time": "2026-01-01T00:00:00.004Z", "last_update_time": "1970-01-01T00:00:00.000Z", "valid": true}, ` +
		`{"assessment_id": "a-5", "assessment_name": "none", "trace_id": "", "source": {"source_type": ""}, ` +
		`"create_time": "2026-01-01T00:00:00.005Z", "last_update_time": "1970-01-01T00:00:00.000Z", "feedback": {}, ` +
		`"valid": true}]`
	assert.Equal(t, want, string(AppendAssessments(nil, info.Assessments)))

	reversed := []Assessment{info.Assessments[2], info.Assessments[1], info.Assessments[0]}
	assert.Equal(t, string(AppendAssessments(nil, info.Assessments[:3])), string(AppendAssessments(nil, reversed)))
	assert.Equal(t, "a-2", reversed[0].ID, "the caller's list stays as it is")
	assert.Equal(t, "[]", string(AppendAssessments(nil, nil)))

	again := newDecoder(AppendAssessments(nil, info.Assessments)).assessments()
	assert.Equal(t, want, string(AppendAssessments(nil, again)), "what is written reads the same")
}

func TestCanonicalValue(t *testing.T) {
	for text, want := range map[string]string{
		`4`: `4.0`, `true`: `true`, `null`: `null`, `"\u0434\u0430"`: `"да"`,
		`{"b": 1, "a": {"d": [1], "c": 2}}`: `{"a": {"c": 2.0, "d": [1.0]}, "b": 1.0}`, `not JSON`: `"not JSON"`,
	} {
		assert.Equal(t, want, string(CanonicalValue([]byte(text))))
	}
}
