// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package harness measures token counters. A program built on it takes an encoding and files, and
// prints JSON lines: one about loading, then one per file. A FILE ending in .docs is a sequence of
// documents, each a little-endian uint32 length and that many bytes of UTF-8; any other file is one
// document.
//
// Environment: BENCH_REPS, the most passes over a file (5); BENCH_MAX_S, seconds after which no new
// pass starts (8); BENCH_COUNTS=1 adds the count of every document.
package harness

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Run measures the counter that load returns for an encoding.
func Run(tool string, load func(encoding string) (count func(string) int, err error)) {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage:", tool, "ENCODING FILE...")
		os.Exit(2)
	}
	encoding := os.Args[1]
	before, t := memory("VmRSS"), time.Now()
	count, err := load(encoding)
	if err != nil {
		print(map[string]any{"tool": tool, "encoding": encoding, "error": err.Error()})
		return
	}
	hello := count("hello world")
	seconds, peak, after := time.Since(t).Seconds(), memory("VmHWM"), memory("VmRSS")
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	print(map[string]any{"tool": tool, "encoding": encoding, "load_seconds": seconds, "hello_tokens": hello,
		"rss_before_kb": before, "rss_loaded_kb": after, "rss_peak_load_kb": peak, "heap_live_bytes": m.HeapAlloc})
	for _, path := range os.Args[2:] {
		r, err := measure(path, count)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		r["tool"], r["encoding"] = tool, encoding
		print(r)
	}
}

func measure(path string, count func(string) int) (map[string]any, error) {
	docs, size, err := read(path)
	if err != nil {
		return nil, err
	}
	reps, budget := setting("BENCH_REPS", 5), setting("BENCH_MAX_S", 8)
	var passes, cpus []float64
	total, tokens := 0.0, 0
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for len(passes) == 0 || (float64(len(passes)) < reps && total < budget) {
		t, cpu := time.Now(), cpuSeconds()
		tokens = 0
		for _, d := range docs {
			tokens += count(d)
		}
		s := time.Since(t).Seconds()
		passes, cpus, total = append(passes, s), append(cpus, cpuSeconds()-cpu), total+s
	}
	runtime.ReadMemStats(&after)
	best, bestCPU := passes[0], cpus[0]
	for i := range passes {
		best, bestCPU = min(best, passes[i]), min(bestCPU, cpus[i])
	}
	n := float64(len(passes))
	r := map[string]any{"corpus": filepath.Base(path), "bytes": size, "docs": len(docs), "tokens": tokens,
		"seconds_min": best, "seconds_first": passes[0], "cpu_min": bestCPU, "cpu_first": cpus[0],
		"passes": len(passes), "mb_s": float64(size) / best / 1e6, "rss_peak_kb": memory("VmHWM"),
		"alloc_bytes_per_byte": float64(after.TotalAlloc-before.TotalAlloc) / n / float64(max(size, 1)),
		"allocs_per_doc":       float64(after.Mallocs-before.Mallocs) / n / float64(max(len(docs), 1))}
	if os.Getenv("BENCH_COUNTS") != "" {
		counts := make([]int, len(docs))
		for i, d := range docs {
			counts[i] = count(d)
		}
		r["counts"] = counts
	}
	return r, nil
}

func read(path string) (docs []string, size int, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	if !strings.HasSuffix(path, ".docs") {
		return []string{string(data)}, len(data), nil
	}
	for r := bytes.NewBuffer(data); r.Len() >= 4; {
		n := int(binary.LittleEndian.Uint32(r.Next(4)))
		docs = append(docs, string(r.Next(n)))
		size += n
	}
	return docs, size, nil
}

func print(line map[string]any) {
	b, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(b))
}

// memory returns a line of /proc/self/status in KB, 0 where there is no such file.
func memory(key string) int {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == key+":" {
			n, _ := strconv.Atoi(f[1])
			return n
		}
	}
	return 0
}

// cpuSeconds includes the threads of the garbage collector.
func cpuSeconds() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

func setting(key string, otherwise float64) float64 {
	if v, err := strconv.ParseFloat(os.Getenv(key), 64); err == nil {
		return v
	}
	return otherwise
}
