"""Writes what a pack consists of: TOML, areas.csv, GeoJSON layers."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from data_pipeline.cities.check import check_pack
from data_pipeline.cities.model import Area, LayerDecl
from data_pipeline.cities.pack import AREA_COLUMNS
from data_pipeline.errors import DeclarationError

DECIMALS = 5


def toml_text(value: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's too, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_value(value: object) -> str:
    """A TOML value of text, truth, numbers, or a list of them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return repr(value)


def toml_table(head: str, values: Mapping[str, object]) -> str:
    """One table; None and empty texts are left out, since they are the defaults."""
    lines = [f"{key} = {toml_value(value)}" for key, value in values.items() if value not in (None, "")]
    return "\n".join([f"[{head}]" if head else "", *lines]).lstrip("\n") + "\n"


def layer_table(name: str, layer: LayerDecl) -> str:
    """The table of one layer in city.toml."""
    values = layer.model_dump(exclude_defaults=True)
    return toml_table(f"layers.{name}", values)


def write_layer(path: Path, shapes: Mapping[str, BaseGeometry], names: Mapping[str, tuple[str, str]]) -> None:
    """An area layer as GeoJSON: one line a feature, feature `id` = area id, 5 decimals (about 1 m)."""
    lines = []
    for area_id, shape in shapes.items():
        name_zh, name_en = names.get(area_id, ("", ""))
        geometry = mapping(shape)
        feature = {
            "type": "Feature",
            "id": area_id,
            "properties": {"name_zh": name_zh, "name_en": name_en},
            "geometry": {"type": geometry["type"], "coordinates": rounded(geometry["coordinates"])},
        }
        lines.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    path.parent.mkdir(parents=True, exist_ok=True)
    body = ",\n".join(lines)
    path.write_text('{"type":"FeatureCollection","features":[\n' + body + "\n]}\n", encoding="utf-8")


def rounded(coordinates: object) -> object:
    """Coordinates of a GeoJSON geometry, however deep, at `DECIMALS`."""
    if isinstance(coordinates, (list, tuple)):
        return [rounded(part) for part in coordinates]
    return round(float(coordinates), DECIMALS)  # type: ignore[arg-type]


def write_areas(path: Path, areas: Sequence[Area]) -> None:
    """areas.csv; empty cells for what is not known."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, AREA_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for area in areas:
            lon, lat = area.centroid or ("", "")
            seat_lon, seat_lat = area.seat or ("", "")
            row = {name: _cell(getattr(area, name)) for name in AREA_COLUMNS if name in Area.model_fields}
            writer.writerow(row | {"lon": lon, "lat": lat, "seat_lon": seat_lon, "seat_lat": seat_lat})


def _cell(value: object) -> object:
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    if isinstance(value, tuple):
        return ";".join(str(part) for part in value)
    return value.isoformat() if isinstance(value, date) else value


def swap_in(folder: Path, root: Path, what: str) -> Path:
    """Put a finished pack, made in a scratch folder below `root`, into its place; returns the place.

    The pack it replaces moves to `before` beside `folder`, where the scratch folder takes it along.

    Raises
    ------
    DeclarationError
        The new pack has problems; nothing has changed. `what` names it.
    """
    problems = check_pack(folder)
    if problems:
        raise DeclarationError(what, problems)
    target = root / folder.name
    if target.exists():
        target.rename(folder.parent / "before")
    folder.rename(target)
    return target
