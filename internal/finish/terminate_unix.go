//go:build !windows

package finish

import (
	"os"
	"syscall"
)

func terminate() error { return syscall.Kill(os.Getpid(), syscall.SIGTERM) }
