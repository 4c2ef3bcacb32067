"""The day's merge by DuckDB: base and increments in, today's snapshot out. Says what it took as JSON."""
import json
import resource
import sys
import time

import duckdb

variant, base, increments, out, threads = sys.argv[1:6]
base = base.split(",")
database = duckdb.connect()
database.execute(f"SET threads = {threads}")
database.execute("SET preserve_insertion_order = false" if variant == "simple" else "SELECT 1")
truth = 'entity_version DESC NULLS LAST, event_time DESC, ingested_at DESC, "partition" DESC, "offset" DESC'
# The least that gives a snapshot: an increment always wins, nothing is sorted.
simple = f"""
    WITH increments AS (
        SELECT * EXCLUDE (_changed_columns) FROM read_parquet('{increments}', hive_partitioning = false)
        QUALIFY row_number() OVER (PARTITION BY pole_id, source ORDER BY {truth}) = 1)
    SELECT * FROM read_parquet({base}, hive_partitioning = false) base
        ANTI JOIN increments USING (pole_id, source)
    UNION ALL BY NAME SELECT * EXCLUDE (_op) FROM increments WHERE _op <> 'd'"""
# The same promise as ours: the order of truth over base and increments, sorted for the readers.
whole = f"""
    SELECT * EXCLUDE (_op) FROM (
        SELECT *, 'u' AS _op FROM read_parquet({base}, hive_partitioning = false)
        UNION ALL BY NAME
        SELECT * EXCLUDE (_changed_columns) FROM read_parquet('{increments}', hive_partitioning = false))
    QUALIFY row_number() OVER (PARTITION BY pole_id, source ORDER BY {truth}) = 1 AND _op <> 'd'
    ORDER BY owner_id, pole_id, source"""
query = {"simple": simple, "whole": whole}[variant]
wall, cpu = time.perf_counter(), time.process_time()
database.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 131072)")
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
rows = database.execute(f"SELECT count(*) FROM '{out}'").fetchone()[0]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": peak, "rows": rows, "version": duckdb.__version__}))
