// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowquarantineconnector

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/letter"
	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/send"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// watch counts, logs and reports what the sender tells. It implements send.Observer.
type watch struct {
	log *zap.Logger
	tel *metadata.TelemetryBuilder

	mu     sync.Mutex
	host   component.Host
	stuck  bool
	logged map[string]time.Time // when a message was logged last
}

// logAgain is how often a state that lasts is logged.
const logAgain = time.Minute

func (w *watch) start(host component.Host) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.host = host
}

// Refused implements send.Observer.
func (w *watch) Refused(err error) {
	w.tel.ConnectorMlflowQuarantineRefused.Add(context.Background(), 1, reason(err))
}

// Held implements send.Observer.
func (w *watch) Held(change int) {
	w.tel.ConnectorMlflowQuarantineHeld.Add(context.Background(), int64(change))
}

// Repeated implements send.Observer.
func (w *watch) Repeated() { w.tel.ConnectorMlflowQuarantineRepeated.Add(context.Background(), 1) }

// Stuck implements send.Observer.
func (w *watch) Stuck(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := w.stuck != (why != nil)
	w.stuck = why != nil
	switch {
	case why == nil && changed:
		w.log.Info("The destination takes traces again")
		w.report(componentstatus.NewEvent(componentstatus.StatusOK))
	case why != nil:
		w.sometimes("The destination takes nothing at the moment; all traces wait, and none becomes a dead letter", why)
		if changed {
			w.report(componentstatus.NewRecoverableErrorEvent(errors.New(refusal.Message(why))))
		}
	}
}

// NotSetAside implements send.Observer.
func (w *watch) NotSetAside(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sometimes("The dead-letter pipelines do not take a refused trace; its batch waits", err)
}

// sometimes logs a message that is repeated as long as a state lasts; w.mu is held.
func (w *watch) sometimes(message string, err error) {
	if w.logged == nil {
		w.logged = map[string]time.Time{}
	}
	if now := time.Now(); now.Sub(w.logged[message]) >= logAgain {
		w.logged[message] = now
		w.log.Warn(message, zap.String("message", refusal.Message(err)))
	}
}

// report tells the host; w.mu is held.
func (w *watch) report(e *componentstatus.Event) {
	if w.host != nil {
		componentstatus.ReportStatus(w.host, e)
	}
}

// setAside counts and logs dead letters that are stored.
func (w *watch) setAside(ctx context.Context, refused []send.Refused) {
	for _, r := range refused {
		w.tel.ConnectorMlflowQuarantineDeadLettered.Add(ctx, 1, reason(r.Err))
		fields := []zap.Field{zap.String("trace_id", hex.EncodeToString(r.ID[:])),
			zap.String("reason", letter.Reason(r.Err)), zap.String("message", refusal.Message(r.Err))}
		from := client.FromContext(ctx).Metadata
		for _, key := range []string{"kafka.topic", "kafka.partition", "kafka.offset"} {
			if v := from.Get(key); len(v) > 0 {
				fields = append(fields, zap.String(key, strings.Join(v, ",")))
			}
		}
		w.log.Error("The destination refuses a trace for good; it is a dead letter now", fields...)
	}
}

func reason(err error) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", letter.Reason(err))))
}
