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
    "completeness", "status", "kind", "is_simulated", "data_as_of", "snapshot",
)  # fmt: skip


def rows_for_output(
    readings: Iterable[Reading], pack: Pack, metric: Metric, snapshot: Snapshot | None
) -> list[dict[str, Any]]:
    """Readings as plain rows with the keys of `OUTPUT_COLUMNS`.

    Times are ISO 8601 with the city's offset, shares 0–1; what is not there is None, never 0.
    """
    return [
        {
            "city": r.city, "metric": r.metric, "area": r.area, "grain": r.grain,
            "period_start": iso_local(r.period_start_utc, pack.tz), "period_end": iso_local(r.period_end_utc, pack.tz),
            "numerator": r.numerator, "denominator": r.denominator, "value": r.value, "unit": metric.unit, "n": r.n,
            "completeness": r.completeness, "status": r.status, "kind": metric.kind, "is_simulated": r.is_simulated,
            "data_as_of": iso_local(r.data_as_of_utc, pack.tz), "snapshot": snapshot.id if snapshot else None,
        }
        for r in readings
    ]  # fmt: skip
