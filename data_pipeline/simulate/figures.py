"""Figures of metrics from the latent process: one function a dataset, giving every metric that rests on it.

The same functions that make the records are evaluated at a coarser step where a dataset reports
every few minutes; sums are then multiplied by the ratio of the steps, so that archive and records
join without a jump.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from data_pipeline.simulate.air_index import daily_indices
from data_pipeline.simulate.feed import Feed
from data_pipeline.simulate.moving import FIRST_HOUR, LAST_HOUR
from data_pipeline.simulate.services import LONGEST_S
from data_pipeline.simulate.sums import Areas, Figure, by_day, day_mean, day_starts, ratio
from data_pipeline.simulate.suppliers import Suppliers
from data_pipeline.simulate.traffic import demand

HOUR, DAY = 3600, 86400
STEP_S = {"road_speeds": 1800, "parking_counts": 3600, "terminal_status": 3 * HOUR}  # others at their own step
DRIVE_STRIDE = 5
ENOUGH_SAMPLES = 28  # of traffic.enough_samples_share
HJ_2026_FROM = date(2026, 3, 1).toordinal()
Window = tuple[int, int]  # first and last+1 local day, proleptic ordinals


class Figures:
    """Figures of one city, dataset by dataset, for windows of whole local days."""

    def __init__(self, simulator: Suppliers) -> None:
        self.simulator, self.world = simulator, simulator.world
        self.areas = Areas(simulator.pack)
        self._members: dict[str, np.ndarray] = {}

    def of(self, dataset: str, window: Window) -> dict[str, Figure]:
        """Metric id → figure of every metric resting on a dataset; empty where nothing is simulated of it."""
        if dataset not in TABLE or not self.simulator.simulated(dataset):
            return {}
        if dataset in FEEDS and dataset not in self.simulator.feeds:
            return {}
        return TABLE[dataset](self, window)

    def slots(self, window: Window, step_s: int) -> np.ndarray:
        """Slot starts (UTC seconds) of the days of a window."""
        return np.arange(self.world.midnight_s(window[0]), self.world.midnight_s(window[1]), step_s, dtype=np.int64)

    def feed(self, dataset: str, window: Window) -> tuple[Feed, np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray], float]:
        """Feed, membership, day starts, in-service mask (as 0/1), values, and native slots per sampled slot."""
        feed = self.simulator.feeds[dataset]
        step = STEP_S.get(dataset, feed.cadence_s)
        active, clock, values = feed.clean(self.slots(window, step))
        if dataset not in self._members:
            self._members[dataset] = self.areas.of_sites(feed.sites)
        return feed, self._members[dataset], day_starts(clock.day[0]), active.astype(float), values, step / feed.cadence_s


def charging(f: Figures, window: Window) -> dict[str, Figure]:
    _, m, starts, on, v, k = f.feed("charging_hourly", window)
    total = {name: m @ by_day(v[name] * on, starts) * k for name in v}
    n = m @ by_day(on, starts) * k
    energy, guns = total["energy_kwh"], total["guns"]
    return {
        "charging.energy_kwh": Figure(n, energy),
        "charging.power_kw": Figure(n, value=day_mean(m @ (v["energy_kwh"] * on), starts) * k),
        "charging.time_utilisation": Figure(n, total["charging_gun_hours"], guns),
        "charging.power_utilisation": Figure(n, energy, total["rated_power_kw"]),
        "charging.energy_per_gun_kwh": Figure(n, energy, guns),
        "charging.fault_rate": Figure(n, total["fault_gun_hours"], guns),
        "charging.availability_share": Figure(n, guns - total["fault_gun_hours"] - total["inoperative_gun_hours"], guns),
    }


def power(f: Figures, window: Window) -> dict[str, Figure]:
    _, m, starts, on, v, k = f.feed("power_load", window)
    curve = m @ (v["load_mw"] * on)
    curve = np.where(m.sum(axis=1, keepdims=True) > 0, curve, np.nan)
    n = m @ by_day(on, starts) * k
    mean = day_mean(curve, starts)
    top, low = np.maximum.reduceat(curve, starts, axis=1), np.minimum.reduceat(curve, starts, axis=1)
    energy = by_day(np.nan_to_num(curve), starts) * 0.25
    return {
        "energy.load_mw": Figure(n, value=mean), "energy.energy_mwh": Figure(n, energy),
        "energy.load_rate": Figure(n, mean, top, mean / top), "energy.min_load_rate": Figure(n, low, top, low / top, has_months=False),
        "energy.peak_mw": Figure(n, value=top, has_months=False), "energy.peak_valley_mw": Figure(n, value=top - low, has_months=False),
        "energy.peak_valley_rate": Figure(n, top - low, top, (top - low) / top),
    }  # fmt: skip


def roads(f: Figures, window: Window) -> dict[str, Figure]:
    feed, m, starts, on, v, k = f.feed("road_speeds", window)
    length, free = feed.sites.of["length_km"][:, None], feed.sites.of["free_kmh"][:, None]
    weight, travel, free_h = v["flow_veh"] * on, length / v["speed_kmh"], length / free + 0 * v["speed_kmh"]
    slowest = np.maximum(travel, free_h)
    tti = ratio(m @ (slowest * weight), m @ (free_h * weight))
    delay = ratio(m @ (np.maximum(travel - free_h, 0) * weight), m @ (slowest * weight))
    n, whole = m @ by_day(on, starts) * k, m @ by_day(length * on, starts) * k
    index = congestion_index(delay)
    hour = f.world.clock(f.slots(window, STEP_S["road_speeds"])).hour
    rush = np.where(((hour >= 7) & (hour < 9)) | ((hour >= 17) & (hour < 19)), 1.0, np.nan)
    rush_n = m @ by_day(on * np.nan_to_num(rush), starts) * k
    enough = m @ by_day((v["sample_n"] >= ENOUGH_SAMPLES) * on, starts) * k

    def crowded(tenths: int) -> np.ndarray:
        return m @ by_day(np.where(v["speed_kmh"] * 10 <= free * tenths, length, 0) * on, starts) * k

    return {
        "traffic.tti": Figure(n, value=day_mean(tti, starts)), "traffic.delay_share": Figure(n, value=day_mean(delay, starts)),
        "traffic.speed_kmh": Figure(n, m @ by_day(length * weight, starts) * k, m @ by_day(travel * weight, starts) * k),
        "traffic.flow_veh": Figure(n, m @ by_day(weight, starts) * k),
        "traffic.tpi": Figure(n, value=day_mean(index, starts)), "traffic.tpi_peak": Figure(rush_n, value=day_mean(index * rush, starts)),
        "traffic.tti_peak": Figure(rush_n, value=day_mean(tti * rush, starts)), "traffic.enough_samples_share": Figure(n, enough, n),
        "traffic.congested_length_share": Figure(n, crowded(4), whole), "traffic.severe_length_share": Figure(n, crowded(3), whole),
    }  # fmt: skip


def congestion_index(delay_share: np.ndarray) -> np.ndarray:
    """Index 0 to 10 of a delay share (GB/T 33171-2016 annex C, linear within a class; standards 2.1)."""
    return np.interp(delay_share, (0.0, 0.3, 0.5, 0.6, 0.7, 1.0), (0.0, 2.0, 4.0, 6.0, 8.0, 10.0))


def parking(f: Figures, window: Window) -> dict[str, Figure]:
    _, m, starts, on, v, k = f.feed("parking_counts", window)
    spaces = v["capacity"] * on
    taken = m @ by_day(spaces - v["free_spaces"] * on, starts) * k
    n, total = m @ by_day(on, starts) * k, m @ by_day(spaces, starts) * k
    return {
        "traffic.parking_occupancy": Figure(n, taken, total),
        "traffic.free_spaces_share": Figure(n, m @ by_day(v["free_spaces"] * on, starts) * k, total),
    }


def terminals(f: Figures, window: Window) -> dict[str, Figure]:
    _, m, starts, on, v, k = f.feed("terminal_status", window)
    n = m @ by_day(on, starts) * k
    return {
        "sensing.online_share": Figure(n, m @ by_day(v["online_s"] * on, starts) * k, n * 3600),
        "sensing.messages_n": Figure(n, m @ by_day(v["messages_n"] * on, starts) * k),
    }


def air(f: Figures, window: Window) -> dict[str, Figure]:
    _, m, starts, on, v, k = f.feed("air_quality", window)
    n = m @ by_day(on, starts) * k
    old = np.arange(window[0], window[1]) < HJ_2026_FROM
    index = daily_indices(v, m, starts, old)
    aqi = index["aqi"]
    known = np.isfinite(aqi)
    return {
        "environment.pm25": Figure(n, m @ by_day(v["pm25_ug_m3"] * on, starts), n),
        "environment.pm10": Figure(n, m @ by_day(v["pm10_ug_m3"] * on, starts), n),
        "environment.no2": Figure(n, m @ by_day(v["no2_ug_m3"] * on, starts), n),
        "environment.so2": Figure(n, m @ by_day(v["so2_ug_m3"] * on, starts), n),
        "environment.co": Figure(n, m @ by_day(v["co_mg_m3"] * on, starts), n),
        "environment.aqi_daily": Figure(n, value=aqi), "environment.o3_8h": Figure(n, value=index["o3_8h"]),
        **{f"environment.iaqi_{item}": Figure(n, value=index[item]) for item in ("so2", "no2", "co", "o3", "pm10", "pm25")},
        "environment.good_air_share": Figure(n, np.where(known, (aqi <= 100).astype(float), np.nan), np.where(known, 1.0, np.nan)),
    }


def weather(f: Figures, window: Window) -> dict[str, Figure]:
    _, m, starts, on, v, _ = f.feed("weather_observations", window)
    n = m @ by_day(on, starts)
    gauges = m.sum(axis=1, keepdims=True)
    rain = np.divide(m @ by_day(v["rain_mm"] * on, starts), gauges, out=np.full(n.shape, np.nan), where=gauges > 0)
    day, twelve = (_most(m, np.round(mm, 1)) for mm in (by_day(v["rain_mm"] * on, starts), _wettest(v["rain_mm"] * on, starts, 12)))
    return {
        "environment.temperature_c": Figure(n, m @ by_day(v["temperature_c"] * on, starts), n),
        "environment.rain_mm": Figure(n, rain),
        "weather.rain_day_max_mm": Figure(n, value=day, has_months=False), "weather.rain_12h_max_mm": Figure(n, value=twelve, has_months=False),
        "weather.storm_days_n": Figure(n, np.where(np.isnan(day), np.nan, (day >= 50).astype(float))),
    }


def _wettest(rain: np.ndarray, starts: np.ndarray, hours: int) -> np.ndarray:
    """Largest sum of so many hours in a row within each day: (stations, hours) → (stations, days)."""
    ends = np.append(starts[1:], rain.shape[1])
    found = []
    for start, end in zip(starts, ends, strict=True):
        total = np.cumsum(np.pad(rain[:, start:end], ((0, 0), (1, 0))), axis=1)
        wide = min(hours, end - start)
        found.append((total[:, wide:] - total[:, :-wide]).max(axis=1))
    return np.stack(found, axis=1)


def _most(m: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Largest value of each area's stations: (areas, stations), (stations, days) → (areas, days); NaN without a station."""
    return np.stack([values[row > 0].max(axis=0) if (row > 0).any() else np.full(values.shape[1], np.nan) for row in m])


def water(f: Figures, window: Window) -> dict[str, Figure]:
    feed, m, starts, on, v, _ = f.feed("water_observations", window)
    n = m @ by_day(on, starts)
    above = (v["level_m"] >= feed.sites.of["warning_m"][:, None]) * on
    top = np.maximum.reduceat(np.where(on > 0, v["level_m"], -np.inf), starts, axis=1)
    over = np.where(np.isfinite(top), top - feed.sites.of["warning_m"][:, None], -np.inf)
    most = _most(m, over)
    at_stage = {name: m @ (top >= feed.sites.of[f"{name}_m"][:, None]).astype(float) for name in ("warning", "guaranteed")}
    known = (m @ by_day(on, starts)) > 0
    return {
        "environment.water_level_above_warning_share": Figure(n, m @ by_day(above, starts), n),
        "environment.gauges_above_warning_n": Figure(n, value=np.where(known, at_stage["warning"], np.nan), has_months=False),
        "environment.gauges_above_guaranteed_n": Figure(n, value=np.where(known, at_stage["guaranteed"], np.nan), has_months=False),
        "environment.level_above_warning_m": Figure(n, value=np.where(np.isfinite(most), np.round(most, 2), np.nan), has_months=False),
    }


def hotline(f: Figures, window: Window) -> dict[str, Figure]:
    calls = f.simulator.hotline
    t_s = f.slots(window, HOUR)
    starts = day_starts(f.world.clock(t_s).day)
    m = f.areas.of_townships(calls.areas)
    total = {name: m @ by_day(values.astype(float), starts) for name, values in calls.values(t_s).items()}
    n = m @ by_day(np.ones((len(calls.areas), t_s.size)), starts)
    return {
        "services.calls_n": Figure(n, total["calls"]),
        "services.answer_share": Figure(n, total["answered"], total["calls"]),
        "services.answer_15s_share": Figure(n, total["answered_15s"], total["calls"]),
    }


def tickets(f: Figures, window: Window) -> dict[str, Figure]:
    start_s, end_s = f.world.midnight_s(window[0]), f.world.midnight_s(window[1])
    life = f.simulator.tickets.created(start_s - LONGEST_S, end_s)
    m = f.areas.of_townships(f.world.patch_codes)[:, life["patch"]]
    final = life["cancelled"] | life["referred"]
    days = window[1] - window[0]

    def day_of(t_s: np.ndarray) -> np.ndarray:
        return f.world.clock(t_s).day - window[0]

    def count(day: np.ndarray, keep: np.ndarray) -> np.ndarray:
        rows = keep & (day >= 0) & (day < days)
        return np.stack([np.bincount(day[rows], weights=w[rows], minlength=days) for w in m])

    created, due, closed = day_of(life["created_s"]), day_of(life["due_s"]), day_of(life["closed_s"])
    done = ~final
    received, ended = count(created, done | final), count(closed, done)
    on_time, owed = count(due, done & (life["closed_s"] <= life["due_s"])), count(due, done)
    asked = done & life["asked"]
    hours = (life["closed_s"] - life["created_s"]) / HOUR
    shares = {name: count(closed, asked & life[name]) for name in ("solved", "satisfied")}
    answered = count(closed, asked)
    return {
        "services.requests_n": Figure(received, received), "services.on_time_share": Figure(owed, on_time, owed),
        "services.median_close_hours": Figure(ended, value=_quantiles(m, closed, done, hours, days, 0.5)),
        "services.p90_close_hours": Figure(ended, value=_quantiles(m, closed, done, hours, days, 0.9)),
        "services.repeat_share": Figure(received, count(created, life["repeat"]), received),
        "services.responded_share": Figure(ended, count(closed, done & life["responded"]), ended),
        "services.solved_share": Figure(answered, shares["solved"], answered),
        "services.satisfied_share": Figure(answered, shares["satisfied"], answered),
    }  # fmt: skip


def _quantiles(m: np.ndarray, day: np.ndarray, keep: np.ndarray, values: np.ndarray, days: int, p: float) -> np.ndarray:
    """Quantile of the values of each area and day; NaN where there are none."""
    out = np.full((m.shape[0], days), np.nan)
    for k, weight in enumerate(m):
        rows = np.flatnonzero(keep & (weight > 0) & (day >= 0) & (day < days))
        rows = rows[np.lexsort((values[rows], day[rows]))]
        found, first, number = np.unique(day[rows], return_index=True, return_counts=True)
        at = first + p * (number - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, first + number - 1)
        ordered = values[rows]
        out[k, found] = ordered[low] * (1 - (at - low)) + ordered[high] * (at - low)
    return out


def drive_tests(f: Figures, window: Window) -> dict[str, Figure]:
    drives = f.simulator.drives
    if "drive_tests" not in f._members:
        points = np.stack([line[2] for line in drives.graph.lines])
        f._members["drive_tests"] = f.areas.of_points(points[:, 0], points[:, 1])
    shape = (len(f.areas.ids), window[1] - window[0])
    names = ("n", "rsrp", "both", "down")
    total = {name: np.zeros(shape) for name in names}
    for day in range(window[0], window[1]):
        d = drives.day(day, DRIVE_STRIDE)
        five = d["five"]
        m = f._members["drive_tests"][:, d["section"]] * five
        parts = {"n": five, "rsrp": d["rsrp"] >= -105, "both": (d["rsrp"] >= -105) & (d["sinr"] >= -3), "down": d["down"]}
        for name in names:
            total[name][:, day - window[0]] = m @ parts[name].astype(float) * DRIVE_STRIDE
    n = total["n"]
    return {
        "coverage.rsrp_share": Figure(n, total["rsrp"], n), "coverage.composite_share": Figure(n, total["both"], n),
        "coverage.download_kbps": Figure(n, total["down"], n),
    }  # fmt: skip


def vehicles(f: Figures, window: Window) -> dict[str, Figure]:
    """Time is exact; where the vehicles drive is taken from two sample weeks, the same for every day."""
    cars = f.simulator.vehicles
    if "vehicles" not in f._members:
        f._members["vehicles"] = _where_they_drive(f)
    taxis, anyone = f._members["vehicles"][:, :1], f._members["vehicles"][:, 1:]
    days = np.arange(window[0], window[1])
    t_s = f.slots(window, cars.cadence_s)
    clock = f.world.clock(t_s)
    inside = (clock.hour >= FIRST_HOUR) & (clock.hour < LAST_HOUR)
    t_s, day, hour = t_s[inside], clock.day[inside], clock.hour[inside]
    town = demand(clock)[0][inside]
    on, begin, end = cars.service(np.arange(cars.n)[:, None], days[None, :])
    at = day - window[0]
    taxi = cars.kind == "taxi"
    driving = on[taxi][:, at] & (hour >= begin[taxi][:, at]) & (hour <= end[taxi][:, at])
    busy = cars.busy(np.flatnonzero(taxi)[:, None], t_s[None, :], town)
    starts = day_starts(day)
    n, loaded = by_day(driving.sum(axis=0).astype(float), starts), by_day((driving & busy).sum(axis=0).astype(float), starts)
    running = np.rint(anyone * on.sum(axis=0)[None, :])
    return {
        "traffic.taxi_occupied_share": Figure(taxis * n, taxis * loaded, taxis * n),
        "traffic.active_vehicles": Figure(np.maximum(running, 1), value=running),
    }


def _where_they_drive(f: Figures) -> np.ndarray:
    """Per area: share of taxi positions, and share of the day's vehicles seen there (two weeks of 2026)."""
    cars, first = f.simulator.vehicles, date(2026, 3, 2).toordinal()
    total = np.zeros((len(f.areas.ids), 2))
    weight = np.zeros(2)
    for day in range(first, first + 14):
        frame = cars.of_day(day)
        m = f.areas.of_points(frame["lon"].to_numpy(), frame["lat"].to_numpy())
        taxi = (frame["kind"] == "taxi").to_numpy()
        who = frame["k"].to_numpy()
        total[:, 0] += m[:, taxi].sum(axis=1)
        total[:, 1] += [len(np.unique(who[row > 0])) for row in m]
        weight += taxi.sum(), len(np.unique(who))
    return total / np.maximum(weight, 1)


TABLE: dict[str, Callable[[Figures, Window], dict[str, Figure]]] = {
    "charging_hourly": charging, "power_load": power, "road_speeds": roads, "parking_counts": parking, "terminal_status": terminals,
    "air_quality": air, "weather_observations": weather, "water_observations": water, "hotline_calls": hotline,
    "service_requests": tickets, "drive_tests": drive_tests, "vehicle_positions": vehicles,
}  # fmt: skip
FEEDS = ("charging_hourly", "power_load", "road_speeds", "parking_counts", "terminal_status", "air_quality", "weather_observations", "water_observations")
