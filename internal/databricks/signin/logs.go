// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/databricks/databricks-sdk-go/logger"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// sdkLog writes what the SDK logs to zap, without credentials. The SDK's debug level is closed: it
// dumps requests and answers there. Single debug lines that it writes without asking pass.
type sdkLog struct {
	zap  *zap.Logger
	hide redactor
}

var _ logger.Logger = (*sdkLog)(nil)

// Enabled implements logger.Logger.
func (*sdkLog) Enabled(_ context.Context, level logger.Level) bool { return level >= logger.LevelInfo }

// Tracef implements logger.Logger: steps of the SDK's own resolution, which say nothing here.
func (*sdkLog) Tracef(context.Context, string, ...any) {}

// Debugf implements logger.Logger.
func (l *sdkLog) Debugf(_ context.Context, format string, v ...any) {
	l.write(zapcore.DebugLevel, format, v)
}

// Infof implements logger.Logger: what the SDK tells at each renewal is detail for us.
func (l *sdkLog) Infof(_ context.Context, format string, v ...any) {
	l.write(zapcore.DebugLevel, format, v)
}

// Warnf implements logger.Logger.
func (l *sdkLog) Warnf(_ context.Context, format string, v ...any) {
	l.write(zapcore.WarnLevel, format, v)
}

// Errorf implements logger.Logger.
func (l *sdkLog) Errorf(_ context.Context, format string, v ...any) {
	l.write(zapcore.ErrorLevel, format, v)
}

func (l *sdkLog) write(level zapcore.Level, format string, v []any) {
	if entry := l.zap.Check(level, "Databricks SDK"); entry != nil {
		entry.Write(zap.String("message", l.hide.line(fmt.Sprintf(format, v...))))
	}
}

// router takes what the SDK logs without a context of ours and hands it to the session opened last.
// Without any session it is dropped: the SDK's default is standard error.
type router struct{ current atomic.Pointer[sdkLog] }

var logs = &router{}

// The SDK reads this variable without a lock, so it is set before anything runs.
func init() { logger.DefaultLogger = logs }

func routeLogs(l *sdkLog)   { logs.current.Store(l) }
func unrouteLogs(l *sdkLog) { logs.current.CompareAndSwap(l, nil) }

// Enabled implements logger.Logger.
func (r *router) Enabled(_ context.Context, level logger.Level) bool {
	return level >= logger.LevelInfo && r.current.Load() != nil
}

// Tracef implements logger.Logger.
func (*router) Tracef(context.Context, string, ...any) {}

// Debugf implements logger.Logger.
func (r *router) Debugf(ctx context.Context, format string, v ...any) {
	if l := r.current.Load(); l != nil {
		l.Debugf(ctx, format, v...)
	}
}

// Infof implements logger.Logger.
func (r *router) Infof(ctx context.Context, format string, v ...any) {
	if l := r.current.Load(); l != nil {
		l.Infof(ctx, format, v...)
	}
}

// Warnf implements logger.Logger.
func (r *router) Warnf(ctx context.Context, format string, v ...any) {
	if l := r.current.Load(); l != nil {
		l.Warnf(ctx, format, v...)
	}
}

// Errorf implements logger.Logger.
func (r *router) Errorf(ctx context.Context, format string, v ...any) {
	if l := r.current.Load(); l != nil {
		l.Errorf(ctx, format, v...)
	}
}
