"""A road network derived from seats and stations: the packs hold no roads, and these say that they are derived."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from data_pipeline.simulate.place import KM_PER_DEGREE, Ground
from data_pipeline.simulate.rng import key_of, uniform

WATER_COST = 8.0  # a kilometre over water counts as much as eight on land: roads go around lakes
MAX_WATER_KM = 1.3  # about one bridge
NEIGHBOURS = 9
JOIN_KM = 0.7


@dataclass(frozen=True)
class Section:
    """One section of a derived road: a line in WGS84 and how fast one may drive."""

    name_zh: str
    name_en: str
    line: np.ndarray
    length_km: float
    road_class: str
    limit_kmh: float
    free_kmh: float
    urban: float


_CLASSES = {
    # class: (speed limit, free flow as a share of it); free flow in towns is held down by signals
    "expressway": (80.0, 0.93),
    "arterial": (60.0, 0.78),
    "secondary": (50.0, 0.76),
    "rural": (70.0, 0.84),
}


_SIDES = (("东片", "east", 1, 0.2), ("西片", "west", -1, -0.2), ("南片", "south", 0.2, -1), ("北片", "north", -0.2, 1))


def derive_roads(ground: Ground, wanted: int) -> list[Section]:
    """About `wanted` sections of roads between township seats and railway stations.

    The network is the relative neighbourhood graph (Toussaint 1980) of seats and stations, with
    water and foreign ground made dear, so that roads keep to land and to the city; long links
    are cut into sections, shorter ones in town.
    """
    names, lon, lat, urban, rail = _nodes(ground)
    if len(names) < 2:
        return []
    links = _links(ground, lon, lat)
    sections: list[Section] = []
    lengths = np.array([_length_km(ground, _curve(ground, i, j, lon, lat)) for i, j in links])
    towns = np.array([(urban[i] + urban[j]) / 2 for i, j in links])
    pieces = _pieces(lengths, towns, wanted)
    for (i, j), n, town in zip(links, pieces, towns, strict=True):
        line = _curve(ground, i, j, lon, lat, points=int(n) * 4 + 1)
        total = _length_km(ground, line)
        trunk = (rail[i] or rail[j]) and total > 7.0
        kind = "expressway" if trunk else "arterial" if town > 0.75 else "secondary" if town > 0.45 else "rural"
        limit, share = _CLASSES[kind]
        for k in range(int(n)):
            part = line[k * 4 : k * 4 + 5]
            middle = part[2]
            if not ground.on_land(middle[0], middle[1]):
                continue
            number = f"{k + 1}段" if n > 1 else ""
            lift = 0.94 + 0.12 * float(uniform(key_of(ground.seed, ground.pack.id, "free", i, j), k))
            sections.append(Section(
                name_zh=f"{names[i][0]}—{names[j][0]}推定道路{number}",
                name_en=f"Derived road {names[i][1]}–{names[j][1]}" + (f", section {k + 1}" if n > 1 else ""),
                line=np.round(part, 6), length_km=round(_length_km(ground, part), 3), road_class=kind,
                limit_kmh=limit, free_kmh=round(limit * share * lift, 1), urban=float(town),
            ))  # fmt: skip
    return sections


def _nodes(ground: Ground) -> tuple[list[tuple[str, str]], np.ndarray, np.ndarray, np.ndarray, list[bool]]:
    names = [(p.name_zh, p.name_en) for p in ground.patches]
    points = [p.seat for p in ground.patches]
    urban = [p.urban for p in ground.patches]
    rail = [False] * len(points)
    for patch in ground.patches:
        if patch.urban > 0.6:  # a town has more crossings than its seat
            for side_zh, side_en, east, north in _SIDES:
                lon = patch.seat[0] + east * 1.0 / KM_PER_DEGREE / np.cos(np.radians(patch.seat[1]))
                lat = patch.seat[1] + north * 1.0 / KM_PER_DEGREE
                if shapely.contains_xy(patch.land, lon, lat):
                    names.append((patch.name_zh + side_zh, f"{patch.name_en} {side_en}"))
                    points.append((float(lon), float(lat)))
                    urban.append(patch.urban)
                    rail.append(False)
    for station in ground.stations:
        x, y = ground.to_km(np.array([q[0] for q in points]), np.array([q[1] for q in points]))
        sx, sy = ground.to_km(np.array(station.lon), np.array(station.lat))
        away = np.hypot(x - sx, y - sy)
        if away.min() < JOIN_KM:
            continue
        names.append((station.name_zh, f"{station.name_zh} railway station"))
        urban.append(urban[int(away.argmin())] * 0.8)
        points.append((station.lon, station.lat))
        rail.append(True)
    return names, np.array([p[0] for p in points]), np.array([p[1] for p in points]), np.array(urban), rail


def _links(ground: Ground, lon: np.ndarray, lat: np.ndarray) -> list[tuple[int, int]]:
    x, y = ground.to_km(lon, lat)
    away = np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :])
    cost = away * 3.0
    near = np.argsort(away, axis=1)[:, 1 : NEIGHBOURS + 1]
    pairs = sorted({(min(i, int(j)), max(i, int(j))) for i in range(len(x)) for j in near[i]})
    first, second = np.array(pairs).T
    lines = shapely.linestrings(np.stack([np.c_[lon[first], lat[first]], np.c_[lon[second], lat[second]]], axis=1))
    wet = shapely.length(shapely.intersection(lines, ground.water)) * KM_PER_DEGREE * 0.93
    outside = shapely.length(shapely.difference(lines, ground.region)) * KM_PER_DEGREE * 0.93
    cost[first, second] = cost[second, first] = away[first, second] + WATER_COST * wet + 20.0 * outside
    blocked = {pair for pair, w, o in zip(pairs, wet, outside, strict=True) if w > MAX_WATER_KM or o > 0.3}
    np.fill_diagonal(cost, np.inf)
    found = []
    for i, j in pairs:
        between = np.maximum(cost[i], cost[j])
        between[[i, j]] = np.inf
        if (between >= cost[i, j]).all() and (i, j) not in blocked:
            found.append((i, j))
    return found


def _curve(ground: Ground, i: int, j: int, lon: np.ndarray, lat: np.ndarray, points: int = 9) -> np.ndarray:
    """A slightly bent line from node i to node j; straight where the bend would leave the land."""
    part = np.linspace(0, 1, points)[:, None]
    start, end = np.array([lon[i], lat[i]]), np.array([lon[j], lat[j]])
    straight = start + (end - start) * part
    bend = float(uniform(key_of(ground.seed, ground.pack.id, "bend", i, j), 0)) * 0.24 - 0.12
    across = np.array([-(end - start)[1], (end - start)[0]])
    bent = straight + across * bend * 4 * part * (1 - part)
    inner = bent[1:-1]
    return bent if ground.on_land(inner[:, 0], inner[:, 1]).all() else straight


def _length_km(ground: Ground, line: np.ndarray) -> float:
    x, y = ground.to_km(line[:, 0], line[:, 1])
    return float(np.hypot(np.diff(x), np.diff(y)).sum())


def _pieces(lengths_km: np.ndarray, towns: np.ndarray, wanted: int) -> np.ndarray:
    """Into how many sections each link is cut, so that about `wanted` come out."""
    target = np.where(towns > 0.45, 1.0, 6.0)
    low, high = 0.2, 8.0
    for _ in range(30):
        middle = (low + high) / 2
        if np.maximum(1, np.rint(lengths_km / (target * middle))).sum() > wanted:
            low = middle
        else:
            high = middle
    return np.maximum(1, np.rint(lengths_km / (target * high)))
