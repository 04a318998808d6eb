"""Records what Apache Spark answers to queries.sql over tables.json, in recorded.json beside this file. The folder test/py has the environment: $(test/py/env.sh spark) record.py

A query takes one line (a line break inside a string is kept: the next line belongs to it if it starts no statement). Columns are kept as their types and values, values as
text: timestamps with microseconds, nested values and variants as to_json writes them. Errors are kept as their condition.
"""

import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, *[".."] * 6, "test", "py"))
import views  # noqa: E402


def queries():
    with open(os.path.join(HERE, "queries.sql")) as f:
        lines = f.read().splitlines()
    for i, line in enumerate(lines):
        if line.startswith(("SELEC", "WITH ")):
            j = i + 1
            while j < len(lines) and not lines[j].startswith(("SELEC", "WITH ")):
                line += "\n" + lines[j]
                j += 1
            yield line


def shown(field):
    from pyspark.sql import functions as F
    from pyspark.sql import types as T

    col = F.col("`%s`" % field.name)
    if isinstance(field.dataType, T.TimestampType):
        return F.date_format(col, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
    if isinstance(field.dataType, (T.StructType, T.ArrayType, T.MapType, T.VariantType)):
        return F.to_json(col)
    return col.cast("string")


def answer(spark, query):
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        df = spark.sql(query)
        types = [f.dataType.simpleString() for f in df.schema.fields]
        names = df.columns
        df = df.toDF(*["c%d" % i for i in range(len(names))])
        rows = [list(r) for r in df.select([shown(f) for f in df.schema.fields]).collect()]
        return {"query": query, "names": names, "types": types, "rows": rows}
    except PySparkException as e:
        return {"query": query, "error": e.getCondition() or type(e).__name__, "state": e.getSqlState(), "message": str(e).splitlines()[0][:300]}
    except Py4JJavaError as e:  # errors that are no condition for Python, and faults of Spark's
        message = str(e.java_exception.getMessage()).splitlines()[0][:300]
        return {"query": query, "error": message[1:].split("]")[0] if message.startswith("[") else "JVM", "message": message}


def main():
    with tempfile.TemporaryDirectory() as work:
        spark = views.start(work)
        spark.sql("CREATE DATABASE s")
        with open(os.path.join(HERE, "tables.json")) as f:
            for table in json.load(f):
                views.load(spark, table, work)
        out = [answer(spark, q) for q in queries()]
        with open(os.path.join(HERE, "recorded.json"), "w") as f:
            f.write("[\n" + ",\n".join(json.dumps(a, ensure_ascii=False) for a in out) + "\n]\n")
        spark.stop()


main()
