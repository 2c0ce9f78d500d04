"""Coordinates of any datum → WGS84 degrees, with the ways they usually go wrong named."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import shapely

from data_pipeline.contracts import Column, Contract
from data_pipeline.ingest.values import Converted, degrees, to_float
from data_pipeline.mappings import Mapping
from data_pipeline.sources.records import invalid_geometries
from geo.crs import canonical_datum, to_wgs84

Refuse = Callable[[pl.Series, str, str, str, pl.Series], None]
BBox = tuple[float, float, float, float]


def to_lon_lat(
    frame: pl.DataFrame,
    contract: Contract,
    mapping: Mapping | None,
    declared: str,
    refuse: Refuse,
    bbox: BBox | None = None,
) -> tuple[pl.Series, pl.Series]:
    """Longitude and latitude in WGS84 degrees, null where there is none or it is refused.

    Parameters
    ----------
    declared : str
        Coordinate system a geometry file declares; used unless the mapping says otherwise.
    refuse : callable
        Takes (mask, column, rule, template, shown values).
    bbox : (west, south, east, north), optional
        Where the city is: tells swapped coordinates even where both readings are on earth.

    Rules: `coordinates_swapped`, `half_a_position`, `null_island` (0,0), `not_in_crs`.
    """
    names, datum = _names(frame, mapping, declared)
    empty = pl.Series([None], dtype=pl.Float64).new_from_index(0, frame.height)
    if names[0] not in frame.columns or names[1] not in frame.columns:
        return empty, empty
    geographic = not datum.startswith(("EPSG", "PROJ", "GEOG")) or datum == "EPSG:4326"
    decimal_comma = bool(mapping and mapping.decimal_comma)
    x, y = (
        _axis(
            frame[name], contract.columns[axis], decimal_comma, geographic, lambda *a, n=axis: refuse(a[0], n, *a[1:])
        )
        for name, axis in zip(names, ("lon", "lat"), strict=True)
    )
    shown = frame.select(
        pl.format(
            "{}, {}", pl.col(names[0]).cast(pl.String).fill_null("?"), pl.col(names[1]).cast(pl.String).fill_null("?")
        )
    ).to_series()
    refuse(
        x.is_null() != y.is_null(),
        "lon" if x.null_count() else "lat",
        "half_a_position",
        "only one coordinate of two: {}",
        shown,
    )
    both = x.is_not_null() & y.is_not_null()
    zero = both & (x == 0) & (y == 0)
    refuse(zero, "lon", "null_island", "the position is 0,0 ({}), where no city lies", shown)
    usable = both & ~zero
    if geographic:
        swapped = usable & (y.abs() > 90) & (y.abs() <= 180) & (x.abs() <= 90)
        if bbox is not None:
            swapped = swapped | (usable & ~_inside(x, y, bbox) & _inside(y, x, bbox))
        refuse(swapped.fill_null(False), "lon", "coordinates_swapped", "longitude and latitude are swapped: {}", shown)
        usable = usable & ~swapped
    x, y = x.set(~usable, None), y.set(~usable, None)
    if datum in ("WGS84", "EPSG:4326") or not usable.any():
        return x, y
    lon, lat = to_wgs84(x.to_numpy(), y.to_numpy(), datum)
    lon_s, lat_s = (pl.Series(np.asarray(v, dtype=np.float64), nan_to_null=True) for v in (lon, lat))
    lost = usable & (lon_s.is_null() | lat_s.is_null())
    refuse(lost, "lon", "not_in_crs", f"{{}} is no place in {datum}", shown)
    return lon_s.set(~usable, None), lat_s.set(~usable, None)


def to_path(wkt: pl.Series, mapping: Mapping | None, declared: str, refuse: Refuse) -> pl.Series:
    """Lines or polygons as WKT in WGS84 degrees, from the datum of the mapping or the one the file declares.

    Text that is no WKT, and polygons that cross themselves, are refused (`invalid_geometry`).
    """
    given = mapping.coordinates.crs if mapping and mapping.coordinates else mapping.datum if mapping else None
    datum = canonical_datum(given or declared or "WGS84")
    shapes = np.asarray(shapely.from_wkt(wkt.to_numpy(), on_invalid="ignore"), dtype=object)
    broken = wkt.is_not_null() & pl.Series(shapely.is_missing(shapes))
    refuse(broken, "path", "invalid_geometry", "{} is no geometry in WKT", wkt)
    reasons = invalid_geometries(shapes)
    if reasons:
        why = pl.Series([reasons.get(n, "") for n in range(len(shapes))], dtype=pl.String)
        refuse(why != "", "path", "invalid_geometry", "{}", why)
    if datum in ("WGS84", "EPSG:4326"):
        return wkt
    moved = shapely.transform(shapes, lambda xy: np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], datum)))
    return pl.Series(list(shapely.to_wkt(moved, rounding_precision=8)), dtype=pl.String)


def _names(frame: pl.DataFrame, mapping: Mapping | None, declared: str) -> tuple[tuple[str, str], str]:
    names, datum = ("lon", "lat"), "WGS84"
    if mapping is not None and mapping.coordinates is not None:
        names, datum = (mapping.coordinates.x, mapping.coordinates.y), mapping.coordinates.crs
    elif "lon" not in frame.columns and "geometry_x" in frame.columns:
        names, datum = (
            ("geometry_x", "geometry_y"),
            (mapping.datum if mapping and mapping.datum else declared) or "WGS84",
        )
    elif mapping is not None and mapping.datum:
        datum = mapping.datum
    return names, canonical_datum(datum)


def _axis(
    series: pl.Series, column: Column, decimal_comma: bool, geographic: bool,
    refuse: Callable[[pl.Series, str, str, pl.Series], None],
) -> pl.Series:  # fmt: skip
    done: Converted = to_float(series, column, decimal_comma=decimal_comma, special=degrees if geographic else None)
    for mask, rule, template, shown in done.broken:
        refuse(mask, rule, template, shown)
    return done.values


def _inside(x: pl.Series, y: pl.Series, bbox: BBox) -> pl.Series:
    west, south, east, north = bbox
    margin = 0.5  # half a degree: a point a little outside is outside, not swapped
    return x.is_between(west - margin, east + margin) & y.is_between(south - margin, north + margin)
