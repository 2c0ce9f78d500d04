"""A stand-in for `Queries` in page tests: real packs, metrics and plans; readings from a formula of their key."""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import fake_ledger
import polars as pl

from data_pipeline.cities import Pack, load_packs
from data_pipeline.contracts import contract
from data_pipeline.errors import UnknownId
from data_pipeline.home import Home
from data_pipeline.ledger.types import Freeze, Ledger, ReportEntry
from data_pipeline.metrics import Metric, metric, metrics
from data_pipeline.plans import PlanFacts, read_plan_facts, targets
from data_pipeline.queries.freezes import Freezes
from data_pipeline.queries.judged import Anomaly, Provenance, Unusual
from data_pipeline.queries.layers import LayersDoor
from data_pipeline.queries.search import SearchDoor
from data_pipeline.queries.types import (
    Band,
    Card,
    Change,
    Delivery,
    Event,
    Reading,
    RoadState,
    Site,
    Snapshot,
    Source,
    StateChange,
    Target,
)
from data_pipeline.times import Grain, local_day, period_end, period_start

NOW = datetime(2026, 11, 22, 6, 20)
TYPICAL = {"share": 0.82, "ratio": 1.4, "index": 63.0, "count": 2134.0, "kwh": 96420.0, "per_10k": 20.4,
           "ug_m3": 38.0, "degc": 14.2, "mm": 0.4, "hours": 26.0, "kmh": 31.0, "mw": 812.0, "mwh": 702.0,
           "persons": 15400.0, "kbps": 412000.0}  # fmt: skip


class FakeQueries:
    """Answers like `Queries`. `missing` metrics have no data, `stale` ones are two hours late."""

    def __init__(self, packs: dict[str, Pack] | None = None, built: tuple[str, ...] = ("420700", "511400", "500114"),
                 missing: tuple[str, ...] = (), stale: tuple[str, ...] = (), now: datetime = NOW,
                 alerts: tuple[Event, ...] = (), no_reports: bool = False) -> None:  # fmt: skip
        self.packs = packs or load_packs()
        self.built, self.missing, self.stale, self.clock, self.alerts = built, missing, stale, now, alerts
        self.number, self.no_reports = 7, no_reports
        self.home = Home(Path("nowhere"))
        self.kept: list[Freeze] = []
        self.callbacks: list[Callable[[Snapshot], None]] = []
        self.cards = 0
        SearchDoor._start_search(self)  # type: ignore[arg-type]

    def at(self, city: str, at_utc: datetime, known_at_utc: datetime | None = None) -> FakeQueries:
        """The same stand-in with its clock at an earlier moment."""
        past = copy.copy(self)
        past.clock = at_utc
        return past

    def commit(self) -> None:
        """A new snapshot: every value changes a little, every listener is told."""
        self.number += 1
        for callback in self.callbacks:
            callback(self.snapshot())

    def snapshot(self) -> Snapshot:
        return Snapshot(self.number, self.clock)

    def on_snapshot(self, callback: Callable[[Snapshot], None]) -> None:
        self.callbacks.append(callback)

    def cities(self) -> list[Pack]:
        return list(self.packs.values())

    def has_data(self, city: str) -> bool:
        return city in self.built

    def is_being_built(self, city: str) -> bool:
        return False

    def metrics_for(self, city: str) -> list[Metric]:
        live = {dataset for dataset, source in self.packs[city].sources.items() if source.state != "off"}
        return [m for m in metrics().values() if {m.dataset, contract(m.dataset).derived_from} & live]

    def _pack_of(self, area: str) -> Pack:
        return next(p for p in self.packs.values() if p.has_area(area))

    def _value(self, metric_id: str, area: str, start: datetime) -> float:
        base = TYPICAL.get(metric(metric_id).unit, 10.0)
        seed = zlib.crc32(f"{metric_id}{area}".encode()) % 1000 / 1000
        hours = start.timestamp() / 3600
        wave = math.sin(hours / 24 * 2 * math.pi + seed * 6) * 0.06 + math.sin(hours / 5) * 0.02
        return base * (0.9 + 0.15 * seed + wave + 0.001 * self.number)

    def latest(self, metric_id: str, area: str, grain: Grain | None = None) -> Reading:
        grain = grain or metric(metric_id).base_grain
        start = period_start(self.clock - timedelta(minutes=30), grain, self._pack_of(area).tz)
        return self.reading(metric_id, area, grain, start)

    def reading(self, metric_id: str, area: str, grain: Grain, start: datetime, as_of: datetime | None = None) -> Reading:
        pack = self._pack_of(area)
        gone = metric_id in self.missing
        late = metric_id in self.stale
        value = None if gone else self._value(metric_id, area, start)
        return Reading(
            city=pack.id, metric=metric_id, area=area, grain=grain, period_start_utc=start,
            period_end_utc=period_end(start, grain, pack.tz), numerator=value, denominator=None if gone else 1.0,
            value=value, n=0 if gone else 96, reported_n=0 if gone else 96, expected_n=96, children_reported=None,
            children_expected=None, status="missing" if gone else "stale" if late else "ok",
            simulated_share=None if gone else 1.0, data_as_of_utc=None if gone else start + timedelta(minutes=5),
            known_from_utc=None if gone else start + timedelta(minutes=6), late_s=7200 if late else None,
        )  # fmt: skip

    def series(self, metric_id: str, area: str, grain: Grain, start: datetime, end: datetime) -> list[tuple[datetime, float | None]]:
        found, at, tz = [], start, self._pack_of(area).tz
        while at < end:
            found.append((at, None if metric_id in self.missing else self._value(metric_id, area, at)))
            at = period_end(at, grain, tz)
        return found

    def usual(self, metric_id: str, area: str, grain: Grain, start: datetime, end: datetime) -> list[tuple[datetime, Band]]:
        if grain not in ("5min", "15min", "hour", "day"):
            return []
        return [(at, Band(v * 0.9, v, v * 1.1, 40)) for at, v in self.series(metric_id, area, grain, start, end) if v is not None]

    def readings(self, metric_id: str, area: str, grain: Grain, start: datetime, end: datetime, as_of: datetime | None = None) -> list[Reading]:
        return [self.reading(metric_id, area, grain, at) for at, _ in self.series(metric_id, area, grain, start, end)]

    def by_area(self, metric_id: str, parent: str, grain: Grain, period_start_utc: datetime | None = None, level: str | None = None) -> list[Reading]:
        children = self._pack_of(parent).children(parent, level)
        if period_start_utc is not None:
            return [self.reading(metric_id, a.id, grain, period_start_utc) for a in children]
        return [self.latest(metric_id, a.id, grain) for a in children]

    def card(self, metric_id: str, area: str, grain: Grain | None = None) -> Card:
        self.cards += 1
        now = self.latest(metric_id, area, grain)
        trend = self.series(metric_id, area, "hour", self.clock - timedelta(hours=24), self.clock)
        if now.value is None:
            return Card(now, None, None, None, tuple(trend))
        before = now.value * 0.97
        change = Change(before, 0.031, now.value - before, now.period_start_utc - timedelta(days=1))
        narrow = zlib.crc32(f"{metric_id}{area}".encode()) % 5 == 0
        band = Band(now.value * 0.85, now.value * 0.92, now.value * (0.97 if narrow else 1.1), 28)
        return Card(now, change, Change(now.value * 0.8, 0.25, now.value * 0.2, now.period_start_utc), band, tuple(trend))

    def unusual(self, city: str) -> Unusual:
        """One flagged reading: the first headline with a value, far above what it was."""
        shown = [m for m in self.metrics_for(city) if m.headline and m.id not in (*self.missing, *self.stale)]
        pack = self.packs[city]
        found = [Anomaly(self.latest(m.id, pack.city_area.id), 10.0, 2.0, 8.2, 1e-9, 40, "robust-z-bh/1") for m in shown[:1]]
        return Unusual(tuple(found), 900, 0.1)

    def sources(self, city: str) -> list[Source]:
        return [
            Source(city, d.dataset, d.name_zh, d.name_en, d.supplier_zh, d.supplier_en, d.state,
                   "off" if d.state == "off" else "late" if d.dataset == "car_parks" else "ok", d.cadence_s, d.grace_s,
                   self.clock - timedelta(minutes=3), self.clock, None, 1000, 3)
            for d in self.packs[city].sources.values()
        ]  # fmt: skip

    def events(self, city: str, area: str | None = None, include_closed: bool = True, limit: int = 50) -> list[Event]:
        pack = self.packs[city]
        place = next(a for a in pack.areas.values() if a.level != "city")
        lon, lat = place.centroid or (None, None)
        return [
            *self.alerts,
            Event("a1", city, "alert", place.id, f"{place.name_zh}行程时间比 2.31，高于 2.0 已持续 30 分钟",
                  f"Travel time ratio of {place.name_en} 2.31, above 2.0 for 30 minutes", "medium", "in_hand", "市公安局",
                  self.clock - timedelta(minutes=47), None, "指挥中心", "traffic.tti", 2.31, True, lon, lat,
                  changed_at_utc=self.clock - timedelta(minutes=12),
                  trail=(StateChange("open", self.clock - timedelta(minutes=47), "system"),
                         StateChange("in_hand", self.clock - timedelta(minutes=12), "指挥中心", "已派人到场"))),
            Event("e1", city, "event", place.id, "暴雨蓝色预警", "Rainstorm warning, blue", "blue", "closed", "市应急管理局",
                  self.clock - timedelta(hours=30), self.clock - timedelta(hours=20), "", None, None, True),
            Event("e2", city, "event", place.id, "道路养护占道施工", "Road works", "minor", "open", "市交通局",
                  self.clock - timedelta(hours=5), None, "", None, None, True),
        ]  # fmt: skip

    def targets(self, city: str) -> list[Target]:
        return targets(self.packs[city].folder / "plan", city)

    def plan_facts(self, city: str) -> PlanFacts:
        return read_plan_facts(self.packs[city].folder / "plan", city)

    def sites(self, city: str, **narrowed: object) -> list[Site]:
        return []

    def road_states(self, city: str) -> list[RoadState]:
        return []

    areas_geojson, cells_geojson = LayersDoor.areas_geojson, LayersDoor.cells_geojson

    def _no_shapes(self, city: str, **_: object) -> dict[str, Any]:
        return {"type": "FeatureCollection", "features": []}

    road_sections_geojson = cells_geojson = areas_geojson = weak_patches_geojson = _no_shapes

    def freezes(self, city: str) -> list[Freeze]:
        return [one for one in self.kept if one.city == city]

    def freeze(self, city: str, freeze_id: str) -> Freeze:
        for one in self.freezes(city):
            if freeze_id in (one.freeze_id, one.name):
                return one
        raise UnknownId("freeze", freeze_id, [one.freeze_id for one in self.kept])

    ledger_at = Freezes.ledger_at
    search, search_index = SearchDoor.search, SearchDoor.search_index

    def ledger(self, city: str, on: date | None = None) -> Ledger:
        pack, today = self.packs[city], local_day(self.clock, self.packs[city].tz)
        return fake_ledger.ledger(pack, min(on or today, today), empty=self.no_reports)

    def report_revisions(self, city: str, subject_id: str) -> pl.DataFrame:
        return fake_ledger.revisions(self.ledger(city), subject_id)

    def report_entries(self, city: str, *, state: str | None = None, department: str | None = None, subject_id: str | None = None) -> list[ReportEntry]:
        return []

    def deliveries(self, city: str, dataset: str | None = None, limit: int = 50, offset: int = 0) -> list[Delivery]:
        return []

    def provenance(self, metric_id: str, area: str, grain: Grain, start: datetime, as_of: datetime | None = None) -> Provenance:
        m, reading = metric(metric_id), self.reading(metric_id, area, grain, start)
        return Provenance(reading, m.id, m.name_zh, m.name_en, m.says_zh, m.says_en, m.does_not_say_zh, m.does_not_say_en,
                          m.standard, m.clause, m.kind, f"{m.numerator} / {m.denominator}", "select 1", m.dataset, (), 96,
                          ("site_id", "value"), (("s1", 1.0),), self.snapshot())  # fmt: skip

    def close(self) -> None:
        pass

    def follow(self, interval_s: float = 0.25) -> None:
        pass
