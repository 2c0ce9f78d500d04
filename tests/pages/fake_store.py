"""`FakeQueries` with sites, records, deliveries, quarantine and events of an area: what the other pages ask for."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from fake_queries import FakeQueries

from data_pipeline.contracts import contract
from data_pipeline.domains import HeatLayer
from data_pipeline.errors import UnknownId
from data_pipeline.queries.types import (
    Delivery,
    Event,
    HeatMap,
    ModelError,
    PlaceCoverage,
    QuarantinedRow,
    RoadState,
    Site,
    WeakPatch,
)

PER_TOWNSHIP = 3


class FakeStore(FakeQueries):
    """Every township has three charging stations and a base station; station 1 misses two hours of records."""

    def sites(self, city: str, dataset: str | None = None, bbox: tuple | None = None, area: str | None = None) -> list[Site]:
        pack = self.packs[city]
        wanted = pack.area(area) if area else None
        found = []
        for town in [a for a in pack.areas.values() if a.level == "township" and a.centroid]:
            ancestors = [a.id for a in pack.ancestors(town.id)]
            zones = tuple(z.id for z in pack.zones_of(town.id))
            if wanted and wanted.id not in (*ancestors, *zones):
                continue
            district = next((a.id for a in pack.ancestors(town.id) if a.level == "district"), None)
            for i in range(PER_TOWNSHIP + 1):
                kind = "charging_stations" if i < PER_TOWNSHIP else "base_stations"
                lon, lat = town.centroid[0] + 0.004 * i, town.centroid[1] + 0.003 * i
                if dataset not in (None, kind):
                    continue
                if bbox and not (bbox[0] <= lon <= bbox[2] and bbox[1] <= lat <= bbox[3]):
                    continue
                values: dict[str, Any] = {"technology": "5G", "height_m": 32.0} if i == PER_TOWNSHIP else {
                    "guns": 8, "fast_guns": 5, "rated_power_kw": 480.0, "status": "AVAILABLE", "is_public": True, "opened_on": "2024-05-01"}
                found.append(Site(city, f"{town.id}-{i}", kind, f"{town.name_zh}{i + 1}号点", f"{town.name_en} {i + 1}", lon, lat,
                                  district, town.id, zones, "point", values, True, 11))  # fmt: skip
        return found

    def site(self, city: str, site_id: str) -> Site:
        every = {s.site_id: s for s in self.sites(city)}
        if site_id not in every:
            raise UnknownId("site", site_id, every)
        return every[site_id]

    def site_records(self, city: str, site_id: str, dataset: str | None = None, limit: int = 100) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        self.site(city, site_id)
        columns = ("event_at_utc", *contract(dataset or "charging_hourly").columns, "is_simulated", "delivery_id", "row_number")
        newest = self.clock.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        rows = []
        for back in range(min(limit, 72)):
            if site_id.endswith("-1") and back in (10, 11):
                continue
            at = newest - timedelta(hours=back)
            values = {"event_at_utc": at, "start_at": at, "site_id": site_id, "guns": 8.0, "charging_gun_hours": 3.5,
                      "energy_kwh": 100.0 + back, "is_simulated": True, "delivery_id": 12, "row_number": back + 1}  # fmt: skip
            rows.append(tuple(values.get(name) for name in columns))
        return columns, rows

    def deliveries(self, city: str, dataset: str | None = None, limit: int = 50, offset: int = 0) -> list[Delivery]:
        every = []
        for number in range(130, 10, -1):
            kind = {0: "charging_hourly", 1: "charging_stations", 2: "road_speeds"}[number % 3]
            every.append(Delivery(number, city, kind, "市充电平台", f"{kind}_{number}.csv", "csv", 20480, "ab" * 32, "", "simulator", True,
                                  self.clock - timedelta(hours=130 - number), 100, 90, 6, 4, 2, "accepted", ""))  # fmt: skip
        return [d for d in every if dataset in (None, d.dataset)][offset : offset + limit]

    def site_deliveries(self, city: str, site_id: str, dataset: str | None = None, limit: int = 20, offset: int = 0) -> list[Delivery]:
        wanted = {dataset, self.site(city, site_id).dataset}
        return [d for d in self.deliveries(city, None, 1000) if d.dataset in wanted][offset : offset + limit]

    def quarantine(self, city: str, dataset: str | None = None, delivery_id: int | None = None, limit: int = 50, offset: int = 0) -> list[QuarantinedRow]:
        every = [
            QuarantinedRow(n, 12 + n % 2, city, "charging_hourly" if n % 2 else "road_speeds", n, "energy_kwh" if n % 2 else "speed_kmh",
                           "out_of_range", "-3 is below 0", {"site_id": f"s{n}", "energy_kwh": "-3", "note": "=1+1"}, "replayed" if n == 5 else "open")
            for n in range(90, 0, -1)
        ]  # fmt: skip
        return [r for r in every if dataset in (None, r.dataset) and delivery_id in (None, r.delivery_id)][offset : offset + limit]

    def events(self, city: str, area: str | None = None, include_closed: bool = True, limit: int = 50) -> list[Event]:
        pack = self.packs[city]
        found = super().events(city, area, include_closed, limit)
        if area is None:
            return found
        wanted = pack.area(area)
        inside = {wanted.id, *wanted.composed_of}
        return [e for e in found if e.area and inside & {a.id for a in pack.ancestors(e.area)}]

    def road_states(self, city: str) -> list[RoadState]:
        """A section in each state of GB/T 33171-2016 8.1 (worked examples of standards 2.1), and one without a speed."""
        speeds = {"free": 45.0, "mostly": 42.0, "light": 30.0, "moderate": 24.0, "severe": 18.0}
        found = [RoadState(name, v, 60.0, round(1 - v / 60, 9), self.clock - timedelta(minutes=10)) for name, v in speeds.items()]
        return [*found, RoadState("silent", None, 60.0, None, None)]

    def road_sections_geojson(self, city: str) -> dict[str, Any]:
        """A straight line from seat to seat for each of those sections."""
        seats = [a.centroid for a in self.packs[city].areas.values() if a.level == "township" and a.centroid]
        lines = zip(self.road_states(city), pairwise(seats), strict=False)
        features = [{"type": "Feature", "properties": {"id": s.site_id, "name": s.site_id, "name_en": s.site_id},
                     "geometry": {"type": "LineString", "coordinates": ends}} for s, ends in lines]  # fmt: skip
        return {"type": "FeatureCollection", "features": features}

    def heat(self, city: str, layer: HeatLayer) -> HeatMap:
        return HeatMap(8, {f"8841{i:011x}": float(value) for i, value in enumerate((1, 2, 2, 9, 10, 30, 31, 80))}, 190, 3, 12)

    def weak_patches(self, city: str, area: str | None = None) -> list[WeakPatch]:
        """One patch in each of the first two townships."""
        towns = [a for a in self.packs[city].areas.values() if a.level == "township" and a.centroid][:2]
        return [
            WeakPatch(city, n, a.id, 12.5 / n, 800.0, -109.0, *(a.centroid or (0, 0)), {"type": "Polygon", "coordinates": []}, True)
            for n, a in enumerate(towns, start=1)
        ]

    def weak_patches_geojson(self, city: str, area: str | None = None) -> dict[str, Any]:
        return {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"number": p.number}, "geometry": p.outline}
                                                         for p in self.weak_patches(city)]}  # fmt: skip

    def place_coverage(self, city: str, area: str | None = None) -> list[PlaceCoverage]:
        return [PlaceCoverage("r7", "railway", "", "", 4.2, 0.61, False, 114.9, 30.4),
                PlaceCoverage("p1", "park", "葛店开发区", "Gedian Zone", 11.0, 0.97, True, 114.7, 30.5)]  # fmt: skip

    def coverage_errors(self, city: str, area: str | None = None) -> list[ModelError]:
        return [ModelError("移动", "urban", "over_-85", 4000, 3, 9.4, 16.7), ModelError("移动", "rural", "-95_to_-85", 100, 0, None, None)]
