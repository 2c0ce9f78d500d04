"""The process that is killed: it commits deliveries in a loop. `python -m tests.torture.child HOME LEDGER`.

Delivery n is a pure function of n, so that it can be delivered again after a kill and checked by
anybody. The ledger gets a line `begin` before a commit and a line `done` only after it has returned.
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

import polars as pl

from data_pipeline.cities import Pack, load_packs
from data_pipeline.home import Home
from data_pipeline.ingest.types import Incoming
from data_pipeline.ingest.writer import Writer
from data_pipeline.store.lake import Lake
from data_pipeline.times import now_utc

CITY, SITES = "420700", 40
START = datetime(2026, 1, 1)
ROWS = SITES * 6  # six hours of every site: more than is inlined, so Parquet files are under way, too
EVERY_SMALL = 3  # every third delivery is small and stays in the catalogue


def energy(number: int) -> float:
    """Energy of every row of delivery `number`; whole numbers, so sums are exact."""
    return float(number % 50 + 1)


def hours(number: int) -> pl.DataFrame:
    """Rows of delivery `number`: new hours, and one hour of the delivery before corrected."""
    at = START + timedelta(hours=6 * number)
    count = 1 if number % EVERY_SMALL == 0 else 6
    sites = [f"S{n}" for n in range(SITES)]
    rows = [(site, at + timedelta(hours=h), energy(number)) for h in range(count) for site in sites]
    if number % 5 == 4:
        rows.append((sites[0], at - timedelta(hours=6), 1000.0 + number))  # a correction
    return pl.DataFrame(rows, schema={"site_id": pl.String, "start_at": pl.Datetime("us"), "energy_kwh": pl.Float64}, orient="row")


def register(pack: Pack) -> pl.DataFrame:
    """The charging stations, all at the seat of one district."""
    lon, lat = pack.area("420704").centroid
    return pl.DataFrame({"site_id": [f"S{n}" for n in range(SITES)], "lon": lon, "lat": lat, "guns": 4})


def delivery(folder: Path, dataset: str, frame: pl.DataFrame, name: str) -> Incoming:
    """A file of rows as a delivery."""
    path = folder / name
    frame.write_csv(path)
    return Incoming(path=path, city=CITY, dataset=dataset, source="torture", filename=name)


def main(home: Home, ledger: Path) -> None:
    """Commit deliveries until killed, going on where the store says the last one ended."""
    packs = load_packs()
    with Lake.writer(home) as lake, tempfile.TemporaryDirectory() as scratch, ledger.open("a") as written:
        folder = Path(scratch)
        writer = Writer(lake, packs, home, now=now_utc, evaluate=lambda *a, **k: 0)
        writer.take(delivery(folder, "charging_stations", register(packs[CITY]), "register.csv"))
        done = lake.value("SELECT max(CAST(regexp_extract(filename, '[0-9]+') AS INTEGER)) FROM deliveries WHERE dataset = 'charging_hourly'")
        # the last one the store knows is delivered once more: it must not count twice
        number = 0 if done is None else int(done)
        print("ready", flush=True)
        while True:
            note(written, f"begin {number}")
            with writer.commit(f"delivery {number}") as commit:
                commit.take(delivery(folder, "charging_hourly", hours(number), f"hours-{number:06d}.csv"))
            receipt = commit.receipts[0]
            note(written, f"done {number} {receipt.delivery_id} {receipt.status} {receipt.accepted}")
            number += 1


def note(ledger: TextIO, line: str) -> None:
    """Write a line that outlives the process."""
    ledger.write(f"{line}\n")
    ledger.flush()
    os.fsync(ledger.fileno())


if __name__ == "__main__":
    main(Home.of(sys.argv[1]), Path(sys.argv[2]))
