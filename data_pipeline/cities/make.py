"""Makes a minimal valid pack of any place on earth, and puts better layers into a pack."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from data_pipeline.cities.atlas import write_atlas
from data_pipeline.cities.check import check_pack
from data_pipeline.cities.load import find_pack, load_packs
from data_pipeline.cities.model import AREA_LAYERS, CITY_ID, Area, LayerDecl
from data_pipeline.cities.pack import Pack, load_pack
from data_pipeline.cities.shapes import Shapes, on_grid, read_shapes
from data_pipeline.cities.write import layer_table, swap_in, toml_table, write_areas, write_layer
from data_pipeline.contracts import contracts
from data_pipeline.errors import CityBrainError, DeclarationError, UnknownId, UsageError
from data_pipeline.times import zone
from geo.areas import geodesic_area_km2, label_point
from geo.crs import metric_crs_for

WALL = """# Scenes of the wall, each shown for dwell_s seconds; grid: a tile covers every cell its name is written in.
[[scenes]]
id = "overview"
name_zh = "一屏通览"
name_en = "Overview"
dwell_s = 60
[scenes.grid]
standard = [
  "key key map map map watch",
  "key key map map map watch",
  "key key map map map events",
]
[[scenes.tiles]]
id = "key"
kind = "figures"
[[scenes.tiles]]
id = "map"
kind = "map"
layers = ["events"]
[[scenes.tiles]]
id = "watch"
kind = "exceptions"
[[scenes.tiles]]
id = "events"
kind = "events"
"""
REGISTER_CADENCE, REGISTER_GRACE = "30d", "7d"
Bbox = tuple[float, float, float, float]


def parse_bbox(text: str) -> Bbox:
    """`"W,S,E,N"` in WGS84 degrees; `UsageError` for anything else."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--bbox {text!r} is not four numbers W,S,E,N", hint="for example 113.7,22.4,114.7,22.9"
        ) from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise UsageError(
            f"--bbox {text!r} must be west < east within ±180 and south < north within ±90",
            hint="a box across the 180th meridian is not supported; cut it there",
        )
    return west, south, east, north


def make_pack(
    packs_dir: Path | str,
    city: str,
    *,
    name_zh: str,
    name_en: str,
    timezone: str,
    bbox: Bbox | None = None,
    areas_file: Path | str | None = None,
    area_id: str = "",
    area_name: str = "",
    area_name_en: str = "",
    datum: str = "",
    simplify_m: float = 0.0,
    source: str = "",
    licence: str = "",
    rights: str = "to_clear",
) -> tuple[Path, list[str]]:
    """Write the pack of a new city to `packs_dir/<city>`.

    Parameters
    ----------
    packs_dir : Path
        Folder of packs; made where it does not exist.
    city : str
        Six-digit adcode or `[a-z][a-z0-9_]{1,31}`; areas get the ids `<city>:<id>`.
    timezone : str
        IANA name; days of the city are days of this zone.
    bbox : (west, south, east, north), optional
        WGS84 degrees; the city is this box and has no parts. Either this or `areas_file`.
    areas_file, area_id, area_name, area_name_en : optional
        File of polygons and its columns; each becomes a district. See `read_shapes`.
    datum : str
        Coordinates of the file where it does not say so itself.
    simplify_m : float
        Drop detail of the polygons smaller than this.
    source, licence, rights : str
        Origin of the polygons, as the map and /data show it.

    Returns
    -------
    (folder, notes)
        Notes name repaired polygons.

    Raises
    ------
    UsageError
        Bad id, time zone or options, or the city exists already.
    CityBrainError
        The file cannot be read or its areas are bad. Nothing is left behind.
    """
    if not CITY_ID.fullmatch(city):
        raise UsageError(
            f"city id {city!r} is not allowed", hint="a six-digit adcode, or a letter and 1 to 31 of a-z, 0-9, _"
        )
    zone(timezone)
    if (bbox is None) == (areas_file is None):
        raise UsageError(
            "give either --bbox or --areas", hint="--bbox W,S,E,N or --areas FILE --area-id COL --area-name COL"
        )
    if areas_file is not None and not (area_id and area_name):
        raise UsageError("--areas needs --area-id COL and --area-name COL")
    target = Path(packs_dir).expanduser().resolve() / city
    if target.exists() or city in load_packs():
        raise UsageError(f"city {city!r} exists already", hint="take another id, or delete its folder first")

    if areas_file is not None:
        found = read_shapes(Path(areas_file), area_id, area_name, area_name_en, datum, simplify_m)
        origin = LayerDecl(
            file="layers/districts.geojson",
            source=source or f"file {Path(areas_file).name} given to new-pack",
            licence=licence or "not stated",
            rights="clear" if rights == "clear" else "to_clear",
        )
    else:
        found = Shapes({}, {}, {})
        origin = None
    parts = {f"{city}:{key}": shape for key, shape in found.polygons.items()}
    outline = _union(list(parts.values())) if parts else shapely.box(*bbox)  # type: ignore[misc]
    areas = [_area(city, name_zh, name_en, "city", None, outline, approximate=not parts)]
    for key in found.polygons:
        shape = found.polygons[key]
        areas.append(_area(f"{city}:{key}", found.names[key], found.names_en[key], "district", city, shape))
    names = {area.id: (area.name_zh, area.name_en) for area in areas}

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-pack-") as scratch:
        folder = Path(scratch) / city
        folder.mkdir()
        write_layer(folder / "layers/outline.geojson", {city: outline}, names)
        if parts:
            write_layer(folder / "layers/districts.geojson", parts, names)
        write_areas(folder / "areas.csv", areas)
        text = _city_toml(city, name_zh, name_en, timezone, outline, origin)
        (folder / "city.toml").write_text(text, encoding="utf-8")
        (folder / "wall.toml").write_text(WALL, encoding="utf-8")
        write_atlas(folder)
        problems = check_pack(folder)
        if problems:
            raise DeclarationError(f"new pack {city}", problems)
        folder.rename(target)
    return target, found.notes


def _area(
    area_id: str, zh: str, en: str, level: str, parent: str | None, shape: BaseGeometry, approximate: bool = False
) -> Area:
    lon, lat = label_point(shape)
    area_km2 = float(geodesic_area_km2(shape)[0])
    return Area.model_validate(
        {
            "id": area_id, "name_zh": zh, "name_en": en, "level": level, "parent": parent, "codes": (area_id,),
            "area_km2": round(area_km2, 1) if area_km2 >= 10 else round(area_km2, 4),
            "centroid": (round(lon, 5), round(lat, 5)), "approximate": approximate,
        }
    )  # fmt: skip


def _union(shapes: list[BaseGeometry]) -> BaseGeometry:
    whole = shapely.coverage_union_all(shapes) if shapely.coverage_is_valid(shapes) else shapely.union_all(shapes)
    return on_grid(whole)


def _city_toml(
    city: str, name_zh: str, name_en: str, timezone: str, outline: BaseGeometry, districts: LayerDecl | None
) -> str:
    west, south, east, north = outline.bounds
    # outwards, so that the rounded polygons still lie inside
    bbox = [round(west - 5e-5, 4), round(south - 5e-5, 4), round(east + 5e-5, 4), round(north + 5e-5, 4)]
    bbox = [max(bbox[0], -180.0), max(bbox[1], -90.0), min(bbox[2], 180.0), min(bbox[3], 90.0)]
    centre = (west + east) / 2, (south + north) / 2
    head = {
        "id": city, "name_zh": name_zh, "name_en": name_en, "timezone": timezone,
        "metric_crs": metric_crs_for(*centre, timezone), "bbox": bbox,
    }  # fmt: skip
    if districts is None:
        outline_layer = LayerDecl(
            file="layers/outline.geojson", source="box given to new-pack", licence="none needed", rights="clear",
            approximate=True, note_zh="示意范围（矩形）", note_en="a box, not the city's border",
        )  # fmt: skip
        layers = {"outline": outline_layer}
    else:
        dissolved = f"{districts.source}, dissolved"
        outline_layer = districts.model_copy(update={"file": "layers/outline.geojson", "source": dissolved})
        layers = {"outline": outline_layer, "districts": districts}
    parts = [toml_table("", head), *(layer_table(name, layer) for name, layer in layers.items())]
    for dataset, contract in contracts().items():
        register = contract.kind == "register"
        cadence = REGISTER_CADENCE if register else contract.cadence or ""
        values = {
            "state": "real", "name_zh": contract.name_zh, "name_en": contract.name_en,
            "cadence": cadence, "grace": (REGISTER_GRACE if register else cadence) if cadence else "",
        }  # fmt: skip
        parts.append(toml_table(f"sources.{dataset}", values))
    return "\n".join(parts)


def replace_layer(
    packs_dir: Path | str,
    city: str,
    layer: str,
    file: Path | str,
    *,
    id_column: str,
    source: str,
    licence: str,
    rights: str = "to_clear",
    datum: str = "",
    approximate: bool = False,
    accuracy_m: float | None = None,
    simplify_m: float = 0.0,
) -> tuple[Path, list[str]]:
    """Put an operator's polygons in the place of an area layer (`districts`, `locate_districts`, `townships` …).

    A built-in pack is not touched: it is copied to `packs_dir/<city>`, which then wins over it.
    The file's ids must be area ids of the pack (any official code is taken). Returns the folder
    and notes; raises as `make_pack` does, and leaves everything as it was where the new pack
    would not be valid.
    """
    if layer not in AREA_LAYERS:
        raise UnknownId("area layer", layer, AREA_LAYERS)
    root = Path(packs_dir).expanduser().resolve()
    root.mkdir(parents=True, exist_ok=True)
    pack = find_pack(load_packs(root), city)
    overlapping = layer == "zones"
    found = read_shapes(Path(file), id_column, id_column, "", datum, simplify_m, overlapping)
    unknown = [key for key in found.polygons if not pack.has_area(key)]
    if unknown:
        raise CityBrainError(
            f"{Path(file).name}: no areas of {city}: {', '.join(unknown[:10])}",
            hint=f"ids of layer {layer} are for example "
            + ", ".join(a.id for a in pack.areas.values() if a.level == AREA_LAYERS[layer])[:80],
        )
    shapes = {pack.area(key).id: shape for key, shape in found.polygons.items()}
    declared = LayerDecl(
        file=f"layers/{layer}.geojson", source=source, licence=licence,
        rights="clear" if rights == "clear" else "to_clear", approximate=approximate, accuracy_m=accuracy_m,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=root, prefix=".replace-layer-") as scratch:
        folder = Path(scratch) / city
        shutil.copytree(pack.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
        _put_layer(folder, layer, declared, shapes, pack)
        write_atlas(folder)
        target = swap_in(folder, root, f"{city} with the new layer {layer}")
    return target, found.notes


def _put_layer(
    folder: Path, layer: str, declared: LayerDecl, shapes: dict[str, BaseGeometry], pack: Pack
) -> None:
    names = {area.id: (area.name_zh, area.name_en) for area in pack.areas.values()}
    write_layer(folder / declared.file, shapes, names)
    path = folder / "city.toml"
    text = path.read_text(encoding="utf-8")
    table = layer_table(layer, declared)
    section = re.compile(rf"^\[layers\.{re.escape(layer)}\]\n(?:(?!\[).*\n?)*", re.MULTILINE)
    if section.search(text):
        text = section.sub(lambda _: table + "\n", text, count=1)
    else:
        text = text.rstrip("\n") + "\n\n" + table
    text = _with_bbox(text, pack.bbox, shapes)
    path.write_text(text, encoding="utf-8")
    _refresh_areas(folder, layer, declared, shapes)


def _with_bbox(text: str, bbox: Bbox, shapes: dict[str, BaseGeometry]) -> str:
    """city.toml with a bbox that holds the new polygons too."""
    west, south, east, north = shapely.total_bounds(list(shapes.values()))
    wide = [
        min(bbox[0], round(west - 5e-5, 4)), min(bbox[1], round(south - 5e-5, 4)),
        max(bbox[2], round(east + 5e-5, 4)), max(bbox[3], round(north + 5e-5, 4)),
    ]  # fmt: skip
    return re.sub(r"^bbox = .*$", "bbox = [" + ", ".join(str(v) for v in wide) + "]", text, count=1, flags=re.MULTILINE)


def _refresh_areas(folder: Path, layer: str, declared: LayerDecl, shapes: dict[str, BaseGeometry]) -> None:
    """Areas, label points and the mark 示意 in areas.csv follow the polygons that were put in."""
    pack = load_pack(folder)
    level = AREA_LAYERS[layer]
    locating = {"city": "locate_outline", "district": "locate_districts"}.get(level, layer)
    measures = layer == locating or locating not in pack.layers
    drawn = not layer.startswith("locate_")
    changed = []
    for area in pack.areas.values():
        shape = shapes.get(area.id)
        update: dict[str, object] = {}
        if shape is not None and measures:
            update["area_km2"] = round(float(geodesic_area_km2(shape)[0]), 1) or None
        if shape is not None and drawn:
            update["centroid"] = tuple(round(v, 5) for v in label_point(shape))
            update["approximate"] = declared.approximate
        changed.append(area.model_copy(update=update))
    write_areas(folder / "areas.csv", changed)
