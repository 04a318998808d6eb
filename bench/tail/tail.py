"""Measures a tail; run.sh calls it.

    PYTHON tail.py latency SECONDS      a client logs traces to a server with one worker, which the tail follows by REST
    PYTHON tail.py memory STORE LOOKS   traces are added to a copy of a store, which the tail follows; LOOKS looks of
                                        200 ms

Latency is the time from the end of a trace to its arrival at an OTLP destination, where the client has sent the trace
to the server before that. Memory is resident memory, sampled; the goroutines are those of the stack traces that SIGQUIT
prints at the end.
"""

import contextlib
import http.server
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "backfill"))
import lab  # noqa: E402

COLLECTOR = os.path.join(lab.ROOT, "dist/otelcol-mlflow")


class Destination:
    """An OTLP destination that takes JSON and notes when the topmost span of each trace came, and when it had ended."""

    def __init__(self):
        self.arrived = {}  # name of the topmost span -> (seconds, end)
        destination = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                now = time.time()
                for resource in json.loads(body).get("resourceSpans", []):
                    for scope in resource["scopeSpans"]:
                        for span in scope["spans"]:
                            if not span.get("parentSpanId"):
                                destination.arrived.setdefault(span["name"], (now, int(span["endTimeUnixNano"]) / 1e9))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def latency(self, name, limit):
        """Waits for a trace; the seconds from its end to its arrival."""
        end = time.monotonic() + limit
        while name not in self.arrived:
            if time.monotonic() > end:
                sys.exit("trace %s did not arrive" % name)
            time.sleep(0.01)
        at, ended = self.arrived[name]
        return at - ended


@contextlib.contextmanager
def tail(source, interval, exporter):
    """A collector that follows the source."""
    with tempfile.TemporaryDirectory(prefix="bench-tail-") as out:
        pipeline = {"receivers": ["mlflow"], "exporters": list(exporter)}
        config = {
            "receivers": {"mlflow": {"tracking_uri": source, "experiments": ["*"], "mode": "backfill_then_tail",
                                     "collection_interval": interval, "late_changes": {"lookback": "8760h"},
                                     "storage": "file_storage"}},
            "exporters": exporter,
            "extensions": {"file_storage": {"directory": out + "/position", "create_directory": True, "fsync": True},
                           "mlflow_report": {"path": out + "/report.json"}},
            "service": {"extensions": ["file_storage", "mlflow_report"],
                        "pipelines": {"traces": pipeline, "logs": pipeline},
                        "telemetry": {"logs": {"level": os.environ.get("BENCH_LOG_LEVEL", "info")},
                                      "metrics": {"level": "none"}}},
        }  # fmt: skip
        with open(out + "/config.yaml", "w") as f:
            json.dump(config, f)
        with open(out + "/log", "wb") as log:
            process = subprocess.Popen([COLLECTOR, "--config", out + "/config.yaml"], stdout=log, stderr=log,
                                       env={**lab.without_settings(), "GOGC": "200"})  # fmt: skip
            try:
                yield process, out
            finally:
                process.kill()
                process.wait()


def ready(out, process):
    """Waits until everything that was there is delivered."""
    while True:
        with open(out + "/log", errors="replace") as f:
            text = f.read()
        if "Everything was compared" in text:
            return
        if process.poll() is not None:
            sys.exit("the collector ended:\n" + text[-4000:])
        time.sleep(0.1)


def latency(seconds):
    interval = 2
    destination, rnd, number = Destination(), random.Random(1), 0
    with tempfile.TemporaryDirectory(prefix="bench-tail-") as directory, lab.server(directory) as url:
        mlflow = lab.client(url)
        mlflow.set_experiment("tail")

        def log():
            nonlocal number
            number += 1
            with mlflow.start_span("trace %d" % number, span_type="AGENT") as root:
                root.set_inputs({"question": "Where is my order?"})
            return "trace %d" % number

        exporter = {"otlp_http": {"endpoint": destination.url, "encoding": "json", "compression": "none",
                                  "middlewares": [{"id": "mlflow_report"}],
                                  "sending_queue": {"wait_for_result": True, "block_on_overflow": True}}}  # fmt: skip
        with tail(url, "%ds" % interval, exporter) as (process, out):
            ready(out, process)
            names, end = [], time.monotonic() + seconds
            while time.monotonic() < end:
                names.append(log())
                time.sleep(rnd.uniform(0.1, 1.5))
            while_coming = sorted(destination.latency(n, 60) for n in names)
            time.sleep(min(seconds, 24 * interval))
            first = destination.latency(log(), 60 + 10 * interval)
    p95 = lab.p95(while_coming)
    print("collection_interval %d s, %d traces, from the end of a trace to its arrival, in seconds:" % (
        interval, len(names)))  # fmt: skip
    print("p50 %.2f, p95 %.2f (%.2f intervals), longest %.2f; the first one after a quiet time %.2f" % (
        statistics.median(while_coming), p95, p95 / interval, while_coming[-1], first))  # fmt: skip


def adder(path, stop):
    """Adds traces of two spans to the store, some five a second, as clones of one that is there."""
    db = sqlite3.connect(path, timeout=30)
    db.execute("PRAGMA journal_mode=WAL")
    (model,) = db.execute("SELECT trace_id FROM spans GROUP BY trace_id HAVING count(*) > 1 LIMIT 1").fetchone()
    while not stop.wait(0.2):
        new, now = "tr-" + uuid.uuid4().hex, int(time.time() * 1000)
        for table, key in (("trace_info", "request_id"), ("trace_tags", "request_id"),
                           ("trace_request_metadata", "request_id"), ("spans", "trace_id")):  # fmt: skip
            cursor = db.execute("SELECT * FROM %s WHERE %s = ?" % (table, key), (model,))
            columns = [c[0] for c in cursor.description]
            for row in cursor.fetchall():
                row = dict(zip(columns, row))
                row.pop("duration_ns", None)  # the database computes it
                row[key] = new
                if "timestamp_ms" in row:
                    row["timestamp_ms"] = now - row["execution_time_ms"]
                if "content" in row:
                    row["content"] = row["content"].replace(model, new)
                db.execute("INSERT INTO %s (%s) VALUES (%s)" % (table, ", ".join(row), ", ".join("?" * len(row))),
                           list(row.values()))  # fmt: skip
        db.commit()
    db.close()


def resident(pid, what="VmRSS"):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith(what)) / 1024


def memory(store, looks):
    seconds = looks * 0.2
    with tempfile.TemporaryDirectory(prefix="bench-tail-") as directory:
        path = os.path.join(directory, "mlflow.db")
        shutil.copy(os.path.join(store, "mlflow.db"), path)
        with tail("sqlite:///" + path, "200ms", {"nop": {}}) as (process, out):
            ready(out, process)
            print("MiB after the backfill: %.0f, peak %.0f" % (resident(process.pid), resident(process.pid, "VmHWM")))
            stop, samples = threading.Event(), []
            thread = threading.Thread(target=adder, args=(path, stop))
            thread.start()
            for _ in range(10):
                part = []
                end = time.monotonic() + seconds / 10
                while time.monotonic() < end:
                    part.append(resident(process.pid))
                    time.sleep(0.5)
                samples.append(part)
            stop.set()
            thread.join()
            print("MiB while %d looks, median of each tenth: %s; peak %.0f" % (
                looks, " ".join("%.0f" % statistics.median(p) for p in samples),
                resident(process.pid, "VmHWM")))  # fmt: skip
            process.send_signal(signal.SIGQUIT)
            process.wait()
            with open(out + "/log", errors="replace") as f:
                print("goroutines at the end: %d" % sum(line.startswith("goroutine ") for line in f))


if __name__ == "__main__":
    if sys.argv[1] == "latency":
        latency(float(sys.argv[2]))
    else:
        memory(sys.argv[2], int(sys.argv[3]))
