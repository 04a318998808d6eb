// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package faults breaks what lies around a collector: requests on their way to a server, by route and
// time, and the process itself, at random moments. Its tests run in a short form with all others. Their
// flags make the long form, which make faults runs.
package faults

import (
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Fault is what happens to a request on its way. The zero value lets it pass.
type Fault struct {
	Status int         // not 0: the proxy answers with this status, Header and Body
	Header http.Header // of such an answer
	Body   string
	Reset  bool          // the connection is closed, and the server does not see the request
	Hang   bool          // no answer comes until the client has gone
	Lost   bool          // the server has answered, and the connection is closed
	Cut    int           // > 0: only so many bytes of the server's answer come
	Pause  time.Duration // > 0: it comes before each byte of the server's answer
}

// passes reports whether the client gets the whole answer of the server.
func (f Fault) passes() bool { return f.Status == 0 && !f.Reset && !f.Hang && !f.Lost && f.Cut == 0 }

// Script decides about a request. since is the time from the first request on.
type Script func(r *http.Request, since time.Duration) Fault

// Seen is a request that came to a proxy.
type Seen struct {
	At    time.Time
	URI   string // path and query
	Fault Fault
}

// Proxy stands before a server.
type Proxy struct {
	*httptest.Server
	target string // address of the server
	client http.Client

	mu     sync.Mutex
	script Script
	seen   []Seen
}

// NewProxy starts a proxy before a server. Everything passes until Script is called.
func NewProxy(t testing.TB, target string) *Proxy {
	p := &Proxy{target: target, client: http.Client{
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.CloseClientConnections()
		p.Close()
		p.client.CloseIdleConnections()
	})
	return p
}

// Script replaces what happens to requests; nil lets them pass.
func (p *Proxy) Script(s Script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = s
}

// Seen returns the requests that came so far.
func (p *Proxy) Seen() []Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Seen(nil), p.seen...)
}

// Faults is the number of requests that did not pass, and of all.
func (p *Proxy) Faults() (faults, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.seen {
		if !s.Fault.passes() {
			faults++
		}
	}
	return faults, len(p.seen)
}

func (p *Proxy) decide(r *http.Request) (f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	first := now
	if len(p.seen) > 0 {
		first = p.seen[0].At
	}
	if p.script != nil {
		f = p.script(r, now.Sub(first))
	}
	p.seen = append(p.seen, Seen{At: now, URI: r.URL.RequestURI(), Fault: f})
	return f
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := p.decide(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	switch {
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Hang:
		<-r.Context().Done()
		return
	case f.Status != 0:
		maps.Copy(w.Header(), f.Header)
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
		return
	}
	to := p.target + r.URL.RequestURI()
	request, err := http.NewRequestWithContext(r.Context(), r.Method, to, bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	request.Header = r.Header.Clone()
	res, err := p.client.Do(request)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || f.Lost {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), res.Header)
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(res.StatusCode)
	switch {
	case f.Cut > 0:
		_, _ = w.Write(answer[:min(f.Cut, max(0, len(answer)-1))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case f.Pause > 0:
		trickle(w, r, answer, f.Pause)
	default:
		_, _ = w.Write(answer)
	}
}

// trickle writes one byte at a time until the client has gone.
func trickle(w http.ResponseWriter, r *http.Request, answer []byte, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for i := range answer {
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
		_, _ = w.Write(answer[i : i+1])
		_ = http.NewResponseController(w).Flush()
	}
}

// Trouble are the faults that pass: statuses that ask for another try, broken connections, and answers
// that are lost or cut.
var Trouble = []Fault{
	{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0"}}},
	{Status: http.StatusInternalServerError}, {Status: http.StatusBadGateway},
	{Status: http.StatusServiceUnavailable}, {Status: http.StatusGatewayTimeout},
	{Reset: true}, {Lost: true}, {Cut: 20},
}

// Random breaks a share of the requests, each in one of the ways. The same seed makes the same choices.
func Random(seed uint64, share float64, ways []Fault) Script {
	random := rand.New(rand.NewPCG(seed, 1)) // Proxy calls a script under its lock
	return func(*http.Request, time.Duration) Fault {
		if random.Float64() >= share {
			return Fault{}
		}
		return ways[random.IntN(len(ways))]
	}
}
