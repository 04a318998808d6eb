// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/plan"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/finish"
)

// setup does its work in one goroutine that Start begins and Shutdown ends. Start never talks to
// the network.
type setup struct {
	cfg *Config
	set extension.Settings
	out io.Writer
	// sleep waits between two looks at what is under way; nil means real time.
	sleep func(context.Context, time.Duration) error
	// requestsPerSecond limits the requests to the workspace; 0 means the default of package
	// access.
	requestsPerSecond int

	access *access.Access
	cancel context.CancelFunc
	done   chan struct{}
	err    error          // of the work, once done is closed
	member *finish.Member // nil unless the process ends with the work
	once   sync.Once
}

var (
	_ extension.Extension             = (*setup)(nil)
	_ extensioncapabilities.Dependent = (*setup)(nil)
)

func newSetup(set extension.Settings, cfg *Config, out io.Writer) *setup {
	return &setup{cfg: cfg, set: set, out: out}
}

// Dependencies implements extensioncapabilities.Dependent: who signs must have started.
func (s *setup) Dependencies() []component.ID {
	if id := s.cfg.Auth.Authenticator; id != nil {
		return []component.ID{*id}
	}
	return nil
}

// Start begins the work.
func (s *setup) Start(ctx context.Context, host component.Host) error {
	reported, err := reportedScores(s.cfg.Reports)
	if err != nil {
		return err
	}
	way := s.cfg.access(s.set)
	way.Sleep, way.RequestsPerSecond = s.sleep, s.requestsPerSecond
	if s.access, err = access.Open(ctx, way, host); err != nil {
		return err
	}
	if s.cfg.OnComplete == OnCompleteShutdown {
		s.member = finish.Join(func() {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(errors.New("the setup is done")))
		})
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel, s.done = cancel, make(chan struct{})
	go s.run(work, reported)
	return nil
}

func (s *setup) run(ctx context.Context, reported []string) {
	defer close(s.done)
	s.err = s.work(ctx, reported)
	switch {
	case ctx.Err() != nil:
		s.err = errors.New("the setup was stopped before it was done; it can be run again as it is")
	case s.err != nil:
		s.set.Logger.Error("Setup failed; the plan on standard output says where", zap.Error(s.err))
	default:
		s.set.Logger.Info("Setup is done", zap.Bool("applied", s.cfg.Apply))
	}
	if s.member != nil {
		s.member.Done()
	}
}

// work prints and does the plan.
func (s *setup) work(ctx context.Context, reported []string) error {
	api := s.access.API
	r := &plan.Runner{Out: s.out, Apply: s.cfg.Apply, Passes: databricks.Passes, Sleep: s.sleep}
	l := s.cfg.location()
	steps := s.cfg.steps(api, reported)
	switch {
	case s.cfg.Teardown:
		r.Remark(fmt.Sprintf(
			"databricks_setup: how to undo the setup of %s in %s\nNothing is done: this is for you "+
				"to read, and to run.", l, api.Host()))
		return r.Undo(ctx, steps)
	case s.cfg.Apply:
		r.Remark(fmt.Sprintf("databricks_setup: setting up %s in %s", l, api.Host()))
	default:
		r.Remark(fmt.Sprintf(
			"databricks_setup: plan for %s in %s\nNothing is changed. Set apply: true to have it done.",
			l, api.Host()))
	}
	err := r.Run(ctx, steps)
	switch {
	case err != nil:
		r.End("Not complete: see the steps above that FAILED or are refused.")
	case s.cfg.Apply:
		r.End("Complete.")
	default:
		r.End("End of the plan.")
	}
	return err
}

// Shutdown ends the work. With on_complete: shutdown it returns the error of the work: that is what
// makes the exit status 1. It may be called without Start, and twice.
func (s *setup) Shutdown(context.Context) (err error) {
	s.once.Do(func() {
		if s.access == nil {
			return
		}
		if s.cancel != nil {
			s.cancel()
			<-s.done
		}
		s.access.Close()
		if s.member != nil {
			s.member.Leave()
			err = s.err
		}
	})
	return err
}
