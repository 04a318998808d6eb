// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Artifact returns a file of the server's artifact store, given its path there, which is at most limit bytes. An
// error that is about this file is a *mlflow.Skip. It waits for a server that is away.
func (c *Client) Artifact(ctx context.Context, path string, limit int) ([]byte, error) {
	segments := strings.Split(strings.TrimLeft(path, "/"), "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	body, err := c.call(ctx, patience{faults: 3}, &request{route: routeProxied,
		path: "/api/2.0/mlflow-artifacts/artifacts/" + strings.Join(segments, "/"), limit: int64(limit), gated: true,
		text: true})
	e, ok := asError(err)
	switch {
	case err == nil:
		return body, nil
	case !ok:
		return nil, err
	case errors.Is(err, errTooLarge):
		return nil, c.tooLarge(0)
	case e.Kind == KindPermission:
		return nil, mlflow.Skipf(mlflow.ReasonArtifactDenied, "the tracking server refuses to show the artifact: %s",
			e.Message)
	case e.Kind == KindNotFound:
		return nil, mlflow.Skipf(mlflow.ReasonArtifactMissing, "the tracking server has no such artifact: %s",
			e.Message)
	case ownFault(err):
		return nil, mlflow.Skipf(mlflow.ReasonSourceError, "the tracking server fails for the artifact: %s", e.Message)
	}
	return nil, err
}
