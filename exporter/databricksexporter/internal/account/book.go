package account

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Settings is what a book needs.
type Settings struct {
	Exporter component.ID
	Signal   string // as the collector spells it
	Observer Observer
	Log      *zap.Logger
	Now      func() time.Time
}

// Book is all accounts of one exporter.
type Book struct {
	exporter component.ID
	signal   string
	observer Observer
	log      *zap.Logger
	now      func() time.Time

	mu       sync.Mutex
	accounts []*Account
	sink     progress.DestinationSink
	status   func(error)
	closed   bool
}

// New opens a book.
func New(s Settings) *Book {
	return &Book{exporter: s.Exporter, signal: s.Signal, observer: s.Observer, log: s.Log, now: s.Now}
}

// Open opens an account under the name of a table, or, when the table is not known yet, of what it is looked up by.
func (b *Book) Open(name string, known bool) *Account {
	a := &Account{book: b, name: name, known: known, said: map[string]time.Time{}}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts = append(b.accounts, a)
	return a
}

// Connect tells where states are published (may be nil) and who hears of the exporter's status: an error while data of any destination waits, nil once none does.
func (b *Book) Connect(sink progress.DestinationSink, status func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sink, b.status = sink, status
}

// changed logs, publishes and reports a change between waiting and flowing, or of the reason for waiting.
func (b *Book) changed(a *Account, log bool) {
	message, _ := a.Waiting()
	switch {
	case !log:
	case message != "":
		b.log.Warn("Data for a destination waits", zap.String("destination", a.Name()), zap.String("reason", message))
	default:
		b.log.Info("Data flows to a destination again", zap.String("destination", a.Name()))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.publish(a.Name(), nil)
	if b.status != nil {
		b.status(b.waiting())
	}
}

// waiting is nil, or an error that names the destinations whose data waits and why; b.mu is held.
func (b *Book) waiting() error {
	const most = 3
	var texts []string
	n := 0
	for _, a := range b.accounts {
		if message, _ := a.Waiting(); message != "" {
			if n++; n <= most {
				texts = append(texts, a.Name()+": "+message)
			}
		}
	}
	switch {
	case n == 0:
		return nil
	case n > most:
		texts = append(texts, fmt.Sprintf("and %d more", n-most))
	}
	return errors.New(strings.Join(texts, "; "))
}

// publish sends the state of a table, summed over the accounts that turned out to mean it; b.mu is held. A table that is not known is left for the end.
func (b *Book) publish(name string, verified map[string]progress.Destination) {
	if b.sink == nil {
		return
	}
	d, known := b.sum(name)
	if known || verified != nil && (d.Held != "" || len(d.Problems) > 0) {
		if v, ok := verified[name]; ok {
			d.Verification, d.Detail, d.Arrived, d.Missing, d.Repeated = v.Verification, v.Detail, v.Arrived, v.Missing, v.Repeated
			d.Problems = append(d.Problems, v.Problems...)
		} else if verified != nil && d.Sent == 0 && d.Held == "" {
			d.Verification, d.Detail = progress.Arrived, "nothing was sent there"
		} else if verified != nil && d.Sent == 0 {
			d.Detail = "nothing was sent there: data waits"
		} else if verified != nil {
			d.Detail = "nobody counted in the table: only spans are counted"
		}
		b.sink.PublishDestination(d)
	}
}

func (b *Book) sum(name string) (progress.Destination, bool) {
	var sum progress.Destination
	first, known := true, false
	for _, a := range b.accounts {
		d, k := a.snapshot(b.exporter, b.signal)
		if d.Name != name {
			continue
		}
		known = known || k
		if first {
			sum, first = d, false
			continue
		}
		sum.Sent += d.Sent
		sum.Rejected += d.Rejected
		sum.DeadLettered += d.DeadLettered
		sum.Problems = append(sum.Problems, d.Problems...)
		if sum.Held == "" {
			sum.Held, sum.HeldSince = d.Held, d.HeldSince
		}
	}
	return sum, known
}

// Waiters counts the destinations whose data waits.
func (b *Book) Waiters() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, a := range b.accounts {
		if message, _ := a.Waiting(); message != "" {
			names = append(names, a.Name())
		}
	}
	return names
}

// Close publishes everything a last time, with what verification found, and says nothing afterwards. It may be called twice.
func (b *Book) Close(verified []progress.Destination) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	found := map[string]progress.Destination{}
	for _, v := range verified {
		found[v.Name] = v
	}
	var names []string
	for _, a := range b.accounts {
		names = append(names, a.Name())
	}
	slices.SortFunc(names, cmp.Compare[string])
	for _, name := range slices.Compact(names) {
		b.publish(name, found)
	}
}
