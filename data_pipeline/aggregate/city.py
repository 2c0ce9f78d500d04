"""Readings of one city: what the records and archived figures of some local days make of each metric."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import polars as pl

from data_pipeline.aggregate.compose import LONGEST_CASE, Window, base_grain, compose
from data_pipeline.aggregate.engine import DuckEngine, Engine, areas_of
from data_pipeline.aggregate.expected import Expected
from data_pipeline.aggregate.figures import figure_parts, read_figures
from data_pipeline.aggregate.rollup import PARTS, base_parts, coarser, mapped
from data_pipeline.cities import Pack
from data_pipeline.contracts import contract, duration
from data_pipeline.metrics import Metric, metrics
from data_pipeline.store.lake import Lake
from data_pipeline.times import GRAINS, SUB_DAY_SECONDS, Grain, day_floor, midnight_utc, next_day_floor

# so many days at a time, by the finest grain: bounds memory, does not change the answer
CHUNK_DAYS = {"5min": 31, "15min": 62, "hour": 200}
_DAY = timedelta(days=1)
_WIDE = timedelta(days=62)
EVER = (date(1900, 1, 1), date(9000, 1, 1))
_NO_DAY = (date(1970, 1, 1), date(1970, 1, 1))
Piece = tuple[Metric, Grain, pl.DataFrame, date, date]


class CityReadings:
    """Computes readings of one city from the store's records; writes nothing.

    Parameters
    ----------
    lake : Lake
        Open lake; inside a transaction its own uncommitted rows are seen.
    pack : Pack
    engine : Engine, optional
        `DuckEngine(lake)` where not given.
    as_of : datetime, optional
        With what was known at that moment (naive UTC).
    areas : tuple of str, optional
        These areas only; keep the city among them, for it says which days have any data.
    """

    def __init__(
        self,
        lake: Lake,
        pack: Pack,
        engine: Engine | None = None,
        as_of: datetime | None = None,
        areas: tuple[str, ...] | None = None,
    ) -> None:
        self.lake, self.pack, self.as_of, self.areas = lake, pack, as_of, areas
        self.engine = engine or DuckEngine(lake)
        self.expected = Expected(lake, pack, as_of)
        # below an hour only areas above the township are kept: the rest is put together when asked
        self.fine_areas = [a.id for a in pack.areas.values() if a.level != "township"] if areas is None else list(areas)
        self._area_table = areas_of(pack)
        self._figures: pl.DataFrame | None = None
        self._spans: dict[str, tuple[date | None, date | None]] = {}

    def load_figures(self, metric_ids: list[str], from_day: date, to_day: date) -> None:
        """Read the archived figures once for all that follows; without it they count as absent."""
        if self.lake.is_empty(contract("figures").table):
            self._figures = None
            return
        found = read_figures(self.lake, self.pack.id, metric_ids, from_day, to_day, self.as_of)
        self._figures = found if found.height else None

    def native(
        self, group: list[Metric], from_day: date, to_day: date, grain: Grain | None = None
    ) -> list[pl.DataFrame]:
        """Parts from records for each metric of a group, at the group's base grain or at `grain`."""
        composed = compose(group, Window(self.pack.id, from_day, to_day, self.pack.tz, self.as_of, self.areas), grain)
        wide = self.engine.run(composed, self._area_table)
        return [base_parts(metric, i, wide, self.pack.tz) for i, metric in enumerate(composed.metrics)]

    # ------------------------------------------------------------------ up to a day

    def window(self, group: list[Metric], from_day: date, to_day: date) -> Iterator[Piece]:
        """Pieces up to a day for metrics of one group over some local days.

        A piece is (metric, grain, parts, the days it answers for: from, to exclusive). Day pieces carry the column `origin`: records win; days on which the city has no record
        behind the metric come from archives.
        """
        days: dict[str, list[pl.DataFrame]] = {m.id: [pl.DataFrame(schema=PARTS)] for m in group}
        size = CHUNK_DAYS.get(base_grain(group), 100_000) * _DAY
        start = from_day
        while start < to_day:
            stop = min(start + size, to_day)
            if to_day - from_day > _WIDE and not self._has_records(group[0].dataset, start, stop):
                start = stop
                continue
            for metric, grain, parts in self._chunk(group, start, stop):
                if grain == "day":
                    days[metric.id].append(parts)
                else:
                    yield metric, grain, parts, start, stop
            start = stop
        for metric in group:
            native = pl.concat(days[metric.id])
            archived = self.figures(metric, "day", from_day, to_day)
            if metric.period_on:
                native = self._whole_cases(native, archived)
            archived = archived.filter(~pl.col("local_day").is_in(native["local_day"].unique().to_list()))
            yield metric, "day", _with_origin(native, archived), from_day, to_day

    def _whole_cases(self, native: pl.DataFrame, archived: pl.DataFrame) -> pl.DataFrame:
        """Records without the days on which the archive stands on more cases than the store holds.

        A case counts on the day it was closed or fell due. In the first weeks of a city's records
        only the cases received since then are there: the quickly closed ones, a biased part.
        """
        city = self.pack.city_area.id
        both = archived.filter(pl.col("area_id") == city).join(native.filter(pl.col("area_id") == city), on="local_day", suffix="_own")
        fuller = both.filter(pl.col("n") > pl.col("n_own"))["local_day"].to_list()
        return native.filter(~pl.col("local_day").is_in(fuller)) if fuller else native

    def _has_records(self, dataset: str, from_day: date, to_day: date) -> bool:
        """Whether the city's records of a dataset may lie in some days: archives reach far before them."""
        first, last = self._span(dataset)
        if first is None or last is None:
            return False
        reach = LONGEST_CASE if any(m.period_on for m in metrics().values() if m.dataset == dataset) else timedelta(0)
        return first < to_day and from_day <= last + reach

    def _span(self, dataset: str) -> tuple[date | None, date | None]:
        """First and last local day of the city's records of a dataset; None where there are none."""
        if dataset not in self._spans:
            found = self.lake.frame(
                f'SELECT min(local_day) AS first, max(local_day) AS last FROM "{contract(dataset).table}" WHERE city = ?',
                [self.pack.id],
            ).row(0)
            self._spans[dataset] = (found[0], found[1])
        return self._spans[dataset]

    def _chunk(self, group: list[Metric], from_day: date, to_day: date) -> Iterator[tuple[Metric, Grain, pl.DataFrame]]:
        tz = self.pack.tz
        if group[0].over_time == "recompute":
            for grain in (g for g in group[0].grains if g in SUB_DAY_SECONDS or g == "day"):
                for metric, parts in zip(group, self.native(group, from_day, to_day, grain), strict=True):
                    yield metric, grain, self.with_expected(metric, grain, parts)
            return
        finest = base_grain(group)
        for metric, found in zip(group, self.native(group, from_day, to_day), strict=True):
            parts, grain = found, finest
            if grain != metric.base_grain:
                parts, grain = coarser(metric, parts, grain, metric.base_grain, tz), metric.base_grain
            if grain in ("5min", "15min"):
                fine = parts.filter(pl.col("area_id").is_in(self.fine_areas))
                yield metric, grain, self.with_expected(metric, grain, fine)
                parts, grain = coarser(metric, parts, grain, "hour", tz), "hour"
            if grain == "hour":
                yield metric, grain, self.with_expected(metric, grain, parts)
                parts, grain = coarser(metric, parts, grain, "day", tz), "day"
            if grain in metric.grains:
                yield metric, grain, self.with_expected(metric, grain, parts)

    def with_expected(self, metric: Metric, grain: Grain, parts: pl.DataFrame) -> pl.DataFrame:
        """Reports due over the whole period; null (and no reported) where nothing says how many."""
        if not self.expected.applies(metric.dataset):
            nothing = pl.lit(None, pl.Int64)
            return parts.with_columns(nothing.alias("expected_n"), nothing.alias("reported_n"))
        if parts.is_empty():
            return parts
        pairs = parts.select("area_id", "local_day").unique()
        if grain in SUB_DAY_SECONDS:
            cadence_s = duration(contract(metric.dataset).cadence or "1d").total_seconds()
            slots = max(int(SUB_DAY_SECONDS[grain] // cadence_s), 1)
            due = [self.expected.sites_n(metric.dataset, a, d) * slots for a, d in pairs.iter_rows()]
        elif grain == "day":
            due = [self.expected.of_day(metric.dataset, a, d) for a, d in pairs.iter_rows()]
        else:
            due = [self.expected.of_days(metric.dataset, a, d, grain) for a, d in pairs.iter_rows()]
        lookup = pairs.with_columns(pl.Series("due", due, dtype=pl.Int64))
        joined = parts.drop("expected_n").join(lookup, on=["area_id", "local_day"], how="left", maintain_order="left")
        # no site on the register: nothing says how many reports were due
        joined = joined.with_columns(pl.when(pl.col("due") > 0).then("due").alias("expected_n"))
        known = pl.when(pl.col("expected_n").is_not_null()).then("reported_n").alias("reported_n")
        return joined.with_columns(known).select(list(PARTS))

    def figures(self, metric: Metric, grain: Grain, from_day: date, to_day: date) -> pl.DataFrame:
        """Archived figures of a metric as parts, out of those `load_figures` has read."""
        if self._figures is None:
            return pl.DataFrame(schema=PARTS)
        parts = figure_parts(self._figures, self.pack, metric, grain, from_day, to_day)
        return parts if self.areas is None else parts.filter(pl.col("area_id").is_in(list(self.areas)))

    # ------------------------------------------------------------------ months and longer

    def longer(
        self, group: list[Metric], grain: Grain, days: list[pl.DataFrame], from_day: date, to_day: date
    ) -> list[pl.DataFrame]:
        """Parts of whole periods of `grain` for each metric of a group, with column `origin`.

        Parameters
        ----------
        group : list of Metric
        grain : Grain
            week, month, quarter or year.
        days : list of DataFrame
            For each metric every day part (with `origin`) of these periods.
        from_day, to_day : date
            Borders of periods of `grain`.
        """
        if group[0].over_time == "recompute":
            made = self.native(group, from_day, to_day, grain)
            made = [
                self.with_expected(m, grain, p).with_columns(origin=pl.lit("records"))
                for m, p in zip(group, made, strict=True)
            ]
        else:
            made = [
                coarser(m, d.select(list(PARTS)), "day", grain, self.pack.tz).join(
                    _origins(d, grain), on=["area_id", "local_day"], how="left", maintain_order="left"
                )
                for m, d in zip(group, days, strict=True)
            ]
        return [
            self._whole(metric, grain, parts, day_parts, from_day, to_day)
            for metric, parts, day_parts in zip(group, made, days, strict=True)
        ]

    def _whole(
        self, metric: Metric, grain: Grain, made: pl.DataFrame, days: pl.DataFrame, from_day: date, to_day: date
    ) -> pl.DataFrame:
        """Completeness over the whole period, and archived months where they are better."""
        due_known = self.expected.applies(metric.dataset) and not days["expected_n"].null_count()
        if due_known and metric.over_time != "recompute":
            made = self._fill_expected(metric, grain, made, days)
        elif not due_known and GRAINS.index(metric.base_grain) <= GRAINS.index("day"):
            # nothing says how many reports were due: count the days with data among the days; what is computed anew rests
            # on the days with records alone. What is told by the month from the start has no days to count.
            behind = days if metric.over_time != "recompute" else days.filter(pl.col("origin") == "records")
            seen = set(behind["local_day"].to_list())
            firsts = made["local_day"].to_list()
            made = made.with_columns(
                pl.Series("reported_n", [sum(d in seen for d in _days_of(f, grain)) for f in firsts], dtype=pl.Int64),
                pl.Series("expected_n", [len(_days_of(f, grain)) for f in firsts], dtype=pl.Int64),
            )
        return self._month_figures(metric, made, days, from_day, to_day) if grain == "month" else made

    def _fill_expected(self, metric: Metric, grain: Grain, made: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
        """Add what was due on the days of a period that have no reading."""
        there = set(days.select("area_id", "local_day").iter_rows())
        missing = [
            sum(self.expected.of_day(metric.dataset, area, d) for d in _days_of(first, grain) if (area, d) not in there)
            for area, first in made.select("area_id", "local_day").iter_rows()
        ]
        return made.with_columns(pl.col("expected_n") + pl.Series(missing, dtype=pl.Int64))

    def _month_figures(
        self, metric: Metric, made: pl.DataFrame, days: pl.DataFrame, from_day: date, to_day: date
    ) -> pl.DataFrame:
        """Take an archived month where the days do not make it whole and no record stands against it.

        A figure that cannot be put together from days is taken from the archive unless every day
        of the month has records.
        """
        figures = self.figures(metric, "month", from_day, to_day)
        if figures.is_empty():
            return made
        native = set(days.filter(pl.col("origin") == "records")["local_day"].to_list())
        counted: dict[tuple[str, date], int] = {}
        for area, day in days.select("area_id", "local_day").iter_rows():
            key = (area, day_floor(day, "month"))
            counted[key] = counted.get(key, 0) + 1
        keep = []
        for area, first in figures.select("area_id", "local_day").iter_rows():
            month = _days_of(first, "month")
            native_n = sum(d in native for d in month)
            if metric.over_time == "recompute":
                keep.append(native_n < len(month))
            else:
                keep.append(native_n == 0 and counted.get((area, first), 0) < len(month))
        figures = figures.filter(pl.Series(keep, dtype=pl.Boolean)).with_columns(origin=pl.lit("figures"))
        rest = made.join(figures.select("area_id", "local_day"), on=["area_id", "local_day"], how="anti")
        return pl.concat([rest.select(figures.columns), figures])

    # ------------------------------------------------------------------ stocks

    def stock(self, group: list[Metric]) -> Iterator[Piece]:
        """Pieces for stocks: one part for each area and day on which it changed, with column `origin`.

        Days before the first known change come from archives (a month's figure on its last day).
        """
        nothing = pl.lit(None, pl.Int64)
        first, last = self._span(group[0].dataset)
        span = (first, last + LONGEST_CASE) if first and last else _NO_DAY
        for metric, native in zip(group, self.native(group, *span), strict=True):
            months = self.figures(metric, "month", *EVER).with_columns(pl.col("local_day").dt.month_end())
            starts = {d: midnight_utc(d, self.pack.tz) for d in months["local_day"].unique().to_list()}
            months = months.with_columns(mapped("local_day", starts, pl.Datetime("us")).alias("start"))
            archived = pl.concat([self.figures(metric, "day", *EVER), months])
            archived = archived.unique(["area_id", "local_day"], keep="first", maintain_order=True)
            if native.height:
                archived = archived.filter(pl.col("local_day") < native["local_day"].min())
            parts = _with_origin(native, archived)
            yield metric, "day", parts.with_columns(nothing.alias("reported_n"), nothing.alias("expected_n")), *EVER


def _with_origin(native: pl.DataFrame, archived: pl.DataFrame) -> pl.DataFrame:
    origin = pl.Series("origin", ["records"] * native.height + ["figures"] * archived.height, dtype=pl.String)
    return pl.concat([native, archived]).with_columns(origin)


def _origins(days: pl.DataFrame, grain: Grain) -> pl.DataFrame:
    """`origin` of each area and longer period: figures only where every day of it comes from archives."""
    firsts = {day: day_floor(day, grain) for day in days["local_day"].unique().to_list()}
    archived = (pl.col("origin") == "figures").all()
    return (
        days.with_columns(mapped("local_day", firsts, pl.Date).alias("local_day"))
        .group_by("area_id", "local_day")
        .agg(pl.when(archived).then(pl.lit("figures")).otherwise(pl.lit("records")).alias("origin"))
    )


def _days_of(first: date, grain: Grain) -> list[date]:
    return [date.fromordinal(n) for n in range(first.toordinal(), next_day_floor(first, grain).toordinal())]
