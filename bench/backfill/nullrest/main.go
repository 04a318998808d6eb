// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command nullrest is the null client of the REST backfill: the same requests, as many of them in
// flight, answers read and dropped.
//
//	nullrest record URL FILE   forwards requests to URL, writes them to FILE and ends with its
//	                           standard input; prints the address to send them to
//	nullrest replay URL FILE   sends the requests of FILE to URL again and prints {"requests", "bytes", "seconds"}
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

// recorded is a request, and how many requests before it were answered when it came: sending it
// again when as many are answered repeats the concurrency.
type recorded struct {
	Method   string `json:"method"`
	Address  string `json:"address"` // path and query
	Body     []byte `json:"body,omitempty"`
	Answered int    `json:"answered"`
}

func main() {
	if len(os.Args) != 4 {
		fail(errors.New("usage: nullrest record|replay URL FILE"))
	}
	to, err := url.Parse(os.Args[2])
	if err != nil {
		fail(err)
	}
	switch os.Args[1] {
	case "record":
		err = record(to, os.Args[3])
	case "replay":
		err = replay(to, os.Args[3])
	default:
		err = fmt.Errorf("%q is neither record nor replay", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "nullrest:", err)
	os.Exit(1)
}

func record(to *url.URL, file string) error {
	var mu sync.Mutex
	var list []recorded
	answered := 0
	proxy := httputil.NewSingleHostReverseProxy(to)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Host = to.Host
		mu.Lock()
		list = append(list, recorded{r.Method, r.URL.RequestURI(), body, answered})
		mu.Unlock()
		defer func() {
			mu.Lock()
			answered++
			mu.Unlock()
		}()
		proxy.ServeHTTP(w, r)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	if err := server.Close(); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func replay(to *url.URL, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var list []recorded
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	var (
		mu       sync.Mutex
		change   = sync.NewCond(&mu)
		answered int
		total    int64
		failure  error
		wg       sync.WaitGroup
	)
	begin := time.Now()
	for _, r := range list {
		mu.Lock()
		for answered < r.Answered {
			change.Wait()
		}
		err := failure
		mu.Unlock()
		if err != nil {
			break
		}
		wg.Go(func() {
			n, err := send(to, r)
			mu.Lock()
			defer mu.Unlock()
			answered++
			total += n
			failure = errors.Join(failure, err)
			change.Broadcast()
		})
	}
	wg.Wait()
	if failure != nil {
		return failure
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	return json.NewEncoder(out).Encode(map[string]any{"requests": len(list), "bytes": total,
		"seconds": time.Since(begin).Seconds()})
}

func send(to *url.URL, r recorded) (int64, error) {
	req, err := http.NewRequest(r.Method, to.Scheme+"://"+to.Host+r.Address, bytes.NewReader(r.Body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	return io.Copy(io.Discard, res.Body)
}
