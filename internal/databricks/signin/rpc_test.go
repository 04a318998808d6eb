// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// grpcWorkspace takes OTLP over gRPC on loopback.
type grpcWorkspace struct {
	ptraceotlp.UnimplementedGRPCServer
	url  string
	auth chan []string
}

func (g *grpcWorkspace) Export(ctx context.Context, _ ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	g.auth <- md.Get("authorization")
	return ptraceotlp.NewExportResponse(), nil
}

func newGRPC(t *testing.T) *grpcWorkspace {
	g := &grpcWorkspace{auth: make(chan []string, 10)}
	calls := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(calls, g)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g.url = "http://" + listener.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = calls.Serve(listener)
	}()
	t.Cleanup(func() {
		calls.Stop()
		<-done
	})
	return g
}

func dial(t *testing.T, g *grpcWorkspace, s *Session) ptraceotlp.GRPCClient {
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(g.url, "http://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(s.PerRPCCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return ptraceotlp.NewGRPCClient(conn)
}

func TestCallsAreSigned(t *testing.T) {
	g := newGRPC(t)
	s := session(t, Config{Host: g.url, Credentials: Credentials{Token: "mine"}}, Settings{})
	_, err := dial(t, g, s).Export(t.Context(), ptraceotlp.NewExportRequest())
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer mine"}, <-g.auth)
}

// A call that can't be signed is one to try again, for the stock exporter too, with the reason.
func TestCallsThatCannotBeSigned(t *testing.T) {
	g := newGRPC(t)
	other := newGRPC(t)
	s := session(t, Config{Host: g.url, Credentials: Credentials{Token: "mine"}}, Settings{})
	_, err := dial(t, other, s).Export(t.Context(), ptraceotlp.NewExportRequest())
	require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
	require.ErrorContains(t, err, "and the credentials are those of "+g.url)

	s = session(t, Config{Host: g.url, Credentials: Credentials{DatabricksCLIPath: "/none"}}, Settings{})
	_, err = dial(t, g, s).Export(t.Context(), ptraceotlp.NewExportRequest())
	require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
	require.ErrorContains(t, err, "databricks CLI not found")
	require.Empty(t, g.auth)
	require.Empty(t, other.auth)
}

// Over the network TLS is required, by the connection and once more by the credentials.
func TestCallsNeedTLS(t *testing.T) {
	s := session(t, Config{Host: host, Credentials: Credentials{Token: "mine"}}, Settings{})
	require.True(t, s.PerRPCCredentials().RequireTransportSecurity())
	_, err := s.PerRPCCredentials().GetRequestMetadata(t.Context(), host+"/service")
	require.ErrorContains(t, err, "credentials are not sent without TLS")
	_, err = grpc.NewClient("passthrough:///dbc-1.cloud.databricks.com:443",
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(s.PerRPCCredentials()))
	require.Error(t, err)
	require.False(t, session(t, Config{Host: "http://127.0.0.1:1", Credentials: Credentials{Token: "x"}},
		Settings{}).PerRPCCredentials().RequireTransportSecurity())
}
