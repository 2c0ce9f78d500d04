"""The archive: day and month figures of every metric and area, as a department would hand over its old tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data_pipeline.metrics import Metric, metrics
from data_pipeline.simulate import tables
from data_pipeline.simulate.clock import datetimes, moment, seconds
from data_pipeline.simulate.figures import TABLE, Figure, Figures, Window

if TYPE_CHECKING:
    from data_pipeline.simulate.simulator import SimDelivery, Simulator


def archived_metrics() -> list[Metric]:
    """Declared metrics the archive can give: stocks come from the registers, what is unknown here is skipped."""
    return [m for m in metrics().values() if m.dataset in TABLE and m.over_time != "last"]


def quarters(simulator: Simulator, start_utc: datetime, until_utc: datetime) -> Iterator[SimDelivery]:
    """One delivery a calendar quarter of [start, until), in order; known a day after its end or at `until_utc`."""
    from data_pipeline.simulate.simulator import SimDelivery

    world = simulator.world
    first, last = world.local_ordinal(seconds(start_utc)), world.local_ordinal(seconds(until_utc))
    figures = Figures(simulator)
    low = first
    while low < last:
        day = date.fromordinal(low)
        following = date(day.year + (day.month > 9), (day.month - 1) // 3 * 3 + 4 if day.month <= 9 else 1, 1)
        high = min(following.toordinal(), last)
        known = min(moment(world.midnight_s(high)) + timedelta(days=1), until_utc)
        name = f"{simulator.pack.id}_figures_{day:%Y%m%d}_{date.fromordinal(high - 1):%Y%m%d}.parquet"
        yield SimDelivery("figures", name, known, None, partial(_write, figures, (low, high)))
        low = high


def _write(figures: Figures, window: Window, path: Path) -> None:
    tables.CASES["figures"].save(table(figures, window), path)


def table(figures: Figures, window: Window) -> pl.DataFrame:
    """Figures of a window of local days in the contract's columns: every day, and every month it holds whole."""
    parts = []
    wanted = {m.id: m for m in archived_metrics()}
    for low, high in _months(window):
        for dataset in TABLE:
            for metric_id, figure in figures.of(dataset, (low, high)).items():
                if metric_id in wanted:
                    parts += _rows(figures, wanted[metric_id], figure, (low, high))
    schema = {"metric_id": pl.String, "area_id": pl.String, "grain": pl.String, "period_start": pl.Datetime("us"),
              "numerator": pl.Float64, "denominator": pl.Float64, "value": pl.Float64, "n": pl.Int64}  # fmt: skip
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)


def _months(window: Window) -> list[Window]:
    """The window cut at the first days of months."""
    cuts = [window[0], *(d for d in range(window[0] + 1, window[1]) if date.fromordinal(d).day == 1), window[1]]
    return list(zip(cuts, cuts[1:], strict=False))


def _rows(figures: Figures, metric: Metric, figure: Figure, window: Window) -> list[pl.DataFrame]:
    low, high = window
    whole = date.fromordinal(low).day == 1 and date.fromordinal(high).day == 1
    day_starts = np.array([figures.world.midnight_s(d) for d in range(low, high)])
    rows = [_frame(figures, metric.id, "day", figure, day_starts)]
    if whole and metric.coarsest in ("month", "quarter", "year"):
        rows.append(_frame(figures, metric.id, "month", _month(metric, figure), day_starts[:1]))
    return rows


def _month(metric: Metric, figure: Figure) -> Figure:
    """A month's figure from its days: sums are added, everything else is the mean of the days' values."""

    def total(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else np.nansum(values, axis=1, keepdims=True)

    n = total(figure.n)
    assert n is not None
    if metric.over_time == "sum":
        return Figure(n, total(figure.numerator), total(figure.denominator))
    values = figure.value
    if values is None:
        raise ValueError(f"{metric.id}: a figure that is not added up needs its value")
    with np.errstate(invalid="ignore"):
        known = np.isfinite(values).sum(axis=1, keepdims=True)
        mean = np.nansum(values, axis=1, keepdims=True) / np.where(known, known, np.nan)
    return Figure(n, value=mean)


def _frame(figures: Figures, metric_id: str, grain: str, figure: Figure, starts_s: np.ndarray) -> pl.DataFrame:
    areas, periods = figure.n.shape

    def column(values: np.ndarray | None) -> pl.Series:
        if values is None:
            return pl.Series([None] * (areas * periods), dtype=pl.Float64)
        return pl.Series(np.round(np.broadcast_to(values, (areas, periods)).ravel(), 6), nan_to_null=True)

    frame = pl.DataFrame({
        "metric_id": [metric_id] * (areas * periods), "area_id": np.repeat(figures.areas.ids, periods),
        "grain": [grain] * (areas * periods), "period_start": np.tile(datetimes(starts_s), areas),
        "numerator": column(figure.numerator), "denominator": column(figure.denominator), "value": column(figure.value),
        "n": np.rint(figure.n.ravel()).astype(np.int64),
    })  # fmt: skip
    return frame.filter((pl.col("n") > 0) & (pl.col("numerator").is_not_null() | pl.col("value").is_not_null()))
