"""JSON, newline-delimited JSON and GeoJSON: lists of objects of any shape as one flat table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import shapely

from data_pipeline.errors import DeliveryError, did_you_mean
from data_pipeline.sources.base import MIB, Raw, ReadOptions, as_json, check_cells, refusals
from data_pipeline.sources.text import decode

MAX_JSON_BYTES = 256 * MIB  # parsed JSON takes about ten times its size in memory


def read_json(file: Path, filename: str, options: ReadOptions) -> Raw:
    """A JSON document: a list of objects, or an object that holds one (`options.records`).

    Nested objects become dotted columns (`AddressInfo.Latitude`); lists stay as JSON text.
    An element that is no object is refused as a row.
    """
    document = parse(_bytes(file, filename, options), filename)
    return from_records(_find_records(document, filename, options.records), filename, "json", options)


def read_ndjson(file: Path, filename: str, options: ReadOptions) -> Raw:
    """One JSON object a line; a line that is not one is refused as a row. Blank lines are no rows."""
    text, encoding, _ = decode(_bytes(file, filename, options), filename, options.encoding)
    items: list[Any] = []
    broken: dict[int, tuple[str, str]] = {}
    for line_no, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            items.append(_loads(line))
        except ValueError as error:
            broken[len(items)] = (f"line {line_no} is not JSON: {error}", line.rstrip("\r"))
            items.append(None)
    return from_records(items, filename, "ndjson", options, broken, (f"encoding {encoding}",))


def read_geojson(file: Path, filename: str, options: ReadOptions) -> Raw:
    """Features of a FeatureCollection: properties as columns, geometry as point and WKT.

    Coordinates are WGS84 (RFC 7946) unless the file carries the older `crs` member. A feature
    whose geometry is broken or crosses itself is refused with the reason and the place.
    """
    document = parse(_bytes(file, filename, options), filename)
    features = document.get("features") if isinstance(document, dict) else None
    if isinstance(document, dict) and document.get("type") == "Feature":
        features = [document]
    if not isinstance(features, list):
        raise DeliveryError(
            f"{filename}: no list `features` in it, so it is no GeoJSON", hint="correct the mapping's `format`"
        )
    items: list[Any] = []
    broken: dict[int, tuple[str, str]] = {}
    shapes: list[Any] = []
    for n, feature in enumerate(features):
        if not isinstance(feature, dict):
            items.append(None)
            broken[n] = ("the feature is not an object", as_json({"feature": feature}))
            shapes.append(None)
            continue
        items.append(dict(feature.get("properties") or {}) | ({"id": feature["id"]} if "id" in feature else {}))
        try:
            shapes.append(_geometry(feature.get("geometry")))
        except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
            shapes.append(None)
            broken[n] = (f"geometry cannot be read: {error}", json.dumps(feature, ensure_ascii=False))
    for n, reason in invalid_geometries(np.array(shapes, dtype=object)).items():
        broken.setdefault(n, (reason, json.dumps(features[n], ensure_ascii=False)))
    raw = from_records(items, filename, "geojson", options, broken, rule="invalid_geometry")
    kept = np.array([s for n, s in enumerate(shapes) if n not in broken], dtype=object)
    name = ((document.get("crs") or {}).get("properties") or {}).get("name", "") if isinstance(document, dict) else ""
    frame = pl.concat([raw.frame.drop("row_number"), geometry_columns(kept)], how="horizontal")
    frame = frame.with_columns(raw.frame["row_number"])
    return Raw(frame, raw.refused, raw.rows_in, "geojson", raw.notes, _crs_of(name))


def _bytes(file: Path, filename: str, options: ReadOptions) -> bytes:
    size, limit = file.stat().st_size, min(MAX_JSON_BYTES, options.max_text_bytes)
    if size > limit:
        raise DeliveryError(
            f"{filename}: {size:,} bytes of JSON are more than the {limit:,} allowed",
            hint="deliver NDJSON in parts, CSV or Parquet",
        )
    return file.read_bytes()


def _loads(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # some suppliers write NaN, which JSON does not know; such a value is refused later, not here
        return json.loads(text)


def parse(data: bytes, filename: str) -> Any:
    """A JSON document; `DeliveryError` with line and column where it is broken or truncated."""
    text, _, _ = decode(data, filename)
    try:
        return _loads(text)
    except json.JSONDecodeError as error:
        raise DeliveryError(
            f"{filename}: not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}",
            hint="the file may be truncated; deliver it again, complete",
        ) from None
    except RecursionError:
        raise DeliveryError(f"{filename}: the JSON is nested too deeply") from None


def _find_records(document: Any, filename: str, path: str) -> list[Any]:
    here = document
    for part in [p for p in path.split(".") if p]:
        if not isinstance(here, dict) or part not in here:
            known = list(here) if isinstance(here, dict) else []
            near = did_you_mean(part, known)
            raise DeliveryError(
                f"{filename}: no {part!r} on the way {path!r} to the records; "
                f"there is {', '.join(known[:20]) or 'no object'}",
                hint=f"did you mean {near[0]!r}?" if near else "correct `records` in the mapping",
            )
        here = here[part]
    if isinstance(here, dict) and not path:
        lists = [key for key, value in here.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
        if len(lists) == 1:
            return here[lists[0]]
        if len(lists) > 1:
            raise DeliveryError(
                f"{filename}: several lists of records: {', '.join(lists)}", hint="name one in the mapping's `records`"
            )
        return [here]
    if not isinstance(here, list):
        raise DeliveryError(
            f"{filename}: the records are {type(here).__name__}, not a list", hint="correct `records` in the mapping"
        )
    return here


def from_records(
    items: list[Any], filename: str, fmt: str, options: ReadOptions,
    broken: dict[int, tuple[str, str]] | None = None, notes: tuple[str, ...] = (), rule: str = "broken_json",
) -> Raw:  # fmt: skip
    """Objects as a flat table; `broken` maps positions to (reason, original text) of refused rows."""
    refused, flat, numbers = [], [], []
    for n, item in enumerate(items):
        if broken and n in broken:
            reason, original = broken[n]
            refused.append((n + 1, "", rule, reason, as_json({"_line": original})))
        elif not isinstance(item, dict):
            refused.append(
                (
                    n + 1,
                    "",
                    "not_an_object",
                    f"a record must be an object, got {type(item).__name__}",
                    as_json({"_line": item}),
                )
            )
        else:
            flat.append(flatten(item))
            numbers.append(n + 1)
    names = list(dict.fromkeys(key for row in flat for key in row))
    check_cells(len(flat), len(names), filename, options)
    columns = {name: column([row.get(name) for row in flat]) for name in names if name != "row_number"}
    frame = pl.DataFrame(columns) if columns else pl.DataFrame(height=len(flat)) if flat else pl.DataFrame()
    frame = frame.with_columns(pl.Series("row_number", numbers, dtype=pl.Int64))
    if not items:
        notes = (*notes, "no records in it")
    return Raw(frame, refusals(refused), frame.height + len(refused), fmt, notes)


def flatten(item: dict, prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted keys; lists as JSON text."""
    out: dict[str, Any] = {}
    for key, value in item.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            out.update(flatten(value, f"{name}."))
        elif isinstance(value, list):
            out[name] = json.dumps(value, ensure_ascii=False)
        else:
            out[name] = value
    return out


def column(values: list[Any]) -> pl.Series:
    """Values of one key as a column: the narrowest type that holds all of them, else text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return pl.Series(values, dtype=pl.Boolean if kinds else pl.String)
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in values):
        return pl.Series(values, dtype=pl.Int64)
    if kinds <= {int, float} and float in kinds:
        return pl.Series([None if v is None else float(v) for v in values], dtype=pl.Float64)
    words = [
        v if v is None or isinstance(v, str) else "true" if v is True else "false" if v is False else str(v)
        for v in values
    ]
    return pl.Series(words, dtype=pl.String)


def _geometry(geometry: Any) -> Any:
    return None if geometry is None else shapely.from_geojson(orjson.dumps(geometry))


def invalid_geometries(shapes: np.ndarray) -> dict[int, str]:
    """Position → reason for geometries that are not valid (self-crossing rings, too few points)."""
    present = ~shapely.is_missing(shapes)
    bad = np.nonzero(present & ~shapely.is_valid(shapes))[0]
    return {int(n): f"invalid geometry: {shapely.is_valid_reason(shapes[n])}" for n in bad}


def geometry_columns(shapes: np.ndarray) -> pl.DataFrame:
    """`geometry_x`, `geometry_y` (the point itself, else a point on the shape) and `geometry_wkt`."""
    if not len(shapes):
        return pl.DataFrame(schema={"geometry_x": pl.Float64, "geometry_y": pl.Float64, "geometry_wkt": pl.String})
    points = shapely.point_on_surface(shapes)
    plain = shapely.get_type_id(shapes) == 0
    points = np.where(plain, shapes, points)
    x, y = shapely.get_x(points), shapely.get_y(points)
    wkt = shapely.to_wkt(shapes, rounding_precision=8)
    return pl.DataFrame(
        {
            "geometry_x": pl.Series(x, nan_to_null=True),
            "geometry_y": pl.Series(y, nan_to_null=True),
            "geometry_wkt": pl.Series(list(wkt), dtype=pl.String),
        }
    )


def _crs_of(name: str) -> str:
    if not name or "CRS84" in name:
        return ""
    code = name.replace("::", ":").rsplit(":", 1)[-1]
    return f"EPSG:{code}" if code.isdigit() else name
