// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package answers reads what OTLP destinations answer to stock exporters, over HTTP and gRPC. Those
// take every status 2xx for a success; here an answer that no OTLP destination gives becomes an
// error, and a partial success is brought to the unit that was sent.
//
// Rules, by answer. Source: the OTLP specification 1.10, "OTLP/HTTP Response" and "Partial Success".
//
//	2xx without a body, or with an OTLP answer   confirmed
//	  it rejects nothing and has a message       confirmed, a warning once
//	  it rejects all spans of the unit           a permanent error
//	  it rejects some of them                    confirmed, and noted in the unit
//	2xx with a web page                          an error that is sent again
//	2xx with any other body                      confirmed by nothing; not sent again
//	301, 302, 303                                an error that is sent again
//	no answer, or one that was cut               the error of the connection
//	401, 403, 404, 408, 500 with RetryRefusals   503, which is sent again; over gRPC Unavailable
//	any other status, any gRPC error             left to the exporter
package answers
