// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// attemptFailed is how exporterhelper begins what it logs of each attempt of each batch that fails.
const attemptFailed = "Exporting failed."

// withoutAttempts leaves these lines out: a destination that is held has many, and package status
// logs once what matters.
func withoutAttempts(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return attemptFilter{core} }))
}

type attemptFilter struct{ zapcore.Core }

// With implements zapcore.Core.
func (f attemptFilter) With(fields []zapcore.Field) zapcore.Core {
	return attemptFilter{f.Core.With(fields)}
}

// Check implements zapcore.Core.
func (f attemptFilter) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if strings.HasPrefix(e.Message, attemptFailed) {
		return ce
	}
	return f.Core.Check(e, ce)
}
