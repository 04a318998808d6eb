#!/bin/bash
# Measures the token counter beside its peers: one thread, tools interleaved corpus by corpus and round by round, each
# in a process of its own. Prints tables of CPU time. Needs Go, Python 3, cargo, and their package registries the first
# time. All that is built or downloaded goes to ${XDG_CACHE_HOME:-~/.cache}/otelcol-mlflow/bench-tokens.
#
# usage: run.sh                   two encodings, all corpora and tools: about half an hour
#        run.sh --short           o200k_base, one generated corpus, this counter and Python tiktoken: seconds, no cargo
#        run.sh --differential    no figures: compares counts with Python tiktoken on 250,000 hostile strings and
#                                 200,000 of each script, in four encodings; exits with 1 if any differs
#
# environment: ENCODINGS, CORPORA, ADVERSARIAL (kind-size, "none" for none), TOOLS, ROUNDS, those of harness/harness.go;
#              BASE=REVISION measures the counter of that git revision too, as the tool "base"
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cache=${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-mlflow/bench-tokens
bin=$cache/bin
corpora=$cache/corpora-$(sha256sum "$here/python/corpora.py" | cut -c1-12)
venv=$cache/venv-$(sha256sum "$here/python/requirements.txt" | cut -c1-12)
export TIKTOKEN_CACHE_DIR=$cache/tiktoken GOMAXPROCS=1
mkdir -p "$bin" "$TIKTOKEN_CACHE_DIR"

encodings=${ENCODINGS:-o200k_base cl100k_base}
names=${CORPORA:-prose chat_json code short multilingual uniq zh ja ko hi ar ru th de el}
tools=${TOOLS:-otelcol-mlflow tiktoken bpe-openai toktok tiktoken-go tokenizer}
rounds=${ROUNDS:-3} adversarial=${ADVERSARIAL:-}
case ${1:-} in
"" | --differential) ;;
--short)
	encodings=${ENCODINGS:-o200k_base} names=${CORPORA:-uniq} tools=${TOOLS:-otelcol-mlflow tiktoken}
	rounds=${ROUNDS:-1} adversarial=${ADVERSARIAL:-none}
	export BENCH_REPS=${BENCH_REPS:-3}
	;;
*) sed -n 's/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
[ -z "${BASE:-}" ] || tools="base $tools"

uses() { [[ " $tools " == *" $1 "* ]]; }

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import tiktoken' 2>/dev/null; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --requirement "$here/python/requirements.txt"
fi
# tiktoken looks for a vocabulary under the SHA-1 of its address, and checks the SHA-256 of the file.
loader=github.com/pkoukk/tiktoken-go-loader
assets=$(cd "$here/go-pkoukk" && go mod download $loader && go list -m -f '{{.Dir}}' $loader)/assets
for name in r50k_base p50k_base cl100k_base o200k_base; do
	address=https://openaipublic.blob.core.windows.net/encodings/$name.tiktoken
	install -m 644 "$assets/$name.tiktoken" "$TIKTOKEN_CACHE_DIR/$(printf %s "$address" | sha1sum | cut -c1-40)"
done

go -C "$here/.." build -o "$bin/otelcol-mlflow" ./tokens
if [ "${1:-}" = --differential ]; then
	exec "$venv/bin/python" "$here/python/differential.py" "$bin/otelcol-mlflow" --all
fi
if uses base; then
	rm -rf "$cache/base" && mkdir "$cache/base"
	git -C "$root" archive "$BASE" | tar -x -C "$cache/base"
	go -C "$cache/base/bench" build -o "$bin/base" ./tokens
fi
if uses tiktoken-go; then go -C "$here/go-pkoukk" build -o "$bin/tiktoken-go" .; fi
if uses tokenizer; then go -C "$here/go-tokenizer" build -o "$bin/tokenizer" .; fi
if uses bpe-openai || uses toktok; then
	CARGO_TARGET_DIR=$cache/target cargo build --quiet --release --locked --manifest-path "$here/rust/Cargo.toml"
fi
if [ "$adversarial" = none ]; then
	adversarial=
	"$venv/bin/python" "$here/python/corpora.py" "$corpora" $names
else
	"$venv/bin/python" "$here/python/corpora.py" "$corpora" $names adv
	adversarial=${adversarial:-$(cd "$corpora/adv" && ls -- *-524288.txt *-1048576.txt)}
fi

run() { # TOOL ENCODING FILE
	local command
	[ -e "$3" ] || return 0 # the machine lacks its sources
	case $1 in
	tiktoken) command=("$venv/bin/python" "$here/python/bench.py") ;;
	bpe-openai | toktok) command=("$cache/target/release/b-$1") ;;
	*) command=("$bin/$1") ;;
	esac
	timeout 300 "${command[@]}" "$2" "$3" 2>/dev/null |
		if [ "$1" = base ]; then sed 's/"tool":"otelcol-mlflow"/"tool":"base"/'; else cat; fi >>"$results" || true
}

results=$(mktemp)
trap 'rm -f "$results"' EXIT
for encoding in $encodings; do
	for ((round = 0; round < rounds; round++)); do
		for corpus in $names; do
			for tool in $tools; do
				case $tool/$round in tiktoken-go/[1-9]* | tokenizer/[1-9]*) continue ;; esac # slow, and steady enough
				run "$tool" "$encoding" "$corpora/$corpus.docs"
			done
		done
		for text in $adversarial; do
			for tool in $tools; do
				case $tool in tiktoken-go | tokenizer) continue ;; esac # quadratic: minutes to hours
				BENCH_REPS=1 run "$tool" "$encoding" "$corpora/adv/${text%.txt}.txt"
			done
		done
	done
done
"$venv/bin/python" "$here/python/table.py" "$results"
