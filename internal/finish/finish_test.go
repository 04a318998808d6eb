// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package finish

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector stands for the handler that the collector installs after all components have started.
func collector(t *testing.T) chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	t.Cleanup(func() { signal.Stop(c) })
	return c
}

// The work may be done before the collector has installed its handler, as in a backfill of nothing.
func TestSignalsUntilTheCollectorListens(t *testing.T) {
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

// A SIGTERM of the user arrives while two members finish. The collector is told, and all members
// can leave.
func TestSignalInTheSameMoment(t *testing.T) {
	c := collector(t)
	for range 200 {
		members := []*Member{Join(nil), Join(nil)}
		var group sync.WaitGroup
		group.Go(func() {
			if err := terminate(); err != nil {
				t.Error(err)
			}
		})
		for _, m := range members {
			group.Go(m.Done)
		}
		<-c // the collector stops and shuts its components down
		for _, m := range members {
			m.Leave()
		}
		group.Wait()
		select { // the second signal, if it came
		case <-c:
		default:
		}
	}
}

func TestLeaveWithoutDone(t *testing.T) {
	Join(nil).Leave()
	m := Join(nil)
	defer m.Leave()
	m.Done()
	<-collector(t)
}

// Where signals don't work, one fatal event is reported for all members. A second one would hang
// the collector.
func TestOneFallback(t *testing.T) {
	var events atomic.Int32
	reported := make(chan struct{}, 2)
	report := func() {
		events.Add(1)
		reported <- struct{}{}
	}
	members := []*Member{Join(report), Join(report)}
	begin, ended := make(chan struct{}), make(chan struct{})
	close(begin)
	end(func() error { return errors.New("no signals here") }, nil, begin, nil, ended)
	<-reported
	for _, m := range members {
		m.Leave()
	}
	if n := events.Load(); n != 1 {
		t.Errorf("%d fatal events", n)
	}

	// Once a member has left, the collector is stopping, and an event would hang it.
	members = []*Member{Join(report), Join(report)}
	members[0].Leave()
	end(func() error { return errors.New("no signals here") }, nil, begin, nil, make(chan struct{}))
	members[1].Leave()
	select {
	case <-reported:
		t.Error("an event was reported while the collector stops")
	default:
	}
}
