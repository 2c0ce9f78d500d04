"""Puts a lower level of areas (townships, traffic zones …) into a pack that has none."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from shapely.geometry.base import BaseGeometry

from data_pipeline.cities.load import find_pack, load_packs
from data_pipeline.cities.model import Area, LayerDecl
from data_pipeline.cities.pack import Pack
from data_pipeline.cities.shapes import read_shapes
from data_pipeline.cities.write import layer_table, swap_in, write_areas, write_layer
from data_pipeline.errors import UsageError
from geo.areas import geodesic_area_km2, label_point

LAYER = "townships"


def add_areas(
    packs_dir: Path | str,
    city: str,
    file: Path | str,
    *,
    id_column: str,
    name_column: str,
    source: str,
    licence: str,
    name_en_column: str = "",
    kind: str = "",
    rights: str = "to_clear",
    datum: str = "",
    approximate: bool = False,
    simplify_m: float = 0.0,
) -> tuple[Path, list[str]]:
    """Add the polygons of a file as the lowest level of areas of a city.

    Parameters
    ----------
    packs_dir : Path
        Folder of packs; a built-in pack is copied there first and then wins over itself.
    file : Path
        GeoJSON, GeoPackage or Shapefile; see `read_shapes` for ids, names and `datum`.
    kind : str
        What the areas are where they are no townships, for example `traffic_zone`.
    source, licence, rights : str
        Origin of the polygons, as the map and /data show it.

    Returns
    -------
    (folder, notes)
        Each area belongs to the district in which a point inside it lies; notes name repaired
        polygons and areas whose point lies in no district (they belong to the nearest).

    Raises
    ------
    UsageError
        The city has such areas already, or a column does not exist.
    CityBrainError
        The file cannot be read. Nothing is changed.
    """
    root = Path(packs_dir).expanduser().resolve()
    root.mkdir(parents=True, exist_ok=True)
    pack = find_pack(load_packs(root), city)
    if pack.has_layer(LAYER) or any(area.level == "township" for area in pack.areas.values()):
        raise UsageError(f"city {city!r} has townships already", hint="draw them by better polygons with replace-layer")
    found = read_shapes(Path(file), id_column, name_column, name_en_column, datum, simplify_m)
    shapes = {f"{city}:{key}": shape for key, shape in found.polygons.items()}
    parents, outside = _parents(pack, shapes)
    notes = [*found.notes, *(f"{area_id}: its point lies in no district, taken to {parents[area_id]}" for area_id in outside)]
    areas = [
        _area(area_id, found.names[key], found.names_en[key], kind, parents[area_id], shapes[area_id], approximate)
        for key, area_id in zip(found.polygons, shapes, strict=True)
    ]
    declared = LayerDecl(
        file=f"layers/{LAYER}.geojson", source=source, licence=licence,
        rights="clear" if rights == "clear" else "to_clear", approximate=approximate,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=root, prefix=".add-areas-") as scratch:
        folder = Path(scratch) / city
        shutil.copytree(pack.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
        write_layer(folder / declared.file, shapes, {area.id: (area.name_zh, area.name_en) for area in areas})
        write_areas(folder / "areas.csv", [*pack.areas.values(), *areas])
        path = folder / "city.toml"
        text = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n" + layer_table(LAYER, declared)
        path.write_text(text, encoding="utf-8")
        target = swap_in(folder, root, f"{city} with the new areas")
    return target, notes


def _parents(pack: Pack, shapes: dict[str, BaseGeometry]) -> tuple[dict[str, str], list[str]]:
    """Area id → parent, and the ids whose point lies in no district."""
    if not any(area.level == "district" for area in pack.areas.values()):
        return dict.fromkeys(shapes, pack.city_area.id), []
    points = np.array([label_point(shape) for shape in shapes.values()], dtype=float)
    located = pack.locator().locate(points[:, 0], points[:, 1])
    parents, outside = {}, []
    for k, area_id in enumerate(shapes):
        place = int(located.place[k])
        district = located.places[place].district_id if place >= 0 else None
        if district is None:
            outside.append(area_id)
        parents[area_id] = district or str(located.nearest_id[k] or pack.city_area.id)
    return parents, outside


def _area(area_id: str, zh: str, en: str, kind: str, parent: str, shape: BaseGeometry, approximate: bool) -> Area:
    lon, lat = label_point(shape)
    area_km2 = float(geodesic_area_km2(shape)[0])
    return Area(
        id=area_id, name_zh=zh, name_en=en, level="township", kind=kind, parent=parent, codes=(area_id,),
        area_km2=round(area_km2, 1) if area_km2 >= 10 else round(area_km2, 4),
        centroid=(round(lon, 5), round(lat, 5)), approximate=approximate,
    )  # fmt: skip
