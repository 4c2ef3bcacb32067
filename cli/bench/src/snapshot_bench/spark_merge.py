"""The day's merge by Spark on this machine, without its start. Says what it took as JSON."""
import json
import os
import sys
import time

import pyspark
from pyspark.sql import SparkSession

base, increments, out, threads = sys.argv[1:5]
spark = (
    SparkSession.builder.master(f"local[{threads}]")
    .config("spark.driver.memory", "4g")
    .config("spark.sql.shuffle.partitions", "8")
    .config("spark.sql.parquet.compression.codec", "zstd")
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
pid = spark._jvm.java.lang.ProcessHandle.current().pid()


def cpu_seconds():
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


wall, cpu = time.perf_counter(), cpu_seconds()
# The least that gives a snapshot: an increment always wins, nothing is sorted.
told = spark.read.parquet(*increments.split(",")).dropDuplicates(["pole_id", "source"]).where("_op <> 'd'")
told = told.drop("_op", "_changed_columns")
known = spark.read.parquet(*base.split(","))
known.join(told, ["pole_id", "source"], "left_anti").unionByName(told).write.mode("overwrite").parquet(out)
wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
rows = spark.read.parquet(out).count()
with open(f"/proc/{pid}/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
print(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": peak, "rows": rows, "version": pyspark.__version__}))
spark.stop()
