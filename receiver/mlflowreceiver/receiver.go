// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/finish"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/late"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/selection"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/source"
)

// mlflowReceiver does its work in one goroutine that Start begins and Shutdown ends. Start never
// talks to the network.
type mlflowReceiver struct {
	cfg *Config
	set receiver.Settings
	// sendOnce leaves refused traces to the next run.
	sendOnce bool
	next     consumer.Traces // nil without a pipeline of traces
	nextLogs consumer.Logs   // nil without a pipeline of logs
	obs      *receiverhelper.ObsReport
	tel      *telemetry
	teller   late.Teller

	host   component.Host
	sink   progress.Sink // nil without the mlflow_report extension
	lines  tornLines     // of files behind the receiver
	source mlflow.Source
	about  source.About
	store  storage.Client
	list   []backfill.ListedTrace
	member *finish.Member // nil unless the process ends with the work

	stop    chan struct{}      // closed when Shutdown begins: no new unit
	abandon context.CancelFunc // units in work are given back
	done    chan struct{}      // closed when the goroutine has ended
	closing sync.Once
	outcome error                  // of the last pass: nil when complete; read after done
	trouble atomic.Pointer[string] // the newest trouble of the pipeline or the storage; nil once it is over
}

func newReceiver(cfg *Config, set receiver.Settings, sendOnce bool) (*mlflowReceiver, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, Transport: "mlflow",
		ReceiverCreateSettings: set})
	if err != nil {
		return nil, err
	}
	tel, err := newTelemetry(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &mlflowReceiver{cfg: cfg, set: set, sendOnce: sendOnce, obs: obs, tel: tel, stop: make(chan struct{})}, nil
}

// Start opens what is local (storage, list, store file) and begins the work.
func (r *mlflowReceiver) Start(ctx context.Context, host component.Host) (err error) {
	r.host = host
	defer func() {
		if err != nil {
			err = errors.Join(err, r.release(ctx))
		}
	}()
	if r.sink = progress.Find[progress.Sink](host); r.sink != nil {
		r.lines.end = func() error { return r.sink.EndLines(r.set.ID) }
	}
	if r.store, err = r.openStorage(ctx, host); err != nil {
		return err
	}
	if r.cfg.TraceIDsFile != "" {
		if r.list, err = r.readList(r.cfg.TraceIDsFile); err != nil {
			return fmt.Errorf("trace_ids_file: %w", err)
		}
	}
	r.source, r.about, err = source.Open(ctx, source.Settings{
		URI: string(r.cfg.TrackingURI), HTTP: r.cfg.HTTP, Workspace: r.cfg.Workspace, SearchPage: r.searchPage(),
		Concurrency:       r.cfg.Concurrency,
		RequestsPerSecond: r.cfg.RequestsPerSecond, MaxUtilization: r.cfg.MaxSourceUtilization,
		Readers:      r.cfg.Shard.Count,
		MaxTraceSize: r.cfg.MaxTraceSizeMiB << 20,
		Retry:        r.cfg.RetryOnFailure,
		Databricks:   r.cfg.workspace(), Database: r.cfg.database(), Artifacts: r.cfg.Artifacts,
		Version: r.set.BuildInfo.Version,
		Host:    host, Telemetry: r.set.TelemetrySettings, Observer: r.tel,
	})
	if err != nil {
		return fmt.Errorf("tracking_uri: %w", err)
	}
	if r.store != nil {
		if err := r.checkShard(ctx); err != nil {
			return err
		}
	}
	if rate := r.tracesPerSecond(); rate > 0 && r.cfg.Mode != ModeCheck { // which reads a few traces only
		r.source = source.Limit(r.source, rate)
	}
	if r.cfg.OnComplete == OnCompleteShutdown {
		r.member = finish.Join(func() {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(errors.New("the work is done")))
		})
	}
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	r.abandon = abandon
	r.done = make(chan struct{})
	go r.run(work)
	return nil
}

// Shutdown begins no new unit, waits for those in work up to shutdown_timeout, then gives them back
// without moving their position. With on_complete: shutdown it returns an error unless everything
// is complete: that is what makes the exit status 1.
func (r *mlflowReceiver) Shutdown(ctx context.Context) error {
	var errs []error
	r.closing.Do(func() {
		close(r.stop)
		if r.done != nil {
			grace := time.NewTimer(r.cfg.ShutdownTimeout)
			defer grace.Stop()
			select {
			case <-r.done:
			case <-grace.C:
			case <-ctx.Done():
			}
			r.abandon()
			<-r.done
			if r.cfg.OnComplete == OnCompleteShutdown && r.outcome != nil {
				errs = append(errs, r.outcome)
			}
		}
		errs = append(errs, r.release(ctx))
	})
	return errors.Join(errs...)
}

// release gives back what Start took.
func (r *mlflowReceiver) release(ctx context.Context) error {
	var errs []error
	if r.member != nil {
		r.member.Leave()
	}
	if r.source != nil {
		errs = append(errs, r.source.Close())
		r.source = nil
	}
	if r.store != nil {
		errs = append(errs, r.store.Close(ctx))
		r.store = nil
	}
	r.tel.Shutdown()
	return errors.Join(errs...)
}

// openStorage returns the client that keeps the position.
func (r *mlflowReceiver) openStorage(ctx context.Context, host component.Host) (storage.Client, error) {
	if r.cfg.Mode == ModeCheck {
		return nil, nil
	}
	if r.cfg.inMemory() {
		r.set.Logger.Warn("storage: none: the position is kept in memory only, a restart begins again")
		return newMemory(), nil
	}
	ext, ok := host.GetExtensions()[*r.cfg.StorageID]
	if !ok {
		return nil, fmt.Errorf(
			"storage: there is no extension %q; define it under extensions and name it in service::extensions",
			r.cfg.StorageID)
	}
	keeper, ok := ext.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf(
			"storage: the extension %q does not store anything; name one that does, e.g. file_storage", r.cfg.StorageID)
	}
	client, err := openClient(ctx, keeper, r.set.ID)
	if err != nil {
		return nil, fmt.Errorf("storage: the position can't be opened: %w", err)
	}
	return client, nil
}

// openClient opens the client of a storage extension and names the cause when that fails.
// file_storage panics on some damaged files; the words of its other errors are those of its
// database.
func openClient(ctx context.Context, keeper storage.Extension, id component.ID) (client storage.Client, err error) {
	const remedy = "restore the storage folder from a backup, or remove it to begin again"
	defer func() {
		if p := recover(); p != nil {
			client, err = nil, fmt.Errorf("its file is damaged: %v; %s", p, remedy)
		}
	}()
	client, err = keeper.GetClient(ctx, component.KindReceiver, id, "")
	if err == nil {
		return client, nil
	}
	switch text := err.Error(); {
	case text == "timeout":
		return nil, fmt.Errorf("another process with the same storage folder is running: %w", err)
	case slices.Contains([]string{"invalid database", "version mismatch", "checksum error"}, text),
		strings.HasPrefix(text, "file size too small"):
		return nil, fmt.Errorf("its file is damaged: %w; %s", err, remedy)
	}
	return nil, err
}

// searchPage is the number of infos asked for at once. A page of 500 keeps a one-worker server busy
// for a fifth of a second, in which nobody else is served; a check, which reads nothing but infos,
// takes few large pages all the same.
func (r *mlflowReceiver) searchPage() int {
	if r.cfg.Mode == ModeCheck {
		return 500
	}
	return min(100, r.cfg.PageSize)
}

// tracesPerSecond is the part of the bound that this shard has.
func (r *mlflowReceiver) tracesPerSecond() float64 {
	return r.cfg.TracesPerSecond / float64(max(r.cfg.Shard.Count, 1))
}

// windowSize is the number of traces that are planned at a time: with a bound of traces per second as many as ten
// seconds take, since the position moves when a window is done.
func (r *mlflowReceiver) windowSize() int {
	if rate := r.tracesPerSecond(); rate > 0 && rate < float64(r.cfg.PageSize) {
		return min(r.cfg.PageSize, max(1, int(10*rate)))
	}
	return r.cfg.PageSize
}

func (r *mlflowReceiver) readList(path string) ([]backfill.ListedTrace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, torn, err := backfill.ReadList(f)
	if len(torn) > 0 {
		r.set.Logger.Warn("Lines of trace_ids_file end too early, as after a kill or on a full disk; they are left out",
			zap.Ints("lines", torn))
	}
	if err == nil && len(list) == 0 {
		err = errors.New("it lists no trace")
	}
	return list, err
}

// selectExperiments returns what is read of all experiments that can be seen, each trace once. With an error of
// *selection.Unmatched comes what the rest of the selection means.
func (r *mlflowReceiver) selectExperiments(all []mlflow.Experiment) ([]mlflow.Experiment, error) {
	e := r.cfg.Experiments
	chosen, err := selection.Experiments{IDs: e.IDs, Names: e.Names, Exclude: e.Exclude, Deleted: e.Deleted}.Select(all)
	if _, partly := errors.AsType[*selection.Unmatched](err); err != nil && !partly {
		return nil, err
	}
	kept, notes := selection.DedupeByLocation(chosen, all)
	for _, n := range notes {
		r.set.Logger.Warn("Experiments share their traces: " + n)
	}
	return kept, err
}

// status reports trouble that may pass, or that it is over.
func (r *mlflowReceiver) status(err error) {
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	r.trouble.Store(nil)
	if err != nil {
		text := err.Error()
		r.trouble.Store(&text)
		event = componentstatus.NewRecoverableErrorEvent(err)
	}
	componentstatus.ReportStatus(r.host, event)
}

// waits is what the run waits for at the moment; empty when it does not.
func (r *mlflowReceiver) waits() string {
	if text := r.trouble.Load(); text != nil {
		return *text
	}
	return ""
}

// logSkipped lists skipped traces in the log, where there is no extension that keeps the list.
func (r *mlflowReceiver) logSkipped(list []progress.SkippedTrace) error {
	for i := range list {
		s := &list[i]
		r.set.Logger.Warn("Trace skipped", zap.String("trace_id", s.TraceID),
			zap.String("experiment_id", s.ExperimentID),
			zap.String("reason", string(s.Reason)), zap.String("detail", s.Detail))
	}
	return nil
}
