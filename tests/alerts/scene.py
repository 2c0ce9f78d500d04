"""A copy of a real pack with rules of the test's own, and a real store to evaluate them in."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from data_pipeline.alerts import AlertRow, evaluate, present
from data_pipeline.cities import Pack, load_pack, load_packs
from data_pipeline.store.lake import Lake

Q = timedelta(minutes=5)
NOW = datetime(2026, 6, 9, 0, 40)  # Tuesday 08:40 in 鄂州
TTI_RULE = """
[[rule]]
id = "jam"
name_zh = "道路拥堵"
name_en = "road congestion"
kind = "metric"
metric = "traffic.tti"
areas = ["district"]
grain = "5min"
when = { op = ">", value = 2.0 }
clear = { op = "<", value = 1.8 }
hold_periods = 2
severity = "Moderate"
department = "市交通局"
"""
LATE_RULE = """
[[rule]]
id = "late"
name_zh = "数据迟到"
name_en = "data late"
kind = "freshness"
datasets = ["air_quality"]
when = { op = ">=", value = 60 }
clear = { op = "<=", value = 0 }
severity = "Minor"
department = "市生态环境局"
"""


@dataclass
class Scene:
    """A store and a pack: put readings in, let time pass, look at the alerts."""

    lake: Lake
    pack: Pack
    seq: int = 0
    written: list[int] = field(default_factory=list)

    def put(self, area: str, end: datetime, value: float | None, **rest: object) -> None:
        """One reading whose period ends at `end`; it replaces an earlier one of the same period."""
        start = end - Q
        self.lake.execute("DELETE FROM readings WHERE area_id = ? AND period_start_utc = ?", [area, start])
        self.put_all([(area, end, value)], **rest)

    def put_all(
        self, listed: list[tuple[str, datetime, float | None]], *, grain: str = "5min", reported: int = 10, simulated: int = 0, status: str = "ok",
        expected: int = 10,
    ) -> None:  # fmt: skip
        """Readings of the travel time ratio: area, end of the period, value."""
        length = timedelta(hours=1) if grain == "hour" else Q
        rows = [
            {
                "city": self.pack.id, "metric": "traffic.tti", "area_id": area, "grain": grain,
                "period_start_utc": end - length, "period_end_utc": end, "value": value, "n": 10, "reported_n": reported,
                "expected_n": expected, "simulated_n": simulated, "status": status, "commit_seq": self.seq,
            }
            for area, end, value in listed
        ]  # fmt: skip
        self.lake.append("readings", pl.DataFrame(rows, infer_schema_length=None))

    def source(self, dataset: str, last: datetime) -> None:
        """The source's newest event and arrival."""
        self.lake.execute("DELETE FROM source_state WHERE dataset = ?", [dataset])
        row = {"city": self.pack.id, "dataset": dataset, "last_event_utc": last, "last_received_utc": last}
        self.lake.append("source_state", pl.DataFrame([row]))

    def deliveries(self, listed: list[tuple[datetime, datetime]], dataset: str = "air_quality") -> None:
        """Accepted deliveries instead of earlier ones: when received, newest event in it."""
        self.lake.execute("DELETE FROM deliveries")
        rows = [
            {"city": self.pack.id, "dataset": dataset, "status": "accepted", "received_at_utc": received, "last_event_utc": event}
            for received, event in listed
        ]
        self.lake.append("deliveries", pl.DataFrame(rows))

    def evaluate(self, now: datetime) -> int:
        """One commit at `now`; the road source is in time unless the test says otherwise."""
        self.seq += 1
        with self.lake.transaction("test"):
            rows = evaluate(self.lake, {self.pack.id: self.pack}, {self.pack.id}, commit_seq=self.seq, now=now)
        self.written.append(rows)
        return rows

    def alerts(self) -> list[AlertRow]:
        """The present state of every alert."""
        return present(self.lake, self.pack.id)


def make_scene(lake: Lake, tmp_path: Path, rules: str, city: str = "420700") -> Scene:
    """A scene in an emptied store, whose pack is a copy of a built-in one with the rules given."""
    folder = tmp_path / "packs" / city
    shutil.copytree(load_packs()[city].folder, folder)
    (folder / "alerts.toml").write_text(rules, encoding="utf-8")
    for table in ("alerts", "readings", "source_state", "deliveries"):
        lake.execute(f"DELETE FROM {table}")
    return Scene(lake, load_pack(folder))
