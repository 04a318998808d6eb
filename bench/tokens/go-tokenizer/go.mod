module github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/go-tokenizer

go 1.26.0

replace github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/harness => ../harness

require github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/harness v0.0.0-00010101000000-000000000000

require github.com/tiktoken-go/tokenizer v0.10.0

require github.com/dlclark/regexp2/v2 v2.5.1 // indirect
