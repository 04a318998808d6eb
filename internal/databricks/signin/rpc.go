// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// PerRPCCredentials signs gRPC calls to Host. TLS is required unless Host is http, on loopback. A
// call that can't be signed ends with the code Unavailable, which clients try again: the data is
// not at fault.
func (s *Session) PerRPCCredentials() credentials.PerRPCCredentials { return caller{s} }

type caller struct{ s *Session }

// GetRequestMetadata implements credentials.PerRPCCredentials. gRPC hands in the address of the
// service, always with https and without the port 443.
func (c caller) GetRequestMetadata(ctx context.Context, services ...string) (map[string]string, error) {
	if c.RequireTransportSecurity() {
		info, _ := credentials.RequestInfoFromContext(ctx)
		if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
			return nil, fmt.Errorf("credentials are not sent without TLS: %w", err)
		}
	}
	for _, service := range services {
		if u, err := url.Parse(service); err != nil || canonicalHost(u) != c.s.host.Host {
			return nil, status.Error(codes.Unavailable, c.s.elsewhere(u).Error())
		}
	}
	headers, err := c.s.Headers(ctx)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	metadata := make(map[string]string, len(headers))
	for key := range headers {
		metadata[strings.ToLower(key)] = headers.Get(key)
	}
	return metadata, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (c caller) RequireTransportSecurity() bool { return c.s.host.Scheme == "https" }
