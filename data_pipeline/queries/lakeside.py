"""Answers that memory does not hold: old short periods, what was known earlier, what stands behind a figure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from data_pipeline.aggregate.city import EVER, CityReadings
from data_pipeline.aggregate.compose import Window, compose, grouped
from data_pipeline.aggregate.rollup import coarser
from data_pipeline.cities import Area, Pack
from data_pipeline.contracts import contract
from data_pipeline.metrics import Metric
from data_pipeline.queries.series import SELECT, Key, Series, microseconds, split
from data_pipeline.queries.types import Reading
from data_pipeline.store.lake import Lake
from data_pipeline.store.schema import known_at
from data_pipeline.times import SUB_DAY_SECONDS, Grain, day_floor, local_day, next_day_floor

_DAY = timedelta(days=1)
SAMPLE_ROWS = 20


def stored_series(
    lake: Lake, pack: Pack, metric: Metric, area: str, grain: Grain, from_utc: datetime, to_utc: datetime
) -> Series | None:
    """Stored readings of some periods; None where there are none."""
    rows = lake.frame(
        f"{SELECT} FROM readings WHERE city = ? AND metric = ? AND area_id = ? AND grain = ?"
        " AND period_start_utc >= ? AND period_start_utc < ?",
        [pack.id, metric.id, area, grain, from_utc, to_utc],
    )
    for _, series in split(rows):
        return series
    return None


def computed_series(
    lake: Lake,
    pack: Pack,
    metric: Metric,
    area: Area,
    grain: Grain,
    from_utc: datetime,
    to_utc: datetime,
    as_of: datetime | None,
) -> Series | None:
    """Readings computed from the records (as known at `as_of`), by the same composed SQL as the stored ones.

    Everything is read from one snapshot.
    """
    with lake.pinned():
        return _computed(lake, pack, metric, area, grain, from_utc, to_utc, as_of)


def _computed(
    lake: Lake,
    pack: Pack,
    metric: Metric,
    area: Area,
    grain: Grain,
    from_utc: datetime,
    to_utc: datetime,
    as_of: datetime | None,
) -> Series | None:
    parts = _parts(lake, pack, metric, tuple(dict.fromkeys((area.id, pack.city_area.id))), grain, from_utc, to_utc, as_of)
    return None if parts is None else _as_series(metric, area.id, grain, parts, from_utc, to_utc, stock=metric.is_stock)


def computed_everywhere(
    lake: Lake, pack: Pack, metric: Metric, grain: Grain, from_utc: datetime, to_utc: datetime, as_of: datetime | None
) -> dict[Key, Series]:
    """`computed_series` of every area of a city: for figures that are withheld by what their neighbours show."""
    with lake.pinned():
        parts = _parts(lake, pack, metric, None, grain, from_utc, to_utc, as_of)
    if parts is None:
        return {}
    made = {a: _as_series(metric, a, grain, parts, from_utc, to_utc, stock=metric.is_stock) for a in pack.areas}
    return {(metric.id, area, grain): series for area, series in made.items() if series is not None}


def _parts(
    lake: Lake, pack: Pack, metric: Metric, areas: tuple[str, ...] | None, grain: Grain, from_utc: datetime, to_utc: datetime,
    as_of: datetime | None,
) -> pl.DataFrame | None:  # fmt: skip
    """Parts of the periods that hold [from, to) with `origin`; of the areas given (the city among them) or of all."""
    made = CityReadings(lake, pack, as_of=as_of, areas=areas)
    tz = pack.tz
    first, after = local_day(from_utc, tz), local_day(to_utc - timedelta(microseconds=1), tz) + _DAY
    if metric.is_stock:
        made.load_figures([metric.id], *EVER)
        parts = next(iter(made.stock([metric])))[2]
    elif grain in SUB_DAY_SECONDS:
        pieces = {g: [] for g in SUB_DAY_SECONDS}  # type: dict[str, list[pl.DataFrame]]
        for _, found, piece, _, _ in made.window([metric], first, after):
            if found in pieces:
                pieces[found].append(piece)
        source: Grain = grain if pieces[grain] else metric.base_grain
        if not pieces[source]:
            return None
        parts = pl.concat(pieces[source])
        if source != grain:
            parts = coarser(metric, parts, source, grain, tz)
    else:
        first, last = day_floor(first, grain), day_floor(after - _DAY, grain)
        after = next_day_floor(last, grain)
        # archives speak of days and of whole months
        begin, end = day_floor(first, "month"), next_day_floor(after - _DAY, "month")
        if metric.is_additive or grain != "day":
            made.load_figures([metric.id], begin, end)
        else:
            made.load_figures([metric.id], first, after)
        if grain in ("day", "week"):
            days = _days(made, metric, first, after)
            parts = days if grain == "day" else made.longer([metric], grain, [days], first, after)[0]
        elif grain == "month" or metric.over_time == "recompute":
            days = _days(made, metric, first, after)
            parts = made.longer([metric], grain, [days], first, after)[0]
        else:
            days = _days(made, metric, first, after)
            months = made.longer([metric], "month", [days], first, after)[0]
            parts = coarser(metric, months.drop("origin"), "month", grain, tz)
    return parts if "origin" in parts.columns else parts.with_columns(pl.lit("records").alias("origin"))


def known_then(lake: Lake, pack: Pack, group: list[Metric], first: date, after: date, as_of: datetime) -> dict[Key, Series]:
    """Readings of metrics of one dataset, for every area, from the records known at `as_of`, of the local days [first, after).

    Hours, shorter periods and days come from one run of the composed SQL; of a stock every day it changed.
    """
    pieces: list[tuple[Metric, Grain, pl.DataFrame]] = []
    with lake.pinned():
        made = CityReadings(lake, pack, as_of=as_of)
        for some in grouped(group):
            if some[0].is_stock:
                made.load_figures([m.id for m in some], *EVER)
                pieces += [(m, "day", piece) for m, _, piece, _, _ in made.stock(some)]
            else:
                made.load_figures([m.id for m in some], first, after)
                pieces += [(m, grain, piece) for m, grain, piece, _, _ in made.window(some, first, after)]
    found: dict[Key, Series] = {}
    for metric, grain, piece in pieces:
        parts = piece if "origin" in piece.columns else piece.with_columns(pl.lit("records").alias("origin"))
        found.update(split(_rows(metric, grain, parts)))
    return found


def _days(made: CityReadings, metric: Metric, first: date, after: date) -> pl.DataFrame:
    return next(piece for m, grain, piece, _, _ in made.window([metric], first, after) if grain == "day")


def _as_series(
    metric: Metric, area: str, grain: Grain, parts: pl.DataFrame, from_utc: datetime, to_utc: datetime, *, stock: bool
) -> Series | None:
    mine = parts.filter(pl.col("area_id") == area)
    if not stock:
        mine = mine.filter(pl.col("start").is_between(from_utc, to_utc, closed="left"))
    for _, series in split(_rows(metric, grain, mine)):
        return series
    return None


def _rows(metric: Metric, grain: Grain, parts: pl.DataFrame) -> pl.DataFrame:
    """Computed parts in the columns of `series.SELECT`."""
    return parts.select(
        pl.lit(metric.id).alias("metric"), "area_id", pl.lit(grain).alias("grain"),
        pl.col("start").dt.epoch("us").alias("start_us"), "numerator", "denominator", "value", "n", "reported_n",
        "expected_n", "simulated_n", pl.col("as_of").dt.epoch("us").alias("data_as_of_us"),
        pl.col("known_from").dt.epoch("us").alias("known_from_us"),
        (pl.col("origin") == "figures").cast(pl.Int64).alias("from_figures"),
    )  # fmt: skip


def recomputed_row(
    lake: Lake, pack: Pack, metric: Metric, area: Area, grain: Grain, start_utc: datetime, end_utc: datetime
) -> np.ndarray | None:
    """One longer period of a figure that is computed anew from the records."""
    series = computed_series(lake, pack, metric, area, grain, start_utc, end_utc, None)
    return None if series is None else series.find(microseconds(start_utc))


def behind(
    lake: Lake, pack: Pack, metric: Metric, reading: Reading, from_figures: bool, as_of: datetime | None
) -> tuple[str, list[int], int, tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """What stands behind a reading: (SQL, ids of deliveries, number of records, columns and rows of a sample)."""
    tz = pack.tz
    first = local_day(reading.period_start_utc, tz)
    after = local_day(reading.period_end_utc - timedelta(microseconds=1), tz) + _DAY
    composed = compose(
        [metric], Window(pack.id, first, after, tz, as_of, (reading.area,)), _composable(metric, reading.grain)
    )
    if from_figures:
        return (composed.sql, *_figures_behind(lake, pack, metric, reading, first, after, as_of))
    declared = contract(metric.dataset)
    known, moments = known_at(as_of, "r")
    params: list[Any] = [pack.id, reading.area, *moments]
    conditions = ["r.city = ?", "l.area_id = ?", known]
    if metric.is_stock:
        conditions.append("r.local_day < ?")
        params.append(after)
    else:
        moment = f'r."{metric.period_on}"' if metric.period_on else "r.event_at_utc"
        conditions += [f"{moment} >= ?", f"{moment} < ?"]
        # a moving mean stands on records of before the hour it is told for
        back = metric.looked_back(first)
        reach = timedelta(hours=metric.looks_back.hours) if metric.looks_back and back else timedelta(0)
        params += [reading.period_start_utc - reach, reading.period_end_utc]
        if not metric.period_on:
            # the local day prunes files
            conditions += ["r.local_day >= ?", "r.local_day < ?"]
            params += [first - back, after]
    if metric.where and not metric.mart:
        conditions.append(f"({metric.where})")
    source = f'FROM "{declared.table}" AS r JOIN localities AS l ON l.locality_id = r.locality_id WHERE {" AND ".join(conditions)}'
    counts = lake.frame(
        f"SELECT r.delivery_id, count(*) AS n {source} GROUP BY r.delivery_id ORDER BY r.delivery_id DESC", params
    )
    columns = (*declared.columns, "delivery_id", "row_number")
    names = ", ".join(f'r."{name}"' for name in columns)
    sample = lake.frame(f"SELECT {names} {source} ORDER BY r.event_at_utc, r.row_number LIMIT {SAMPLE_ROWS}", params)
    return composed.sql, counts["delivery_id"].to_list(), int(counts["n"].sum()), columns, tuple(sample.rows())


def _figures_behind(
    lake: Lake, pack: Pack, metric: Metric, reading: Reading, first: date, after: date, as_of: datetime | None
) -> tuple[list[int], int, tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    codes = [reading.area, *pack.area(reading.area).codes]
    declared = contract("figures")
    known, moments = known_at(as_of)
    columns = (*declared.columns, "delivery_id", "row_number")
    names = ", ".join(f'"{name}"' for name in columns)
    rows = lake.frame(
        f'SELECT {names} FROM "{declared.table}" WHERE city = ? AND metric_id = ? AND list_contains(?, area_id)'
        f" AND local_day >= ? AND local_day < ? AND {known} ORDER BY period_start",
        [pack.id, metric.id, codes, first, after, *moments],
    )
    ids = sorted(rows["delivery_id"].unique().to_list(), reverse=True)
    return ids, rows.height, columns, tuple(rows.head(SAMPLE_ROWS).rows())


def _composable(metric: Metric, grain: Grain) -> Grain | None:
    return grain if metric.over_time == "recompute" else None


def moments_of_change(
    lake: Lake, pack: Pack, metric: Metric, reading: Reading, from_figures: bool, most: int
) -> list[datetime]:
    """When deliveries arrived that a reading rests on, once its period was over: the first such moment and the newest ones.

    All arrivals up to the end of the period count as one: until then the figure was still growing.
    """
    table = contract("figures" if from_figures else metric.dataset).table
    first, after = local_day(reading.period_start_utc, pack.tz), local_day(reading.period_end_utc - timedelta(microseconds=1), pack.tz) + _DAY
    conditions, params = ["r.city = ?"], [pack.id]  # type: list[str], list[Any]
    if from_figures:
        codes = [reading.area, *pack.area(reading.area).codes]
        conditions += ["r.metric_id = ?", "list_contains(?, r.area_id)", "r.local_day >= ?", "r.local_day < ?"]
        params += [metric.id, codes, first, after]
        source = f'"{table}" AS r'
    else:
        source = f'"{table}" AS r JOIN localities AS l ON l.locality_id = r.locality_id'
        conditions.append("l.area_id = ?")
        params.append(reading.area)
        if metric.is_stock:
            conditions.append("r.local_day < ?")
            params.append(after)
        elif metric.period_on:
            conditions += [f'r."{metric.period_on}" >= ?', f'r."{metric.period_on}" < ?']
            params += [reading.period_start_utc, reading.period_end_utc]
        else:
            conditions += ["r.event_at_utc >= ?", "r.event_at_utc < ?", "r.local_day >= ?", "r.local_day < ?"]
            params += [reading.period_start_utc, reading.period_end_utc, first, after]
    rows = lake.frame(
        f"SELECT DISTINCT greatest(r.known_from_utc, CAST(? AS TIMESTAMP)) AS arrived FROM {source} WHERE {' AND '.join(conditions)} ORDER BY arrived",
        [reading.period_end_utc, *params],
    )
    found: list[datetime] = rows["arrived"].drop_nulls().to_list()
    return found if len(found) <= most else [found[0], *found[-(most - 1):]]
