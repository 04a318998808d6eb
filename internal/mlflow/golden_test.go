// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

var update = flag.Bool("update", false, "write the golden files anew")

// versions of the servers whose recorded answers lie in testdata.
var versions = []string{"2.14.3", "2.22.5", "3.1.4", "3.4.0", "3.6.0", "3.17.2"}

// recorded returns the names of the recorded answers that match pattern, sorted.
func recorded(t testing.TB, version, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", version, pattern))
	require.NoError(t, err)
	return names
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(name)
	require.NoError(t, err)
	return body
}

// label is "error" in testdata/3.4.0/trace-error.artifact.json.
func label(name string) string {
	name, _, _ = strings.Cut(filepath.Base(name), ".")
	return strings.TrimPrefix(name, "trace-")
}

// infoOf returns the info that was recorded for a trace, V3 before V2.
func infoOf(t testing.TB, version, label string) Info {
	t.Helper()
	if names := recorded(t, version, "trace-"+label+".info_v3.json"); len(names) == 1 {
		info, err := DecodeInfo(read(t, names[0]))
		require.NoError(t, err)
		return info
	}
	info, err := DecodeInfo(read(t, filepath.Join("testdata", version, "trace-"+label+".info_v2.json")))
	require.NoError(t, err)
	return info
}

// TestGolden decodes the infos and the artifacts of every version and compares with a dump that
// people can read.
func TestGolden(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			var out strings.Builder
			for _, name := range recorded(t, version, "trace-*.artifact.json") {
				info := infoOf(t, version, label(name))
				fmt.Fprintf(&out, "=== %s\n", label(name))
				dumpInfo(&out, &info)
				trace, err := DecodeTrace(info, read(t, name))
				require.NoError(t, err, name)
				dumpSpans(&out, trace)
			}
			golden := filepath.Join("testdata", version+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(out.String()), 0o644))
			}
			assert.Equal(t, string(read(t, golden)), out.String())
		})
	}
}

func dumpInfo(out *strings.Builder, i *Info) {
	fmt.Fprintf(out, "id %s experiment %s client %q\n", i.ID, i.ExperimentID, i.ClientRequestID)
	fmt.Fprintf(out, "time %s duration %d ms state %q spans in %s\n",
		time.UnixMilli(i.Timestamp).UTC().Format(time.RFC3339Nano), i.Duration, i.State, i.SpansLocation())
	fmt.Fprintf(out, "request %q\nresponse %q\n", i.RequestPreview, i.ResponsePreview)
	for _, kv := range i.Metadata {
		fmt.Fprintf(out, "metadata %s = %q\n", kv.Key, kv.Value)
	}
	for _, kv := range i.Tags {
		fmt.Fprintf(out, "tag %s = %q\n", kv.Key, kv.Value)
	}
	for _, a := range i.Assessments {
		fmt.Fprintf(out, "assessment %s\n", (&a).append(nil))
	}
}

func dumpSpans(out *strings.Builder, t *Trace) {
	fmt.Fprintf(out, "trace %s synthetic %t size %d\n", hex.EncodeToString(t.Spans[0].TraceID[:]), t.Synthetic, t.Size)
	for i := range t.Spans {
		s := &t.Spans[i]
		fmt.Fprintf(out, "span %x parent %x %q\n", s.ID, s.Parent, s.Name)
		fmt.Fprintf(out, "  %d .. %d status %d %q\n", s.Start, s.End, s.Status, s.Message)
		dumpAttributes(out, "  ", s.Attributes)
		for _, e := range s.Events {
			fmt.Fprintf(out, "  event %q %d (%+d)\n", e.Name, e.Time, e.Time-s.Start)
			dumpAttributes(out, "    ", e.Attributes)
		}
		for _, l := range s.Links {
			fmt.Fprintf(out, "  link %x %x\n", l.TraceID, l.SpanID)
			dumpAttributes(out, "    ", l.Attributes)
		}
	}
}

func dumpAttributes(out *strings.Builder, indent string, list []Attribute) {
	for _, a := range list {
		fmt.Fprintf(out, "%s%s = %s\n", indent, a.Key, a.Raw)
	}
}

// canonical re-spells the values of span attributes, which in artifacts are as the client wrote
// them and in typed form canonical.
func canonical(t *testing.T, spans []Span) []Span {
	for i := range spans {
		for j, a := range spans[i].Attributes {
			raw, err := pyjson.AppendCanonical(nil, a.Raw, false)
			require.NoError(t, err, a.Key)
			spans[i].Attributes[j].Raw = raw
		}
		spans[i].Events = emptyIsNil(spans[i].Events)
		spans[i].Links = emptyIsNil(spans[i].Links)
	}
	return spans
}

func emptyIsNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// readBatch reads an answer of batchGet as it comes, in small pieces.
func readBatch(body []byte) (list []Element, err error) {
	err = ReadBatch(pyjson.NewStream(iotest.HalfReader(bytes.NewReader(body))), func(e Element) error {
		list = append(list, e)
		return nil
	})
	return list, err
}

// TestTypedEqualsArtifact compares the same trace read by get or batchGet and by the artifact
// route.
func TestTypedEqualsArtifact(t *testing.T) {
	for _, version := range []string{"3.6.0", "3.17.2"} {
		compare := func(t *testing.T, label string, size int, decode func(Info) (*Trace, error)) {
			names := recorded(t, version, "trace-"+label+".artifact.json")
			require.Len(t, names, 1)
			info := infoOf(t, version, label)
			want, err := DecodeTrace(info, read(t, names[0]))
			require.NoError(t, err)
			got, err := decode(info)
			require.NoError(t, err)
			assert.Equal(t, canonical(t, want.Spans), canonical(t, got.Spans))
			assert.Equal(t, want.Synthetic, got.Synthetic)
			assert.Equal(t, size, got.Size)
		}
		for _, name := range recorded(t, version, "trace-*.get_v3.json") {
			t.Run(version+"/"+label(name), func(t *testing.T) {
				typed := read(t, name)
				compare(t, label(name), len(typed), func(i Info) (*Trace, error) { return DecodeTrace(i, typed) })
			})
		}
		t.Run(version+"/batch", func(t *testing.T) {
			list, err := readBatch(read(t, filepath.Join("testdata", version, "batch_get_v3.json")))
			require.NoError(t, err)
			require.Len(t, list, 3)
			labels := map[string]string{}
			for _, name := range recorded(t, version, "trace-*.artifact.json") {
				labels[infoOf(t, version, label(name)).ID] = label(name)
			}
			for _, element := range list {
				require.Contains(t, labels, element.TraceID)
				require.NotZero(t, element.Size)
				compare(t, labels[element.TraceID], element.Size, element.Trace)
			}
		})
	}
}

// TestInfosAgree compares each trace's own info with the one in the search answer.
func TestInfosAgree(t *testing.T) {
	for _, version := range versions {
		for _, era := range []string{"v2", "v3"} {
			for _, name := range recorded(t, version, "search_"+era+".json") {
				t.Run(version+"/"+era, func(t *testing.T) {
					page, err := DecodeSearch(read(t, name))
					require.NoError(t, err)
					require.NotEmpty(t, page.Infos)
					found := map[string]Info{}
					for _, info := range page.Infos {
						found[info.ID] = info
					}
					for _, name := range recorded(t, version, "trace-*.info_"+era+".json") {
						info, err := DecodeInfo(read(t, name))
						require.NoError(t, err)
						if want, ok := found[info.ID]; ok {
							assert.Equal(t, want, info, name)
						}
					}
				})
			}
		}
	}
}

// TestInfosV2AndV3 compares the two forms of one info in what both have.
func TestInfosV2AndV3(t *testing.T) {
	for _, version := range []string{"3.6.0", "3.17.2"} {
		for _, name := range recorded(t, version, "trace-*.info_v2.json") {
			v2, err := DecodeInfo(read(t, name))
			require.NoError(t, err)
			v3 := infoOf(t, version, label(name))
			v3.RequestPreview, v3.ResponsePreview, v3.ClientRequestID, v3.Assessments = "", "", "", nil
			assert.Equal(t, v3, v2, name)
		}
	}
}

func TestPagesAndBatches(t *testing.T) {
	page, err := DecodeSearch(read(t, "testdata/3.17.2/search_v3_page1.json"))
	require.NoError(t, err)
	assert.Len(t, page.Infos, 2)
	assert.NotEmpty(t, page.NextToken)
	page, err = DecodeSearch(read(t, "testdata/3.17.2/search_v2_page1.json"))
	require.NoError(t, err)
	assert.Len(t, page.Infos, 2)
	assert.NotEmpty(t, page.NextToken)
	page, err = DecodeSearch(read(t, "testdata/3.17.2/batch_get_infos_v3.json"))
	require.NoError(t, err)
	assert.Len(t, page.Infos, 3)
	for _, empty := range []string{`{}`, `{"traces":null}`, `{"traces":[]}`} {
		page, err = DecodeSearch([]byte(empty))
		require.NoError(t, err)
		assert.Equal(t, InfosPage{}, page)
		list, err := readBatch([]byte(empty))
		require.NoError(t, err)
		assert.Empty(t, list)
	}
	for _, bad := range []string{``, `[]`, `<html>`, `{"traces":[{"trace_id":"secret`, `{}{}`} {
		_, err = DecodeSearch([]byte(bad))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
		_, err = DecodeInfo([]byte(bad))
		require.Error(t, err)
		_, err = readBatch([]byte(bad))
		require.Error(t, err)
	}
	_, err = DecodeInfo([]byte(`{}`))
	require.EqualError(t, err, "the answer to a request for one trace holds no trace_info")
}
