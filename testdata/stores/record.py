"""Records small SQLite stores, with their artifacts, from real MLflow servers of several versions.

    python3 testdata/stores/record.py [VERSION ...]      default: all below

For each version VERSION/ is made anew beside this file:

    mlflow.db            the server's database, compacted
    artifacts/           what the server's artifact folder held: 1/traces/<trace id>/artifacts/traces.json for the location mlflow-artifacts:/1/...
    local/               the same for the experiment `local`, whose artifacts the client wrote itself (versions that keep spans in artifacts)
    expected.jsonl       what that version's client returned for every trace (test/py/expected.py), deleted experiment included
    labels.json          what each trace is for (the output of the generator, test/py/generate_v*.py --small, for `wide`)

The real folder of the recording is replaced by /STORE_DIR everywhere, so artifact locations of `local` are file:///STORE_DIR/local/...: a test copies the
folder and puts its own path there (`UPDATE experiments SET artifact_location = replace(artifact_location, '/STORE_DIR', ?)` and the same for trace_tags.value).

`upgraded` is the store of 2.22.5 after `mlflow db upgrade` by 3.17.2, served and written to by 3.17.2: both eras in one database; its
expected.jsonl is by the 3.17.2 client.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TEST_PY = os.path.normpath(os.path.join(HERE, "..", "..", "test", "py"))
VERSIONS = ["2.14.3", "2.22.5", "3.1.4", "3.4.0", "3.6.0", "3.17.2", "upgraded"]
LOCAL = VERSIONS[:4]  # later ones keep spans in the database


def run(python, script, *arguments):
    return subprocess.run([python, os.path.join(TEST_PY, script), *arguments], check=True, stdout=subprocess.PIPE, timeout=300).stdout


MAKE_LOCAL = "import mlflow, sys; mlflow.set_tracking_uri(sys.argv[1]); mlflow.create_experiment('local', artifact_location='file://' + sys.argv[2])"


def record(version):
    folder = tempfile.mkdtemp()
    env_version = "3.17.2" if version == "upgraded" else version
    python = subprocess.run([os.path.join(TEST_PY, "env.sh"), env_version], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    prefix = "wide"
    if version == "upgraded":
        old = os.path.join(HERE, "2.22.5")
        for name in ("artifacts", "local"):
            shutil.copytree(os.path.join(old, name), os.path.join(folder, name))
        shutil.copyfile(os.path.join(old, "mlflow.db"), os.path.join(folder, "mlflow.db"))
        replace_path(os.path.join(folder, "mlflow.db"), "/STORE_DIR", folder)
        subprocess.run([python, "-m", "mlflow", "db", "upgrade", "sqlite:///" + os.path.join(folder, "mlflow.db")], check=True, stderr=subprocess.DEVNULL)
        prefix = "new"
    server = subprocess.Popen([python, os.path.join(TEST_PY, "server.py"), "--dir", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(server.stdout.readline())["url"]
        generator = "generate_v2.py" if version.startswith("2.") else "generate_v3.py"
        labels = json.loads(run(python, generator, url, "--small", "--prefix", prefix))
        if version in LOCAL:
            subprocess.run([python, "-c", MAKE_LOCAL, url, os.path.join(folder, "local")], check=True)
            run(python, generator, url, "--small", "--into", "local")
        expected = os.path.join(folder, "expected.jsonl")
        print(version, run(python, "expected.py", url, expected, "--deleted").decode().strip(), flush=True)
    finally:
        server.stdin.close()
        server.wait()
    database = os.path.join(folder, "mlflow.db")
    replace_path(database, folder, "/STORE_DIR")
    compact(database)
    target = os.path.join(HERE, version)
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    for name in ("artifacts", "local"):
        if os.path.isdir(os.path.join(folder, name)):
            shutil.copytree(os.path.join(folder, name), os.path.join(target, name))
    shutil.copyfile(database, os.path.join(target, "mlflow.db"))
    with open(expected, encoding="utf-8") as source, open(os.path.join(target, "expected.jsonl"), "w", encoding="utf-8") as out:
        for line in source:
            out.write(line.replace(folder, "/STORE_DIR"))
    with open(os.path.join(target, "labels.json"), "w", encoding="utf-8") as out:
        del labels["notes"]
        json.dump(labels, out, indent=1, ensure_ascii=False)
        out.write("\n")
    shutil.rmtree(folder)


def replace_path(database, old, new):
    """Replaces the folder in every text column of the database that holds it."""
    db = sqlite3.connect(database)
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
            if "CHAR" in kind.upper() or "TEXT" in kind.upper():
                db.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)", (old, new, old))
    db.commit()
    db.close()


def compact(database):
    db = sqlite3.connect(database)
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA page_size = 512")
    db.execute("VACUUM")
    db.close()


if __name__ == "__main__":
    for version in sys.argv[1:] or VERSIONS:
        record(version)
