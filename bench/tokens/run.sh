#!/bin/bash
# Measures the token counter beside its peers, one thread, tools interleaved corpus by corpus and round by round, each in a process of its
# own, and prints the table. Needs Go, Python 3, cargo, and their package registries the first time; all that is built or downloaded goes to
# ${XDG_CACHE_HOME:-~/.cache}/otelcol-mlflow/bench-tokens.
#
# usage: run.sh          environment: ENCODINGS, CORPORA, ADVERSARIAL (kind-size), TOOLS, ROUNDS, and those of harness/harness.go
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-mlflow/bench-tokens
bin=$cache/bin corpora=$cache/corpora
venv=$cache/venv-$(sha256sum "$here/python/requirements.txt" | cut -c1-12)
export TIKTOKEN_CACHE_DIR=$cache/tiktoken
mkdir -p "$bin" "$TIKTOKEN_CACHE_DIR"

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import tiktoken' 2>/dev/null; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --requirement "$here/python/requirements.txt"
fi
# tiktoken looks for a vocabulary under the SHA-1 of its address, and checks the SHA-256 of the file.
assets=$(cd "$here/go-pkoukk" && go mod download github.com/pkoukk/tiktoken-go-loader && go list -m -f '{{.Dir}}' github.com/pkoukk/tiktoken-go-loader)/assets
for name in r50k_base p50k_base cl100k_base o200k_base; do
	install -m 644 "$assets/$name.tiktoken" "$TIKTOKEN_CACHE_DIR/$(printf %s "https://openaipublic.blob.core.windows.net/encodings/$name.tiktoken" | sha1sum | cut -c1-40)"
done
[ -d "$corpora/adv" ] || "$venv/bin/python" "$here/python/corpora.py" "$corpora"

go -C "$here/.." build -o "$bin/otelcol-mlflow" ./tokens
go -C "$here/go-pkoukk" build -o "$bin/tiktoken-go" .
go -C "$here/go-tokenizer" build -o "$bin/tokenizer" .
CARGO_TARGET_DIR=$cache/target cargo build --quiet --release --locked --manifest-path "$here/rust/Cargo.toml"

run() { # TOOL ENCODING FILE
	local command
	case $1 in
	tiktoken) command=("$venv/bin/python" "$here/python/bench.py") ;;
	bpe-openai | toktok) command=("$cache/target/release/b-$1") ;;
	*) command=("$bin/$1") ;;
	esac
	timeout 300 "${command[@]}" "$2" "$3" 2>/dev/null >>"$results" || true
}

results=$cache/results.jsonl
: >"$results"
tools=${TOOLS:-otelcol-mlflow tiktoken bpe-openai toktok tiktoken-go tokenizer}
for encoding in ${ENCODINGS:-o200k_base cl100k_base}; do
	for ((round = 0; round < ${ROUNDS:-3}; round++)); do
		for corpus in ${CORPORA:-prose chat_json code short multilingual uniq}; do
			for tool in $tools; do
				case $tool/$round in tiktoken-go/[1-9]* | tokenizer/[1-9]*) continue ;; esac # slow, and steady enough
				run "$tool" "$encoding" "$corpora/$corpus.docs"
			done
		done
		for text in ${ADVERSARIAL:-$(cd "$corpora/adv" && ls -- *-524288.txt *-1048576.txt)}; do
			for tool in $tools; do
				case $tool in tiktoken-go | tokenizer) continue ;; esac # quadratic: minutes to hours
				BENCH_REPS=1 run "$tool" "$encoding" "$corpora/adv/${text%.txt}.txt"
			done
		done
	done
done
"$venv/bin/python" "$here/python/table.py" "$results"
