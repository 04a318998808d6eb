// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowquarantineconnector

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/letter"
	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/metadatatest"
)

var (
	deliver = pipeline.NewIDWithName(pipeline.SignalTraces, "deliver")
	dead    = pipeline.NewIDWithName(pipeline.SignalTraces, "dead")
	errBad  = errors.New("request to http://me:secret@backend/v1/traces?token=secret responded with " +
		"HTTP Status Code 400")
)

// pipelines behind the connector. The one that delivers refuses traces whose first span is named "bad", and changes
// what it gets.
type pipelines struct {
	all      atomic.Bool // everything is refused
	accepted consumertest.TracesSink
	dead     consumertest.TracesSink
	noDead   atomic.Bool // dead letters are not accepted
}

func (p *pipelines) router(t *testing.T) connector.TracesRouterAndConsumer {
	t.Helper()
	takes, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		for _, rs := range td.ResourceSpans().All() {
			rs.Resource().Attributes().PutStr("changed", "by a processor")
			if p.all.Load() || rs.ScopeSpans().At(0).Spans().At(0).Name() == "bad" {
				return consumererror.NewPermanent(errBad)
			}
		}
		return p.accepted.ConsumeTraces(ctx, td)
	}, consumer.WithCapabilities(consumer.Capabilities{MutatesData: true}))
	require.NoError(t, err)
	letters, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		if p.noDead.Load() {
			return consumererror.NewPermanent(errors.New("no such topic"))
		}
		return p.dead.ConsumeTraces(ctx, td)
	})
	require.NoError(t, err)
	return connector.NewTracesRouter(map[pipeline.ID]consumer.Traces{deliver: takes, dead: letters})
}

// host keeps what the connector reports.
type host struct {
	component.Host
	events []*componentstatus.Event
}

func (h *host) Report(e *componentstatus.Event) { h.events = append(h.events, e) }

func trace(id byte, name string) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "agent")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID([16]byte{15: id})
	span.SetName(name)
	return td
}

func both(traces ...ptrace.Traces) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, one := range traces {
		one.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	return td
}

// A trace that is refused for good is a dead letter with its reason, counted, logged and acknowledged after it is
// stored. When it is fed back, it is what it was.
func TestDeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		tel := componenttest.NewTelemetry()
		set := metadatatest.NewSettings(tel)
		set.Logger = zap.New(core)
		p := &pipelines{}
		p.noDead.Store(true)
		cfg := createDefaultConfig().(*Config)
		cfg.DeadLetters = []pipeline.ID{dead}
		c, err := NewFactory().CreateTracesToTraces(t.Context(), set, cfg, p.router(t))
		require.NoError(t, err)
		require.False(t, c.Capabilities().MutatesData)
		h := &host{Host: componenttest.NewNopHost()}
		require.NoError(t, c.Start(t.Context(), h))

		ctx := client.NewContext(t.Context(), client.Info{Metadata: client.NewMetadata(map[string][]string{
			"kafka.topic": {"traces"}, "kafka.partition": {"3"}, "kafka.offset": {"17"}})})
		done := make(chan error, 1)
		td := both(trace(1, "good"), trace(2, "bad"), trace(3, "good"), trace(4, "good"))
		go func() { done <- c.ConsumeTraces(ctx, td) }()
		<-time.After(5 * time.Minute)
		synctest.Wait()
		require.Empty(t, done, "the dead letter is not stored")
		require.NotEmpty(t, logs.FilterMessageSnippet("do not take a refused trace").All())
		p.noDead.Store(false)
		require.NoError(t, <-done)

		require.Equal(t, 3, p.accepted.SpanCount())
		letters := p.dead.AllTraces()
		require.Len(t, letters, 1)
		require.Equal(t, 1, letters[0].SpanCount())
		require.Equal(t, map[string]any{"service.name": "agent", letter.ReasonKey: "400",
			letter.MessageKey: "Permanent error: request to http://backend/v1/traces responded with " +
				"HTTP Status Code 400"},
			letters[0].ResourceSpans().At(0).Resource().Attributes().AsRaw())

		named := logs.FilterMessageSnippet("it is a dead letter now").All()
		require.Len(t, named, 1)
		fields := named[0].ContextMap()
		require.Equal(t, "00000000000000000000000000000002", fields["trace_id"])
		require.Equal(t, "400", fields["reason"])
		require.Equal(t, "17", fields["kafka.offset"])
		for _, entry := range logs.All() {
			for _, v := range entry.ContextMap() {
				require.NotContains(t, v, "secret")
			}
		}
		metadatatest.AssertEqualConnectorMlflowQuarantineDeadLettered(t, tel, []metricdata.DataPoint[int64]{{Value: 1,
			Attributes: attribute.NewSet(attribute.String("reason", "400"))}}, metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualConnectorMlflowQuarantineHeld(t, tel, []metricdata.DataPoint[int64]{{Value: 0}},
			metricdatatest.IgnoreTimestamp())

		back := letters[0]
		back.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetName("good now")
		require.NoError(t, c.ConsumeTraces(t.Context(), back))
		last := p.accepted.AllTraces()[len(p.accepted.AllTraces())-1]
		require.Equal(t, map[string]any{"service.name": "agent", "changed": "by a processor"},
			last.ResourceSpans().At(0).Resource().Attributes().AsRaw())

		require.NoError(t, c.Shutdown(t.Context()))
		require.NoError(t, tel.Shutdown(context.Background()))
	})
}

// While everything is refused the status says so, and Shutdown gives back what waits.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipelines{}
		p.all.Store(true)
		cfg := createDefaultConfig().(*Config)
		cfg.DeadLetters = []pipeline.ID{dead}
		c, err := NewFactory().CreateTracesToTraces(t.Context(), connectortest.NewNopSettings(metadata.Type), cfg,
			p.router(t))
		require.NoError(t, err)
		h := &host{Host: componenttest.NewNopHost()}
		require.NoError(t, c.Start(t.Context(), h))
		done := make(chan error, 1)
		go func() { done <- c.ConsumeTraces(t.Context(), both(trace(1, "a"), trace(2, "b"))) }()
		<-time.After(time.Hour)
		synctest.Wait()
		require.Empty(t, p.dead.AllTraces())
		require.Len(t, h.events, 1)
		require.Equal(t, componentstatus.StatusRecoverableError, h.events[0].Status())
		require.NotContains(t, h.events[0].Err().Error(), "secret")
		p.all.Store(false)
		require.NoError(t, <-done)
		require.Len(t, h.events, 2)
		require.Equal(t, componentstatus.StatusOK, h.events[1].Status())

		p.all.Store(true)
		go func() { done <- c.ConsumeTraces(t.Context(), both(trace(1, "a"), trace(2, "b"))) }()
		<-time.After(time.Hour)
		require.NoError(t, c.Shutdown(t.Context()))
		require.NoError(t, c.Shutdown(t.Context()), "twice")
		err = <-done
		require.ErrorContains(t, err, "is being stopped")
		require.False(t, consumererror.IsPermanent(err))
	})
}

func TestShutdownWithoutStart(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.DeadLetters = []pipeline.ID{dead}
	c, err := NewFactory().CreateTracesToTraces(t.Context(), connectortest.NewNopSettings(metadata.Type), cfg,
		(&pipelines{}).router(t))
	require.NoError(t, err)
	require.NoError(t, c.Shutdown(t.Context()))
}

func TestConfig(t *testing.T) {
	for _, x := range []struct {
		value map[string]any
		says  string
	}{
		{map[string]any{"dead_letters": []any{"traces/dead"}}, ""},
		{map[string]any{}, "dead_letters: is required"},
		{map[string]any{"dead_letters": []any{"logs/dead"}}, "logs/dead is no pipeline of traces"},
		{map[string]any{"dead_letters": []any{"traces"}, "reject_after": "1ms"}, "reject_after: 1ms is too short"},
		{map[string]any{"dead_letters": []any{"traces"}, "retry_on_failure": map[string]any{"initial_interval": "0s"}},
			"initial_interval: must be more than 0"},
		{map[string]any{"dead_letters": []any{"traces"}, "retry_on_failure": map[string]any{"max_interval": "1ms"}},
			"max_interval: 1ms is less"},
	} {
		cfg := createDefaultConfig()
		require.NoError(t, confmap.NewFromStringMap(x.value).Unmarshal(cfg))
		if err := confmap.Validate(cfg); x.says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, x.says)
		}
	}
}

func TestPipelines(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	for _, x := range []struct {
		dead []pipeline.ID
		says string
	}{
		{[]pipeline.ID{pipeline.NewID(pipeline.SignalTraces)}, "dead_letters: no pipeline traces takes from this"},
		{[]pipeline.ID{dead, deliver}, "one that delivers is missing"},
	} {
		cfg.DeadLetters = x.dead
		_, err := NewFactory().CreateTracesToTraces(t.Context(), connectortest.NewNopSettings(metadata.Type), cfg,
			(&pipelines{}).router(t))
		require.ErrorContains(t, err, x.says)
	}
	_, err := NewFactory().CreateTracesToTraces(t.Context(), connectortest.NewNopSettings(metadata.Type), cfg,
		consumertest.NewNop())
	require.ErrorContains(t, err, "must be the exporter of one pipeline")
}
