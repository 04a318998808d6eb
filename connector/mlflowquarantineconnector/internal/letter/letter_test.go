// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package letter

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

func TestReason(t *testing.T) {
	for want, err := range map[string]error{
		"413":                errors.New("responded with HTTP Status Code 413, Message=no"),
		"400":                status.Error(codes.InvalidArgument, "responded with HTTP Status Code 400"),
		"InvalidArgument":    consumererror.NewPermanent(status.Error(codes.InvalidArgument, "no")),
		"partially_rejected": &refusal.PartialSuccess{Rejected: 1, Spans: 2},
		"refused":            errors.New("no"),
	} {
		require.Equal(t, want, Reason(err))
	}
}

// What Open returns of a dead letter is what was sealed, and what is none is not copied.
func TestSealAndOpen(t *testing.T) {
	one := ptrace.NewTraces()
	for range 2 {
		rs := one.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("k", "v")
		rs.SetSchemaUrl("s")
		rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("n")
	}
	require.Equal(t, one, Open(one))
	sealed := ptrace.NewTraces()
	Seal(sealed, one, "400", "no")
	require.Equal(t, 2, sealed.SpanCount())
	sealed.MarkReadOnly()
	encode := ptrace.JSONMarshaler{}
	want, err := encode.MarshalTraces(one)
	require.NoError(t, err)
	got, err := encode.MarshalTraces(Open(sealed))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
