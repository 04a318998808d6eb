// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowverifyextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/kafkaclient"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/verdict"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/atomicfile"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/finish"
)

// verifier does its work in one goroutine that Start begins and Shutdown ends.
type verifier struct {
	cfg *Config
	set extension.Settings
	out io.Writer
	patience

	client *kgo.Client
	access *access.Access // nil where nothing is counted
	cancel context.CancelFunc
	done   chan struct{}
	err    error          // of the work, once done is closed
	member *finish.Member // nil unless the process ends with the work
	once   sync.Once
}

var (
	_ extension.Extension             = (*verifier)(nil)
	_ extensioncapabilities.Dependent = (*verifier)(nil)
)

func newVerifier(set extension.Settings, cfg *Config, out io.Writer) *verifier {
	return &verifier{cfg: cfg, set: set, out: out, patience: usual}
}

// Dependencies implements extensioncapabilities.Dependent: extensions that sign or give tokens must have started.
func (v *verifier) Dependencies() (ids []component.ID) {
	ids = kafkaclient.TokenSource(&v.cfg.ClientConfig)
	if v.cfg.Databricks.HasValue() {
		if id := v.cfg.Databricks.Get().Auth.Authenticator; id != nil {
			ids = append(ids, *id)
		}
	}
	return ids
}

// Start begins the work and removes the verdict of an earlier run: where a process is stopped, none is left. It asks no
// broker.
func (v *verifier) Start(ctx context.Context, host component.Host) (err error) {
	if err := os.MkdirAll(filepath.Dir(v.cfg.Path), 0o700); err != nil {
		return fmt.Errorf("path: the folder of the verdict can't be made: %w", err)
	}
	if err := os.Remove(v.cfg.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("path: the verdict of an earlier run can't be removed: %w", err)
	}
	var consume []kgo.Opt
	if v.cfg.ReportsTopic != "" {
		consume = consuming(v.cfg.ReportsTopic)
	}
	if v.client, err = kafkaclient.New(ctx, host, &v.cfg.ClientConfig, consume...); err != nil {
		return err
	}
	if v.cfg.Databricks.HasValue() {
		way := v.cfg.Databricks.Get().Access()
		way.Telemetry, way.Version = v.set.TelemetrySettings, v.set.BuildInfo.Version
		if v.access, err = access.Open(ctx, way, host); err != nil {
			return fmt.Errorf("databricks::%w", err)
		}
	}
	if v.cfg.OnComplete == OnCompleteShutdown {
		v.member = finish.Join(func() {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(errors.New("the verdict is known")))
		})
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	v.cancel, v.done = cancel, make(chan struct{})
	go v.run(work)
	return nil
}

func (v *verifier) run(ctx context.Context) {
	defer close(v.done)
	v.err = v.verify(ctx)
	if v.member != nil {
		v.member.Done()
	}
}

// verify returns an error unless the exit status is to be 0.
func (v *verifier) verify(ctx context.Context) error {
	w := work{cfg: v.cfg, log: v.set.Logger, admin: kadm.NewClient(v.client), patience: v.patience,
		access: v.access,
		in:     verdict.Input{Accept: v.cfg.Accept, Version: v.set.BuildInfo.Version}}
	if topic := v.cfg.ReportsTopic; topic != "" {
		w.published = &published{client: v.client, topic: &cluster{admin: w.admin, topic: topic},
			Patience: w.asking()}
	}
	w.in.Fault = w.do(ctx)
	if ctx.Err() != nil {
		return errors.New("stopped before the verdict was known; it can be started again")
	}
	d := verdict.Judge(w.in, time.Now())
	err := errors.Join(write(v.cfg.Path, d), d.Summary(v.out, v.cfg.Path))
	v.set.Logger.Info("The verdict is known", zap.String("headline", d.Headline), zap.Int("exit_status", d.ExitStatus))
	if d.ExitStatus != 0 {
		err = errors.Join(errors.New(d.Headline), err)
	}
	return err
}

// Shutdown ends the work. With on_complete: shutdown it returns an error unless the exit status is to be 0. It may be
// called without Start, and twice.
func (v *verifier) Shutdown(context.Context) (err error) {
	v.once.Do(func() {
		if v.client == nil {
			return
		}
		if v.cancel != nil {
			v.cancel()
			<-v.done
		}
		v.client.Close()
		if v.access != nil {
			v.access.Close()
		}
		if v.member != nil {
			v.member.Leave()
			err = v.err
		}
	})
	return err
}

// write replaces a file with the document, all or nothing, readable by its owner only.
func write(path string, d verdict.Document) error {
	body, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Replace(path, append(body, '\n')); err != nil {
		return fmt.Errorf("path: the verdict can't be written: %w", err)
	}
	return nil
}
