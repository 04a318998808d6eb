// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
)

// ingest is a receiver that stands for a workspace: errors that may pass become 503, permanent ones
// 400.
type ingest struct {
	address string
	take    func(ctx context.Context, body []byte) error
	server  *http.Server
}

func (r *ingest) Start(context.Context, component.Host) error {
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		return err
	}
	r.server = &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			body, err := io.ReadAll(q.Body)
			if err == nil {
				err = r.take(q.Context(), body)
			}
			switch {
			case err == nil:
			case consumererror.IsPermanent(err):
				w.WriteHeader(http.StatusBadRequest)
			default:
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}),
	}
	go func() { _ = r.server.Serve(l) }()
	return nil
}

func (r *ingest) Shutdown(ctx context.Context) error {
	if err := r.server.Shutdown(ctx); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func ingestFactory(address string) receiver.Factory {
	return receiver.NewFactory(
		component.MustNewType("workspace"),
		func() component.Config { return &struct{}{} },
		receiver.WithTraces(
			func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Traces) (receiver.Traces,
				error) {
				return &ingest{address: address, take: func(ctx context.Context, body []byte) error {
					q := ptraceotlp.NewExportRequest()
					if err := q.UnmarshalProto(body); err != nil {
						return consumererror.NewPermanent(err)
					}
					return next.ConsumeTraces(ctx, q.Traces())
				}}, nil
			},
			component.StabilityLevelDevelopment,
		),
		receiver.WithLogs(
			func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs,
				error) {
				return &ingest{address: address, take: func(ctx context.Context, body []byte) error {
					q := plogotlp.NewExportRequest()
					if err := q.UnmarshalProto(body); err != nil {
						return consumererror.NewPermanent(err)
					}
					return next.ConsumeLogs(ctx, q.Logs())
				}}, nil
			},
			component.StabilityLevelDevelopment,
		),
		receiver.WithMetrics(
			func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Metrics) (receiver.Metrics,
				error) {
				return &ingest{address: address, take: func(ctx context.Context, body []byte) error {
					q := pmetricotlp.NewExportRequest()
					if err := q.UnmarshalProto(body); err != nil {
						return consumererror.NewPermanent(err)
					}
					return next.ConsumeMetrics(ctx, q.Metrics())
				}}, nil
			},
			component.StabilityLevelDevelopment,
		),
	)
}

// free is an address on loopback that no server listens at.
func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestConsumeContract(t *testing.T) {
	for _, signal := range []pipeline.Signal{pipeline.SignalTraces, pipeline.SignalLogs, pipeline.SignalMetrics} {
		t.Run(signal.String(), func(t *testing.T) {
			address := free(t)
			cfg := createDefaultConfig().(*Config)
			cfg.Host = "http://" + address
			cfg.Auth.Credentials.Token = "token"
			cfg.Catalog, cfg.Schema, cfg.TablePrefix = "main", "traces", "agents"
			cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Millisecond, 2*time.Millisecond
			cfg.TracesPerSecond = 0
			require.NoError(t, cfg.Validate())
			exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
				T: t, NumberOfTestElements: 200, Signal: signal,
				// What stands for the workspace takes data and knows nothing else.
				ExporterFactory: unchecked.exporters(), ExporterConfig: cfg,
				ReceiverFactory: ingestFactory(address), ReceiverConfig: &struct{}{},
			})
		})
	}
}
