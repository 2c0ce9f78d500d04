"""A small stand-in for `Queries` with fixed values, to test the API's own work apart from the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from data_pipeline.cities import load_packs
from data_pipeline.home import Home
from data_pipeline.metrics import metrics
from data_pipeline.queries.judged import Anomaly, Provenance, Unusual
from data_pipeline.queries.types import Delivery, Event, Reading, Site, Snapshot, Source, Target
from data_pipeline.times import period_end, period_start

AT = datetime(2026, 11, 20, 1, 30)  # UTC, 09:30 in 鄂州


class StandIn:
    def __init__(self, home: Home) -> None:
        self.home = home
        self.packs = load_packs()
        self.now_snapshot: Snapshot | None = Snapshot(41, AT)
        self.asked: list[tuple] = []
        self.many_sites = 0

    def snapshot(self) -> Snapshot | None:
        return self.now_snapshot

    def cities(self):
        return list(self.packs.values())

    def has_data(self, city: str) -> bool:
        return city == "420700" and self.now_snapshot is not None

    def metrics_for(self, city: str):
        return [m for m in metrics().values() if m.dataset == "road_speeds"]

    def reading(self, metric, area, grain, period_start_utc, as_of=None) -> Reading:
        tz = self.packs["420700"].tz
        hour = period_start_utc.hour
        value = None if hour == 19 else 1.0 + hour / 10
        return Reading(
            "420700", metric, area, grain, period_start_utc, period_end(period_start_utc, grain, tz),
            None if value is None else value * 100, None if value is None else 100.0, value, 0 if value is None else 840,
            840, 900, None, None, "missing" if value is None else "ok", 1.0, AT, AT,
        )  # fmt: skip

    def readings(self, metric, area, grain, start_utc, end_utc, as_of=None):
        self.asked.append((metric, area, grain, start_utc, end_utc, as_of))
        tz, moment, found = self.packs["420700"].tz, period_start(start_utc, grain, self.packs["420700"].tz), []
        while moment < end_utc:
            found.append(self.reading(metric, area, grain, moment, as_of))
            moment = period_end(moment, grain, tz)
        return found

    def unusual(self, city: str) -> Unusual:
        found = self.reading("traffic.tti", "420704", "hour", AT)
        return Unusual((Anomaly(found, 1.1, 0.05, 8.2, 1e-9, 40, "robust-z-bh/1"),), 900, 0.1)

    def sources(self, city: str):
        states = ["ok", "ok", "late", "never", "off"] if city == "420700" else []
        return [
            Source(city, f"d{i}", "源", "source", "", "", "simulated", s, 300, 60, AT - timedelta(minutes=i), AT, None, 1, 0)
            for i, s in enumerate(states)
        ]

    def deliveries(self, city, dataset=None, limit=50, offset=0):
        one = Delivery(
            7, city, "road_speeds", "高德", "路况.csv", "csv", 1200, "ab" * 32, "", "li", True, AT, 10, 8, 1, 1, 0, "accepted", ""
        )
        return [replace(one, delivery_id=7 - i) for i in range(7)][offset : offset + limit]

    def sites(self, city, dataset=None, bbox=None, area=None):
        one = Site(
            city, "S1", "base_stations", "葛店基站", "", 114.7, 30.4, "420704", None, ("420703400",), "site",
            {"opened_on": date(2024, 5, 1)}, True, 3,
        )  # fmt: skip
        self.asked.append(("sites", dataset, bbox))
        return [one, replace(one, site_id="S2", lon=None, lat=None)] + [one] * self.many_sites

    def events(self, city, area=None, include_closed=True, limit=50):
        self.asked.append(("events", area, include_closed, limit))
        return [
            Event("e1", city, "alert", "420704", "拥堵", "Jam", "watch", "open", "市公安局", AT, None, "", "traffic.tti", 2.3, True)
        ]

    def targets(self, city):
        return [
            Target(
                "T1", "P1", city, "二(一)", "coverage", "5G基站数", "5G stations", 3000.0, None, ">=", "个", "stations",
                "2027", "quantified", "", "全市", "市经信局", "", ("市发改委",),
            )
        ]  # fmt: skip

    def provenance(self, metric, area, grain, period_start_utc, as_of=None) -> Provenance:
        declared = metrics()[metric]
        return Provenance(
            self.reading(metric, area, grain, period_start_utc), metric, declared.name_zh, declared.name_en, declared.says_zh,
            declared.says_en, declared.does_not_say_zh, declared.does_not_say_en, declared.standard, declared.clause,
            declared.kind, "a / b", "SELECT 1", declared.dataset, tuple(self.deliveries("420700", limit=2)), 840,
            ("site_id", "event_at_utc", "speed_kmh"), (("R1", AT, 31.5), ("R2", AT, float("nan"))), self.now_snapshot,
        )  # fmt: skip
