// Command fakeworkspace runs a fake Databricks workspace on loopback, to try configurations out and for demonstrations: it takes OTLP, answers the catalog's
// and the SQL
// routes, and prints at the end what arrived.
//
//	go run ./internal/databricks/databrickstest/fakeworkspace -location main.traces.agents -token dapi-demo
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

type settings struct {
	address, token, secret string
	locations              list
	layout                 unity.Layout
	ungranted              bool
	visibleAfter           time.Duration
	tracesPerSecond        int
}

func parse(args []string, errors io.Writer) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("fakeworkspace", flag.ContinueOnError)
	flags.SetOutput(errors)
	flags.StringVar(&s.address, "address", "127.0.0.1:0", "address to listen on, loopback only")
	flags.Var(&s.locations, "location", "tables to create, catalog.schema.prefix (catalog.schema with -layout v1); may be repeated")
	flags.StringVar((*string)(&s.layout), "layout", "v2", "layout of the tables: v2 or v1")
	flags.StringVar(&s.token, "token", "dapi-demo", "personal access token of the user demo@example.com")
	flags.StringVar(&s.secret, "service-principal", "", "client id and secret of a service principal, id:secret")
	flags.BoolVar(&s.ungranted, "ungranted", false, "create the tables, but let nobody write")
	flags.DurationVar(&s.visibleAfter, "visible-after", 0, "how long rows stay invisible")
	flags.IntVar(&s.tracesPerSecond, "traces-per-second", 0, "quota of the workspace; 0 is none")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	if s.layout != unity.V1 && s.layout != unity.V2 {
		return nil, fmt.Errorf("-layout: %q is none; write v1 or v2", s.layout)
	}
	return s, nil
}

// location reads catalog.schema.prefix.
func (s *settings) location(text string) (unity.Location, error) {
	parts := strings.Split(text, ".")
	var l unity.Location
	switch {
	case len(parts) == 3 && s.layout == unity.V2:
		l = unity.Location{Catalog: parts[0], Schema: parts[1], Prefix: parts[2]}
	case len(parts) == 2 && s.layout == unity.V1:
		l = unity.Location{Catalog: parts[0], Schema: parts[1]}
	default:
		return l, fmt.Errorf("-location: %q is none; write catalog.schema.prefix, or catalog.schema with -layout v1", text)
	}
	if err := l.Validate(s.layout); err != nil {
		return l, fmt.Errorf("-location: %w", err)
	}
	return l, nil
}

const user = "demo@example.com"

// run serves until the context ends.
func run(ctx context.Context, args []string, out, errors io.Writer) error {
	s, err := parse(args, errors)
	if err != nil {
		return err
	}
	var locations []unity.Location
	for _, text := range s.locations {
		l, err := s.location(text)
		if err != nil {
			return err
		}
		locations = append(locations, l)
	}
	id, secret, ok := strings.Cut(s.secret, ":")
	if s.secret != "" && (!ok || id == "" || secret == "") {
		return fmt.Errorf("-service-principal: write id:secret")
	}
	w, err := databrickstest.Start(databrickstest.Options{Address: s.address})
	if err != nil {
		return err
	}
	defer w.Close()
	w.Set(func(sw *databrickstest.Switches) {
		sw.VisibleAfter, sw.TracesPerSecond, sw.ForgetBodies = s.visibleAfter, s.tracesPerSecond, true
	})
	w.AddToken(s.token, user)
	who := []string{user}
	if id != "" {
		w.AddServicePrincipal(id, secret)
		who = append(who, id)
	}
	for _, l := range locations {
		w.CreateTables(l, s.layout)
		for _, p := range who {
			if !s.ungranted {
				w.GrantWriting(p, l.Table(unity.Spans, s.layout).String(), l.Table(unity.Logs, s.layout).String(), l.Table(unity.Metrics, s.layout).String())
			}
		}
	}
	fmt.Fprintf(out, "workspace  %s\nzerobus    %s\nwarehouse  %s\n", w.URL(), w.ZerobusURL(), databrickstest.WarehouseID)
	<-ctx.Done()
	for _, name := range w.Tables() {
		fmt.Fprintf(out, "%8d rows  %s\n", len(w.WrittenRows(name)), name)
	}
	return nil
}
