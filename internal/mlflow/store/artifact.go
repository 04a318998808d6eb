// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/artifacts"
)

// tagArchiveLocation names the folder into which the server has moved the spans of an archived trace.
const tagArchiveLocation = "mlflow.trace.archiveLocation"

// artifact reads and decodes the artifact of a trace. An error is that of the context.
func (s *Store) artifact(ctx context.Context, info mlflow.Info) (*mlflow.Trace, *mlflow.Skip, error) {
	location, ok := mlflow.Get(info.Tags, mlflow.TagArtifactLocation)
	if _, client := mlflow.Get(info.Metadata, mlflow.MetaSchemaVersion); !ok || !client {
		// Every client that writes spans says which schema they have.
		return nil, mlflow.Skipf(mlflow.ReasonNoSpans, "the trace has an info only"), nil
	}
	trace, skip, err := s.file(ctx, info, location, artifacts.TraceFile, mlflow.DecodeTrace)
	if skip != nil && skip.Reason == mlflow.ReasonArtifactMissing && info.State == mlflow.StateInProgress {
		skip = mlflow.Skipf(mlflow.ReasonNoSpans,
			"the trace was never finished, and its client writes the spans at the end")
	}
	return trace, skip, err
}

// archive reads and decodes the archive of a trace. An error is that of the context.
func (s *Store) archive(ctx context.Context, info mlflow.Info) (*mlflow.Trace, *mlflow.Skip, error) {
	location, _ := mlflow.Get(info.Tags, tagArchiveLocation)
	if location == "" {
		return nil, mlflow.Skipf(mlflow.ReasonArtifactMissing,
			"the trace is archived, and its tag %s, which says where, is missing", tagArchiveLocation), nil
	}
	return s.file(ctx, info, location, artifacts.ArchiveFile, mlflow.DecodeArchive)
}

// file reads a file of the folder of a trace and decodes it.
func (s *Store) file(ctx context.Context, info mlflow.Info, location, name string,
	decode func(mlflow.Info, []byte) (*mlflow.Trace, error)) (*mlflow.Trace, *mlflow.Skip, error) {
	doc, err := s.artifacts.Read(ctx, artifacts.Folder{Location: location, Trace: info.ID}, name)
	if err != nil {
		if skip, ok := errors.AsType[*mlflow.Skip](err); ok {
			return nil, skip, nil
		}
		return nil, nil, err
	}
	trace, err := decode(info, doc)
	if err != nil {
		return nil, asSkip(err), nil
	}
	return trace, nil, nil
}
