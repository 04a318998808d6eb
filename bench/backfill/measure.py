"""Measures the backfill against its null readers and the usual recipe, all in one run on one machine; run.sh calls it.

    PYTHON measure.py STORE_DIR BIN_DIR ROUNDS RECIPE_TRACES

Prints a table: the best and the median of the rounds in traces per second, and ratios: of the bests, and the median of the ratios of each round. Contestants take turns
and rounds are short, so that what else the machine does hits them alike. REST_END is the end of what is read by REST: empty reads the whole store. SOURCES are those
that are measured. A database server shares the cores with what reads it.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile

import lab

REST_END = os.environ.get("REST_END", "2026-01-04T18:00:00Z")  # an eighth of the store
SOURCES = os.environ.get("SOURCES", "rest sqlite postgresql mysql").split()
CORES = ((2, "SQLite, 2 cores"), (1, "SQLite, 1 core"))
SERVERS = (("postgresql", "PostgreSQL"), ("mysql", "MariaDB"))
READERS = ((1, "1 reader"), (2, "2 readers"))


def tool(bin_dir, *command, cores=None):
    env = {**lab.without_settings(), "GOGC": "200"}
    if cores:
        env["GOMAXPROCS"] = str(cores)
    name, *rest = command
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = json.loads(subprocess.run([os.path.join(bin_dir, name), *rest], env=env, check=True, stdout=subprocess.PIPE).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {**result, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def recipe(url, traces, scratch):
    script = os.path.join(lab.HERE, "recipe.py")
    command = [sys.executable, script, url, "bulk", str(traces), os.path.join(scratch, "rows.jsonl")]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=dict(os.environ, MLFLOW_DISABLE_TELEMETRY="true")).stdout)


def record(bin_dir, url, file):
    """Writes the requests of a REST backfill to the file; the number of its traces."""
    proxy = subprocess.Popen([os.path.join(bin_dir, "nullrest"), "record", url, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    result = lab.Backfill(proxy.stdout.readline().strip(), REST_END).wait()
    proxy.stdin.close()
    if proxy.wait() != 0:
        sys.exit("the requests could not be recorded")
    return result["traces"]


class Table:
    def __init__(self):
        self.rates, self.rss, self.cpu = {}, {}, {}

    def add(self, name, traces, seconds, rss_mb=0, cpu=0):
        self.rates.setdefault(name, []).append(traces / seconds)
        self.rss[name] = max(self.rss.get(name, 0), rss_mb)
        self.cpu.setdefault(name, []).append(1e6 * cpu / traces)
        print(f"  {name:34} {traces / seconds:9.0f} traces/s", file=sys.stderr, flush=True)

    def best(self, name):
        return max(self.rates[name])

    def median(self, name):
        return statistics.median(self.rates[name])

    def paired(self, ours, other):
        """The median of the ratios of the rounds; of contestants with different numbers of rounds, the ratio of the medians."""
        a, b = self.rates[ours], self.rates[other]
        return statistics.median(x / y for x, y in zip(a, b)) if len(a) == len(b) else self.median(ours) / self.median(other)

    def print(self):
        print(f"\n{'traces/s':34} {'best':>9} {'median':>9}   us CPU per trace")
        for name in self.rates:
            cpu, rss = min(self.cpu[name]), self.rss[name]
            print(f"{name:34} {self.best(name):9.0f} {self.median(name):9.0f}" + (f" {cpu:18.0f}" if cpu else "") + (f", peak {rss:.0f} MB" if rss else ""))
        print(f"\n{'ratio':58} {'bests':>7} {'median':>7} {'target':>8}")
        for ours, other, target in self.ratios():
            if ours in self.rates and other in self.rates:
                print(f"{ours + ' / ' + other:58} {self.best(ours) / self.best(other):7.2f} {self.paired(ours, other):7.2f} {target:>8}")

    def ratios(self):
        """Who is held against whom, and what the ratio should be."""
        yield "REST", "REST, null client", ">= 0.90"
        yield "REST", "Python recipe", ""
        for name, aim in (*((name, ">= 50") for _, name in CORES), *((f"{name}, {readers}", ">= 60") for _, name in SERVERS for _, readers in READERS)):
            yield name, name + ", null reader", ">= 0.50"
            yield name, "Python recipe", aim


def by_rest(table, store, bin_dir, rounds, recipe_traces):
    """REST, its null client and the recipe; the number of traces that are read by REST."""
    with tempfile.TemporaryDirectory(prefix="bench-backfill-") as scratch:
        requests = os.path.join(scratch, "requests.json")
        with lab.server(store) as url:
            traces = record(bin_dir, url, requests)
            for n in range(rounds):
                print(f"round {n + 1} of {rounds}", file=sys.stderr)
                run = lab.Backfill(url, REST_END, settings=["max_source_utilization=1"]).wait()
                table.add("REST", **run)
                if run["traces"] != traces:
                    sys.exit(f"a REST backfill read {run['traces']} traces, another {traces}")
                null = tool(bin_dir, "nullrest", "replay", url, requests)
                table.add("REST, null client", traces, null["seconds"], cpu=null["cpu"])
                table.add("Python recipe", **recipe(url, recipe_traces, scratch))
    return traces


def from_store(table, bin_dir, name, uri, workers, cores=None, settings=()):
    """One round from a store, and one of its null reader."""
    table.add(name, **lab.Backfill(uri, cores=cores, settings=settings).wait())
    null = tool(bin_dir, "nullstore", uri, str(workers), cores=cores)
    table.add(name + ", null reader", null["traces"], null["seconds"], cpu=null["cpu"])


def from_server(table, bin_dir, kind, name, database, rounds):
    """The rounds from a database server; what the server is, or why it was not measured."""
    with lab.database(bin_dir, kind, database) as served:
        if "missing" in served:
            return f"{name}: NOT RUN: {served['missing']}"
        for _ in range(rounds):
            for readers, label in READERS:
                from_store(table, bin_dir, f"{name}, {label}", served["uri"], readers, settings=[f"concurrency={readers}"])
        return f"{name}: {served['version']}"


def main():
    store, bin_dir, rounds, recipe_traces = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    database = os.path.join(store, "mlflow.db")
    table, said = Table(), []
    if "rest" in SOURCES:
        traces = by_rest(table, store, bin_dir, rounds, recipe_traces)
        said.append(f"REST reads {traces} traces, the recipe {recipe_traces}")
    if "sqlite" in SOURCES:
        for _ in range(2 * rounds + 1):  # these are short; the server is gone
            for cores, name in CORES:
                from_store(table, bin_dir, name, "sqlite:///" + database, cores, cores=cores)
    for kind, name in SERVERS:
        if kind in SOURCES:
            said.append(from_server(table, bin_dir, kind, name, database, rounds))
    print(f"machine: {os.cpu_count()} cores, {platform.platform()}, {subprocess.run(['go', 'env', 'GOVERSION'], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()}, "
          f"load {os.getloadavg()[0]:.1f}; GOGC=200, page cache warm; store {os.path.getsize(database) / 1e6:.0f} MB")  # fmt: skip
    print("\n".join(said))
    table.print()


if __name__ == "__main__":
    main()
