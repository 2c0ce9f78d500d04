"""Completeness and status of a reading, judged at a moment: the same rule for the store and for answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import polars as pl

from data_pipeline.contracts import contract, duration
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Status

# a few reports lost in thousands do not make a figure partial
TOLERANCE = 0.005


def due_n(
    expected_n: int | None, start_utc: datetime, end_utc: datetime, dataset: str, grace_s: int, now: datetime
) -> int | None:
    """Reports due by `now` of the `expected_n` due over the whole period; None stays None.

    A record is due once its slot is over and the source's grace has passed, so an open period
    expects only what could have come.
    """
    if expected_n is None or now >= end_utc + timedelta(seconds=grace_s):
        return expected_n
    slot_s = _slot_s(dataset)
    total_s = (end_utc - start_utc).total_seconds()
    slots = max(int(total_s // slot_s), 1)
    passed = int(((now - start_utc).total_seconds() - grace_s) // slot_s)
    return round(expected_n * min(max(passed, 0), slots) / slots)


@cache
def _slot_s(dataset: str) -> float:
    cadence = contract(dataset).cadence
    return duration(cadence).total_seconds() if cadence else 86400.0


def completeness(reported_n: int | None, due: int | None) -> float | None:
    """Reports received of reports due, at most 1; None where nothing says how many are due."""
    if reported_n is None or not due:
        return None
    return min(reported_n / due, 1.0)


def status_of(metric: Metric, value: float | None, n: int, reported_n: int | None, due: int | None) -> Status:
    """`missing`, `suppressed`, `partial` or `ok` (`stale` is laid over when a question is asked)."""
    if n < metric.suppress_below_n and n > 0:
        return "suppressed"
    if value is None:
        return "missing"
    share = completeness(reported_n, due)
    return "partial" if share is not None and share < 1 - TOLERANCE else "ok"


def statuses(metric: Metric, rows: pl.DataFrame, grace_s: int, now: datetime) -> pl.Series:
    """`status_of` for many readings of a metric at once."""
    due = rows["expected_n"].to_list()
    still = (rows["period_end_utc"] > now - timedelta(seconds=grace_s)).arg_true().to_list()
    for i in still:
        due[i] = due_n(due[i], rows["period_start_utc"][i], rows["period_end_utc"][i], metric.dataset, grace_s, now)
    n, reported = pl.col("n"), pl.col("reported_n")
    known = pl.Series("due", due, dtype=pl.Int64)
    late = reported.is_not_null() & (pl.col("due") > 0) & (reported < pl.col("due") * (1 - TOLERANCE))
    return rows.with_columns(known).select(
        pl.when((n < metric.suppress_below_n) & (n > 0)).then(pl.lit("suppressed"))
        .when(pl.col("value").is_null()).then(pl.lit("missing"))
        .when(late).then(pl.lit("partial")).otherwise(pl.lit("ok")).alias("status")
    )["status"]  # fmt: skip
