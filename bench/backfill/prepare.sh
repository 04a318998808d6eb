# Sourced by run.sh and neighbour.sh at the top of the checkout. Sets python (with MLflow 3.17.2),
# store (a folder with a store of N traces) and tools (the folder of the null readers and of what starts database
# servers), and makes what is missing; lets Python find tiktoken and its vocabulary.
N=${N:-20000}
if [ "$N" -lt 10000 ] && [ -z "${SMALL:-}" ]; then
	echo "N=$N: figures of a store below 10000 traces say little; set SMALL=1 to try things out" >&2
	exit 1
fi
[ -x dist/otelcol-mlflow ] || { echo "dist/otelcol-mlflow is missing: run make build" >&2; exit 1; }
python=$(test/py/env.sh 3.17.2)
cache=${OTELCOL_MLFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-mlflow}/bench
tools=$cache/tools
mkdir -p "$tools"
go build -C bench -o "$tools/" ./backfill/...
go build -C test -o "$tools/" ./databases/dbserver

store=$cache/store-$(sha256sum test/py/bulk_store.py | cut -c1-12)-$N
if [ ! -e "$store" ]; then
	echo "making a store of $N traces in $store" >&2
	rm -rf "$store.new"
	"$python" test/py/bulk_store.py "$N" "$store.new" >&2
	mv "$store.new" "$store"
fi

tiktoken=$cache/tiktoken-$(sha256sum bench/backfill/requirements.txt | cut -c1-12)
if [ ! -e "$tiktoken" ]; then
	pip=("$python" -m pip)
	"${pip[@]}" --version >/dev/null 2>&1 || pip=(python3 -m pip --python "$python")
	rm -rf "$tiktoken.new"
	"${pip[@]}" install --quiet --no-deps --target "$tiktoken.new" -r bench/backfill/requirements.txt >&2
	"$python" test/py/vocabulary.py "$tiktoken.new/vocabulary"
	mv "$tiktoken.new" "$tiktoken"
fi
export PYTHONPATH=$tiktoken TIKTOKEN_CACHE_DIR=$tiktoken/vocabulary PYTHONDONTWRITEBYTECODE=1
