//go:build !windows

package finish

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector stands for the handler that the collector installs after all components started.
func collector(t *testing.T) chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	t.Cleanup(func() { signal.Stop(c) })
	return c
}

func TestSignalsUntilSomebodyListens(t *testing.T) {
	m := Join(nil)
	m.Done() // the process survives: the member takes SIGTERM itself
	<-collector(t)
	m.Leave()
	m.Leave()
}

func TestEndsWhenAllAreDone(t *testing.T) {
	c := collector(t)
	a, b := Join(nil), Join(nil)
	a.Done()
	select {
	case <-c:
		t.Fatal("ended although one member is at work")
	default:
	}
	b.Done()
	<-c
	a.Leave()
	b.Leave()
}

func TestEarlySignalOfTheUserIsKept(t *testing.T) {
	m := Join(nil)
	if err := terminate(); err != nil {
		t.Fatal(err)
	}
	<-collector(t) // installed later, still told
	m.Leave()
}

func TestLeaveWithoutDone(t *testing.T) {
	Join(nil).Leave()
	m := Join(nil)
	defer m.Leave()
	m.Done()
	<-collector(t)
}
