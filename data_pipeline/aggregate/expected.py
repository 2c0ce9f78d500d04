"""How many reports were due: sites of the register that were in service × slots of the record cadence."""

from __future__ import annotations

import json
from datetime import date, datetime

import numpy as np
import polars as pl

from data_pipeline.cities import Pack
from data_pipeline.contracts import contract, contracts, duration
from data_pipeline.store.lake import Lake
from data_pipeline.times import Grain, midnight_utc, next_day_floor, period_end

_NONE = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


class Expected:
    """Sites in service per area and day, for the datasets of one city. Reads `sites` once.

    Parameters
    ----------
    lake : Lake
    pack : Pack
    known_at : datetime, optional
        Count only sites known at that moment (naive UTC).
    """

    def __init__(self, lake: Lake, pack: Pack, known_at: datetime | None = None) -> None:
        self.lake, self.pack, self.known_at = lake, pack, known_at
        self._all: pl.DataFrame | None = None
        self._localities = pl.DataFrame()
        self._sites: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
        # several metrics of a dataset, and every grain of them, ask for the same days
        self._known_n: dict[tuple[str, str, date], int] = {}
        self._known_per_day: dict[tuple[str, date], int] = {}

    def applies(self, dataset: str) -> bool:
        """Whether anything says how many reports are due."""
        declared = contract(dataset)
        return declared.cadence is not None and declared.register_dataset is not None

    def sites_n(self, dataset: str, area: str, day: date) -> int:
        """Sites of the dataset's register in service in an area on a local day."""
        key = (dataset, area, day)
        if key not in self._known_n:
            opened, closed = self._of(dataset).get(area, _NONE)
            number = day.toordinal()
            self._known_n[key] = int(opened.searchsorted(number, "right") - closed.searchsorted(number, "right"))
        return self._known_n[key]

    def per_site(self, dataset: str, grain: Grain, start_utc: datetime) -> int:
        """Reports due from one site in a period."""
        cadence = duration(contract(dataset).cadence or "1d").total_seconds()
        length = (period_end(start_utc, grain, self.pack.tz) - start_utc).total_seconds()
        return max(int(length // cadence), 1)

    def of_day(self, dataset: str, area: str, day: date) -> int:
        """Reports due from an area on a local day."""
        sites = self.sites_n(dataset, area, day)
        if not sites:
            return 0
        key = (dataset, day)
        if key not in self._known_per_day:
            self._known_per_day[key] = self.per_site(dataset, "day", midnight_utc(day, self.pack.tz))
        return sites * self._known_per_day[key]

    def of_days(self, dataset: str, area: str, first: date, grain: Grain) -> int:
        """Reports due from an area over a whole week, month, quarter or year that starts on `first`."""
        days = range(first.toordinal(), next_day_floor(first, grain).toordinal())
        return sum(self.of_day(dataset, area, date.fromordinal(number)) for number in days)

    def _of(self, dataset: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        if dataset not in self._sites:
            self._sites[dataset] = self._count(dataset)
        return self._sites[dataset]

    def _count(self, dataset: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Per area the sorted days (ordinals) on which sites were opened and closed; opened unknown counts as ever."""
        declared = contract(dataset)
        sites = self._read().filter(pl.col("dataset") == declared.register_dataset)
        if declared.register_where:
            wanted = declared.register_where
            keep = [
                all(json.loads(text or "{}").get(name) == value for name, value in wanted.items())
                for text in sites["attributes"].to_list()
            ]
            sites = sites.filter(pl.Series(keep, dtype=pl.Boolean))
        found = {}
        for (area,), rows in sites.join(self._localities, on="locality_id").group_by("area_id"):
            opened = np.array([d.toordinal() if d else 0 for d in rows["opened_on"]], dtype=np.int64)
            closed = np.array([d.toordinal() for d in rows["closed_on"] if d], dtype=np.int64)
            found[str(area)] = (np.sort(opened), np.sort(closed))
        return found

    def _read(self) -> pl.DataFrame:
        """The city's sites of every register that something reports against; read once."""
        if self._all is None:
            registers = sorted({c.register_dataset for c in contracts().values() if c.register_dataset})
            known = "" if self.known_at is None else " AND known_from_utc <= ?"
            moments = [] if self.known_at is None else [self.known_at]
            self._all = self.lake.frame(
                "SELECT dataset, locality_id, opened_on, closed_on, attributes FROM sites"
                f" WHERE city = ? AND list_contains(?, dataset){known}",
                [self.pack.id, registers, *moments],
            )
            self._localities = self.lake.frame(
                "SELECT locality_id, area_id FROM localities WHERE city = ?", [self.pack.id]
            )
        return self._all
