"""The archive: day and month figures of every metric and area, as a department would hand over its old tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from data_pipeline.metrics import Metric, metrics
from data_pipeline.simulate import tables
from data_pipeline.simulate.clock import datetimes, moment, seconds
from data_pipeline.simulate.figures import TABLE, Figure, Figures, Window
from data_pipeline.simulate.services import LONGEST_S
from data_pipeline.simulate.suppliers import SimDelivery, Suppliers


def archived_metrics() -> list[Metric]:
    """Declared metrics the archive can give: stocks come from the registers, what is unknown here is skipped."""
    return [m for m in metrics().values() if m.dataset in TABLE and m.over_time != "last"]


def quarters(simulator: Suppliers, start_utc: datetime, until_utc: datetime) -> Iterator[SimDelivery]:
    """One delivery a calendar quarter of [start, until), in order; known a day after its end or at `until_utc`."""
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
        yield SimDelivery("figures", name, known, None, partial(_write, figures, (low, high), ()))
        low = high


def closing_weeks(simulator: Suppliers, start_utc: datetime, until_utc: datetime) -> Iterator[SimDelivery]:
    """The old hotline's figures of the first weeks of the history, known at their end.

    Records begin with the tickets received since `start_utc`; what is counted by the day of
    closing or the day due also rests on older ones, for as long as a ticket may live.
    """
    world = simulator.world
    low, last = world.local_ordinal(seconds(start_utc)), world.local_ordinal(seconds(until_utc))
    high = min(low + LONGEST_S // 86400 + 1, last)
    if high > low and simulator.simulated("service_requests"):
        known = min(moment(world.midnight_s(high)) + timedelta(days=1), until_utc)
        name = f"{simulator.pack.id}_figures_hotline_{date.fromordinal(low):%Y%m%d}_{date.fromordinal(high - 1):%Y%m%d}.parquet"
        ids = tuple(m.id for m in archived_metrics() if m.period_on)
        yield SimDelivery("figures", name, known, None, partial(_write, Figures(simulator), (low, high), ids))


def _write(figures: Figures, window: Window, ids: tuple[str, ...], path: Path) -> None:
    tables.CASES["figures"].save(table(figures, window, ids), path)


def table(figures: Figures, window: Window, ids: tuple[str, ...] = ()) -> pl.DataFrame:
    """Figures of a window of local days in the contract's columns: every day, and every month it holds whole.

    `ids`: these metrics only, days only; empty for all.
    """
    wanted = {m.id: m for m in archived_metrics() if not ids or m.id in ids}
    parts: list[_Part] = []
    for dataset in dict.fromkeys(m.dataset for m in wanted.values()):
        for metric_id, figure in figures.of(dataset, window).items():
            if metric_id in wanted:
                found = _parts(wanted[metric_id], figure, window)
                parts += found[:1] if ids else found
    return _frame(figures, parts)


@dataclass(frozen=True)
class _Part:
    """Figures of one metric at one grain: arrays of (areas, periods), and the days on which the periods begin."""

    metric_id: str
    grain: str
    figure: Figure
    days: np.ndarray


def _parts(metric: Metric, figure: Figure, window: Window) -> list[_Part]:
    days = np.arange(window[0], window[1])
    parts = [_Part(metric.id, "day", figure, days)]
    if figure.has_months and metric.coarsest in ("month", "quarter", "year"):
        for low, high in _whole_months(window):
            part = slice(low - window[0], high - window[0])
            parts.append(_Part(metric.id, "month", _month(metric, _cut(figure, part)), days[part][:1]))
    return parts


def _whole_months(window: Window) -> list[Window]:
    """The calendar months that lie in the window from end to end."""
    firsts = [d for d in range(window[0], window[1] + 1) if date.fromordinal(d).day == 1]
    return list(zip(firsts, firsts[1:], strict=False))


def _cut(figure: Figure, part: slice) -> Figure:
    def cut(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else np.broadcast_to(values, figure.n.shape)[:, part]

    return Figure(figure.n[:, part], cut(figure.numerator), cut(figure.denominator), cut(figure.value))


def _month(metric: Metric, figure: Figure) -> Figure:
    """A month's figure from its days: sums are added, everything else is the mean of the days' values."""
    n = figure.n.sum(axis=1, keepdims=True)
    if metric.over_time == "sum":
        return Figure(n, _total(figure.numerator), _total(figure.denominator))
    if figure.value is None:
        raise ValueError(f"{metric.id}: a figure that is not added up needs its value")
    known = np.isfinite(figure.value).sum(axis=1, keepdims=True)
    mean = np.nansum(figure.value, axis=1, keepdims=True) / np.where(known > 0, known, np.nan)
    return Figure(n, value=mean)


def _total(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else np.nansum(values, axis=1, keepdims=True)


def _frame(figures: Figures, parts: list[_Part]) -> pl.DataFrame:
    """All parts as rows of the contract, those without a figure left out."""
    areas = len(figures.areas.ids)
    sizes = [areas * part.days.size for part in parts]

    def column(pick: Callable[[Figure], np.ndarray | None]) -> np.ndarray:
        found = []
        for part in parts:
            values = pick(part.figure)
            shape = (areas, part.days.size)
            found.append((np.full(shape, np.nan) if values is None else np.broadcast_to(values, shape)).ravel())
        return np.concatenate(found) if found else np.empty(0)

    days = np.concatenate([np.tile(p.days, areas) for p in parts]) if parts else np.empty(0, dtype=int)
    starts = {d: figures.world.midnight_s(int(d)) for d in np.unique(days)}
    frame = pl.DataFrame({
        "metric_id": pl.Series(np.repeat([p.metric_id for p in parts], sizes) if parts else [], dtype=pl.String),
        "area_id": pl.Series(np.concatenate([np.repeat(figures.areas.ids, p.days.size) for p in parts]) if parts else [], dtype=pl.String),
        "grain": pl.Series(np.repeat([p.grain for p in parts], sizes) if parts else [], dtype=pl.String),
        "period_start": datetimes(np.array([starts[d] for d in days], dtype=np.int64)),
        "numerator": pl.Series(np.round(column(lambda f: f.numerator), 6), nan_to_null=True),
        "denominator": pl.Series(np.round(column(lambda f: f.denominator), 6), nan_to_null=True),
        "value": pl.Series(np.round(column(lambda f: f.value), 6), nan_to_null=True),
        "n": np.rint(column(lambda f: f.n)).astype(np.int64),
    })  # fmt: skip
    return frame.filter((pl.col("n") > 0) & (pl.col("numerator").is_not_null() | pl.col("value").is_not_null()))
