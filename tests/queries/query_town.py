"""A small store on disk and the door to it, with a clock the test sets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "aggregate"))

from toy import Toy, toy_pack

from data_pipeline.cities import SourceDecl
from data_pipeline.home import Home
from data_pipeline.queries import Queries
from tests.fresh import new_store

SOURCES = {
    name: SourceDecl(dataset=name, state="real", name_zh=name, name_en=name, cadence=cadence, grace=grace)
    for name, cadence, grace in (
        ("charging_hourly", "1h", "30min"), ("charging_stations", "", ""), ("service_requests", "1h", "1h"),
        ("base_stations", "", ""), ("figures", "", ""), ("road_speeds", "5min", "5min"), ("road_sections", "", ""),
    )
}  # fmt: skip


class Town:
    """A toy city on disk: deliver, then ask `queries`; `clock` is what the door takes for now."""

    def __init__(self, folder: Path) -> None:
        self.home = Home.of(folder)
        self.pack = toy_pack(SOURCES)
        self.lake = new_store(self.home, "test")
        self.clock = datetime(2026, 4, 3, 4)
        with self.lake.transaction("start"):
            self.toy = Toy(self.lake, self.pack)
        self.queries = Queries.open(self.home, {"toy": self.pack}, now=lambda: self.clock)

    def commit(self, *deliveries: Callable[[Toy], Any]) -> None:
        """One commit of deliveries; the source states follow the newest event."""
        with self.lake.transaction("test"):
            for deliver in deliveries:
                deliver(self.toy)
            self.lake.execute("DELETE FROM source_state")
            for dataset in SOURCES:
                newest = self.lake.value(f'SELECT max(event_at_utc) FROM "rec_{dataset}"')
                if newest is not None:
                    row = {"city": "toy", "dataset": dataset, "state": "real", "last_event_utc": newest,
                           "last_received_utc": self.clock, "commit_seq": self.toy.seq}  # fmt: skip
                    self.lake.append("source_state", pl.DataFrame([row]))
        self.queries.refresh()

    def charge(self, start: datetime, energies: dict[str, float], hours: int = 1, **more: Any) -> Callable[[Toy], Any]:
        """A delivery of hourly charging: site → energy in each of the hours from `start` (local time)."""
        from datetime import timedelta

        places = {"a": "east", "b": "east", "c": "west"}
        rows = [
            {"site_id": s, "area_id": places[s], "start_at": start + timedelta(hours=h), "guns": 10.0, "energy_kwh": e,
             "charging_gun_hours": 5.0}
            for s, e in energies.items() for h in range(hours)
        ]  # fmt: skip
        return lambda toy: toy.deliver("charging_hourly", rows, more.get("known_from", self.clock), now=self.clock)
