"""Reads an operator's file of areas: GeoJSON, GeoPackage or Shapefile → id, name, polygon in WGS84."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from data_pipeline.errors import CityBrainError, UsageError, did_you_mean
from geo.areas import BadGeometry, polygonal
from geo.crs import UnknownDatum, canonical_datum, from_wgs84, metric_crs_for, to_wgs84

GOOD_ID = re.compile(r"[\w.\-]+")
GRID_DEG = 1e-5
SNAP_M, GAP_M = 1.0, 3.0
MAX_OVERLAP_SHARE = 0.2
OVERLAP_WORTH_A_NOTE = 1e-4


@dataclass
class Shapes:
    """Polygons in WGS84 by id, their names, and a note for everything that was repaired."""

    polygons: dict[str, BaseGeometry]
    names: dict[str, str]
    names_en: dict[str, str]
    notes: list[str] = field(default_factory=list)


def read_shapes(
    path: Path, id_column: str, name_column: str, name_en_column: str = "", datum: str = "", simplify_m: float = 0.0,
    overlapping: bool = False,
) -> Shapes:
    """The areas of a file.

    Parameters
    ----------
    path : Path
        GeoJSON, GeoPackage or Shapefile (a zip or folder of one too).
    id_column, name_column, name_en_column : str
        Columns of the file; ids must be there and differ.
    datum : str
        WGS84, CGCS2000, GCJ-02, BD-09 or EPSG:n; empty = what the file itself says.
    simplify_m : float
        Drop detail smaller than this, in metres, keeping shared borders shared; 0 keeps all.
    overlapping : bool
        Areas may overlap (functional zones); else slivers of overlap are cut.

    Raises
    ------
    UsageError
        A column does not exist, or neither the file nor `datum` says which coordinates these are.
    CityBrainError
        The file cannot be read, or ids or geometries are bad; all of them are named.
    """
    import pyogrio  # brings GeoPandas and Pandas along, which only those who make a pack need
    from pyogrio.errors import DataSourceError

    if not path.exists():
        raise UsageError(f"areas file {str(path)!r} does not exist")
    try:
        frame = pyogrio.read_dataframe(path)
    except (DataSourceError, ValueError) as error:
        raise CityBrainError(
            f"{path.name}: cannot be read as GeoJSON, GeoPackage or Shapefile: {error}",
            hint="a Shapefile needs its .shx and .dbf beside it",
        ) from error
    columns = [c for c in frame.columns if c != "geometry"]
    for column in (id_column, name_column, name_en_column):
        if column and column not in columns:
            near = did_you_mean(column, columns)
            hint = f"did you mean {near[0]!r}?" if near else f"columns: {', '.join(columns)}"
            raise UsageError(f"{path.name} has no column {column!r}", hint=hint)
    if "geometry" not in frame.columns or not len(frame):
        raise CityBrainError(f"{path.name} holds no geometries")
    geometries = _in_wgs84(frame.geometry.values, frame.crs, datum, path.name)
    found = Shapes({}, {}, {})
    problems = []
    for row, geometry in enumerate(geometries, start=1):
        area_id = _text(frame[id_column].iloc[row - 1])
        problem = _id_problem(area_id, found)
        if problem:
            problems.append(f"row {row}: {problem}")
            continue
        try:
            polygon, note = polygonal(geometry)
        except BadGeometry as error:
            problems.append(f"row {row} ({area_id}): {error}")
            continue
        if note:
            found.notes.append(f"area {area_id}: invalid polygon repaired ({note})")
        found.polygons[area_id] = polygon
        found.names[area_id] = _text(frame[name_column].iloc[row - 1]) or area_id
        found.names_en[area_id] = (_text(frame[name_en_column].iloc[row - 1]) if name_en_column else "") or found.names[
            area_id
        ]
    if problems:
        raise CityBrainError(f"{path.name}: " + "; ".join(problems[:20]), hint=f"{len(problems)} rows to mend")
    if overlapping:
        found.polygons = {area_id: on_grid(shape) for area_id, shape in found.polygons.items()}
    else:
        found.polygons = _partition(found.polygons, found.notes, simplify_m)
    return found


def _id_problem(area_id: str, found: Shapes) -> str:
    if not area_id:
        return "the id is empty"
    if not GOOD_ID.fullmatch(area_id):
        return f"id {area_id!r} may hold letters, digits, '_', '.' and '-' only"
    if area_id in found.polygons:
        return f"id {area_id!r} stands twice; dissolve the parts of an area into one polygon"
    return ""


def _text(value: object) -> str:
    """A cell as text; whole numbers without a decimal point, missing as empty."""
    if value is None or value != value:
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _in_wgs84(geometries: np.ndarray, crs: CRS | None, datum: str, name: str) -> list[BaseGeometry | None]:
    if not datum:
        if crs is None:
            raise UsageError(
                f"{name} does not say in which coordinates it is", hint="give --datum WGS84, GCJ-02 or EPSG:n"
            )
        code = CRS(crs).to_epsg()
        datum = f"EPSG:{code}" if code else ""
    if datum:
        try:
            datum = canonical_datum(datum)
        except UnknownDatum as error:
            raise UsageError(str(error)) from None

        def convert(xy: np.ndarray) -> np.ndarray:
            return np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], datum))
    else:
        transformer = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)

        def convert(xy: np.ndarray) -> np.ndarray:
            return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
    found: list[BaseGeometry | None] = []
    for geometry in geometries:
        flat = None if geometry is None else shapely.transform(shapely.force_2d(geometry), convert)
        if flat is not None and not flat.is_empty:
            west, south, east, north = flat.bounds
            if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
                raise CityBrainError(
                    f"{name}: coordinates such as {west:.1f}, {south:.1f} are not degrees of {datum or 'the file CRS'}",
                    hint="give --datum with the CRS the file is really in",
                )
        found.append(flat)
    return found


def _partition(polygons: dict[str, BaseGeometry], notes: list[str], simplify_m: float) -> dict[str, BaseGeometry]:
    """Polygons that do not overlap, on the grid the pack's files are written in.

    Hand-drawn areas overlap by slivers; they are cut so that each place belongs to one area.
    Areas that overlap by more than a fifth are not parts of a whole: refused.
    """
    ids, shapes = list(polygons), np.array(list(polygons.values()), dtype=object)
    worst, pairs = 0.0, 0
    for a, b in shapely.STRtree(shapes).query(shapes, predicate="intersects").T.tolist():
        share = shapes[a].intersection(shapes[b]).area / min(shapes[a].area, shapes[b].area) if a < b else 0.0
        if share > MAX_OVERLAP_SHARE:
            raise CityBrainError(
                f"areas {ids[a]} and {ids[b]} overlap by {share:.0%} of the smaller one",
                hint="districts must not overlap; cut them, or leave one out",
            )
        worst, pairs = max(worst, share), pairs + (share > OVERLAP_WORTH_A_NOTE)
    if pairs or simplify_m > 0:
        west, south, east, north = shapely.total_bounds(shapes)
        plane = metric_crs_for((west + east) / 2, (south + north) / 2)
        flat = shapely.transform(shapes, lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], plane)))
        flat = shapely.coverage_clean(flat, snapping_distance=SNAP_M, gap_width=GAP_M)
        if simplify_m > 0:
            flat = shapely.coverage_simplify(flat, simplify_m)
        shapes = shapely.transform(flat, lambda xy: np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], plane)))
    if pairs:
        notes.append(f"{pairs} overlaps between areas cut, the largest {worst:.1%} of the smaller area")
    return {area_id: on_grid(shape) for area_id, shape in zip(ids, shapes, strict=True)}


def on_grid(shape: BaseGeometry) -> BaseGeometry:
    """A polygon with its corners on the grid of the pack's files, still valid."""
    try:
        return polygonal(shapely.set_precision(shape, GRID_DEG))[0]
    except BadGeometry as error:
        raise CityBrainError(f"an area is smaller than the grid of {GRID_DEG} degrees: {error}") from None
