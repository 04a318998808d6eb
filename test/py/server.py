"""Runs one MLflow server for a test and ends it with the test.

    PYTHON server.py [--dir DIR] [--auth] [--local-artifacts] [--artifacts LOCATION] [--workers N] [--store URI] [--env NAME=VALUE]...

PYTHON is what env.sh printed; the server has the version of that environment. The server listens on a
free port of 127.0.0.1, with a SQLite store DIR/mlflow.db and artifacts in DIR/artifacts, which go
through the server (locations look like mlflow-artifacts:/1/...). Without --dir everything lies in a
temporary directory that is removed at the end. An existing DIR is served as it is.

When the server answers, one JSON line appears on stdout:

    {"url": "http://127.0.0.1:43210", "pid": 4711, "dir": "...", "version": "3.17.2"}

With --auth (basic authentication, default permission NO_PERMISSIONS) it also has

    "admin":  {"username": ..., "password": ...},
    "reader": {"username": ..., "password": ...},
    "experiments": {"team-a": "1", "team-b": "2", "team-c": "3"}

three experiments made for the purpose, of which the reader may READ team-a only.

--artifacts is another place for artifacts that go through the server, such as s3://bucket/prefix. --env sets a variable of
the server.

--local-artifacts makes clients write artifacts straight into DIR/artifacts (file:// locations).

--store URI keeps traces in that database, postgresql://... or mysql+pymysql://..., and not in DIR/mlflow.db.

The server ends when stdin is closed or on SIGTERM or SIGINT; even kill -9 of this process leaves no
server behind (a guard process waits for that). The server's own output goes to DIR/server.log, and its
end to stderr if it does not start (exit status 1).
"""

import argparse
import base64
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

START_SECONDS = 180  # a cold start of an old version on a busy machine takes tens of seconds
ADMIN = {"username": "admin", "password": "admin-password-1"}
READER = {"username": "reader", "password": "reader-password-1"}


def clean_environment():
    """The caller's environment without anything that would steer MLflow or send something out."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "DATABRICKS_", "_MLFLOW_", "OTEL_"))}
    env.update(
        MLFLOW_DISABLE_TELEMETRY="true",
        DO_NOT_TRACK="true",
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",  # otherwise 3.x starts a fleet of job workers
        GIT_PYTHON_REFRESH="quiet",
        PYTHONUNBUFFERED="1",
        # the bin directory of the environment: old versions start `gunicorn` by name
        PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", os.defpath),
    )
    return env


def free_port():
    """A port below those that systems give to outgoing connections and for port 0: none of these takes it meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def guard(group):
    """Forks a process that kills the process group once this process is gone, whatever ended it."""
    read_end, write_end = os.pipe()
    if os.fork():
        os.close(read_end)
        return write_end
    os.setsid()
    for fd in (0, 1, 2, write_end):
        os.close(fd)
    os.read(read_end, 1)
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os._exit(0)


def start(directory, port, options):
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(options.workers), "--backend-store-uri",
        options.store or "sqlite:///" + os.path.join(directory, "mlflow.db"),
    ]  # fmt: skip
    artifacts = os.path.join(directory, "artifacts")
    os.makedirs(artifacts, exist_ok=True)
    if options.local_artifacts:
        command += ["--no-serve-artifacts", "--default-artifact-root", "file://" + artifacts]
    else:
        command += ["--artifacts-destination", options.artifacts or artifacts]
    env = clean_environment()
    env.update(setting.split("=", 1) for setting in options.env)
    if options.auth:
        command += ["--app-name", "basic-auth"]
        config = os.path.join(directory, "basic_auth.ini")
        with open(config, "w") as f:
            f.write(
                "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
                f"database_uri = sqlite:///{os.path.join(directory, 'auth.db')}\n"
                f"admin_username = {ADMIN['username']}\nadmin_password = {ADMIN['password']}\n"
                "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            )
        env.update(MLFLOW_AUTH_CONFIG_PATH=config, MLFLOW_FLASK_SERVER_SECRET_KEY="a key for tests only")
    log = open(os.path.join(directory, "server.log"), "ab")
    return subprocess.Popen(
        command, cwd=directory, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def stop(process):
    for sig, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, sig)
            process.wait(seconds)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    process.poll()


def healthy(url):
    try:
        # no proxy: a proxy of the environment must not see loopback requests
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url + "/health", timeout=5) as answer:
            return answer.status == 200 and answer.read(100) == b"OK"  # what an MLflow server says, and others don't
    except (urllib.error.URLError, OSError):
        return False


def post(url, path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    credentials = f"{ADMIN['username']}:{ADMIN['password']}".encode()
    request.add_header("Authorization", "Basic " + base64.b64encode(credentials).decode())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.load(answer)


def set_up_users(url):
    post(url, "/api/2.0/mlflow/users/create", READER)
    experiments = {
        name: post(url, "/api/2.0/mlflow/experiments/create", {"name": name})["experiment_id"]
        for name in ("team-a", "team-b", "team-c")
    }
    grant = {"username": READER["username"], "permission": "READ"}
    try:
        post(url, "/api/2.0/mlflow/experiments/permissions/create", {**grant, "experiment_id": experiments["team-a"]})
    except urllib.error.HTTPError as e:
        if e.code != 404:
            raise
        # late 3.x knows grants for any kind of resource instead
        post(url, "/api/3.0/mlflow/users/permissions/grant", {**grant, "resource_type": "experiment", "resource_id": experiments["team-a"]})
    return {"admin": ADMIN, "reader": READER, "experiments": experiments}


def wait_until_healthy(process, url):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if healthy(url):
            return True
        time.sleep(0.1)
    return False


def installed_version():
    from importlib.metadata import version

    return version("mlflow")


def serve(directory, options):
    for _ in range(3):  # another process may take the free port before the server does
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        process = start(directory, port, options)
        held = guard(process.pid)  # noqa: F841  open as long as this process lives
        try:
            if not wait_until_healthy(process, url):
                continue
            line = {"url": url, "pid": process.pid, "dir": directory, "version": installed_version()}
            if options.auth:
                line.update(set_up_users(url))
            print(json.dumps(line), flush=True)
            while process.poll() is None:
                if select.select([0], [], [], 0.5)[0] and not os.read(0, 65536):
                    return 0
            break
        finally:
            stop(process)
    with open(os.path.join(directory, "server.log"), errors="replace") as log:
        sys.stderr.write("the MLflow server ended or did not start; the end of its output:\n" + log.read()[-4000:])
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir")
    parser.add_argument("--auth", action="store_true")
    parser.add_argument("--local-artifacts", action="store_true")
    parser.add_argument("--artifacts")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--store")
    options = parser.parse_args()
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, lambda *_: sys.exit(0))
    directory = options.dir or tempfile.mkdtemp(prefix="mlflow-server-")
    directory = os.path.abspath(directory)
    os.makedirs(directory, exist_ok=True)
    try:
        return serve(directory, options)
    finally:
        if not options.dir:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
