"""What measure.py, neighbour.py and tail.py share: a real MLflow server and client, and runs of the built collector."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def without_settings():
    """The environment, without anything that steers MLflow, OpenTelemetry or the Go runtime."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "OTEL_", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GODEBUG"))}


@contextlib.contextmanager
def server(directory):
    """One MLflow server with one worker over the store in the directory; its address."""
    script = os.path.join(ROOT, "test/py/server.py")
    process = subprocess.Popen([sys.executable, script, "--dir", directory, "--workers", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            sys.exit("the MLflow server did not start")
        yield json.loads(line)["url"]
    finally:
        process.stdin.close()
        process.wait()


@contextlib.contextmanager
def database(tools, kind, file):
    """A server, postgresql or mysql, with a copy of the SQLite store; {"uri", "version"}, or {"missing"}: why there is none."""
    process = subprocess.Popen([os.path.join(tools, "dbserver"), kind, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            sys.exit(f"the {kind} server did not start")
        yield json.loads(line)
    finally:
        process.stdin.close()
        process.wait()


def client(url):
    """MLflow's module for that server. It sends a trace before it goes on, and once."""
    os.environ.update(MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false", MLFLOW_DISABLE_TELEMETRY="true",
                      MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")  # fmt: skip
    import mlflow

    mlflow.set_tracking_uri(url)
    return mlflow


def p95(values):
    return statistics.quantiles(values, n=100, method="inclusive")[94]


class Backfill:
    """A run of the built collector that drops what it reads. GOGC as in the unit file and the image."""

    def __init__(self, source, end="", cores=None, settings=()):
        """settings are key=value of the receiver, as --set takes them."""
        self.out = tempfile.TemporaryDirectory(prefix="bench-backfill-")
        env = {**without_settings(), "GOGC": "200", "BENCH_SOURCE": source, "BENCH_END": end, "BENCH_OUT": self.out.name}
        if cores:
            env["GOMAXPROCS"] = str(cores)
        self.log = open(os.path.join(self.out.name, "log"), "w+b")
        command = [os.path.join(ROOT, "dist/otelcol-mlflow"), "--config", os.path.join(HERE, "backfill.yaml")]
        for setting in settings:
            command += ["--set", "receivers.mlflow." + setting]
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def stop(self):
        """Stops the run; whether it was going on, and how many traces were accepted per second."""
        going = self.process.poll() is None
        self.process.terminate()
        self.process.wait()
        try:
            with open(os.path.join(self.out.name, "report.json")) as f:
                run = json.load(f)["receivers"][0]
            return going, run["totals"]["accepted"] / max(run["duration_seconds"], 0.001)
        finally:
            self.log.close()
            self.out.cleanup()

    def wait(self):
        """Waits for the end; {"traces", "seconds", "cpu", "rss_mb"}: the report's count and duration, CPU seconds and peak memory of the whole process."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        try:
            if self.process.returncode != 0:
                self.log.seek(0)
                sys.exit("the backfill failed:\n" + self.log.read().decode(errors="replace")[-4000:])
            with open(os.path.join(self.out.name, "report.json")) as f:
                run = json.load(f)["receivers"][0]
            return {
                "traces": run["totals"]["accepted"], "seconds": run["duration_seconds"],
                "cpu": usage.ru_utime + usage.ru_stime, "rss_mb": usage.ru_maxrss / 1024,
            }  # fmt: skip
        finally:
            self.log.close()
            self.out.cleanup()
