"""The base map of a city as the map component takes it: layer addresses and label points."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import orjson
import shapely
from dash import html

from components.i18n import Lang
from components.maps import frame
from components.maps.style import GROUPS, BaseMap, Label, shown_groups
from pages import PageRequest

# water and neighbours smaller than this share of the box carry no name
LEAST_LABEL_SHARE = 0.004


def base_map(request: PageRequest, *, overlays: Iterable[str] = ()) -> BaseMap:
    """Layers of the city's pack, their addresses on this server, and the names to write on them; `overlays`: groups beyond them."""
    city = request.city
    labels: list[Label] = []
    for layer, key in (("neighbors", "city"), ("water", "")):
        if city.has_layer(layer):
            labels += _labels(city.layer(layer), layer, key, request.lang, city.bbox)
    return BaseMap(
        url=lambda layer: f"/geo/{city.id}/{layer}.geojson",
        layers=frozenset(city.layers),
        bbox=city.bbox,
        approximate=frozenset(name for name, layer in city.layers.items() if layer.approximate),
        labels=tuple(labels),
        lang=request.lang,
        overlays=frozenset(overlays),
    )


def layer_switch(request: PageRequest, layer: str, *, id: str, overlays: Iterable[str] = ()) -> html.Details:
    """The layers of the base map to turn on and off; the address holds those turned against their default."""
    def turned(group: str, groups: dict[str, bool]) -> str | None:
        off = {g for g, shown in groups.items() if shown != GROUPS[g]} ^ {group}
        return ",".join(g for g in groups if g in off) or None

    groups = shown_groups(base_map(request, overlays=overlays), layer, request.params.get("layers", ""))
    return frame.layer_switch([(g, shown, request.href(layers=turned(g, groups))) for g, shown in groups.items()], request.lang, id=id)


@cache
def _labels(path: Path, layer: str, group_by: str, lang: Lang, bbox: tuple[float, float, float, float]) -> tuple[Label, ...]:
    """One label for each name: inside the largest piece of what carries it, in the box of the map."""
    west, south, east, north = bbox
    # neighbours lie around the city; the name of a water must stand wholly inside, or the map's edge cuts its lines
    out = 0.08 if layer == "neighbors" else -0.04
    x, y = (east - west) * out, (north - south) * out
    box = shapely.box(west - x, south - y, east + x, north + y)
    pieces: dict[str, list[shapely.Geometry]] = {}
    for feature in orjson.loads(path.read_bytes())["features"]:
        properties = feature["properties"]
        zh = properties.get(group_by) or properties.get("name_zh") or properties.get("name")
        name = zh if lang == "zh" else properties.get("name_en")
        if name:
            shape = shapely.make_valid(shapely.from_geojson(orjson.dumps(feature["geometry"])))
            pieces.setdefault(name, []).append(shapely.intersection(shape, box))
    found = []
    for name, shapes in pieces.items():
        parts = [p for p in shapely.get_parts(shapely.union_all(shapes)) if p.geom_type == "Polygon"]
        largest = max(parts, key=shapely.area, default=None)
        if largest is None or largest.area < LEAST_LABEL_SHARE * box.area:
            continue
        centre = shapely.maximum_inscribed_circle(largest).coords[0]
        found.append(Label(name, centre[0], centre[1], layer))
    return tuple(found)
