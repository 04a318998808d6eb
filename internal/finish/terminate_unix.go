// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package finish

import (
	"os"
	"syscall"
)

func terminate() error { return syscall.Kill(os.Getpid(), syscall.SIGTERM) }
