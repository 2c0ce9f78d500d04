"""The atlas layer of a pack: what `geo.atlas` draws around its outline, water and railways, written beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import orjson
import shapely
from shapely.geometry import mapping

from data_pipeline.cities.model import LayerDecl
from data_pipeline.cities.pack import Pack, load_pack
from data_pipeline.cities.write import layer_table, rounded
from geo.atlas import atlas

LAYER = "atlas"
FILE = f"layers/{LAYER}.geojson"


def write_atlas(folder: Path) -> Path:
    """Compute the atlas layer of the pack in `folder` anew from its other layers, declare it, and return its file."""
    pack = load_pack(folder)
    path = folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(atlas_text(pack), encoding="utf-8")
    if LAYER not in pack.layers:
        outline = pack.layers["outline"]
        declared = LayerDecl(
            file=FILE, source="derived from outline, water and railways (geo.atlas)", licence="as outline, water and railways",
            rights=outline.rights, note_zh="仅为图面装饰：界内色带、湖岸线、铁路短划、外围渐隐",
            note_en="decoration of the sheet only: ribbon inside the border, shore lines, ticks across railways, fade of the surroundings",
        )  # fmt: skip
        _declare(folder / "city.toml", declared)
    return path


def atlas_text(pack: Pack) -> str:
    """The layer as GeoJSON text (WGS84, 5 decimals); features carry `kind` and `step`."""
    outline = shapely.union_all(list(pack.geometries("outline").values()))
    present, old = _shapes(pack, "water", old=False), _shapes(pack, "water", old=True)
    lines = [
        json.dumps(
            {"type": "Feature", "id": f"{kind}-{step}", "properties": {"kind": kind, "step": step},
             "geometry": {"type": shape.geom_type, "coordinates": rounded(mapping(shape)["coordinates"])}},
            separators=(",", ":"),
        )
        for kind, step, shape in atlas(outline, present, _shapes(pack, "railways"), pack.metric_crs, old_water=old)
    ]  # fmt: skip
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"


def _shapes(pack: Pack, layer: str, *, old: bool = False) -> list[shapely.Geometry]:
    """Geometries of a base layer: those of today, or with `old` those its data mark as former extents (`"extent": "old"`)."""
    if not pack.has_layer(layer):
        return []
    features = orjson.loads(pack.layer(layer).read_bytes())["features"]
    return [shapely.make_valid(shapely.from_geojson(orjson.dumps(f["geometry"])))
            for f in features if f["geometry"] and (f["properties"].get("extent") == "old") == old]  # fmt: skip


def _declare(path: Path, declared: LayerDecl) -> None:
    """Put the table of the layer behind the last one of the layers, or at the end where the file names none."""
    text, table = path.read_text(encoding="utf-8"), layer_table(LAYER, declared)
    ends = [found.end() for found in re.finditer(r"^\[layers\.\w+\]\n(?:(?!\[).*\n?)*", text, re.MULTILINE)]
    at = ends[-1] if ends else len(text)
    head = text[:at].rstrip("\n") + "\n\n"
    path.write_text(head + table + "\n" + text[at:].lstrip("\n"), encoding="utf-8")
