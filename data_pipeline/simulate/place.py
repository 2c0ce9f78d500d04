"""The ground of a simulated city: where people live, where sites may stand, what places are called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import orjson
import shapely
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from data_pipeline.cities import Area, Pack
from data_pipeline.simulate.rng import bits, choose, key_of, normal, uniform

KM_PER_DEGREE = 111.195
DEFAULT_PEOPLE = 500_000  # where a pack knows no population: only sets how much is simulated
MARGIN_DEG = 0.0008  # sites keep some 80 m from a border, so that rounding and datum never carry them over it
TRIES = 24
RIVER_HALF_WIDTH_DEG = 0.0006  # some 60 m, for rivers drawn as lines

# how thickly a kind of township is settled against the others of its district
_SETTLED = {"街道": (7.0, 1.0), "新区": (4.0, 0.6), "开发区": (4.0, 0.7), "镇": (2.5, 0.35), "乡": (1.4, 0.15)}


@dataclass(frozen=True)
class Patch:
    """A township (or the smallest area the pack knows): its land, its seat, its share of the people."""

    area: Area
    name_zh: str
    name_en: str
    land: BaseGeometry
    seat: tuple[float, float]
    people: float
    urban: float


@dataclass(frozen=True)
class RailStation:
    """A railway station inside the city."""

    name_zh: str
    lon: float
    lat: float


@dataclass(frozen=True)
class Spot:
    """Points on land: WGS84 degrees and the patch each was made in."""

    lon: np.ndarray
    lat: np.ndarray
    patch: np.ndarray


class Ground:
    """Land, townships, water and stations of one city pack, read once.

    A pack without townships is served by its districts, one without districts by its outline or
    bounding box, so that any place made by `new-pack` can be simulated.
    """

    def __init__(self, pack: Pack, seed: int) -> None:
        self.pack, self.seed = pack, seed
        self.water = self._water()
        self.region = self._region()
        shapely.prepare(self.region)
        self.people = float(pack.city_area.population or DEFAULT_PEOPLE)
        self.centre = self._centre()
        self.patches = self._patches()
        self.weights = np.array([p.people for p in self.patches])
        self.urban = np.array([p.urban for p in self.patches])
        self.stations = self._stations()

    def features(self, layer: str, properties: bool = False) -> list:
        """Geometries of a layer of the pack, or pairs of properties and geometry."""
        features = orjson.loads(self.pack.layer(layer).read_bytes())["features"]
        return [(f["properties"], shape(f["geometry"])) if properties else shape(f["geometry"]) for f in features]

    def _water(self) -> BaseGeometry:
        """Everything wet: lakes and rivers, a river drawn as a line with some width."""
        if not self.pack.has_layer("water"):
            return shapely.Point()
        wet = [g if g.geom_type.endswith("Polygon") else g.buffer(RIVER_HALF_WIDTH_DEG) for g in self.features("water")]
        return shapely.union_all(wet)

    def _district_shapes(self) -> dict[str, BaseGeometry]:
        for layer in ("locate_districts", "districts", "locate_outline", "outline"):
            if self.pack.has_layer(layer):
                return self.pack.geometries(layer)
        return {self.pack.id: box(*self.pack.bbox)}

    def _region(self) -> BaseGeometry:
        return shapely.union_all(list(self._district_shapes().values()))

    def _centre(self) -> tuple[float, float]:
        """Seat of the most densely settled district: the main urban area."""
        dense = {
            a.id: a.population / a.area_km2
            for a in self.pack.areas.values()
            if a.level == "district" and a.population and a.area_km2
        }
        main = self.pack.areas[max(dense, key=lambda area: dense[area])] if dense else self.pack.city_area
        seat = main.seat or main.centroid
        if seat is not None:
            return float(seat[0]), float(seat[1])
        point = shapely.point_on_surface(self._region())
        return point.x, point.y

    def to_km(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Kilometres east and north of the centre (plane, good to 0.5 % over a prefecture)."""
        shrink = np.cos(np.radians(self.centre[1]))
        return (np.asarray(lon) - self.centre[0]) * KM_PER_DEGREE * shrink, (np.asarray(lat) - self.centre[1]) * KM_PER_DEGREE

    def _patches(self) -> list[Patch]:
        pack, shapes = self.pack, self._district_shapes()
        townships = pack.geometries("townships") if pack.has_layer("townships") else {}
        if townships:
            parts = [(pack.areas[i], polygon) for i, polygon in townships.items()]
        else:
            parts = [(pack.areas.get(i, pack.city_area), polygon) for i, polygon in shapes.items()]
        drafts = []
        for area, polygon in parts:
            drawn = shapes.get(area.drawn_in or area.parent or "", self.region)
            land = polygon.intersection(drawn).buffer(-MARGIN_DEG).difference(self.water)
            if land.is_empty:
                land = shapely.point_on_surface(polygon.intersection(self.region)).buffer(MARGIN_DEG / 4)
            shapely.prepare(land)
            seat = area.seat or area.centroid
            if seat is None or not shapely.contains_xy(land, *seat):
                near = nearest_points(land, shapely.Point(seat))[0] if seat else shapely.point_on_surface(land)
                seat = (near.x, near.y)
            weight, urban = _settled(area)
            if pack.zones_of(area.id):  # a functional zone draws works and people
                weight, urban = weight * 1.6, min(1.0, urban + 0.25)
            drafts.append((area, land, (float(seat[0]), float(seat[1])), weight, urban))
        return self._peopled(drafts)

    def _peopled(self, drafts: list) -> list[Patch]:
        """Share the population of each parent out over its townships."""
        total: dict[str | None, float] = {}
        for area, _, _, weight, _ in drafts:
            total[area.parent] = total.get(area.parent, 0.0) + weight
        loose = self.people / max(len(total), 1)
        patches = []
        for area, land, seat, weight, urban in drafts:
            parent = self.pack.areas.get(area.parent) if area.parent else None
            around = (parent.population if parent is not None else None) or loose
            x, y = self.to_km(np.array(seat[0]), np.array(seat[1]))
            near = float(np.exp(-np.hypot(x, y) / 9.0))
            people = float(area.population or around * weight * (1 + near) / (total[area.parent] * (1 + near / 2)))
            name_zh, name_en = area.name_zh.split("·")[0], area.name_en.split("·")[0].strip()
            patches.append(Patch(area, name_zh, name_en, land, seat, people, min(1.0, urban * (0.45 + 0.75 * near))))
        return patches

    def _stations(self) -> list[RailStation]:
        if not self.pack.has_layer("stations"):
            return []
        found: list[RailStation] = []
        for properties, point in self.features("stations", properties=True):
            if shapely.contains_xy(self.region, point.x, point.y) and not self.water.contains(point):
                name = feature_name(properties)
                if name and name not in [s.name_zh for s in found]:
                    found.append(RailStation(name, point.x, point.y))
        return found

    def scatter(self, name: str, n: int, *, urban_bias: float = 0.0, compact: float = 0.6) -> Spot:
        """`n` points on land.

        Parameters
        ----------
        name : str
            What they are for: part of the random key.
        urban_bias : float
            0 follows the people; 1 doubles the weight of urban townships against rural ones.
        compact : float
            Share of points drawn around the seat instead of anywhere in the township.
        """
        key = key_of(self.seed, self.pack.id, "scatter", name)
        index = np.arange(n)
        patch = choose(key, self.weights * (1.0 + urban_bias * 3.0 * self.urban), index)
        lon, lat = np.full(n, np.nan), np.full(n, np.nan)
        around_seat = uniform(key_of(key, "kind"), index) < compact
        for p in np.unique(patch):
            rows = np.flatnonzero(patch == p)
            lon[rows], lat[rows] = self.in_patch(key, self.patches[p], rows, around_seat[rows])
        return Spot(np.round(lon, 6), np.round(lat, 6), patch)

    def in_patch(self, key: int, patch: Patch, rows: np.ndarray, around_seat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A point on the land of a patch for each number in `rows` (WGS84 degrees)."""
        tries = np.arange(TRIES)[None, :]
        west, south, east, north = patch.land.bounds
        spread_km = 0.55 + 1.1 * patch.urban
        step = spread_km / KM_PER_DEGREE
        shrink = np.cos(np.radians(patch.seat[1]))
        x = np.where(
            around_seat[:, None],
            patch.seat[0] + normal(key_of(key, "x"), rows[:, None], tries) * step / shrink,
            west + (east - west) * uniform(key_of(key, "u"), rows[:, None], tries),
        )
        y = np.where(
            around_seat[:, None],
            patch.seat[1] + normal(key_of(key, "y"), rows[:, None], tries) * step,
            south + (north - south) * uniform(key_of(key, "v"), rows[:, None], tries),
        )
        good = shapely.contains_xy(patch.land, x, y)
        first = good.argmax(axis=1)
        pick = (np.arange(rows.size), first)
        lon, lat = x[pick], y[pick]
        failed = ~good.any(axis=1)
        if failed.any():
            middle = shapely.point_on_surface(patch.land)
            seat_ok = shapely.contains_xy(patch.land, *patch.seat)
            lon[failed], lat[failed] = patch.seat if seat_ok else (middle.x, middle.y)
        return lon, lat

    def on_land(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """True where points lie in the city and not in drawn water."""
        return shapely.contains_xy(self.region, lon, lat) & ~shapely.contains_xy(self.water, lon, lat)

    def ashore(self, lon: np.ndarray, lat: np.ndarray, patch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (WGS84) with those in drawn water or outside the city moved to the nearest land of their patch.

        They then stand some thirty metres from the edge, so that rounding never carries them back.
        """
        lon, lat = lon.copy(), lat.copy()
        for i in np.flatnonzero(~self.on_land(lon, lat)):
            land = self.patches[patch[i]].land
            bank = land.buffer(-0.0003)
            near = nearest_points(land if bank.is_empty else bank, shapely.Point(lon[i], lat[i]))[0]
            lon[i], lat[i] = near.x, near.y
        return lon, lat


def _settled(area: Area) -> tuple[float, float]:
    """Weight of settlement and urbanity (0–1) of a township by the kind its Chinese name tells."""
    name = area.name_zh.split("·")[0]
    for ending, values in _SETTLED.items():
        if name.endswith(ending):
            return values
    return 2.0, 0.4


def feature_name(properties: dict) -> str:
    """Chinese name of a feature of a base layer; empty where it has none."""
    return str(properties.get("name_zh") or properties.get("name") or "")


def numbered(names: list[str], first_plain: bool = True, pattern: str = "{name}（{n}号）") -> list[str]:
    """Names made different: the first of a kind stays as it is, later ones carry a number."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        plain = first_plain and seen[name] == 1
        out.append(name if plain else pattern.format(name=name, n=seen[name]))
    return out


def pick_words(key: int, words: tuple, n: int) -> list:
    """One of `words` for each of `n` numbers, all about equally often."""
    index = (bits(key, np.arange(n)) % np.uint64(len(words))).astype(int)
    return [words[i] for i in index]
