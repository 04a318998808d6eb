// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// message is an OTLP message of pdata.
type message interface {
	SizeProto() int
	MarshalProto(buf []byte) int
}

// Interceptor reads the answers to calls without a stream.
func (r *Reader) Interceptor(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	r.asked()
	err := invoker(ctx, method, req, reply, cc, opts...)
	of := request{ctx: ctx, place: cc.Target(), spans: !strings.Contains(method, ".logs.") &&
		!strings.Contains(method, ".metrics.")}
	if err != nil {
		if isPage(err) {
			return r.judged(of, "with a web page or a redirect", answer{kind: kindWebPage})
		}
		return r.callAgain(of, err)
	}
	a := answer{kind: kindOther}
	if m, ok := reply.(message); ok {
		b := make([]byte, m.SizeProto())
		m.MarshalProto(b)
		if read, ok := fromProto(b); ok {
			a = read
		}
	}
	err = r.judged(of, "with a message that can't be read", a)
	if all, ok := errors.AsType[*allRejected](err); ok {
		return status.Error(codes.InvalidArgument, all.message)
	}
	return err
}

// isPage reports whether a call failed because something else than a gRPC server answered, with a web
// page or a redirect: the client of gRPC then has a status Unknown that tells it in its message.
func isPage(err error) bool {
	s := status.Convert(err)
	return s.Code() == codes.Unknown && (strings.Contains(s.Message(), `content-type "text/html`) ||
		strings.Contains(s.Message(), "unexpected HTTP status code received from server: 30"))
}
