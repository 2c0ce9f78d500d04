"""A toy city and a store for it: two districts, records put in directly, revisions kept as the writer keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from data_pipeline.aggregate.examples import records_frame
from data_pipeline.aggregate.refresh import refresh
from data_pipeline.cities import Area, Pack, SourceDecl
from data_pipeline.cities.model import CityFile
from data_pipeline.contracts import contract
from data_pipeline.store.lake import Lake

LOCALITIES = {"toy": 1, "east": 2, "west": 3}
NOW = datetime(2026, 6, 1)


def toy_pack(sources: dict[str, SourceDecl] | None = None, timezone: str = "Asia/Shanghai") -> Pack:
    """City `toy` of 30,000 people with the districts `east` and `west`."""
    declared = CityFile(id="toy", name_zh="玩具城", name_en="Toy", timezone=timezone, metric_crs="EPSG:4547",
                        bbox=(114, 30, 115, 31), layers={}, sources=sources or {})  # fmt: skip
    areas = [
        Area(id="toy", name_zh="玩具城", name_en="Toy", level="city", population=30_000),
        Area(id="east", name_zh="东区", name_en="East", level="district", parent="toy", population=20_000),
        Area(id="west", name_zh="西区", name_en="West", level="district", parent="toy", population=10_000),
    ]
    return Pack(Path("toy"), declared, {a.id: a for a in areas})


class Undo(Exception):
    """Leaves a transaction without a trace."""


class Toy:
    """Writes deliveries of the toy city inside an open transaction."""

    def __init__(self, lake: Lake, pack: Pack) -> None:
        self.lake, self.pack, self.seq = lake, pack, 0
        self.commits: list[datetime] = []
        rows = [(n, "toy", a) for a, n in LOCALITIES.items()] + [(2, "toy", "toy"), (3, "toy", "toy")]
        lake.append("localities", pl.DataFrame(rows, schema=["locality_id", "city", "area_id"], orient="row"))

    def deliver(self, dataset: str, rows: list[dict[str, Any]], known_from: datetime = NOW, is_simulated: bool = False,
                now: datetime = NOW) -> int:  # fmt: skip
        """Take rows as one delivery and refresh; identical records are passed over, changed ones become revisions."""
        self.seq += 1
        declared = contract(dataset)
        frame = records_frame(declared, rows, self.pack, localities=LOCALITIES, known_from_utc=known_from,
                              delivery_id=self.seq, commit_seq=self.seq, is_simulated=is_simulated)  # fmt: skip
        names = list(declared.columns)
        present = self.lake.frame(f'SELECT * FROM "{declared.table}" WHERE known_to_utc IS NULL')
        known = {tuple(row[k] for k in declared.key): row for row in present.iter_rows(named=True)}
        keep: list[dict[str, Any]] = []
        touched: set[date] = set()
        for row in frame.iter_rows(named=True):
            key = tuple(row[k] for k in declared.key)
            old = known.get(key)
            if old is not None and all(old[n] == row[n] for n in names):
                continue
            if old is not None:
                test = " AND ".join(f'"{k}" = ?' for k in declared.key)
                self.lake.execute(
                    f'UPDATE "{declared.table}" SET known_to_utc = ?, commit_seq = ? WHERE known_to_utc IS NULL AND {test}',
                    [known_from, self.seq, *key],
                )
                keep = [k for k in keep if tuple(k[n] for n in declared.key) != key]
                touched.add(old["local_day"])
            keep.append(row)
            known[key] = row
            touched.add(row["local_day"])
        if keep:
            self.lake.append(declared.table, pl.DataFrame(keep, schema=frame.schema, orient="row"))
        self.refresh({("toy", dataset): touched} if touched else {}, now)
        return len(keep)

    def refresh(self, touched: dict, now: datetime = NOW) -> int:
        """Refresh what was touched under the present commit number, and note the commit."""
        written = refresh(self.lake, {"toy": self.pack}, touched, commit_seq=self.seq, now=now)
        self.lake.append(
            "commits", pl.DataFrame({"commit_seq": [self.seq], "at_utc": [now], "what": ["test"], "cities": ["toy"]})
        )
        return written

    def sites(self, dataset: str, places: dict[str, str], opened_on: date | None = None) -> None:
        """Put sites (id → area) of a register into `sites`."""
        rows = [
            {"city": "toy", "site_id": s, "dataset": dataset, "name": s, "locality_id": LOCALITIES[a], "district_id": a,
             "opened_on": opened_on, "attributes": "{}", "is_simulated": False, "delivery_id": 0, "known_from_utc": NOW,
             "commit_seq": self.seq + 1}
            for s, a in places.items()
        ]  # fmt: skip
        self.lake.append("sites", pl.DataFrame(rows, schema_overrides={"opened_on": pl.Date}))

    def readings(self) -> pl.DataFrame:
        """All readings with records behind them, in a fixed order."""
        return self.lake.frame(
            "SELECT metric, area_id, grain, period_start_utc, period_end_utc, numerator, denominator, value, n, reported_n,"
            " expected_n, simulated_n, status, origin, data_as_of_utc FROM readings WHERE n > 0"
            " ORDER BY metric, area_id, grain, period_start_utc"
        )

    def value(self, metric: str, area: str, grain: str, start_utc: datetime) -> dict[str, Any] | None:
        """One stored reading; None where there is none."""
        found = self.lake.frame(
            "SELECT * FROM readings WHERE metric = ? AND area_id = ? AND grain = ? AND period_start_utc = ?",
            [metric, area, grain, start_utc],
        )
        return found.row(0, named=True) if found.height else None


@contextmanager
def toy_city(lake: Lake, pack: Pack | None = None) -> Iterator[Toy]:
    """A toy city that is gone afterwards."""
    try:
        with lake.transaction("toy"):
            yield Toy(lake, pack or toy_pack())
            raise Undo
    except Undo:
        pass
