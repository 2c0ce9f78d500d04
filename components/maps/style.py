"""The sheet below every figure: a MapLibre style of our own, drawn like a printed atlas.

Geometry comes by URL from the city's pack; nothing is fetched from another host, and without a glyph address every
letter is drawn with the browser's own fonts. MapLibre leaves out a name that would touch another one.

What a reader may switch off carries its group in `metadata.group`; `assets/map.js` shows and hides the groups, so the
style itself never changes while a map stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components.i18n import Lang
from components.theme import Theme, color

# what a reader can switch, in the order of the legend, and whether it stands at first
ROADS_GROUP = "roads"  # the sections of the register by their state, where a map carries them (`overlays.with_roads`)
GROUPS: dict[str, bool] = {ROADS_GROUP: True, "water": True, "railways": True, "zones": True, "townships": False, "towns": False, "grid": True}
SOURCES = ("neighbors", "outline", "districts", "water", "railways", "townships", "zones", "stations", "places", "atlas")
FADE_OPACITY = (0.22, 0.26, 0.3, 0.36, 0.5, 1.0)
POLYGONS, LINES = ["==", "$type", "Polygon"], ["==", "$type", "LineString"]


@dataclass(frozen=True)
class Label:
    """A name written on the base map: of water or of a neighbour (WGS84)."""

    text: str
    lon: float
    lat: float
    layer: str


@dataclass(frozen=True)
class BaseMap:
    """Which layers a pack has and where they are served. `url(layer)` is an address on this server; names are in `lang`.

    `overlays`: groups beyond the pack's that the map carries, to be switched with the others.
    """

    url: Callable[[str], str]
    layers: frozenset[str]
    bbox: tuple[float, float, float, float]
    approximate: frozenset[str] = frozenset()
    labels: tuple[Label, ...] = ()
    lang: Lang = "zh"
    overlays: frozenset[str] = frozenset()


def groups(base: BaseMap, layer: str) -> list[str]:
    """The groups a reader can switch on a map of `layer`, in the order of the legend: those the pack has something for."""
    needs = {"water": "water", "railways": "railways", "zones": "zones", "townships": "townships", "towns": "places"}
    there = {g for g in GROUPS if (needs[g] in base.layers if g in needs else g in base.overlays or g != ROADS_GROUP)}
    return [g for g in GROUPS if g in there and not (g == "townships" and layer == "townships")]


def shown_groups(base: BaseMap, layer: str, switched: str = "") -> dict[str, bool]:
    """Which groups stand on a map of `layer`: the defaults, but for those named in `switched` (`water,towns`), which are the other way."""
    turned = set(switched.split(","))
    return {g: GROUPS[g] != (g in turned) for g in groups(base, layer)}


def style(base: BaseMap, layer: str, theme: Theme) -> dict[str, Any]:
    """The MapLibre style below and around a figure on `layer`.

    From the ground up: surroundings in grey that fade with distance, land, the figure (at `above-figure`), water with
    shore lines, railways with ticks, a soft ribbon inside the border, boundaries (dashed where approximate), towns, names.
    """
    sources: dict[str, Any] = {n: {"type": "geojson", "data": base.url(n)} for n in SOURCES if n in base.layers}
    sources["graticule"] = {"type": "geojson", "data": graticule(base.bbox)}
    sources["names"] = {"type": "geojson", "data": _names(base)}
    drawn = _Drawing(sources, theme)
    _ground(drawn)
    _water(drawn)
    _railways(drawn)
    _fade(drawn)
    _boundaries(drawn, base, layer)
    _towns(drawn, base, layer)
    _written(drawn)
    return {"version": 8, "sources": sources, "layers": drawn.layers}


class _Drawing:
    """The layers so far; a layer whose source the pack does not have is left out."""

    def __init__(self, sources: dict[str, Any], theme: Theme) -> None:
        self.sources, self.theme = sources, theme
        self.layers: list[dict[str, Any]] = [{"id": "ground", "type": "background", "paint": {"background-color": self.c("map-bg")}}]

    def c(self, token: str) -> str:
        return color(token, self.theme)

    def add(self, source: str, id: str, kind: str, paint: dict[str, Any], *, group: str = "", layout: dict[str, Any] | None = None,
            **more: Any) -> None:  # fmt: skip
        if source not in self.sources:
            return
        # never an empty object: Plotly drops such ones now and then, takes the style for another, and draws the whole map anew
        shown = "visible" if not group or GROUPS[group] else "none"
        layer = {"id": id, "type": kind, "source": source, "paint": paint, "layout": {**(layout or {}), "visibility": shown}, **more}
        if group:
            layer["metadata"] = {"group": group}
        self.layers.append(layer)

    def line(self, source: str, id: str, token: str, width_px: float, *, group: str = "", filter: list[Any] | None = None, **paint: Any) -> None:
        """A round line; paint keys with `_` for `-`."""
        own = {f"line-{key.replace('_', '-')}": value for key, value in paint.items()}
        self.add(source, id, "line", {"line-color": self.c(token), "line-width": width_px, **own}, group=group,
                 layout={"line-join": "round", "line-cap": "butt" if "dasharray" in paint else "round"},
                 **({"filter": filter} if filter else {}))  # fmt: skip


def _ground(d: _Drawing) -> None:
    d.add("neighbors", "neighbor", "fill", {"fill-color": d.c("neighbor")})
    d.line("neighbors", "neighbor-line", "neighbor-line", 0.8)
    d.line("graticule", "graticule", "graticule", 0.6, group="grid")
    d.add("outline", "land", "fill", {"fill-color": d.c("land")})
    # what stands for the place of the figure among the layers
    d.layers.append({"id": "above-figure", "type": "background", "paint": {"background-opacity": 0}})


def _water(d: _Drawing) -> None:
    today = ["all", POLYGONS, ["!=", "extent", "old"]]
    old = ["==", "extent", "old"]
    d.add("water", "water-old", "fill", {"fill-color": d.c("water"), "fill-opacity": 0.25}, group="water", filter=old)
    d.line("atlas", "water-ruled", "shore", 0.7, group="water", opacity=0.7, filter=_drawn("ruled", 0))
    d.line("water", "shore-old", "shore", 0.8, group="water", filter=old, dasharray=[3, 3])
    d.add("water", "water", "fill", {"fill-color": d.c("water"), "fill-opacity": 0.94}, group="water", filter=today)
    d.line("water", "river-bank", "shore", 3.4, group="water", filter=LINES)
    d.line("water", "river", "water", 2.2, group="water", filter=LINES)
    d.line("water", "shore", "shore", 1.1, group="water", filter=today)
    for step, (width, opacity) in enumerate(((0.7, 0.55), (0.6, 0.3))):
        d.line("atlas", f"shore-{step}", "shore", width, group="water", opacity=opacity, filter=_drawn("shore", step))


def _railways(d: _Drawing) -> None:
    fast = ["==", "kind", "high_speed"]
    d.line("railways", "rail", "rail", 0.9, group="railways", filter=["!=", "kind", "high_speed"])
    d.line("atlas", "rail-tick", "rail", 0.9, group="railways", filter=_drawn("tick", 0))
    d.line("railways", "rail-fast", "rail", 2.2, group="railways", filter=fast)
    d.line("railways", "rail-fast-dash", "map-bg", 1.1, group="railways", filter=fast, dasharray=[5, 5])


def _fade(d: _Drawing) -> None:
    for step, opacity in enumerate(FADE_OPACITY):
        d.add("atlas", f"fade-{step}", "fill", {"fill-color": d.c("map-bg"), "fill-opacity": opacity, "fill-antialias": False},
              filter=_drawn("fade", step))  # fmt: skip


def _boundaries(d: _Drawing, base: BaseMap, layer: str) -> None:
    for step in range(3):
        d.add("atlas", f"ribbon-{step}", "fill", {"fill-color": d.c("ribbon"), "fill-opacity": 0.26, "fill-antialias": False},
              filter=_drawn("ribbon", step))  # fmt: skip
    # approximate lines are dashed, wherever they stand
    dash: dict[str, Any] = {"dasharray": [3, 2]} if "townships" in base.approximate else {}
    if layer == "townships":
        d.line("townships", "township-line", "boundary", 0.9, opacity=0.7, **dash)
    else:
        d.line("townships", "township-line", "boundary", 0.7, group="townships", opacity=0.55, **dash)
    d.line("zones", "zone-line", "accent", 1.4, group="zones", opacity=0.75, dasharray=[2, 2])
    d.line("districts", "district-line", "boundary", 1.2)
    d.line("outline", "boundary", "boundary", 2.0)


def _towns(d: _Drawing, base: BaseMap, layer: str) -> None:
    seat = ["==", "kind", "district_seat"]
    ring = {"circle-color": d.c("map-bg"), "circle-stroke-color": d.c("map-ink")}
    small = ["!=", "kind", "district_seat"]
    d.add("places", "town", "circle", {**ring, "circle-radius": 2, "circle-stroke-width": 1, "circle-opacity": 0.9}, group="towns", filter=small)
    d.add("places", "seat", "circle", {**ring, "circle-radius": 3.6, "circle-stroke-width": 1.4}, group="towns", filter=seat)
    d.add("places", "seat-dot", "circle", {"circle-color": d.c("map-ink"), "circle-radius": 1.3}, group="towns", filter=seat)
    if layer != "townships":  # there the figure itself writes these names
        d.add("places", "town-name", "symbol", _ink(d, "ink-2"), group="towns", filter=small,
              layout={**_text(["get", f"name_{base.lang}"], 11), "text-variable-anchor": ["left", "right", "top", "bottom"],
                      "text-radial-offset": 0.5})  # fmt: skip


def _written(d: _Drawing) -> None:
    for layer, token, size, group, spacing in (("neighbors", "ink-3", 12, "", 0.25), ("water", "shore-ink", 12, "water", 0.15)):
        d.add("names", f"name-{layer}", "symbol", _ink(d, token, "map-bg" if layer == "neighbors" else "water"), group=group,
              filter=["==", "layer", layer], layout={**_text(["get", "text"], size), "text-letter-spacing": spacing})  # fmt: skip


def _text(field: list[Any], size_px: float) -> dict[str, Any]:
    return {"text-field": field, "text-size": size_px, "text-font": ["sans-serif"], "text-max-width": 8, "text-padding": 4}


def _ink(d: _Drawing, token: str, halo: str = "land") -> dict[str, Any]:
    return {"text-color": d.c(token), "text-halo-color": d.c(halo), "text-halo-width": 1.2, "text-halo-blur": 0.4}


def _drawn(kind: str, step: int) -> list[Any]:
    return ["all", ["==", "kind", kind], ["==", "step", step]]


def _names(base: BaseMap) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {"text": x.text, "layer": x.layer}, "geometry": {"type": "Point", "coordinates": [x.lon, x.lat]}}
            for x in base.labels
        ],
    }


def graticule(bbox: tuple[float, float, float, float]) -> dict[str, Any]:
    """Meridians and parallels (WGS84 GeoJSON) over a box and half of it around, 3 to 8 each way."""
    west, south, east, north = bbox
    span = max(east - west, north - south)
    step = next((s for s in (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0) if span / s <= 6), 10.0)
    w, e, s, n = west - span, east + span, max(south - span, -85.0), min(north + span, 85.0)

    def lines(low: float, high: float) -> list[float]:
        return [round(i * step, 4) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]

    coordinates = [[[x, s], [x, n]] for x in lines(w, e)] + [[[w, y], [e, y]] for y in lines(s, n)]
    return {"type": "Feature", "properties": {"layer": "graticule"}, "geometry": {"type": "MultiLineString", "coordinates": coordinates}}
