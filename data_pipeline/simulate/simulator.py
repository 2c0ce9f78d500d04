"""The stand-in for a city's suppliers: registers, archive, history and live batches as deliveries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from data_pipeline.simulate import declared, tables
from data_pipeline.simulate.archive import closing_weeks, quarters
from data_pipeline.simulate.clock import moment, seconds
from data_pipeline.simulate.declared import files
from data_pipeline.simulate.declared.cases import DeclaredCases
from data_pipeline.simulate.declared.statements import DeclaredReturns
from data_pipeline.simulate.declared.timetables import TimetableLines
from data_pipeline.simulate.environment import AirQuality
from data_pipeline.simulate.feed import Feed
from data_pipeline.simulate.reports import Reports
from data_pipeline.simulate.sites import STOCK_DAY, Sites
from data_pipeline.simulate.suppliers import DEFAULT_SEED, SimDelivery, Suppliers

__all__ = ["DEFAULT_SEED", "SimDelivery", "Simulator", "Stream"]

HOUR, DAY = 3600, 86400
FINE_DAYS = 3  # the last days of the history come day by day, what lies before week by week
OPENING_LEAD_S = 6 * HOUR  # a register names a new site on the evening before it opens


@dataclass(frozen=True)
class Stream:
    """One flow of files of a dataset.

    `due(after, until)`: seconds at which something falls due; `table(after, until, floor)`: the
    supplier's rows for that window; `lead_s`: how long after its event the first row is due.
    `every`: how the history is cut into files. `archived`: its records go back as far as the archive.
    """

    name: str
    dataset: str
    shape: tables.Shape
    due: Callable[[int, int], np.ndarray]
    table: Callable[[int, int, int], pl.DataFrame]
    lead_s: int = 0
    every: Literal["day", "week", "month"] = "week"
    corrects: bool = False
    archived: bool = False


class Simulator(Suppliers):
    """The simulated suppliers of one city.

    Every value is a pure function of seed, city, dataset, site and time, so history and live
    batches agree whatever the borders of the batches, and the same seed and end give the same
    store. Datasets whose source the pack does not declare `simulated` are left alone.

    Parameters
    ----------
    pack : Pack
    seed : int
    scale : float
        Multiplies sites and cases; 1 is the city's own size (volumes are stated for Ezhou; registers
        of masts grow with the population, everything that reports often with its square root).
    """

    @cached_property
    def streams(self) -> list[Stream]:
        """Every flow of observations and cases that is simulated."""
        found = [self._of_feed(feed) for feed in self.feeds.values()]
        air = self.feeds.get("air_quality")
        if isinstance(air, AirQuality):
            found.append(Stream(
                "air_quality_reviewed", "air_quality", tables.OBSERVATIONS["air_quality"], air.review_times,
                lambda a, b, floor: tables.observation_table("air_quality", air.reviewed(a, b, floor), self.pack.tz),
                air.wait_s - 1, corrects=True,
            ))  # fmt: skip
        roads = len(self.world.sites["road_sections"]) > 0
        if self.simulated("service_requests"):
            found.append(self._case("service_requests", self.tickets.due_times, self.tickets.changed, every="day"))
        if self.simulated("hotline_calls"):
            hotline = self.hotline
            found.append(self._case("hotline_calls", hotline.due_times, lambda a, b, _: hotline.table(a, b), HOUR + hotline.delay_s - 1))
        if self.simulated("vehicle_positions") and roads:
            cars = self.vehicles
            found.append(self._case("vehicle_positions", cars.due_times, lambda a, b, _: cars.batch(a, b), cars.delay_s - 1))
        if self.simulated("drive_tests") and roads:
            found.append(self._case("drive_tests", self.drives.due_times, lambda a, b, _: self.drives.tables(a, b)))
        if self.simulated("city_events"):
            found.append(self._case("city_events", self.events.due_times, lambda a, b, _: self.events.table(a, b)))
        return [*found, *self._declared(), *(self._timetables() if roads else ())]

    def _of_feed(self, feed: Feed) -> Stream:
        def table(after_s: int, until_s: int, floor_s: int) -> pl.DataFrame:
            return tables.observation_table(feed.dataset, feed.batch(after_s, until_s, floor_s), self.pack.tz)

        return Stream(feed.dataset, feed.dataset, tables.OBSERVATIONS[feed.dataset], feed.due_times, table, feed.wait_s - 1)

    @staticmethod
    def _case(dataset: str, due: Callable, table: Callable, lead_s: int = 0, every: Literal["day", "week"] = "week") -> Stream:
        return Stream(dataset, dataset, tables.CASES[dataset], due, table, lead_s, every)

    def _declared(self) -> Iterator[Stream]:
        """Streams of the suppliers that are declared as text."""
        statements = [DeclaredReturns(self.world, d) for name, d in declared.all_returns().items() if self.simulated(name)]
        cases = [DeclaredCases(self.world, d) for name, d in declared.all_cases().items() if self.simulated(name)]
        made: list[DeclaredReturns | DeclaredCases] = [*(s for s in statements if s.n), *cases]
        for found in made:
            file = found.declared.file
            shape = tables.Shape(file.mapping, file.ending, partial(_save, file, self.pack.tz), {})
            old = not isinstance(found, DeclaredReturns) or found.declared.archived
            yield Stream(found.dataset, found.dataset, shape, found.due_times, found.table, found.lead_s, file.every, archived=old)

    def _timetables(self) -> Iterator[Stream]:
        """Streams of the lines that run to a timetable: trips and calls."""
        for timetable in declared.all_timetables():
            lines = TimetableLines(self.world, timetable)
            shape = tables.Shape(timetable.file.mapping, timetable.file.ending, partial(_save, timetable.file, self.pack.tz), {})
            for dataset, table in ((timetable.trips_dataset, lines.trips), (timetable.calls_dataset, lines.calls)):
                if self.simulated(dataset) and self.simulated(timetable.stops_dataset):
                    yield Stream(dataset, dataset, shape, lines.due_times, table, lines.lead_s, timetable.file.every)

    @cached_property
    def _reports(self) -> Reports:
        return Reports(self)

    def reports(self, after_utc: datetime, until_utc: datetime) -> Iterator[SimDelivery]:
        """Workbooks with the departments' monthly reports on the plan, known in (after, until], oldest first."""
        if self.simulated("plan_reports"):
            yield from self._reports.deliveries(after_utc, until_utc)

    # ------------------------------------------------------------------ registers

    def registers(self, until_utc: datetime) -> Iterator[SimDelivery]:
        """The registers as known by `until_utc`, oldest first.

        A stock as of 2024-01-01 (or `until_utc` if earlier), what opened or closed in each half-year
        since, what opened since the last half-year, and the last full list of a month's first day.
        """
        until_s = seconds(until_utc)
        today = date.fromordinal(self.world.local_ordinal(until_s + OPENING_LEAD_S))
        edges = [STOCK_DAY] + [d for d in _half_years(STOCK_DAY, today) if d < today]
        for dataset in self._register_datasets():
            sites = self.world.sites[dataset]
            first = min(STOCK_DAY, today)
            yield self._register(sites, sites.opened <= first.toordinal(), first, self._at(first, until_utc), "stock")
            for start, end in zip(edges, [*edges[1:], today], strict=True):
                changed = _changed(sites, start, end)
                if changed.any():
                    yield self._register(sites, changed, end, self._at(end, until_utc), "changes")
            month = date.fromordinal(self.world.local_ordinal(until_s - 2 * HOUR)).replace(day=1)
            if month > STOCK_DAY:
                yield self._full_list(sites, month)

    def _register_datasets(self) -> list[str]:
        return [d for d in self.world.sites.registers if self.simulated(d) and len(self.world.sites[d])]

    def _at(self, day: date, until_utc: datetime) -> datetime:
        return min(moment(self.world.midnight_s(day)) - timedelta(seconds=OPENING_LEAD_S), until_utc)

    def _full_list(self, sites: Sites, month: date) -> SimDelivery:
        known = moment(self.world.midnight_s(month) + 2 * HOUR)
        return self._register(sites, sites.opened <= month.toordinal() + 1, month, known, "list")

    def _register(self, sites: Sites, keep: np.ndarray, day: date, known: datetime, what: str) -> SimDelivery:
        shape = tables.REGISTERS[sites.dataset]

        def write(path: Path) -> None:
            frame = sites.frame.filter(pl.Series(keep))
            # a register does not know the future
            later = [name for name in ("closed_on", "joined_on") if name in frame.columns]
            frame = frame.with_columns(pl.when(pl.col(name) <= day).then(name).alias(name) for name in later)
            shape.save(tables.register_table(sites.dataset, frame), path)

        name = f"{self.pack.id}_{sites.dataset}_{what}_{day:%Y%m%d}.{shape.ending}"
        return SimDelivery(sites.dataset, name, known, shape.mapping or None, write)

    # ------------------------------------------------------------------ observations and cases

    def history(self, start_utc: datetime, until_utc: datetime) -> Iterator[SimDelivery]:
        """Records of events from `start_utc` on that were due by `until_utc`, as batch files in order of arrival.

        Week by week, the last days day by day, tickets day by day; nothing of an event before
        `start_utc` is delivered.
        """
        start_s, until_s = seconds(start_utc), seconds(until_utc)
        found = [d for stream in self.streams for d in self._chunks(stream, start_s, until_s, 0 if stream.archived else start_s)]
        if self.simulated("figures"):
            found += closing_weeks(self, start_utc, until_utc)
        yield from sorted(found, key=lambda d: d.known_from_utc)

    def _chunks(self, stream: Stream, start_s: int, until_s: int, floor_s: int) -> Iterator[SimDelivery]:
        first, last = self.world.local_ordinal(start_s), self.world.local_ordinal(until_s)
        days = range(first + 1, last + 1)
        cut = {
            "day": lambda: days,
            "week": lambda: [d for d in days if (d + 6) % 7 == 0 or d > last - FINE_DAYS],
            "month": lambda: [d for d in days if date.fromordinal(d).day == 1],
        }[stream.every]()
        # what follows an archive goes on where that ended
        begin = start_s if stream.archived else start_s + stream.lead_s
        # a quarter of an hour after midnight, so that the day before is complete
        edges = [begin, *(self.world.midnight_s(d) + 900 + stream.lead_s for d in cut), until_s]
        for after_s, end_s in zip(edges, edges[1:], strict=False):
            end_s = min(end_s, until_s)
            due = stream.due(after_s, end_s) if end_s > after_s else np.empty(0)
            if due.size:
                # a correction must be known later than what it corrects, which came in a file of the same days
                known_s = end_s if stream.corrects else min(int(due[-1]), end_s - 1)
                yield self._delivery(stream, after_s, end_s, known_s, floor_s)

    def live(self, after_utc: datetime, until_utc: datetime) -> Iterator[SimDelivery]:
        """Deliveries due in (after, until], oldest first; also what a gap left behind.

        Up to two hours each due time is a file of its own; a longer gap is caught up in files of an
        hour, one of more than two days in files of a day.
        """
        after_s, until_s = seconds(after_utc), seconds(until_utc)
        if until_s <= after_s:
            return
        span = until_s - after_s
        step = 1 if span <= 2 * HOUR else HOUR if span <= 2 * DAY else DAY
        found = [*self._live_registers(after_s, until_s), *self.reports(after_utc, until_utc)]
        for stream in self.streams:
            due = stream.due(after_s, until_s)
            ends = due[np.flatnonzero(np.diff(np.append(due // step, -1)))] if due.size else due
            for start, end in zip([after_s, *ends.tolist()], ends.tolist(), strict=False):
                found.append(self._delivery(stream, int(start), int(end), int(end), 0))
        yield from sorted(found, key=lambda d: d.known_from_utc)

    def _live_registers(self, after_s: int, until_s: int) -> Iterator[SimDelivery]:
        """Sites that open or close, named the evening before, and the full lists of a month's first day."""
        first = self.world.local_ordinal(after_s + OPENING_LEAD_S)
        last = self.world.local_ordinal(until_s + OPENING_LEAD_S)
        for ordinal in range(first, last + 1):
            day, midnight = date.fromordinal(ordinal), self.world.midnight_s(ordinal)
            for dataset in self._register_datasets():
                sites = self.world.sites[dataset]
                changed = _changed(sites, day - timedelta(days=1), day)
                if after_s < midnight - OPENING_LEAD_S <= until_s and changed.any():
                    yield self._register(sites, changed, day, moment(midnight - OPENING_LEAD_S), "changes")
                if day.day == 1 and after_s < midnight + 2 * HOUR <= until_s:
                    yield self._full_list(sites, day)

    def _delivery(self, stream: Stream, after_s: int, end_s: int, known_s: int, floor_s: int) -> SimDelivery:
        offset = int(self.world.clock(np.array([end_s])).offset_s[0])
        start, end = (moment(s + offset).strftime("%Y%m%d_%H%M") for s in (after_s, end_s))
        name = f"{self.pack.id}_{stream.name}_{start}_{end}.{stream.shape.ending}"
        return SimDelivery(
            stream.dataset, name, moment(known_s), stream.shape.mapping or None, partial(_write, stream, after_s, end_s, floor_s)
        )

    # ------------------------------------------------------------------ archive

    def archive(self, start_utc: datetime, until_utc: datetime) -> Iterator[SimDelivery]:
        """Dataset `figures`: day and month figures of every metric and area from `start_utc` up to `until_utc`.

        One file a calendar quarter, known a day after its end (never later than `until_utc`). Suppliers that are
        declared as text hand over their old records themselves, in one file.
        """
        found = list(quarters(self, start_utc, until_utc)) if self.simulated("figures") else []
        for stream in self.streams:
            if stream.archived:
                found += self._old_records(stream, seconds(start_utc), seconds(until_utc))
        yield from sorted(found, key=lambda d: d.known_from_utc)

    def _old_records(self, stream: Stream, start_s: int, until_s: int) -> Iterator[SimDelivery]:
        due = stream.due(start_s, until_s)
        if due.size:
            yield self._delivery(stream, start_s, until_s, min(int(due[-1]), until_s - 1), start_s)


def _save(file: declared.File, tz: ZoneInfo, frame: pl.DataFrame, path: Path) -> None:
    files.save(frame, file, tz, path)


def _write(stream: Stream, after_s: int, end_s: int, floor_s: int, path: Path) -> None:
    stream.shape.save(stream.table(after_s, end_s, floor_s), path)


def _changed(sites: Sites, after: date, until: date) -> np.ndarray:
    """Sites that opened or closed on a day in (after, until]."""
    low, high = after.toordinal(), until.toordinal()
    closed = (sites.closed > low) & (sites.closed <= high) & (sites.opened <= high)
    return ((sites.opened > low) & (sites.opened <= high)) | closed


def _half_years(after: date, until: date) -> list[date]:
    """First days of January and July in (after, until]."""
    days = [date(year, month, 1) for year in range(after.year, until.year + 1) for month in (1, 7)]
    return [d for d in days if after < d <= until]
