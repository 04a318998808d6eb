// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/artifacts"
)

// archiveOf is an archive of one span that has the id of a trace.
func archiveOf(t *testing.T, trace string) []byte {
	t.Helper()
	id, err := hex.DecodeString(trace[len("tr-"):])
	require.NoError(t, err)
	field := func(dst []byte, n protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(dst, n, protowire.BytesType), v)
	}
	span := field(field(field(nil, 1, id), 2, []byte("8 bytes.")), 5, []byte("archived"))
	return field(nil, 1, field(nil, 2, field(nil, 2, span)))
}

// TestArchiveLocations reads archives from folders that are named after their trace and from nowhere else.
func TestArchiveLocations(t *testing.T) {
	path := placeStore(t, "sample")
	dir := filepath.ToSlash(filepath.Dir(path))
	put := func(folder, name string, doc []byte) {
		folder = filepath.Join(dir, filepath.FromSlash(folder))
		require.NoError(t, os.MkdirAll(folder, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), doc, 0o600))
	}
	doc := archiveOf(t, first)
	put("the archive/1/traces/"+first+"/artifacts", artifacts.ArchiveFile, doc)
	put("secret/1/traces/"+first+"/artifacts", artifacts.ArchiveFile, doc)
	put("other/1/traces/"+second+"/artifacts", artifacts.ArchiveFile, doc)
	put("cut/1/traces/"+first+"/artifacts", artifacts.ArchiveFile, doc[:20])
	put("large/1/traces/"+first+"/artifacts", artifacts.ArchiveFile, make([]byte, 2<<20))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "linked/1/traces"), 0o700))
	require.NoError(t, os.Symlink(filepath.Join(dir, "secret/1/traces", first),
		filepath.Join(dir, "linked/1/traces", first)))
	s, err := Open(context.Background(), Target{Path: path}, Options{MaxTraceSize: 1 << 20})
	require.NoError(t, err)
	defer s.Close()
	end := "/1/traces/" + first + "/artifacts"
	for location, reason := range map[string]mlflow.Reason{
		"file://" + dir + "/the archive" + end:                        "",
		"file://" + dir + "/the%20archive" + end:                      "",
		dir + "/the archive" + end:                                    "",
		"the archive" + end:                                           "", // beside the database
		dir + "/other/1/traces/" + second + "/artifacts":              mlflow.ReasonArtifactMissing,
		dir + "/secret":                                               mlflow.ReasonArtifactMissing,
		dir + "/secret/1/traces/" + first + "/artifacts/../artifacts": mlflow.ReasonArtifactMissing,
		dir + "/linked" + end:                                         mlflow.ReasonArtifactMissing,
		dir + "/nothing" + end:                                        mlflow.ReasonArtifactMissing,
		dir + "/cut" + end:                                            mlflow.ReasonCorrupt,
		dir + "/large" + end:                                          mlflow.ReasonTooLarge,
		"gs://bucket" + end:                                           mlflow.ReasonUnreachable,
		"":                                                            mlflow.ReasonArtifactMissing,
	} {
		info := mlflow.Info{ID: first, State: mlflow.StateOK,
			Tags: []mlflow.KeyValue{{Key: tagArchiveLocation, Value: location}}}
		trace, skip, err := s.archive(context.Background(), info)
		require.NoError(t, err)
		if reason == "" {
			require.Nil(t, skip, location)
			require.Equal(t, "archived", trace.Spans[0].Name)
			continue
		}
		require.NotNil(t, skip, location)
		require.Equal(t, reason, skip.Reason, "%s: %v", location, skip)
	}
}

// TestArchivedMeanwhile reads traces that the server archives, or deletes, after their tags were read.
func TestArchivedMeanwhile(t *testing.T) {
	path := placeStore(t, "sample")
	dir := filepath.Dir(path)
	s := open(t, path)
	ctx := context.Background()
	infos, err := s.Lookup(ctx, "", []string{first, second})
	require.NoError(t, err)
	require.Len(t, infos, 2)
	for i := range infos {
		require.Equal(t, mlflow.SpansInStore, infos[i].SpansLocation())
		id := infos[i].ID
		folder := filepath.Join(dir, "archive", infos[i].ExperimentID, "traces", id, "artifacts")
		require.NoError(t, os.MkdirAll(folder, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, artifacts.ArchiveFile), archiveOf(t, id), 0o600))
		change(t, path, "UPDATE spans SET content = '' WHERE trace_id = '"+id+"'",
			"UPDATE trace_tags SET value = 'ARCHIVE_REPO' WHERE key = 'mlflow.trace.spansLocation' AND request_id = '"+
				id+"'",
			"INSERT INTO trace_tags (request_id, key, value) VALUES ('"+id+"', '"+tagArchiveLocation+"', '"+
				filepath.ToSlash(folder)+"')")
	}
	change(t, path, "DELETE FROM trace_info WHERE request_id = '"+second+"'")
	require.NoError(t, s.Traces(ctx, infos, func(i int, trace *mlflow.Trace, skip *mlflow.Skip) error {
		if infos[i].ID == second {
			require.Equal(t, mlflow.ReasonVanished, skip.Reason)
			return nil
		}
		require.Nil(t, skip)
		require.Equal(t, "archived", trace.Spans[0].Name)
		require.Equal(t, mlflow.SpansInArchive, trace.Info.SpansLocation())
		return nil
	}))
}

// TestRefusedArtifact reads a trace that has rows and an artifact which the object store refuses to show: the rows
// are no substitute. Where there is no artifact they are all there is.
func TestRefusedArtifact(t *testing.T) {
	path := placeStore(t, "sample")
	change(t, path, "DELETE FROM trace_tags WHERE key = 'mlflow.trace.spansLocation' AND request_id = '"+first+"'",
		"INSERT OR REPLACE INTO trace_tags (request_id, key, value) VALUES ('"+first+"', 'mlflow.artifactLocation', "+
			"'s3://box/1/traces/"+first+"/artifacts')")
	for status, reason := range map[int]mlflow.Reason{http.StatusForbidden: mlflow.ReasonArtifactDenied,
		http.StatusNotFound: ""} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
		}))
		s, err := Open(context.Background(), Target{Path: path}, Options{MaxTraceSize: 1 << 20,
			Artifacts: artifacts.Config{S3: configoptional.Some(artifacts.S3Config{Endpoint: server.URL,
				Region: "eu-central-1", Anonymous: true})}})
		require.NoError(t, err)
		infos, err := s.Lookup(context.Background(), "", []string{first})
		require.NoError(t, err)
		require.NoError(t, s.Traces(context.Background(), infos,
			func(_ int, trace *mlflow.Trace, skip *mlflow.Skip) error {
				if reason == "" {
					require.Len(t, trace.Spans, 6)
				} else {
					require.Equal(t, reason, skip.Reason)
				}
				return nil
			}))
		require.NoError(t, s.Close())
		server.Close()
	}
}
