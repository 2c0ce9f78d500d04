"""What all moments of one past day of a city share: short periods of the lake, cut series, cards, and corrected readings.

The first moment of a day pays for it, the others find it here; it stays over new commits, of which only what they
brought for the day is read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from data_pipeline.aggregate.compose import LONGEST_CASE
from data_pipeline.cities import Pack
from data_pipeline.contracts import contract
from data_pipeline.metrics import Metric, metrics
from data_pipeline.queries import lakeside
from data_pipeline.queries.bands import Bands, PastBands
from data_pipeline.queries.mirror import RECENT
from data_pipeline.queries.past_series import KeptCard, Moment
from data_pipeline.queries.series import SELECT, Key, N, Series, microseconds, split
from data_pipeline.store.lake import Lake
from data_pipeline.times import SUB_DAY_SECONDS, local_day, midnight_utc

if TYPE_CHECKING:
    from data_pipeline.queries.reading import ReadingLake

DAYS_KEPT = 4  # cities and days that a replay holds, some 20 MB each
CORRECTED_DAYS = 2  # how far back corrected periods are worked out again; a course shows older ones as gaps
CORRECTIONS_KEPT = 320  # answers of one dataset at one moment
MOST_COPIED = 400_000  # records of a dataset and day that are copied to memory; of more the lake is asked each time
_WINDOW = RECENT + timedelta(days=1)


class PastDay:
    """What all moments of one local day of a city share: short periods read from the lake, series up to its end, cards."""

    def __init__(self, pack: Pack, day: date, reading: ReadingLake) -> None:
        self._pack, self._reading = pack, reading
        self._end = midnight_utc(day + timedelta(days=1), pack.tz)
        self._end_us = microseconds(self._end)
        self.first_us = microseconds(self._end - _WINDOW)
        self._short: dict[Key, Series] = {}
        self._commit_seq = -1  # up to which commit the short periods have been read
        self._ends: dict[Key, tuple[Series, Series]] = {}
        self.cards: dict[tuple[Any, ...], KeptCard] = {}
        self.records = DayRecords(pack, day, reading)
        self._guard = threading.Lock()

    def short(self, commit_seq: int) -> dict[Key, Series]:
        """All series of the city below a day, from 72 hours before the day to its end; of later commits only what they brought."""
        with self._guard:
            lake = self._reading.get()
            if commit_seq > self._commit_seq and lake is not None:
                rows = lake.frame(
                    f"{SELECT} FROM readings WHERE city = ? AND list_contains(?, grain) AND period_start_utc >= ? AND period_start_utc < ? AND commit_seq > ?",
                    [self._pack.id, list(SUB_DAY_SECONDS), self._end - _WINDOW, self._end, self._commit_seq],
                )
                found = dict(split(rows, to_hold=False))
                self._short = self._short | {k: self._short[k].merged(part) if k in self._short else part for k, part in found.items()}
                self._commit_seq = commit_seq
            return self._short

    def ended(self, key: Key, held: Series) -> Series:
        """A held series up to the end of the day; cut once for all moments of the day, as long as it is the same."""
        known = self._ends.get(key)
        if known is None or known[0] is not held:
            self._ends[key] = known = (held, held.before(self._end_us))
        return known[1]


class OldPeriods:
    """The past days last asked for, the least recently used forgotten first; and the usual ranges of past days."""

    def __init__(self, reading: ReadingLake, present: Bands) -> None:
        self._reading = reading
        self.bands = PastBands(present)
        self._kept: OrderedDict[tuple[str, date], PastDay] = OrderedDict()
        self._guard = threading.Lock()

    def day(self, pack: Pack, at_utc: datetime) -> PastDay:
        """The local day a moment ends in: midnight belongs to the day before."""
        day = local_day(at_utc - timedelta(microseconds=1), pack.tz)
        with self._guard:
            found = self._kept.setdefault((pack.id, day), PastDay(pack, day, self._reading))
            self._kept.move_to_end((pack.id, day))
            while len(self._kept) > DAYS_KEPT:
                self._kept.popitem(last=False)
            return found


class DayRecords:
    """Readings of one day and the one before as they stood at a moment where they have been corrected since.

    Worked out a dataset at a time, for all areas at once, from the records known then. These are copied to a store in
    memory once a day and dataset, where the same SQL is planned some ten times quicker than over the catalogue. What was
    known at a moment stays so: later revisions only end the ones that count.
    """

    def __init__(self, pack: Pack, day: date, reading: ReadingLake) -> None:
        self._pack, self._reading = pack, reading
        self.first, self.after = day + timedelta(days=1 - CORRECTED_DAYS), day + timedelta(days=1)
        self._copy: Lake | None = None
        self._copied: dict[str, Lake] = {}  # dataset → where its records are to be read
        self._tables: set[str] = set()  # what the copy holds whole
        self._seq = -1
        self._found: OrderedDict[tuple[datetime, str], dict[Key, Series]] = OrderedDict()
        self._guard = threading.RLock()

    def known_at(self, dataset: str, known_at: datetime, commit_seq: int) -> dict[Key, Series]:
        """All series of a dataset's figures over the two days, by the records known at a moment (naive UTC)."""
        with self._guard:
            lake = self._reading.get()
            if lake is None:
                return {}
            if commit_seq != self._seq:
                newest = lake.snapshot()
                if newest is not None and known_at + timedelta(hours=1) > newest.at_utc:
                    # a delivery of these minutes may just have been taken in
                    self._copy, self._copied, self._tables = None, {}, set()
                    self._found.clear()
                self._seq = commit_seq
            key = (known_at, dataset)
            if key not in self._found:
                group = [m for m in metrics().values() if m.dataset == dataset]
                if dataset not in self._copied:
                    self._copied[dataset] = self._with_copy(lake, dataset, group)
                self._found[key] = lakeside.known_then(self._copied[dataset], self._pack, group, self.first, self.after, known_at)
                while len(self._found) > CORRECTIONS_KEPT:
                    self._found.popitem(last=False)
            return self._found[key]

    def _with_copy(self, lake: Lake, dataset: str, group: list[Metric]) -> Lake:
        """The store in memory with all that the figures of a dataset rest on; the lake itself where that is too much."""
        declared, city = contract(dataset), self._pack.id
        days = (date(1900, 1, 1), date(9000, 1, 1))
        if not any(m.is_stock for m in group):
            days = (self.first - (LONGEST_CASE if any(m.period_on for m in group) else timedelta(0)), self.after)
        wanted = [(declared.table, "city = ? AND local_day >= ? AND local_day < ?", [city, *days])]
        if declared.register_dataset is not None:
            wanted.append((contract(declared.register_dataset).table, "city = ?", [city]))
        figures = contract("figures").table
        ids = [m.id for m in group]
        with lake.pinned():
            if lake.value(f'SELECT count(*) FROM "{declared.table}" WHERE {wanted[0][1]}', wanted[0][2]) > MOST_COPIED:
                return lake
            if self._copy is None:
                self._copy = Lake.in_memory()
                wanted += [("localities", "city = ?", [city]), ("sites", "city = ?", [city])]
            frames = [(table, lake.frame(f'SELECT * FROM "{table}" WHERE {where}', params)) for table, where, params in wanted if table not in self._tables]
            frames.append((figures, lake.frame(f'SELECT * FROM "{figures}" WHERE city = ? AND list_contains(?, metric_id)', [city, ids])))
        with self._copy.transaction(f"records of {dataset}"):
            for table, frame in frames:
                self._copy.append(table, frame)
        self._tables |= {table for table, _ in frames if table != figures}
        return self._copy


class Corrections:
    """The corrected readings of one door: `of` is asked with what a series lacks."""

    def __init__(self, pack: Pack, day: PastDay, moment: Moment, commit_seq: int) -> None:
        self._pack, self._day, self._moment, self._commit_seq = pack, day, moment, commit_seq

    def of(self, key: Key, starts: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Rows of the periods that start at `starts`; those more than `CORRECTED_DAYS` back stay open."""
        metric_id, area, _ = key
        known_at, records = self._moment.known_at_utc, self._day.records
        if known_at is None or not self._pack.has_area(area):
            return []
        dataset, is_stock = metrics()[metric_id].dataset, metrics()[metric_id].is_stock
        if not is_stock and int(starts[-1]) < microseconds(midnight_utc(records.first, self._pack.tz)):
            return []
        series = records.known_at(dataset, known_at, self._commit_seq).get(key)
        if series is None:
            return []
        # of a stock every day it changed on as it looked then, which need not be one of those of today
        wanted = series.starts[series.starts < microseconds(self._moment.at_utc)] if is_stock else starts
        rows = [(int(s), series.find(int(s))) for s in wanted]
        return [(s, row) for s, row in rows if row is not None and row[N] > 0]
