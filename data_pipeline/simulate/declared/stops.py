"""The stops of the declared timetables: kept times along rounds over the derived roads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from data_pipeline.simulate.declared import Timetable, all_timetables
from data_pipeline.simulate.graph import RoadGraph
from data_pipeline.simulate.place import Spot, numbered
from data_pipeline.simulate.rng import key_of
from data_pipeline.simulate.sites import SiteMaker, Sites

OPENED = date(2018, 1, 1)
LONGEST = 30  # sections walked before a line is cut to its length


@dataclass(frozen=True)
class Line:
    """A line: positions of its stops in the register, and the kilometres between them."""

    stops: np.ndarray
    legs_km: np.ndarray


def lines_of(maker: SiteMaker, timetable: Timetable) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Longitude, latitude and kilometre of the timing points of each line; empty where the city has no roads."""
    graph = RoadGraph(maker["road_sections"])
    if not graph.lines:
        return []
    key = key_of(maker.seed, maker.city, timetable.stops_dataset, "walk")
    found = []
    for k in range(max(1, round(timetable.lines * maker.by_root))):
        path, km = graph.walk(key, k, LONGEST, 1.6)
        at = np.linspace(0.0, min(km[-1], timetable.length_km), timetable.timing_points)
        found.append((np.interp(at, km, path[:, 0]), np.interp(at, km, path[:, 1]), at))
    return found


def make_stops(maker: SiteMaker) -> Sites:
    """The register of stops of every timetable: a stop of its own for each timing point of a line, for both directions."""
    parts = [(lon, lat) for timetable in all_timetables() for lon, lat, _ in lines_of(maker, timetable)]
    modes = [t.mode for t in all_timetables() for lon, _, _ in lines_of(maker, t) for _ in lon]
    lon, lat = (np.concatenate([p[i] for p in parts]) if parts else np.empty(0) for i in (0, 1))
    seats = np.array([p.seat for p in maker.ground.patches])
    away = np.hypot((lon[:, None] - seats[None, :, 0]) * np.cos(np.radians(seats[None, :, 1])), lat[:, None] - seats[None, :, 1])
    patch = away.argmin(axis=1) if lon.size else np.empty(0, dtype=np.int64)
    # roads cross rivers and follow their banks; the register gives six digits
    lon, lat = maker.ground.ashore(np.round(lon, 6), np.round(lat, 6), patch)
    names = [maker.ground.patches[p].name_zh + "公交站" for p in patch]
    names_en = [f"{maker.ground.patches[p].name_en} bus stop" for p in patch]
    columns = {
        "site_id": [f"BS-{maker.city}-{i + 1:05d}" for i in range(lon.size)], "mode": modes,
        "name": numbered(names, first_plain=False), "name_en": numbered(names_en, first_plain=False, pattern="{name} {n}"),
    }  # fmt: skip
    spot = Spot(np.round(lon, 6), np.round(lat, 6), patch)
    return maker.register("transit_stations", spot, np.full(lon.size, OPENED.toordinal()), columns)


def lines_with_stops(maker: SiteMaker, timetable: Timetable) -> list[Line]:
    """The lines of one timetable with the places of their stops in the register."""
    begin = 0
    for other in all_timetables():
        lines = lines_of(maker, other)
        if other is timetable:
            edges = begin + np.cumsum([0, *(len(lon) for lon, _, _ in lines)])
            return [Line(np.arange(a, b), np.diff(km)) for a, b, (_, _, km) in zip(edges, edges[1:], lines, strict=False)]
        begin += sum(len(lon) for lon, _, _ in lines)
    return []
