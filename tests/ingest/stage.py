"""A store of 鄂州 in a temporary folder, a clock of its own, and deliveries made from rows."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from data_pipeline.cities import Pack, load_packs
from data_pipeline.contracts import contract
from data_pipeline.home import Home
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.ingest.writer import Writer
from tests.fresh import new_store

CITY = "420700"
START = datetime(2026, 3, 10, 4, 0)  # naive UTC; noon in 鄂州


class Stage:
    """Files in, receipts out. `clock` moves one minute a delivery, so that every delivery has its own moment."""

    def __init__(self, folder: Path, *, readings: bool = False) -> None:
        self.home = Home.of(folder / "home")
        self.folder = folder
        self.clock = START
        self.packs: dict[str, Pack] = load_packs()
        self.pack = self.packs[CITY]
        self.lake = new_store(self.home)
        without: dict[str, Any] = {} if readings else {"refresh": _nothing, "evaluate": _nothing}
        self.writer = Writer(self.lake, self.packs, self.home, now=lambda: self.clock, **without)
        self.files = 0

    def file(self, rows: Sequence[dict[str, Any]], name: str = "") -> Path:
        """A CSV file of rows; columns are those of the first row."""
        self.files += 1
        path = self.folder / (name or f"file-{self.files}.csv")
        with path.open("w", encoding="utf-8", newline="") as handle:
            out = csv.DictWriter(handle, fieldnames=list(rows[0]))
            out.writeheader()
            out.writerows(rows)
        return path

    def incoming(self, dataset: str, path: Path, **changes: Any) -> Incoming:
        """A delivery of a file to 鄂州."""
        return Incoming(path=path, city=CITY, dataset=dataset, source="test", filename=path.name, **changes)

    def deliver(self, dataset: str, rows: Sequence[dict[str, Any]], **changes: Any) -> Receipt:
        """One delivery of rows in a commit of its own, a minute after the one before."""
        self.clock += timedelta(minutes=1)
        receipt = self.writer.take(self.incoming(dataset, self.file(rows), **changes))
        assert receipt.rows_in == receipt.accepted + receipt.duplicates + receipt.quarantined
        return receipt

    def rows(self, dataset: str, where: str = "true") -> pl.DataFrame:
        """Records of a dataset, oldest revision first."""
        return self.lake.frame(f'SELECT * FROM "{contract(dataset).table}" WHERE {where} ORDER BY known_from_utc, row_number')

    def present(self, dataset: str) -> pl.DataFrame:
        """Present records of a dataset."""
        return self.rows(dataset, "known_to_utc IS NULL")

    def refused(self, delivery_id: int | None = None) -> list[tuple[int, str]]:
        """(row number, rule) of refused rows."""
        found = self.lake.frame("SELECT * FROM quarantine ORDER BY quarantine_id")
        if delivery_id is not None:
            found = found.filter(pl.col("delivery_id") == delivery_id)
        return found.select("row_number", "rule").rows()

    def point(self, area_id: str) -> tuple[float, float]:
        """A point (lon, lat) inside an area."""
        area = self.pack.area(area_id)
        assert area.centroid is not None
        return area.centroid

    def station(self, number: int, area_id: str = "420704", **more: Any) -> dict[str, Any]:
        """A row of the register of charging stations."""
        lon, lat = self.point(area_id)
        return {"site_id": f"S{number}", "name": f"站{number}", "guns": 4, "lon": lon, "lat": lat} | more


def _nothing(*_: Any, **__: Any) -> int:
    return 0


@contextmanager
def stage(folder: Path, *, readings: bool = False) -> Iterator[Stage]:
    """A stage that is closed at the end. `readings`: with the product's aggregation and alerts."""
    made = Stage(folder, readings=readings)
    try:
        yield made
    finally:
        made.lake.close()


def hour(number: int) -> str:
    """Start of an hour as local text, counted from midnight of 2 March 2026 in 鄂州."""
    return (datetime(2026, 3, 2) + timedelta(hours=number)).isoformat(sep=" ")
