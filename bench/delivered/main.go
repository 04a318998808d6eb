// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command delivered makes a set of delivered traces in file_storage and measures it: the file before and after
// compaction, the time of a unit, the time to open it, the time to look up a page, and the memory of all that. Each
// phase is a process of its own.
//
//	delivered [-traces N] [-experiments N] [-days N] [-unit N] [-fsync] DIRECTORY
//
// DIRECTORY must be empty or missing; what is made stays there.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

const (
	first    = mlflow.Day(20_000)
	pageSize = 500
	pages    = 400
	// digestDays is how many of the last days have digests of what may change late.
	digestDays = 7
)

var (
	traces      = flag.Int("traces", 10_000_000, "number of traces")
	experiments = flag.Int("experiments", 1, "number of experiments, in work at the same time")
	days        = flag.Int("days", 90, "number of days that the traces are spread over")
	unit        = flag.Int("unit", 200, "number of traces of a unit; each unit is written in a Batch of its own")
	fsync       = flag.Bool("fsync", false, "fsync of file_storage")
	phase       = flag.String("phase", "", "internal: write, compact or read")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "delivered:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if flag.NArg() != 1 {
		return errors.New("usage: delivered [flags] DIRECTORY")
	}
	directory := flag.Arg(0)
	switch *phase {
	case "write":
		return report(func() (map[string]string, error) { return write(ctx, directory) })
	case "compact":
		return report(func() (map[string]string, error) { return compact(ctx, directory) })
	case "read":
		return report(func() (map[string]string, error) { return read(ctx, directory) })
	}
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return err
	}
	if there, err := os.ReadDir(directory); err != nil || len(there) > 0 {
		return errors.Join(err, fmt.Errorf("%s is not empty", directory))
	}
	fmt.Printf("%d traces over %d days in %d experiments, units of %d, fsync %v\n", *traces, *days, *experiments, *unit,
		*fsync)
	for _, p := range []string{"write", "compact", "read"} {
		c := exec.CommandContext(ctx, os.Args[0], append([]string{"-phase", p}, os.Args[1:]...)...)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}

// report prints what a phase measured, and the largest amount of memory that is not a part of a file.
func report(measure func() (map[string]string, error)) error {
	var peak atomic.Int64
	done, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), anonymous()))
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	figures, err := measure()
	close(done)
	<-sampled
	if err != nil {
		return err
	}
	figures["CPU"] = cpu().Round(10 * time.Millisecond).String()
	figures["memory"] = fmt.Sprintf("%d MB", peak.Load()>>20)
	for _, name := range slices.Sorted(maps.Keys(figures)) {
		fmt.Printf("  %s, %s: %s\n", *phase, name, figures[name])
	}
	return nil
}

// cpu is the time that the process has used its processors: other work on the machine changes it less than the clock's.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// anonymous is the memory of this process without pages of files, in bytes; 0 where the system does not tell.
func anonymous() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if fields := strings.Fields(in.Text()); len(fields) == 3 && fields[0] == "RssAnon:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// open opens the storage as the collector does.
func open(ctx context.Context, directory string, compaction bool) (storage.Client, func() error, error) {
	factory := filestorage.NewFactory()
	config := factory.CreateDefaultConfig().(*filestorage.Config)
	config.Directory, config.FSync = directory, *fsync
	config.Compaction.Directory, config.Compaction.OnStart = directory, compaction
	config.Compaction.CleanupOnStart = compaction
	e, err := factory.Create(ctx, extensiontest.NewNopSettings(factory.Type()), config)
	if err != nil {
		return nil, nil, err
	}
	if err := e.Start(ctx, componenttest.NewNopHost()); err != nil {
		return nil, nil, err
	}
	id := component.MustNewID("mlflow")
	client, err := e.(storage.Extension).GetClient(ctx, component.KindReceiver, id, "")
	if err != nil {
		return nil, nil, err
	}
	return client, func() error { return errors.Join(client.Close(ctx), e.Shutdown(ctx)) }, nil
}

func name(experiment int) string { return fmt.Sprintf("0123456789abcdef/%d", experiment) }

// trace is a trace of an experiment: they follow on each other evenly.
func trace(experiment, n int) delivered.Trace {
	span := int64(*days) * mlflow.MillisPerDay
	info := mlflow.Info{
		ID:        fmt.Sprintf("tr-%016x%016x", experiment, n),
		Timestamp: first.Start() + int64(float64(n)/float64(*traces / *experiments)*float64(span)),
		Duration:  int64(1000 + n%5000), State: mlflow.StateOK,
	}
	t := delivered.NewTrace(&info, 4)
	if t.Day() >= first+mlflow.Day(*days-digestDays) {
		t.Digest = t.Hash | 1
	}
	return t
}

func write(ctx context.Context, directory string) (map[string]string, error) {
	client, stop, err := open(ctx, directory, false)
	if err != nil {
		return nil, err
	}
	type experiment struct {
		set     *delivered.Set
		listing *delivered.Listing
	}
	to := (first + mlflow.Day(*days)).Start()
	all := make([]experiment, *experiments)
	for i := range all {
		if all[i].set, err = delivered.Open(ctx, client, name(i), 0); err != nil {
			return nil, err
		}
		if all[i].listing, _, err = all[i].set.List(ctx, first.Start(), to); err != nil {
			return nil, err
		}
	}
	var durations []time.Duration
	var bytes int64
	each := *traces / *experiments
	batch := func(i int, c *delivered.Changes) error {
		c.Position = append(c.Position, storage.SetOperation("position/"+name(i), position(len(durations))))
		ops := c.Operations()
		for _, op := range ops {
			bytes += int64(len(op.Value))
		}
		return client.Batch(ctx, ops...)
	}
	for n := 0; n < each; n += *unit {
		for i, x := range all {
			page := make([]delivered.Trace, 0, *unit)
			for k := n; k < min(n+*unit, each); k++ {
				page = append(page, trace(i, k))
			}
			begin := time.Now()
			known, err := x.set.Has(ctx, page)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(known, func(k delivered.Known) bool { return k != delivered.New }) {
				return nil, errors.New("a trace is known that was never added")
			}
			last := page[len(page)-1]
			upto := mlflow.Position{Timestamp: last.Timestamp, ID: "tr-0123456789abcdef0123456789abcdef"}
			if err := errors.Join(x.set.Add(ctx, page), x.listing.Page(ctx, page, upto, to)); err != nil {
				return nil, err
			}
			if err := batch(i, x.set.Changes()); err != nil {
				return nil, err
			}
			x.set.Applied()
			durations = append(durations, time.Since(begin))
		}
	}
	for i, x := range all {
		if err := x.listing.End(ctx, to); err != nil {
			return nil, err
		}
		if err := batch(i, x.set.Changes()); err != nil {
			return nil, err
		}
		x.set.Applied()
	}
	if err := stop(); err != nil {
		return nil, err
	}
	figures := map[string]string{
		"unit":            quantiles(durations),
		"CPU per unit":    (cpu() / time.Duration(len(durations))).Round(time.Microsecond).String(),
		"bytes per trace": strconv.FormatInt(bytes/int64(*traces), 10), "file": size(directory),
	}
	return figures, nil
}

// position is as long as the record of a position.
func position(n int) []byte {
	body := slices.Repeat([]byte("0123456789"), 30)
	binary.LittleEndian.PutUint64(body, uint64(n))
	return fmt.Appendf(nil, "mlflow-position-2 %08x %s", crc32.ChecksumIEEE(body), body)
}

func compact(ctx context.Context, directory string) (map[string]string, error) {
	begin := time.Now()
	_, stop, err := open(ctx, directory, true)
	if err != nil {
		return nil, err
	}
	took := time.Since(begin)
	if err := stop(); err != nil {
		return nil, err
	}
	return map[string]string{"file": size(directory), "time": took.Round(time.Millisecond).String()}, nil
}

func read(ctx context.Context, directory string) (map[string]string, error) {
	begin := time.Now()
	client, stop, err := open(ctx, directory, false)
	if err != nil {
		return nil, err
	}
	set, err := delivered.Open(ctx, client, name(0), 0)
	if err != nil {
		return nil, err
	}
	opened := time.Since(begin)
	state, err := set.Days(ctx)
	if err != nil {
		return nil, err
	}
	loaded := time.Since(begin)
	var sum int64
	for _, d := range state {
		if !d.Closed || d.Gone > 0 || d.Delivered != d.Counts.Traces {
			return nil, fmt.Errorf("day %s is wrong: %+v", d.Date, d)
		}
		sum += d.Delivered
	}
	each := *traces / *experiments
	if sum != int64(each) {
		return nil, fmt.Errorf("%d traces of %d are there", sum, each)
	}
	sets := map[int]*delivered.Set{0: set}
	r := rand.New(rand.NewPCG(1, 2))
	var cold, warm []time.Duration
	for range pages {
		i, n := r.IntN(*experiments), r.IntN(max(1, each-pageSize))
		if sets[i] == nil {
			if sets[i], err = delivered.Open(ctx, client, name(i), 0); err != nil {
				return nil, err
			}
		}
		page := make([]delivered.Trace, 0, pageSize)
		for k := n; k < min(n+pageSize, each); k++ {
			page = append(page, trace(i, k))
		}
		for _, times := range []*[]time.Duration{&cold, &warm} {
			begin := time.Now()
			known, err := sets[i].Has(ctx, page)
			if err != nil {
				return nil, err
			}
			*times = append(*times, time.Since(begin))
			if slices.ContainsFunc(known, func(k delivered.Known) bool { return k != delivered.Delivered }) {
				return nil, errors.New("a trace that was added is not known")
			}
		}
		if *experiments > 1 {
			delete(sets, i) // an engine has a few in work
		}
	}
	if err := stop(); err != nil {
		return nil, err
	}
	return map[string]string{
		"open":          opened.Round(10 * time.Microsecond).String(),
		"open and days": loaded.Round(10 * time.Microsecond).String(),
		"page of 500":   quantiles(cold), "page of 500 again": quantiles(warm),
	}, nil
}

// size is that of the files in a directory.
func size(directory string) string {
	files, _ := filepath.Glob(filepath.Join(directory, "*"))
	var sum int64
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			sum += info.Size()
		}
	}
	return fmt.Sprintf("%.1f MB", float64(sum)/1e6)
}

func quantiles(times []time.Duration) string {
	var sum time.Duration
	for _, d := range times {
		sum += d
	}
	slices.Sort(times)
	at := func(q float64) time.Duration {
		return times[int(q*float64(len(times)-1))].Round(10 * time.Microsecond)
	}
	mean := (sum / time.Duration(len(times))).Round(10 * time.Microsecond)
	return fmt.Sprintf("mean %s, median %s, p99 %s, max %s", mean, at(.5), at(.99), at(1))
}
