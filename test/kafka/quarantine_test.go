// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"net/http"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// refuser is a destination that refuses one trace for good: the first one of its second request.
type refuser struct {
	status int // that it answers then
	mu     sync.Mutex
	id     pcommon.TraceID
	spans  int  // of the trace
	passed bool // the first request, which is accepted
}

func (v *refuser) answer(td ptrace.Traces, _ <-chan struct{}) (int, string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.passed { // a process that has delivered nothing yet can't tell a refused trace from a refusal of everything
		v.passed = true
		return 0, ""
	}
	spans := 0
	otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
		if v.id.IsEmpty() {
			v.id = s.TraceID()
		}
		if s.TraceID() == v.id {
			spans++
		}
	})
	if spans == 0 {
		return 0, ""
	}
	v.spans = spans
	return v.status, "refused on purpose"
}

// quarantine: a destination refuses one trace for good. It alone is a dead letter, with the reason; everything else
// arrives, and the group commits all messages. Then the destination takes it, and the dead letter is fed back by the
// command of docs/how-to/kafka.md, so that everything has arrived.
func quarantine(t *testing.T, w *world, reader ...string) {
	bad := &refuser{status: http.StatusBadRequest}
	want := "400"
	if w.sink.exporter == "otlp_grpc" {
		bad.status, want = int(codes.InvalidArgument), codes.InvalidArgument.String()
	}
	w.sink.Script(bad.answer)
	consumer := w.refine(t, "only")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d of %d spans, %d of %d messages, %d dead letters, refused %s\n%s", w.sink.Distinct(),
				w.store.Spans, w.broker.Committed(w.group(), w.topic), w.broker.Messages(w.topic),
				w.broker.Messages(w.topic+"-dead"), bad.id, consumer.Logs())
		}
	})
	w.reader(t, reader...).Done(0)
	within(t, patience, func() bool {
		bad.mu.Lock()
		defer bad.mu.Unlock()
		return bad.spans > 0 && w.sink.Distinct() == w.store.Spans-bad.spans &&
			w.broker.Committed(w.group(), w.topic) == w.broker.Messages(w.topic)
	}, "everything else arrives and is committed")
	consumer.Signal(syscall.SIGTERM)
	consumer.Done(0)
	require.Contains(t, consumer.Logs(), bad.id.String())
	require.Contains(t, consumer.Out(), "refused   topic "+w.topic+"-dead at "+w.broker.Address+"\n")
	t.Logf("%d traces came again", w.sink.Repeated())
	require.LessOrEqual(t, w.sink.Repeated(), 3)

	letters := w.broker.Values(t, w.topic+"-dead")
	require.Len(t, letters, 1)
	letter, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(letters[0])
	require.NoError(t, err)
	require.Equal(t, bad.spans, letter.SpanCount())
	otlpsink.Each(letter, func(r pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
		require.Equal(t, bad.id, s.TraceID())
		reason, _ := r.Attributes().Get("mlflow.quarantine.reason")
		require.Equal(t, want, reason.AsString())
		message, _ := r.Attributes().Get("mlflow.quarantine.message")
		require.Contains(t, message.AsString(), "refused on purpose")
	})

	v := w.verify(t, "refused", 1)
	require.Contains(t, v.Problems, "1 record in the dead letters, topic "+w.topic+"-dead")

	w.sink.Script(nil)
	back := *w
	back.topic += "-dead"
	consumer = back.refine(t, "again")
	w.arrived(t, patience)
	eventually(t, func() bool {
		return w.broker.Committed(back.group(), back.topic) == 1
	}, "the dead letter is committed")
	consumer.Signal(syscall.SIGTERM)
	consumer.Done(0)
	v = w.verify(t, "fed-back", 0, "dead_letters::group_id="+back.group())
	require.Equal(t, "acknowledged", v.Delivery)
}
