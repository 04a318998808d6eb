// A module of its own without requirements, so that the modules of the peers don't depend on those of the Collector.
module github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/harness

go 1.26.0
