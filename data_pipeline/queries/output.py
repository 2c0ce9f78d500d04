"""Readings as every program gets them: command line and API give the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from data_pipeline.cities import Pack
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Reading, Snapshot
from data_pipeline.times import iso_local

OUTPUT_COLUMNS = (
    "city", "metric", "area", "grain", "period_start", "period_end", "numerator", "denominator", "value", "unit", "n",
    "completeness", "status", "kind", "is_simulated", "data_as_of", "snapshot", "obs_status", "interval_low", "interval_high",
    "late_s", "children_reported", "children_expected",
)  # fmt: skip


def rows_for_output(
    readings: Iterable[Reading], pack: Pack, metric: Metric, snapshot: Snapshot | None
) -> list[dict[str, Any]]:
    """Readings as plain rows with the keys of `OUTPUT_COLUMNS`.

    Times are ISO 8601 with the city's offset, shares 0–1; what is not there is None, never 0.
    `late_s`: seconds past due where the newest data are late. `children_…`: areas below with a value, of those that
    usually have one, where the reading is the newest. `obs_status` is SDMX's; the interval (95 %, Wilson) stands beside shares of counted cases.
    """
    return [
        {
            "city": r.city, "metric": r.metric, "area": r.area, "grain": r.grain,
            "period_start": iso_local(r.period_start_utc, pack.tz), "period_end": iso_local(r.period_end_utc, pack.tz),
            "numerator": r.numerator, "denominator": r.denominator, "value": r.value, "unit": metric.unit,
            # how many cases were too few is not told either
            "n": None if r.status == "suppressed" else r.n,
            "completeness": r.completeness, "status": r.status, "kind": metric.kind, "is_simulated": r.is_simulated,
            "data_as_of": iso_local(r.data_as_of_utc, pack.tz), "snapshot": snapshot.id if snapshot else None,
            "obs_status": r.obs_status, "interval_low": r.interval[0] if r.interval else None,
            "interval_high": r.interval[1] if r.interval else None,
            "late_s": r.late_s if r.status == "stale" else None,
            "children_reported": r.children_reported, "children_expected": r.children_expected,
        }
        for r in readings
    ]  # fmt: skip
