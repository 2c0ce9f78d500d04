"""What moves: vehicles on the derived roads, drive tests of the mobile networks, events on the ticker."""

from __future__ import annotations

from datetime import date
from functools import cached_property, lru_cache

import numpy as np
import polars as pl

from data_pipeline.simulate.clock import datetimes
from data_pipeline.simulate.graph import RoadGraph
from data_pipeline.simulate.rng import bits, choose, key_of, normal, smooth, uniform
from data_pipeline.simulate.traffic import demand
from data_pipeline.simulate.world import World

HOUR, DAY = 3600, 86400
VEHICLES = 30  # Ezhou
TESTS_A_DAY = 1200
ROUNDS = 60  # rounds over the roads the vehicles choose from
FIRST_HOUR, LAST_HOUR = 6.0, 22.5
EVENT_STEPS_S = (240, 1500)  # an event is known after four minutes and in hand after twenty-five


class VehiclePositions:
    """`vehicle_positions`: taxis, buses and municipal vehicles every five minutes of the day."""

    dataset = "vehicle_positions"
    cadence_s = 300
    delay_s = 20

    def __init__(self, world: World) -> None:
        self.world = world
        self.n = max(4, round(VEHICLES * world.sites.by_root))
        self.kind = np.array([("taxi", "bus", "bus", "taxi", "municipal")[k % 5] for k in range(self.n)])
        self._day = lru_cache(maxsize=16)(self.of_day)

    @cached_property
    def graph(self) -> RoadGraph:
        """The roads the vehicles keep to."""
        return RoadGraph(self.world.sites["road_sections"])

    def due_times(self, after_s: int, until_s: int) -> np.ndarray:
        """Seconds in (after, until] at which positions of the day's service fall due."""
        t_s = np.arange((after_s - self.delay_s) // 300 + 1, (until_s - self.delay_s) // 300 + 1, dtype=np.int64) * 300
        hour = self.world.clock(t_s).hour
        return t_s[(hour >= FIRST_HOUR + 1.5) & (hour < LAST_HOUR - 3.0)] + self.delay_s

    def batch(self, after_s: int, until_s: int) -> pl.DataFrame:
        """Positions due in (after, until], in the supplier's columns (GCJ-02, Unix time)."""
        from geo.crs import wgs84_to_gcj02

        wait = self.delay_s
        first, last = (after_s - wait) // 300 + 1, (until_s - wait) // 300
        if first > last or not self.graph.lines:
            return pl.DataFrame()
        days = range(self.world.local_ordinal(first * 300), self.world.local_ordinal(last * 300) + 1)
        frame = pl.concat([self._day(d) for d in days]).filter(pl.col("t").is_between(first * 300, last * 300))
        if frame.height == 0:
            return pl.DataFrame()
        lon, lat = wgs84_to_gcj02(frame["lon"].to_numpy(), frame["lat"].to_numpy())
        u = uniform(self.world.key("vehicles", "dirt"), frame["k"].to_numpy(), frame["t"].to_numpy())
        lost, far = u < 0.0006, (u >= 0.0006) & (u < 0.0010)
        lon, lat = np.where(lost, 0.0, np.where(far, lon + 9.0, lon)), np.where(lost, 0.0, lat)
        out = pl.DataFrame({
            "vehicle": frame["vehicle"], "unix_time": frame["t"], "kind": frame["kind"], "line": frame["line"], "loaded": frame["occupied"],
            "speed": pl.Series(np.where((u >= 0.0010) & (u < 0.0014), 255.0, frame["speed"].to_numpy())),
            "gcj_lon": np.round(lon, 6), "gcj_lat": np.round(lat, 6),
        })  # fmt: skip
        again = (u >= 0.0014) & (u < 0.0026)
        return pl.concat([out, out.filter(pl.Series(again))])

    @cached_property
    def _rounds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rounds over the roads: points and kilometres. Buses keep to their own, taxis take another every day."""
        key = self.world.key("vehicle", "walk")
        return [self.graph.walk(key, k, 80, 1.6 if k % 2 else 1.0) for k in range(max(ROUNDS, self.n))]

    def service(self, k: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whether vehicles `k` (n, 1) are out on days (1, m), and from and until which local hour."""
        key = self.world.key("vehicle")
        on = uniform(key, k, day, 7) < np.where((self.kind == "municipal")[k], 0.8, 0.93)
        return on, FIRST_HOUR + 1.5 * uniform(key, k, day, 8), LAST_HOUR - 3.0 * uniform(key, k, day, 9)

    def busy(self, k: np.ndarray, t_s: np.ndarray, town: np.ndarray) -> np.ndarray:
        """Whether taxis `k` carry somebody at `t_s`; fuller in the rush."""
        return uniform(self.world.key("vehicle"), k, t_s // 1500, 4) < 0.34 + 0.28 * np.clip(town, 0, 1)

    def of_day(self, day: int) -> pl.DataFrame:
        """Every position of a local day in WGS84, before delivery."""
        world = self.world
        t = world.midnight_s(day) + np.arange(int(FIRST_HOUR * 12), int(LAST_HOUR * 12)) * 300
        clock = world.clock(t)
        town, _ = demand(clock)
        key, k = world.key("vehicle"), np.arange(self.n)[:, None]
        taxi = (self.kind == "taxi")[:, None]
        on, begin, end = self.service(k, np.array([[day]]))
        slot = t[None, :] // 300
        pace = np.where(taxi, 24.0, 17.0) / (1 + 0.5 * town) * (1 + 0.25 * normal(key, k, slot))
        pace = np.where(uniform(key, k, slot, 3) < np.where(taxi, 0.22, 0.15), 0.0, np.clip(pace, 0.0, 70.0))
        driving = on & (clock.hour >= begin) & (clock.hour <= end)
        km = np.cumsum(np.where(driving, pace, 0.0) / 12.0, axis=1)
        lon, lat = np.empty(km.shape), np.empty(km.shape)
        todays = (bits(world.key("vehicle", "round"), k[:, 0], day) % np.uint64(len(self._rounds))).astype(int)
        for n in range(self.n):
            path, along = self._rounds[todays[n] if taxi[n, 0] else n]
            at = km[n] % (2 * along[-1])
            at = np.where(at > along[-1], 2 * along[-1] - at, at)  # to the end of the round and back
            lon[n], lat[n] = np.interp(at, along, path[:, 0]), np.interp(at, along, path[:, 1])
        wobble_deg = 0.00006
        lon, lat = lon + wobble_deg * normal(key, k, t[None, :], 1), lat + wobble_deg * normal(key, k, t[None, :], 2)
        busy = self.busy(k, t[None, :], town)
        column, row = np.nonzero(driving.T)
        names = np.array([f"V{world.pack.id}{n + 1:03d}" for n in range(self.n)])
        lines = np.array([f"{n + 1}路" if kind == "bus" else "" for n, kind in enumerate(self.kind)])
        return pl.DataFrame({
            "k": row, "vehicle": names[row], "t": t[column], "kind": self.kind[row], "line": lines[row],
            "occupied": np.where(taxi, busy, -1)[row, column].astype(np.int64), "speed": np.round(pace[row, column], 1),
            "lon": lon[row, column], "lat": lat[row, column],
        })  # fmt: skip


class DriveTests:
    """`drive_tests`: signal samples along the roads, two cars a day, each operator's phone in turn."""

    dataset = "drive_tests"
    delay_s = 2 * HOUR  # the day's file is due at 18:00 local + two hours
    runs = 6

    def __init__(self, world: World) -> None:
        self.world = world
        self.per_run = max(20, round(TESTS_A_DAY * world.sites.by_root / self.runs))

    @cached_property
    def graph(self) -> RoadGraph:
        """The roads the cars keep to."""
        return RoadGraph(self.world.sites["road_sections"])

    @cached_property
    def _lines(self) -> np.ndarray:
        """The five points of every section: (sections, 5, 2)."""
        return np.stack(self.graph.lines)

    @cached_property
    def _strength(self) -> np.ndarray:
        """RSRP (dBm) of (operators, sections), from the distance of each section's middle to the operator's nearest 5G station."""
        sites = self.world.sites["base_stations"]
        keep = sites.of["is5"]
        x, y, who = sites.x_km[keep], sites.y_km[keep], sites.of["operator"][keep]
        found = []
        for o in range(3):
            own = (who == o) | (who == 3)
            points = self._lines[:, 2]
            px, py = self.world.ground.to_km(points[:, 0], points[:, 1])
            away = np.hypot(px[:, None] - x[own][None, :], py[:, None] - y[own][None, :]).min(axis=1)
            found.append(-82.0 - 34.0 * np.log10(np.maximum(away, 0.06) / 0.25))
        return np.stack(found)

    def due_times(self, after_s: int, until_s: int) -> np.ndarray:
        """Seconds in (after, until] at which a day's file falls due: 20:00 local time."""
        days = range(self.world.local_ordinal(after_s), self.world.local_ordinal(until_s) + 1)
        due = np.array([self.world.midnight_s(d) + 18 * HOUR + self.delay_s for d in days], dtype=np.int64)
        return due[(due > after_s) & (due <= until_s)]

    def tables(self, after_s: int, until_s: int) -> pl.DataFrame:
        """The files of all days due in (after, until], one after another."""
        found = [self.table(self.world.local_ordinal(int(due))) for due in self.due_times(after_s, until_s)]
        return pl.concat(found) if found else pl.DataFrame()

    def day(self, day: int, stride: int = 1) -> dict[str, np.ndarray]:
        """The samples of a local day, or every `stride`-th: arrays of one length."""
        world, key = self.world, self.world.key("drive")
        number = np.tile(np.arange(0, self.per_run, stride), self.runs)
        run = np.repeat(np.arange(self.runs), number.size // self.runs)
        start_h = 8.5 + 1.5 * run + 0.4 * uniform(key, day, run, 1)
        t = world.midnight_s(day) + (start_h * HOUR).astype(np.int64) + number * 5
        section = choose(key_of(key, "section"), 0.3 + self.graph.urban, day, run, number // 40)
        at = (number % 40) / 10.0
        low = np.minimum(at.astype(int), 3)
        rest = (at - low)[:, None]
        point = self._lines[section, low] * (1 - rest) + self._lines[section, low + 1] * rest
        operator = run % 3
        grown = 1.1 * ((day - date(2024, 1, 1).toordinal()) / 365.2425 - 2.5)  # dB: the network gets denser
        shadow = 5.0 * smooth(key_of(key, "shadow"), 60, t, run) + 3.0 * normal(key, t, run)
        rsrp = self._strength[operator, section] + grown + shadow
        sinr = np.clip((rsrp + 112.0) * 0.50 + 3.5 * normal(key_of(key, "sinr"), t, run), -18, 34)
        five = rsrp > -114.0
        ratio_5g, ratio_4g = (10 ** (np.clip(sinr + lift, -5, top) / 10) for lift, top in ((0, 26), (4, 20)))
        down = np.where(five, 95_000 * np.log2(1 + ratio_5g), 9_000 * np.log2(1 + ratio_4g)) * np.exp(0.35 * normal(key_of(key, "down"), t, run))
        return {
            "run": run, "t": t, "operator": operator, "section": section, "five": five, "rsrp": np.round(np.clip(rsrp, -140, -44), 1),
            "sinr": np.round(sinr, 1), "down": np.rint(down), "up": np.rint(down * 0.16), "lon": point[:, 0], "lat": point[:, 1],
            "speed": np.round(np.clip(32 + 9 * smooth(key_of(key, "speed"), 45, t, run), 0, 90), 1),
        }  # fmt: skip

    def table(self, day: int) -> pl.DataFrame:
        """The day's file in the supplier's columns (GCJ-02, local time)."""
        from geo.crs import wgs84_to_gcj02

        if not self.graph.lines:
            return pl.DataFrame()
        d = self.day(day)
        clock = self.world.clock(d["t"])
        lon, lat = wgs84_to_gcj02(d["lon"], d["lat"])
        u = uniform(self.world.key("drive", "dirt"), d["t"], d["run"])
        rsrp = np.where(u < 0.0012, -999.0, d["rsrp"])  # what a scanner writes while it has no lock
        local = pl.Series(datetimes(clock.t_s + clock.offset_s))
        names = ("移动", "电信", "联通")
        out = pl.DataFrame({
            "设备": [f"DT{self.world.pack.id}{r + 1:02d}" for r in d["run"]], "时间": local.dt.strftime("%Y-%m-%d %H:%M:%S"),
            "序号": np.zeros(len(d["t"]), dtype=np.int64), "运营商": [names[o] for o in d["operator"]], "制式": np.where(d["five"], "5G", "4G"),
            "RSRP": rsrp, "SINR": d["sinr"], "下行速率": d["down"], "上行速率": d["up"], "车速": d["speed"],
            "经度": np.round(lon, 6), "纬度": np.round(np.where((u >= 0.0012) & (u < 0.0018), lat + 3.0, lat), 6),
        })  # fmt: skip
        return pl.concat([out, out.filter(pl.Series((u >= 0.0018) & (u < 0.0030)))])


class CityEvents:
    """`city_events`: the incidents as the duty office records them, three reports each."""

    dataset = "city_events"
    kinds = {"storm", "flood", "heat", "road_incident", "power_outage", "network_outage", "fire", "public_event"}

    def __init__(self, world: World) -> None:
        self.world = world

    def due_times(self, after_s: int, until_s: int) -> np.ndarray:
        """Moments in (after, until] at which a report falls due."""
        steps = [s for i in self.world.incidents(after_s - 3 * DAY, until_s) for s in self._steps(i)]
        return np.unique([s for s in steps if after_s < s <= until_s]).astype(np.int64)

    def _steps(self, incident) -> tuple[int, int, int]:  # noqa: ANN001 - Incident
        known, in_hand = incident.start_s + EVENT_STEPS_S[0], incident.start_s + EVENT_STEPS_S[1]
        return known, in_hand, max(incident.end_s, in_hand + 60)

    def table(self, after_s: int, until_s: int) -> pl.DataFrame:
        """Events reported or changed in (after, until], as they stand at `until` (the contract's columns)."""
        rows = []
        for incident in self.world.incidents(after_s - 3 * DAY, until_s):
            steps = self._steps(incident)
            known = [s for s in steps if s <= until_s]
            if not known or known[-1] <= after_s:
                continue
            closed = len(known) == 3
            everywhere = incident.patch < 0
            rows.append({
                "event_id": incident.id, "started_at": incident.start_s, "ended_at": incident.end_s if closed else None,
                "event_kind": incident.kind, "severity": incident.severity, "title_zh": incident.title_zh, "title_en": incident.title_en,
                "department": incident.department, "status": ("open", "in_hand", "closed")[len(known) - 1],
                "lon": None if everywhere else incident.lon, "lat": None if everywhere else incident.lat,
                "area_id": self.world.pack.city_area.id if everywhere else None,
                "township_code": None if everywhere else self.world.patch_codes[incident.patch],
            })  # fmt: skip
        schema = {"event_id": pl.String, "started_at": pl.Int64, "ended_at": pl.Int64, "event_kind": pl.String, "severity": pl.String,
                  "title_zh": pl.String, "title_en": pl.String, "department": pl.String, "status": pl.String, "lon": pl.Float64,
                  "lat": pl.Float64, "area_id": pl.String, "township_code": pl.String}  # fmt: skip
        frame = pl.DataFrame(rows, schema=schema)
        return frame.with_columns(
            pl.from_epoch(pl.col(c), "s").dt.strftime("%Y-%m-%dT%H:%M:%SZ") for c in ("started_at", "ended_at")
        )
