"""The ground of a city for the model: its grid, the piece each cell lies in, and the people by a stated assumption.

A piece is the part of a township that lies in the same functional zones: what a record located in
it counts in. Cells are located by the same locator as every other point.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import orjson
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry import shape

from data_pipeline.cities import Area, Pack, Place
from data_pipeline.coverage.assumptions import Assumptions, People
from geo.coverage.grid import Grid, grid_over, projected
from geo.crs import to_wgs84


@dataclass(frozen=True)
class Ground:
    """Arrays over the grid, flat pieces beside them.

    piece : number of the piece of every cell, −1 outside the city
    places : what a piece counts in
    kinds : kind of the township of each piece ("" where there is none)
    people : residents in every cell, 0 on water and outside; None where no census is known
    lon, lat : WGS84 degrees of a cell of each piece, near its middle: where its records are located
    """

    pack: Pack
    grid: Grid
    piece: NDArray[np.int32]
    places: tuple[Place, ...]
    kinds: tuple[str, ...]
    people: NDArray[np.float32] | None
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Cells of the city."""
        return self.piece >= 0

    def piece_id(self, number: int) -> str:
        """Stable id of a piece: its township (else district, else the city) and zones."""
        place = self.places[number]
        return "+".join((place.township_id or place.district_id or self.pack.id, *sorted(place.zone_ids)))

    def piece_at(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int32]:
        """Piece of points in WGS84 degrees; −1 outside the grid and the city."""
        index, known = self.grid.find(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
        return np.where(known, self.piece.ravel()[index], -1).astype(np.int32)

    def is_urban(self, lon: ArrayLike, lat: ArrayLike, urban_kinds: tuple[str, ...]) -> NDArray[np.bool_]:
        """Whether points lie in a township of an urban kind."""
        urban = np.array([kind in urban_kinds for kind in (*self.kinds, "")])
        return urban[self.piece_at(lon, lat)]


def region_of(pack: Pack) -> shapely.Geometry:
    """The polygon of the city, as it locates records (WGS84)."""
    for layer in ("locate_districts", "districts", "locate_outline", "outline"):
        if pack.has_layer(layer):
            return shapely.union_all(list(pack.geometries(layer).values()))
    return shapely.box(*pack.bbox)


def ground_of(pack: Pack, given: Assumptions) -> Ground:
    """Grid, pieces and people of a city; some seconds for a prefecture, so keep it (`stored.Stored` does)."""
    region = region_of(pack)
    grid = grid_over(region, pack.metric_crs, given.terms.grid_m)
    lon, lat = (degrees.ravel() for degrees in grid.lonlat())
    within = np.flatnonzero(grid.mask(projected(region, grid.crs)).ravel())
    located = pack.locator().locate(lon[within], lat[within])
    used = np.bincount(located.place[located.inside], minlength=len(located.places)) > 0
    number = np.append(np.where(used, np.cumsum(used) - 1, -1), -1).astype(np.int32)  # the last for place −1
    piece = np.full(grid.shape, -1, dtype=np.int32)
    piece.ravel()[within] = np.where(located.inside, number[located.place], -1)
    places = tuple(place for place, kept in zip(located.places, used, strict=True) if kept)
    kinds = tuple(pack.area(p.township_id).kind if p.township_id else "" for p in places)
    cells = np.flatnonzero(piece.ravel() >= 0)
    at = middles(cells, piece.ravel()[cells], len(places), grid.columns)
    people = spread_people(pack, grid, piece, places, given.people)
    return Ground(pack, grid, piece, places, kinds, people, lon[at], lat[at])


def ground_key(pack: Pack, given: Assumptions) -> str:
    """Changes when anything the ground rests on changes: layers, areas, grid, spread of people."""
    files = [pack.folder / "areas.csv", *(pack.layer(name) for name in sorted(pack.layers) if name not in ("neighbors", "railways", "stations"))]
    parts = [path.read_bytes() for path in files if path.exists()]
    said = f"{pack.metric_crs}|{given.terms.grid_m}|{given.people.model_dump_json()}"
    return sha256(b"\x1f".join([said.encode(), *parts])).hexdigest()


def middles(index: NDArray[np.intp], own: NDArray[np.integer], n: int, columns: int) -> NDArray[np.intp]:
    """For each of `n` groups of cells the one nearest to the middle of the group.

    `index`: flat index of the cells in a grid of so many `columns`; `own`: the group of each.
    """
    row, col = np.divmod(index, columns)
    count = np.maximum(np.bincount(own, minlength=n), 1)
    away = (row - (np.bincount(own, row, n) / count)[own]) ** 2 + (col - (np.bincount(own, col, n) / count)[own]) ** 2
    order = np.lexsort((index, away, own))
    return index[order[np.searchsorted(own[order], np.arange(n))]]


def lonlat_at(ground: Ground, index: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude (WGS84 degrees) of cells by their flat index."""
    row, col = np.divmod(np.asarray(index, dtype=np.int64), ground.grid.columns)
    return to_wgs84(ground.grid.x_m[col], ground.grid.y_m[row], ground.grid.crs)


# ---------------------------------------------------------------------- people


def township_people(pack: Pack, rules: People) -> dict[str, float]:
    """Residents of every smallest area (township; district or city where there are none).

    A district's census is kept: townships with a census of their own get that (scaled down only
    where they would exceed the district), the others share the rest by area times the density of
    their kind. Areas of which nothing is known are absent.
    """
    return _shares(pack, pack.city_area, None, rules)


def _shares(pack: Pack, area: Area, given: float | None, rules: People) -> dict[str, float]:
    total = float(area.population) if area.population is not None else given
    parts = pack.children(area.id)
    if not parts:
        return {} if total is None else {area.id: total}
    known = {p.id: float(p.population) for p in parts if p.population is not None}
    if total is not None and known:
        rest = total - sum(known.values())
        if rest < 0 or len(known) == len(parts):
            scale = total / sum(known.values()) if sum(known.values()) > 0 else 0.0
            known, rest = {k: v * scale for k, v in known.items()}, 0.0
    else:
        rest = total if total is not None else 0.0
    open_parts = [p for p in parts if p.id not in known]
    weights = {p.id: _weight(p, rules.density) for p in open_parts}
    whole = sum(weights.values())
    found: dict[str, float] = {}
    for part in parts:
        if part.id in known:
            own: float | None = known[part.id]
        else:
            own = rest * weights[part.id] / whole if total is not None and whole > 0 else None
        found |= _shares(pack, part.model_copy(update={"population": None}), own, rules)
    return found


def _weight(area: Area, density: dict[str, float]) -> float:
    return (area.area_km2 or 1.0) * density.get(area.kind, min(density.values()))


def spread_people(
    pack: Pack, grid: Grid, piece: NDArray[np.int32], places: tuple[Place, ...], rules: People
) -> NDArray[np.float32] | None:
    """Residents of every cell: a share near the seat of each township, the rest evenly over its land.

    Water of the pack counts as empty, unless a township is all water. None where no census is known.
    """
    residents = township_people(pack, rules)
    if not residents:
        return None
    owner = np.array([_owner(place, pack) for place in places], dtype=object)
    names = sorted(set(owner))
    number = np.array([names.index(o) for o in owner], dtype=np.int32)
    area = np.where(piece >= 0, number[piece], -1)
    land = (area >= 0) & ~_water(pack, grid)
    people = np.zeros(grid.shape, dtype=np.float32)
    seats = _seats(pack)
    for k, window in _windows(area, len(names)):
        total = residents.get(names[k])
        if total is None:
            continue
        mine = area[window] == k
        dry = mine & land[window]
        mine = dry if dry.any() else mine
        even = mine / np.count_nonzero(mine)
        near = _near_seats(grid, window, seats.get(names[k], ()), mine, rules.seat_scale_m)
        share = even if near is None else (1 - rules.seat_share) * even + rules.seat_share * near
        people[window] += (total * share).astype(np.float32)
    return people


def _owner(place: Place, pack: Pack) -> str:
    return place.township_id or place.district_id or pack.city_area.id


def _windows(labels: NDArray[np.int32], n: int) -> list[tuple[int, tuple[slice, slice]]]:
    from scipy import ndimage  # heavy: the web process only reads what the model left

    return [(k, window) for k, window in enumerate(ndimage.find_objects(labels + 1, max_label=n)) if window is not None]


def _near_seats(
    grid: Grid, window: tuple[slice, slice], seats: tuple[tuple[float, float], ...], mine: NDArray[np.bool_], scale_m: float
) -> NDArray[np.float64] | None:
    """Weights that sum to 1 over the cells `mine`, falling off with the distance to the nearest seat."""
    if not seats:
        return None
    y, x = grid.y_m[window[0]][:, None], grid.x_m[window[1]][None, :]
    away = np.min([np.hypot(x - sx, y - sy) for sx, sy in seats], axis=0)
    weight = np.where(mine, np.exp(-(away - away[mine].min()) / scale_m), 0.0)
    return weight / weight.sum()


def _seats(pack: Pack) -> dict[str, tuple[tuple[float, float], ...]]:
    """Seats of areas in the grid's CRS: of areas.csv, and the places that name their area."""
    found: dict[str, list[tuple[float, float]]] = {a.id: [a.seat] for a in pack.areas.values() if a.seat}
    if pack.has_layer("places"):
        for feature in orjson.loads(pack.layer("places").read_bytes())["features"]:
            area = feature["properties"].get("area_id")
            if area and pack.has_area(area) and pack.area(area).id not in found:
                found[pack.area(area).id] = [tuple(feature["geometry"]["coordinates"][:2])]
    points = {area: projected(shapely.MultiPoint(seats), pack.metric_crs) for area, seats in found.items()}
    return {area: tuple((p.x, p.y) for p in seats.geoms) for area, seats in points.items()}


def _water(pack: Pack, grid: Grid) -> NDArray[np.bool_]:
    wet = np.zeros(grid.shape, dtype=bool)
    if pack.has_layer("water"):
        for feature in orjson.loads(pack.layer("water").read_bytes())["features"]:
            found = shape(feature["geometry"])
            if found.geom_type in ("Polygon", "MultiPolygon"):
                wet |= grid.mask(projected(found, grid.crs))
    return wet
