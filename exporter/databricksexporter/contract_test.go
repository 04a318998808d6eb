// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
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
	at   *address
	take take
}

type take func(ctx context.Context, body []byte) error

func (r *ingest) Start(context.Context, component.Host) error {
	r.at.take.Store(&r.take)
	return nil
}

func (r *ingest) Shutdown(context.Context) error {
	r.at.take.Store(nil)
	return nil
}

// address is a server of which one receiver after the other takes the requests. It listens all the while: another
// process could take a port that is given up in between.
type address struct {
	*httptest.Server
	take atomic.Pointer[take] // of the receiver; nil while there is none
}

func newAddress(t *testing.T) *address {
	a := &address{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if f := a.take.Load(); err == nil && f != nil {
			err = (*f)(q.Context(), body)
		} else if err == nil {
			err = errors.New("there is no receiver")
		}
		switch {
		case err == nil:
		case consumererror.IsPermanent(err):
			w.WriteHeader(http.StatusBadRequest)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func ingestFactory(at *address) receiver.Factory {
	return receiver.NewFactory(
		component.MustNewType("workspace"),
		func() component.Config { return &struct{}{} },
		receiver.WithTraces(
			func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Traces) (receiver.Traces,
				error) {
				return &ingest{at: at, take: func(ctx context.Context, body []byte) error {
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
				return &ingest{at: at, take: func(ctx context.Context, body []byte) error {
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
				return &ingest{at: at, take: func(ctx context.Context, body []byte) error {
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

func TestConsumeContract(t *testing.T) {
	for _, signal := range []pipeline.Signal{pipeline.SignalTraces, pipeline.SignalLogs, pipeline.SignalMetrics} {
		t.Run(signal.String(), func(t *testing.T) {
			at := newAddress(t)
			cfg := createDefaultConfig().(*Config)
			cfg.Host = at.URL
			cfg.Auth.Credentials.Token = "token"
			cfg.Catalog, cfg.Schema, cfg.TablePrefix = "main", "traces", "agents"
			cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Millisecond, 2*time.Millisecond
			cfg.TracesPerSecond = 0
			require.NoError(t, cfg.Validate())
			exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
				T: t, NumberOfTestElements: 200, Signal: signal,
				// What stands for the workspace takes data and knows nothing else.
				ExporterFactory: unchecked.exporters(), ExporterConfig: cfg,
				ReceiverFactory: ingestFactory(at), ReceiverConfig: &struct{}{},
			})
		})
	}
}
