"""interim"""
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from contracts.model import Contract
import datetime as dt

def partitions_to_read(contract, low, high, existing):
    if contract.history == "scd2":
        return [p for p in existing if p == "current" or p >= f"{low:%Y-%m}"]
    if contract.partition_grain.value == "day":
        w = dt.timedelta(days=contract.drift_days)
        a, b = (low - w).isoformat(), (high + w).isoformat()
    else:
        a, b = f"{low:%Y-%m}", f"{high:%Y-%m}"
    return [p for p in existing if a <= p <= b]

def decide(existing, changes, contract):
    cols = [c.name for c in contract.columns if c.name in changes.columns]
    key = list(contract.key); seq = contract.sequence
    inc = changes.select(*cols, *([F.col("_window").alias("_w")]), F.lit(True).alias("_applied"))
    st = existing.join(inc.select(*key).distinct(), key, "left_semi").select(*cols, F.lit(None).cast("date").alias("_w"), F.lit(False).alias("_applied"))
    allc = inc.unionByName(st)
    part = key if contract.history == "scd1" else [*key, seq]
    order = [F.col(seq).desc(), F.xxhash64(*contract.payload).desc(), F.to_json(F.struct(*contract.payload)).desc(), F.col("_applied").desc(), F.col("_w")]
    win = allc.withColumn("_r", F.row_number().over(Window.partitionBy(*part).orderBy(*order))).where("_r = 1").drop("_r")
    if contract.history == "scd2":
        win = win.withColumn("valid_from", F.col(seq)).withColumn("valid_to", F.lead(seq).over(Window.partitionBy(*key).orderBy(seq)))
        win = win.withColumn("is_current", F.col("valid_to").isNull()).withColumn("valid_to_month", F.coalesce(F.date_format("valid_to", "yyyy-MM"), F.lit("current")))
    names = [c.name for c in contract.columns]
    data = list(contract.data_columns)
    old = existing.select(*(F.col(n).alias("_o_" + n) for n in names))
    cond = None
    for k in part:
        e = win[k] == old["_o_" + k]; cond = e if cond is None else cond & e
    j = win.join(old, cond, "left")
    def same(ns):
        r = F.col("_o_" + key[0]).isNotNull()
        for n in ns: r = r & F.col(n).eqNullSafe(F.col("_o_" + n))
        return r
    derived = {"valid_from", "valid_to", "is_current", "valid_to_month"}
    return j.select(*names, "_w", "_applied", (~same([n for n in data if n not in derived])).alias("_changed"), (~same(names)).alias("_differs"),
        F.col("_o_" + contract.partition_column).cast("string").alias("_old_partition"), F.col("_o_" + contract.touched_column).cast("date").alias("_old_date"))

def content(decisions, existing, contract, replaced):
    names = [c.name for c in contract.columns]
    p = F.col(contract.partition_column).cast("string").isin(*replaced)
    kept = existing.where(p).join(decisions.select(*contract.key).distinct(), list(contract.key), "left_anti").select(*names)
    return decisions.where(p).select(*names).unionByName(kept)
