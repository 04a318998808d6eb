// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command fakeworkspace serves a fake Databricks workspace on loopback, to go through
// docs/how-to/databricks.md without a workspace. It prints the environment variables that the
// shipped configurations read, and at the end, on standard error, the tables and views with their
// rows. All is kept in memory. Views show nothing: no SQL is executed.
//
//	go run ./internal/databricks/databrickstest/fakeworkspace > workspace.env
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

const environment = `export DATABRICKS_HOST=%s
export OTELCOL_MLFLOW_CATALOG=main OTELCOL_MLFLOW_SCHEMA=agents OTELCOL_MLFLOW_PREFIX=support_bot
export DATABRICKS_CLIENT_ID=writer DATABRICKS_CLIENT_SECRET=writer-secret OTELCOL_MLFLOW_WAREHOUSE=%s
export DATABRICKS_ADMIN_CLIENT_ID=admin DATABRICKS_ADMIN_CLIENT_SECRET=admin-secret
export OTELCOL_MLFLOW_DATABRICKS_EXPERIMENT=/Shared/support-bot
`

// run serves until the context ends.
func run(ctx context.Context, args []string, out, end io.Writer) error {
	flags := flag.NewFlagSet("fakeworkspace", flag.ContinueOnError)
	flags.SetOutput(end)
	address := flags.String("address", "127.0.0.1:0", "address to listen on, loopback only")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	w, err := databrickstest.Start(databrickstest.Options{Address: *address})
	if err != nil {
		return err
	}
	defer w.Close()
	w.Set(func(s *databrickstest.Switches) { s.ForgetBodies = true })
	w.CreateSchema("main", "agents")
	w.AddServicePrincipal("writer", "writer-secret")
	w.AddServicePrincipal("admin", "admin-secret")
	for _, on := range []string{"main", "main.agents"} {
		w.Grant("admin", on, "ALL_PRIVILEGES", "MANAGE")
	}
	fmt.Fprintf(out, environment, w.URL(), databrickstest.WarehouseID)
	<-ctx.Done()
	for _, name := range w.Tables() {
		fmt.Fprintf(end, "%-17s %8d rows  %s\n", w.Table(name).Kind, len(w.WrittenRows(name)), name)
	}
	return nil
}
