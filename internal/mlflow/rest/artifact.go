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
	r := proxied((&url.URL{Path: path}).EscapedPath(), int64(limit))
	r.text = true
	body, err := c.call(ctx, patience{faults: 3}, r)
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

// proxied asks for a file of the server's artifact store, given its path there as it stands in a URL.
func proxied(path string, limit int64) *request {
	return &request{route: routeProxied, limit: limit, gated: true,
		path: "/api/2.0/mlflow-artifacts/artifacts/" + strings.TrimLeft(path, "/")}
}
