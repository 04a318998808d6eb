// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
)

// checkOnly as the only argument makes the program look at the variables and do nothing else: a mistake is told
// before a build that takes minutes.
const checkOnly = "--check"

func main() {
	request, err := read(os.Environ())
	if err != nil {
		fail(err)
	}
	if len(os.Args) == 2 && os.Args[1] == checkOnly {
		return
	}
	if request.source == "" && os.Getenv("MLFLOW_TRACKING_URI") != "" {
		fmt.Println("MLFLOW_TRACKING_URI is set in your shell and not used, so that no server is read by accident.\n" +
			"To read it, write it behind make run: make run MLFLOW_TRACKING_URI=… EXPERIMENT=…")
	}
	if request.fresh {
		if err := removeResults(request.folder()); err != nil {
			fail(err)
		}
	}
	if request.lists() {
		fmt.Println("Experiments of this source:")
	}
	status, err := request.run()
	if err != nil {
		fail(err)
	}
	os.Exit(status)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "make run: "+err.Error())
	os.Exit(1)
}
