"""The simulated city as a whole: its ground, sites, weather, and what happens in it to several domains at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

import numpy as np

from data_pipeline.cities import Pack
from data_pipeline.simulate.clock import Clock, bumps, seconds
from data_pipeline.simulate.declared.facilities import make_facilities
from data_pipeline.simulate.declared.stops import make_stops
from data_pipeline.simulate.offices import offices
from data_pipeline.simulate.place import Ground
from data_pipeline.simulate.rng import choose, key_of, normal, uniform
from data_pipeline.simulate.sites import SiteMaker
from data_pipeline.simulate.weather import STORM_DAY_MM, Weather, climate_of
from data_pipeline.times import midnight_utc

DAY = 86400
BLOCK_DAYS = 32
HEAT_C = 37.0  # 高温橙色预警: 37 °C within 24 hours


@dataclass(frozen=True)
class Incident:
    """Something that happens in the city: when, where, how far it reaches, how strongly.

    `radius_km` is infinite for what touches the whole city. Times are UTC seconds since 1970.
    """

    id: str
    kind: str
    severity: str
    title_zh: str
    title_en: str
    department: str
    start_s: int
    end_s: int
    lon: float
    lat: float
    x_km: float
    y_km: float
    radius_km: float
    patch: int
    strength: float


# what an incident of a kind does to a domain where it happens (share added; negative: taken away)
EFFECTS: dict[str, dict[str, float]] = {
    "traffic": {"road_incident": 2.0, "storm": 0.25, "flood": 1.0, "public_event": 0.45, "fire": 0.6},
    "tickets": {"storm": 0.7, "flood": 2.0, "power_outage": 2.5, "network_outage": 2.0, "heat": 0.3, "public_event": 0.3},
    "offline": {"storm": 0.035, "flood": 0.4, "power_outage": 0.75, "network_outage": 0.85},
    "charging": {"power_outage": -0.9, "flood": -0.5, "public_event": 0.3},
    "load": {"power_outage": -0.3, "heat": 0.04},
    "parking": {"public_event": 0.35, "flood": -0.25},
}
_REACH_KM = {"road_incident": 1.5, "flood": 1.6, "public_event": 1.6, "fire": 1.2, "power_outage": 2.6, "network_outage": 4.0}
# local incidents: chance a day, hours of start (centre, width), shortest and longest hours
_LOCAL = (
    ("road_incident", 0.35, 13.0, 5.0, 0.7, 2.5), ("power_outage", 0.06, 15.0, 4.0, 1.5, 5.0),
    ("network_outage", 0.035, 11.0, 6.0, 1.0, 4.0), ("fire", 0.02, 19.0, 4.0, 1.0, 3.0), ("public_event", 0.05, 18.0, 1.5, 2.0, 4.0),
)  # fmt: skip


class World:
    """Everything the suppliers' systems of one city would observe, as a pure function of time.

    Parameters
    ----------
    pack : Pack
    seed : int
    scale : float
        Multiplies the number of sites and cases (0.1 to 1000).
    """

    def __init__(self, pack: Pack, seed: int, scale: float) -> None:
        self.pack, self.seed, self.scale, self.tz = pack, seed, scale, pack.tz
        self.ground = Ground(pack, seed)
        self.offices = offices(pack)
        self.climate = climate_of(pack.id, self.ground.centre[1])
        self.weather = Weather(seed, pack.id, self.tz, self.climate)
        self.sites = SiteMaker(self.ground, self.climate, seed, scale)
        self.sites.add("facilities", make_facilities)
        self.sites.add("transit_stations", make_stops)
        self._blocks = lru_cache(maxsize=256)(self._block)

    def key(self, *parts: object) -> int:
        """Random key of this city for a purpose."""
        return key_of(self.seed, self.pack.id, *parts)

    def clock(self, t_s: np.ndarray) -> Clock:
        """The city's clock at UTC seconds."""
        return Clock.at(t_s, self.tz)

    def midnight_s(self, day: int | date) -> int:
        """UTC second at which a local day (date or proleptic ordinal) begins."""
        return seconds(midnight_utc(day if isinstance(day, date) else date.fromordinal(int(day)), self.tz))

    def local_ordinal(self, t_s: int) -> int:
        """Proleptic ordinal of the local day of a UTC second."""
        return int(self.clock(np.array([t_s])).day[0])

    @cached_property
    def patch_codes(self) -> list[str]:
        """Area id of each patch."""
        return [p.area.id for p in self.ground.patches]

    def incidents(self, start_s: int, end_s: int) -> list[Incident]:
        """Incidents that touch [start_s, end_s), in order of their start."""
        first, last = self.local_ordinal(start_s) - 2, self.local_ordinal(end_s)
        found = [i for day in range(first, last + 1) for i in self._blocks(day // BLOCK_DAYS)[day]]
        return [i for i in found if i.start_s < end_s and i.end_s + 1800 > start_s]

    def _block(self, block: int) -> dict[int, tuple[Incident, ...]]:
        """Incidents by the local day they start on, for one block of days."""
        days = np.arange(block * BLOCK_DAYS, (block + 1) * BLOCK_DAYS)
        starts = np.array([self.midnight_s(int(d)) for d in days])
        clock = self.clock(starts + DAY // 2)
        rain = self.weather.rain_day(clock.day, clock.year_part)
        hours = self.clock(starts[:, None] + np.arange(24)[None, :] * 3600)
        hottest = self.weather.at(hours).temperature_c.max(axis=1)
        chances = {kind: uniform(self.key("incident", kind), days) for kind, *_ in _LOCAL}
        found: dict[int, tuple[Incident, ...]] = {}
        for n, day in enumerate(days.tolist()):
            start, total = int(starts[n]), float(rain.total_mm[n])
            today: list[Incident] = []
            if total >= STORM_DAY_MM:
                today += self._storm(day, start, total, float(rain.centre_h[n]), float(rain.width_h[n]))
            elif total < 10 and hottest[n] >= HEAT_C:
                today.append(self._heat(day, start, float(hottest[n]) >= 40.0))
            for k, (kind, chance, *shape) in enumerate(_LOCAL):
                if chances[kind][n] < chance:
                    today.append(self._local(day, start, k, kind, *shape))
            found[day] = tuple(sorted(today, key=lambda i: i.start_s))
        return found

    def _heat(self, day: int, start: int, red: bool) -> Incident:
        return self._make(
            day, "heat", 0, "Severe" if red else "Moderate", start + 9 * 3600, start + 20 * 3600,
            f"{self.pack.short_zh}发布高温{'红' if red else '橙'}色预警", f"Heat warning ({'red' if red else 'orange'}) for {self.pack.short_en}",
            self.offices["weather"], -1, 1.0,
        )  # fmt: skip

    def _storm(self, day: int, start: int, total: float, centre: float, width: float) -> list[Incident]:
        begin = start + int(max(0.0, centre - 1.3 * width) * 3600)
        end = start + int((centre + 1.8 * width + 3) * 3600)
        colour_zh, colour_en, severity = ("蓝", "blue", "Minor") if total < 70 else ("黄", "yellow", "Moderate") if total < 110 else ("橙", "orange", "Severe")
        strength = min(2.0, total / 80.0)
        storm = self._make(
            day, "storm", 0, severity, begin, end, f"{self.pack.short_zh}发布暴雨{colour_zh}色预警",
            f"Rainstorm warning ({colour_en}) for {self.pack.short_en}", self.offices["weather"], -1, strength,
        )  # fmt: skip
        floods = []
        for k in range(1 + int(total > 90) + int(total > 120)):
            patch = int(choose(self.key("incident", "flood"), self.ground.weights * (0.3 + self.ground.urban), day, k))
            name = self.ground.patches[patch]
            floods.append(self._make(
                day, "flood", k, "Moderate", begin + 3600, end + 2 * 3600, f"{name.name_zh}低洼路段积水",
                f"Low roads under water in {name.name_en}", self.offices["streets"], patch, min(1.5, strength),
            ))  # fmt: skip
        return [storm, *floods]

    def _local(self, day: int, start: int, k: int, kind: str, hour: float, spread: float, shortest: float, longest: float) -> Incident:
        key = self.key("incident", kind, "shape")
        at = float(np.clip(hour + spread * float(normal(key, day, 1)), 0.2, 22.5))
        length = shortest + (longest - shortest) * float(uniform(key, day, 2))
        patch = int(choose(key, self.ground.weights, day, 3))
        place = self.ground.patches[patch]
        texts = {
            "road_incident": (f"{place.name_zh}路段发生交通事故，通行缓慢", f"Road accident in {place.name_en}, slow traffic", "police", "Minor"),
            "power_outage": (f"{place.name_zh}10千伏线路故障停电", f"10 kV line fault, power cut in {place.name_en}", "power", "Moderate"),
            "network_outage": (f"{place.name_zh}光缆中断，部分基站和终端退服", f"Cable cut, base stations and terminals down in {place.name_en}", "network", "Moderate"),
            "fire": (f"{place.name_zh}沿街商铺火情", f"Shop fire in {place.name_en}", "fire", "Moderate"),
            "public_event": (f"{place.name_zh}群众文体活动，周边停车紧张", f"Public event in {place.name_en}, parking tight", "culture", "Minor"),
        }  # fmt: skip
        zh, en, duty, severity = texts[kind]
        begin = start + int(at * 3600)
        return self._make(day, kind, k, severity, begin, begin + int(length * 3600), zh, en, self.offices[duty], patch, 0.7 + 0.6 * float(uniform(key, day, 4)))

    def _make(
        self, day: int, kind: str, k: int, severity: str, start_s: int, end_s: int, title_zh: str, title_en: str,
        department: str, patch: int, strength: float,
    ) -> Incident:  # fmt: skip
        if patch >= 0:
            spot = self.ground.patches[patch]
            key = self.key("incident", kind, "spot")
            lon, lat = self.ground.in_patch(key, spot, np.array([day * 8 + k]), np.array([True]))
            at = (float(np.round(lon[0], 5)), float(np.round(lat[0], 5)))
        else:
            at = self.ground.centre
        x, y = self.ground.to_km(np.array(at[0]), np.array(at[1]))
        stamp = date.fromordinal(day).strftime("%Y%m%d")
        return Incident(
            f"EV-{self.pack.id}-{stamp}-{kind}-{k}", kind, severity, title_zh, title_en, department, start_s, end_s,
            at[0], at[1], float(x), float(y), _REACH_KM.get(kind, np.inf) if patch >= 0 else np.inf, patch, strength,
        )  # fmt: skip

    def effect(self, domain: str, x_km: np.ndarray, y_km: np.ndarray, t_s: np.ndarray) -> np.ndarray:
        """What incidents add to a domain at places and times (0 where nothing happens).

        Places and times broadcast: (n, 1) and (1, m) for a grid of sites and rising times, or
        two flat arrays of one length.
        """
        shape = np.broadcast_shapes(np.shape(x_km), np.shape(t_s))
        out = np.zeros(shape)
        if out.size == 0:
            return out
        table = EFFECTS[domain]
        grid = out.ndim == 2 and np.shape(t_s)[0] == 1
        for incident in self.incidents(int(np.min(t_s)), int(np.max(t_s)) + 1):
            weight = table.get(incident.kind, 0.0) * incident.strength
            if not weight:
                continue
            near = np.full(np.shape(x_km), weight)
            if np.isfinite(incident.radius_km):
                away = ((x_km - incident.x_km) ** 2 + (y_km - incident.y_km) ** 2) / incident.radius_km**2
                near = weight * np.exp(-away)
                if np.abs(near).max() < 0.01:
                    continue
            if grid:
                low, high = np.searchsorted(t_s[0], [incident.start_s, incident.end_s + 1800])
                if low < high:
                    out[:, low:high] += near * _ramp(incident, t_s[:, low:high])
            else:
                out += near * _ramp(incident, t_s)
        return out


def _ramp(incident: Incident, t_s: np.ndarray) -> np.ndarray:
    """0 before, 1 during, fading over half an hour after an incident."""
    rising = np.clip((t_s - incident.start_s) / 600.0, 0, 1)
    return rising * np.clip((incident.end_s + 1800 - t_s) / 1800.0, 0, 1)


def office_hours(hour: np.ndarray) -> np.ndarray:
    """How busy an ordinary working hour is, 0 to about 1 (two humps, lunch between)."""
    return bumps(hour, (10.0, 1.6, 1.0), (15.5, 1.8, 0.9), (20.0, 2.0, 0.25)) + 0.03
