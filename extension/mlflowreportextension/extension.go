// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreportextension

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/answers"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/page"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/storagefile"
)

// reporter is the extension. Receivers, processors and exporters find it among the extensions of
// the host, as the sink of their kind in internal/progress.
type reporter struct {
	cfg     *Config
	log     *zap.Logger
	version string
	id      string // of the report: no other process has it
	out     io.Writer
	answers *answers.Reader
	peers   map[string]*answers.Reader // of all mlflow_report extensions, complete after Start
	// publisher takes the reports; nil where there is none.
	publisher progress.Publisher

	mu           sync.Mutex
	guarantees   map[string]delivery.Guarantee
	readers      map[string][]string // the exporters that name each mlflow_report as middleware
	settings     []string            // what the report shows of the configuration
	runs         map[component.ID]progress.Run
	destinations map[destinationKey]progress.Destination
	refinements  map[component.ID]progress.Refinement
	written      time.Time // when the report was written last
	sequence     int64     // of the last report
	skips        *os.File
	earlier      report.Earlier // of the process before this one; empty when there is none
	live         map[component.ID]page.Progress

	stop chan struct{} // closed by Shutdown
	done sync.WaitGroup
}

// process is a text that no other process has. Several extensions of one process share it.
var process = rand.Text()

// destinationKey identifies a destination of an exporter. What has no table yet, or no route, has the same
// name for every signal.
type destinationKey struct {
	exporter     component.ID
	name, signal string
}

var (
	_ extension.Extension                         = (*reporter)(nil)
	_ extensioncapabilities.ConfigSnapshotWatcher = (*reporter)(nil)
	_ extensioncapabilities.Dependent             = (*reporter)(nil)
	_ extensionmiddleware.HTTPClient              = (*reporter)(nil)
	_ extensionmiddleware.GRPCClient              = (*reporter)(nil)
	_ progress.Sink                               = (*reporter)(nil)
	_ progress.Ending                             = (*reporter)(nil)
	_ progress.DestinationSink                    = (*reporter)(nil)
	_ progress.RefinementSink                     = (*reporter)(nil)
	_ progress.Sharing                            = (*reporter)(nil)
)

func newReporter(set extension.Settings, cfg *Config, out io.Writer) *reporter {
	r := &reporter{cfg: cfg, log: set.Logger, version: set.BuildInfo.Version, out: out,
		answers: answers.NewReader(set.Logger)}
	// service.instance.id may be configured: then processes have the same one, after each other or at once.
	r.id = set.ID.String() + "/" + rand.Text()
	if instance, ok := set.Resource.Attributes().Get("service.instance.id"); ok {
		r.id = instance.AsString() + "/" + r.id
	}
	if cfg.RetryRefusals {
		r.answers.RetryRefusals()
	}
	r.peers = map[string]*answers.Reader{set.ID.String(): r.answers}
	r.reset()
	return r
}

// reset drops everything that was reported.
func (r *reporter) reset() {
	r.runs, r.destinations, r.refinements = map[component.ID]progress.Run{}, map[destinationKey]progress.Destination{},
		map[component.ID]progress.Refinement{}
	r.live = map[component.ID]page.Progress{}
	r.written = time.Time{}
}

// Dependencies implements extensioncapabilities.Dependent: the publisher starts before this extension and stops after
// it, so that it has the final report, too.
func (r *reporter) Dependencies() []component.ID {
	if r.cfg.PublishTo == nil {
		return nil
	}
	return []component.ID{*r.cfg.PublishTo}
}

// Start fails when the report could not be written: at the end of a long run it would be too late
// to find out.
func (r *reporter) Start(_ context.Context, host component.Host) error {
	for id, ext := range host.GetExtensions() {
		if o, ok := ext.(*reporter); ok {
			r.peers[id.String()] = o.answers
		}
	}
	if id := r.cfg.PublishTo; id != nil {
		publisher, ok := host.GetExtensions()[*id].(progress.Publisher)
		if !ok {
			return fmt.Errorf("publish_to: extension %s takes no reports; name an extension mlflow_report_topic that "+
				"is among service::extensions", id)
		}
		r.publisher = publisher
	}
	dir := filepath.Dir(r.cfg.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("path: the folder of the report can't be made: %w", err)
	}
	if info, err := os.Stat(r.cfg.Path); err == nil && info.IsDir() {
		return fmt.Errorf("path: %s is a folder; name a file in it", r.cfg.Path)
	}
	earlier, err := report.Read(r.cfg.Path)
	if err != nil {
		r.log.Warn("The report of an earlier run can't be read; nothing of it is added up", zap.Error(err))
	}
	r.earlier = earlier
	probe, err := os.CreateTemp(dir, ".report-*")
	if err != nil {
		return fmt.Errorf("path: the report can't be written: %w", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return err
	}
	stop := make(chan struct{})
	r.stop = stop
	r.done.Go(func() { r.refresh(stop) })
	return nil
}

// refresh writes the report of runs that go on, and of a process that reads a topic or publishes its report, also while
// they have nothing to tell: its age says whether the process lives, and what could not be published comes again.
func (r *reporter) refresh(stop <-chan struct{}) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		r.mu.Lock()
		if r.atWork() && time.Since(r.written) >= writeEvery/2 { // this tick, not the one after it
			r.writeAnyway()
		}
		r.mu.Unlock()
	}
}

// atWork reports whether a run goes on, a topic is read, or there is a report to publish; r.mu is held.
func (r *reporter) atWork() bool {
	for _, run := range r.runs {
		if run.Ended.IsZero() || r.publisher != nil {
			return true
		}
	}
	return len(r.topicReaders()) > 0
}

// topicReaders are the ids of the receivers of Kafka, in order; r.mu is held.
func (r *reporter) topicReaders() (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(r.guarantees)) {
		if r.guarantees[id].Source != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// NotifyConfigSnapshot checks what accepted means behind each receiver of mlflow, kafka and otlp, and refuses a
// configuration in which components can't do what they are told to, and one with a damaged file of
// file_storage. The collector calls it after extensions and before pipelines start.
func (r *reporter) NotifyConfigSnapshot(_ context.Context, conf extensioncapabilities.ConfigSnapshot) error {
	effective := conf.Effective().ToStringMap()
	guarantees := delivery.Check(effective, r.cfg.WaitsForResult)
	r.mu.Lock()
	r.guarantees, r.readers, r.settings = guarantees, delivery.Readers(effective), report.Settings(conf.Effective())
	r.mu.Unlock()
	if err := delivery.Refusal(guarantees, false); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(guarantees)) {
		f := guarantees[name]
		for _, path := range f.Files {
			if err := endTornLine(path); err != nil {
				r.log.Warn("An output can't be prepared for appending", zap.String("path", path), zap.Error(err))
			}
		}
		log := r.log.Info
		if len(f.Unsafe) > 0 {
			log = r.log.Warn
		}
		var destinations, topics []string
		for _, d := range f.Destinations {
			destinations = append(destinations, fmt.Sprintf("%s: %s", d.Name, d.Delivery))
		}
		for _, t := range f.Topics {
			topics = append(topics, fmt.Sprintf("%s: %s", t.Name, t.Delivery))
		}
		fields := []zap.Field{zap.String("receiver", name), zap.String("delivery", string(f.Delivery)),
			zap.Strings("destinations", destinations)}
		if len(topics) > 0 {
			fields = append(fields, zap.Strings("topics", topics))
		}
		log("Delivery check", append(fields, zap.Strings("notes", f.Notes))...)
	}
	return errors.Join(delivery.Refusal(guarantees, r.cfg.Strict), storagefile.CheckAll(effective))
}

// writeEvery is how often the report is written while a run goes on.
const writeEvery = time.Minute

// writeAnyway writes the report of a process that goes on whether or not it can be written; r.mu is held.
func (r *reporter) writeAnyway() {
	if _, err := r.write(false); err != nil {
		r.log.Error("The report can't be written", zap.Error(err))
	}
}

// Shutdown writes the final report: extensions stop last, when receivers and processors are done
// and exporters have drained. A process that came to nothing leaves the report of an earlier one
// alone, unless it has replaced it already.
func (r *reporter) Shutdown(context.Context) error {
	if r.stop != nil {
		close(r.stop)
		r.done.Wait()
		r.stop = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	reported := len(r.runs)+len(r.destinations) > 0 || !r.written.IsZero()
	for _, p := range r.refinements {
		reported = reported || p.Spans > 0
	}
	for _, p := range r.peers {
		reported = reported || p.Counts().Requests > 0
	}
	if reported {
		doc, err := r.write(true)
		errs = append(errs, err, report.Summary(r.out, doc, r.cfg.pageFile(), r.cfg.Path))
	}
	r.reset()
	if r.skips != nil {
		errs = append(errs, r.skips.Close())
		r.skips = nil
	}
	return errors.Join(errs...)
}

// write makes the document and replaces the file with it; final says that the process ends. r.mu is held.
func (r *reporter) write(final bool) (report.Document, error) {
	byName := func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) }
	r.sequence++
	in := report.Input{SkipFile: r.cfg.skipFile(), MissingFile: r.cfg.missingFile(), Version: r.version,
		ID: r.id, Process: process, Sequence: r.sequence, Final: final, Earlier: r.earlier, Configuration: r.settings,
		Behind: func(receiver string) delivery.Guarantee {
			f, _ := r.guarantee(receiver)
			return f
		}}
	in.TopicReaders = r.topicReaders()
	for _, id := range slices.SortedFunc(maps.Keys(r.runs), byName) {
		in.Runs = append(in.Runs, r.runs[id])
	}
	for _, id := range slices.SortedFunc(maps.Keys(r.refinements), byName) {
		in.Refinements = append(in.Refinements, r.refinements[id])
	}
	for _, id := range slices.Sorted(maps.Keys(r.readers)) {
		in.Answers = append(in.Answers, report.Answers{Extension: id, Exporters: r.readers[id],
			Counts: r.peers[id].Counts()})
	}
	in.Destinations = slices.Collect(maps.Values(r.destinations))
	missing := report.Missing(&in)
	listed := replaceLines(r.cfg.missingFile(), missing)
	doc := report.New(in, time.Now())
	body, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return doc, errors.Join(listed, err)
	}
	r.written = time.Now()
	err = errors.Join(listed, replace(r.cfg.Path, append(body, '\n')))
	if r.publisher != nil {
		r.publisher.PublishReport(r.id, body)
	}
	shown := page.Input{Document: doc, Progress: map[string]page.Progress{}, ReportFile: filepath.Base(r.cfg.Path),
		SkipFile: filepath.Base(r.cfg.skipFile()), MissingFile: filepath.Base(r.cfg.missingFile()),
		MissingLines: len(missing), Examples: r.cfg.Examples}
	for id, p := range r.live {
		shown.Progress[id.String()] = p
	}
	body, rendered := page.Render(shown)
	if rendered == nil {
		rendered = replace(r.cfg.pageFile(), body)
	}
	return doc, errors.Join(err, rendered)
}

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient.
func (r *reporter) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, base http.RoundTripper) (http.RoundTripper, error) {
		return r.answers.RoundTripper(base), nil
	}, nil
}

// GetGRPCClientOptions implements extensionmiddleware.GRPCClient. The interceptor joins those that
// are there: a plain one would replace the interceptor that sends the configured headers.
func (r *reporter) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(r.answers.Interceptor)}, nil
}
