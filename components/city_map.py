"""The city as an atlas sheet: a MapLibre style of our own below, one figure by area above.

Geometry comes by URL (`/geo/<city>/<layer>.geojson`) so that the browser keeps it; a new
snapshot sends class numbers and labels only. The style holds no glyph address: every label is
drawn with the browser's own fonts, and nothing is fetched from another host.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dash import html

from components import formats
from components.i18n import Lang, pick, t
from components.theme import FONT_FAMILY, MAP_FONT_FAMILY, Theme, color, level_color, ramp
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Event, Reading

CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": True, "responsive": True, "displaylogo": False,
                          "doubleClick": "reset"}  # fmt: skip
MAX_SPREAD_CLASSES = 5


@dataclass(frozen=True)
class MapClass:
    """One class of the legend: values in [low, high), None = open end."""

    low: float | None
    high: float | None
    fill: str
    label: str


@dataclass(frozen=True)
class Place:
    """An area as the map needs it: name, and where its label stands (WGS84)."""

    id: str
    name: str
    lon: float
    lat: float


@dataclass(frozen=True)
class Label:
    """A name written on the base map: of water or of a neighbour (WGS84)."""

    text: str
    lon: float
    lat: float
    layer: str


@dataclass(frozen=True)
class BaseMap:
    """Which layers a pack has and where they are served. `url(layer)` is an address on this server."""

    url: Callable[[str], str]
    layers: frozenset[str]
    bbox: tuple[float, float, float, float]
    approximate: frozenset[str] = frozenset()
    labels: tuple[Label, ...] = ()


def classes(metric: Metric, readings: Sequence[Reading], theme: Theme, lang: Lang) -> list[MapClass]:
    """Classes of a figure: the declared thresholds, else equal steps over the present values.

    Without any value there are no classes.
    """
    values = [r.value for r in readings if r.value is not None]
    if metric.thresholds:
        steps = metric.thresholds
        found = []
        for i, step in enumerate(steps):
            high = steps[i + 1].at_least if i + 1 < len(steps) else None
            low = step.at_least if i or step.at_least > 0 else None
            words = f"{pick(step.zh, step.en, lang)} {_range(low, high, metric, lang)}".strip()
            found.append(MapClass(step.at_least, high, level_color(step.level, i, len(steps), theme), words))
        return found
    if not values:
        return []
    return _spread(min(values), max(values), len(set(values)), metric, theme, lang)


def class_of(value: float | None, scale: Sequence[MapClass]) -> int:
    """Index of the class of a value; -1 for no value; values off the ends take the end class."""
    if value is None or not scale:
        return -1
    for i, item in enumerate(scale):
        if item.high is None or value < item.high:
            return i
    return len(scale) - 1


def map_figure(
    base: BaseMap, layer: str, places: Sequence[Place], readings: Sequence[Reading], metric: Metric, theme: Theme,
    lang: Lang, *, events: Sequence[Event] = (), revision: str = "map", show_values: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """The map as a Plotly figure (plain dict): areas filled by class, names with values, open alerts.

    Parameters
    ----------
    layer : str
        The pack's layer that draws the areas; features carry the area id.
    places : sequence of Place
        Every area to draw; one without a reading is drawn as "no data".
    events : sequence of Event
        Those with coordinates are drawn as signal marks.
    revision : str
        Plotly's `uirevision`: zoom and pan stay while it stays.
    """
    scale = classes(metric, readings, theme, lang)
    by_area = {r.area: r for r in readings}
    values = [by_area[p.id].value if p.id in by_area else None for p in places]
    texts = [f.text for f in formats.alike(values, metric.unit, metric.decimals, lang)[0]]
    # the legend has the unit
    short = [f.text if f.unit in ("", "%") else f.number for f in formats.alike(values, metric.unit, metric.decimals, lang)[0]]
    name = pick(metric.name_zh, metric.name_en, lang)
    fills = [color("no-data", theme), *(c.fill for c in scale)]
    n = len(fills)
    steps = [[edge, fill] for i, fill in enumerate(fills) for edge in (i / n, (i + 1) / n)]
    hover = {"bgcolor": color("raised", theme), "bordercolor": color("line-strong", theme),
             "font": {"family": FONT_FAMILY, "size": 14, "color": color("ink", theme)}}  # fmt: skip
    dense = len(places) > 12
    labels = [p.name if dense or not show_values else f"{p.name}<br>{text}"
              for p, text in zip(places, short, strict=True)]  # fmt: skip
    traces: list[dict[str, Any]] = [
        {
            "type": "choroplethmap", "geojson": base.url(layer), "featureidkey": "id",
            "locations": [p.id for p in places], "z": [class_of(v, scale) for v in values],
            "zmin": -1.5, "zmax": n - 1.5, "colorscale": steps, "showscale": False,
            "marker": {"opacity": 1, "line": {"width": 0}},
            "text": texts, "customdata": [p.name for p in places],
            "hovertemplate": f"<b>%{{customdata}}</b><br>{name} %{{text}}<extra></extra>", "hoverlabel": hover,
            "below": "above-figure",
        },
        *_label_traces(base, theme),
        {
            "type": "scattermap", "mode": "text", "below": "", "lon": [p.lon for p in places], "lat": [p.lat for p in places],
            "text": labels, "textposition": "middle center", "hoverinfo": "skip",
            "textfont": {"size": 13 if dense else 16, "color": color("map-ink", theme), "family": MAP_FONT_FAMILY},
        },
    ]  # fmt: skip
    traces += _event_traces(events, theme, lang, hover)
    west, south, east, north = base.bbox
    return {
        "data": traces,
        "layout": {
            # a middling box; assets/app.js fits the city to the real one by `meta.bbox`
            "map": {"style": style(base, layer, theme), "fitbounds": False, "zoom": zoom_for(base.bbox),
                    "center": {"lon": (west + east) / 2, "lat": (south + north) / 2}},
            "meta": {"bbox": [west, south, east, north]},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0}, "showlegend": False, "uirevision": revision,
            "paper_bgcolor": color("map-bg", theme), "clickmode": "event",
        },
    }  # fmt: skip


def zoom_for(bbox: tuple[float, float, float, float], width_px: float = 680, height_px: float = 480) -> float:
    """MapLibre zoom (512 px world at zoom 0) at which a WGS84 box fits the given pixels, Web Mercator."""
    west, south, east, north = bbox

    def mercator(lat: float) -> float:
        return math.asinh(math.tan(math.radians(lat))) / (2 * math.pi)

    wide = max((east - west) / 360, 1e-6)
    tall = max(mercator(north) - mercator(south), 1e-6)
    return round(math.log2(min(width_px / 512 / wide, height_px / 512 / tall)), 2)


def style(base: BaseMap, layer: str, theme: Theme) -> dict[str, Any]:
    """The MapLibre style below a figure on `layer`: grey surroundings, land, water with shore lines, railways, boundary ribbon."""
    def c(token: str) -> str:
        return color(token, theme)

    sources: dict[str, Any] = {
        name: {"type": "geojson", "data": base.url(name)}
        for name in ("neighbors", "outline", "districts", "water", "railways", "townships", "zones", "stations")
        if name in base.layers
    }
    sources["graticule"] = {"type": "geojson", "data": graticule(base.bbox)}
    layers: list[dict[str, Any]] = [{"id": "ground", "type": "background", "paint": {"background-color": c("map-bg")}}]

    def add(source: str, id: str, kind: str, paint: dict[str, Any], **more: Any) -> None:
        if source in sources:
            layers.append({"id": id, "type": kind, "source": source, "paint": paint, **more})

    round_lines = {"layout": {"line-join": "round", "line-cap": "round"}}
    add("neighbors", "neighbor", "fill", {"fill-color": c("neighbor")})
    add("neighbors", "neighbor-line", "line", {"line-color": c("neighbor-line"), "line-width": 0.8})
    add("graticule", "graticule", "line", {"line-color": c("graticule"), "line-width": 0.7})
    # the ribbon: flat wide lines under the land, so only their outer halves show
    add("outline", "ribbon", "line", {"line-color": c("ribbon"), "line-width": 17, "line-opacity": 0.28}, **round_lines)
    add("outline", "ribbon-2", "line", {"line-color": c("ribbon"), "line-width": 8, "line-opacity": 0.5}, **round_lines)
    add("outline", "land", "fill", {"fill-color": c("land")})
    # what stands for the place of the figure among the layers
    layers.append({"id": "above-figure", "type": "background", "paint": {"background-opacity": 0}})
    add("water", "water", "fill", {"fill-color": c("water"), "fill-opacity": 0.92})
    add("water", "shore", "line", {"line-color": c("shore"), "line-width": 1.1}, **round_lines)
    add("water", "shore-2", "line", {"line-color": c("shore"), "line-width": 0.7, "line-offset": -3,
                                     "line-opacity": 0.45}, **round_lines)  # fmt: skip
    add("railways", "rail", "line", {"line-color": c("rail"), "line-width": 1.4}, **round_lines)
    add("railways", "rail-dash", "line", {"line-color": c("map-bg"), "line-width": 0.8, "line-dasharray": [5, 5]})
    if layer == "townships":
        # approximate lines are dashed, wherever they stand
        dash = {"line-dasharray": [3, 2]} if layer in base.approximate else {}
        add("townships", "township-line", "line", {"line-color": c("boundary"), "line-width": 0.9, "line-opacity": 0.7, **dash})
    add("zones", "zone-line", "line", {"line-color": c("accent"), "line-width": 1.4, "line-opacity": 0.75,
                                       "line-dasharray": [2, 2]})  # fmt: skip
    add("districts", "district-line", "line", {"line-color": c("boundary"), "line-width": 1.2}, **round_lines)
    add("outline", "boundary", "line", {"line-color": c("boundary"), "line-width": 2}, **round_lines)
    return {"version": 8, "sources": sources, "layers": layers}


def graticule(bbox: tuple[float, float, float, float]) -> dict[str, Any]:
    """Meridians and parallels (WGS84 GeoJSON) over a box and half of it around, 3 to 8 each way."""
    west, south, east, north = bbox
    span = max(east - west, north - south)
    step = next((s for s in (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0) if span / s <= 6), 10.0)
    w, e, s, n = west - span, east + span, max(south - span, -85.0), min(north + span, 85.0)

    def lines(low: float, high: float) -> list[float]:
        return [round(i * step, 4) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]

    coordinates = [[[x, s], [x, n]] for x in lines(w, e)] + [[[w, y], [e, y]] for y in lines(s, n)]
    return {"type": "Feature", "properties": {}, "geometry": {"type": "MultiLineString", "coordinates": coordinates}}


def _label_traces(base: BaseMap, theme: Theme) -> list[dict[str, Any]]:
    """Names of neighbours and water. As traces: a style may hold no text without a glyph address."""
    return [
        {
            "type": "scattermap", "mode": "text", "below": "", "hoverinfo": "skip", "textposition": "middle center",
            "lon": [x.lon for x in base.labels if x.layer == layer],
            "lat": [x.lat for x in base.labels if x.layer == layer],
            "text": [x.text for x in base.labels if x.layer == layer],
            "textfont": {"size": 12, "color": color(token, theme), "family": MAP_FONT_FAMILY},
        }
        for layer, token in (("neighbors", "ink-3"), ("water", "shore-ink"))
    ]  # fmt: skip


def _event_traces(events: Sequence[Event], theme: Theme, lang: Lang, hover: dict[str, Any]) -> list[dict[str, Any]]:
    shown = [e for e in events if e.lon is not None and e.lat is not None and e.state != "closed"]
    # the trace always stands, empty or not: a number of traces that changes would redraw the map
    return [
        {
            "type": "scattermap", "mode": "markers", "below": "", "lon": [e.lon for e in shown], "lat": [e.lat for e in shown],
            "text": [pick(e.title_zh, e.title_en, lang) for e in shown],
            "hovertemplate": "%{text}<extra></extra>", "hoverlabel": hover,
            "marker": {"size": size, "color": color(token, theme)},
        }
        for size, token in ((15, "map-bg"), (11, "alert"))
    ]  # fmt: skip


def _range(low: float | None, high: float | None, metric: Metric, lang: Lang) -> str:
    """A class in words; of whole numbers the last one inside it, of others the first one above."""
    whole = metric.unit in ("index", "count") and metric.decimals == 0

    def words(value: float) -> str:
        shown = value * 100 if metric.unit == "share" else value
        digits = next((d for d in range(4) if round(shown, d) == round(shown, 4)), 4)
        return formats.number(shown, digits) + ("%" if metric.unit == "share" else "")

    end = None if high is None else words(high - 1) if whole else words(high)
    if low is None and end is None:
        return ""
    if low is None:
        return f"≤{end}" if whole else f"<{end}"
    return f"≥{words(low)}" if end is None else f"{words(low)}–{end}"


def _spread(low: float, high: float, different: int, metric: Metric, theme: Theme, lang: Lang) -> list[MapClass]:
    count = min(different, MAX_SPREAD_CLASSES)
    fills = ramp(count, theme)
    edges = [low + (high - low) * i / count for i in range(count + 1)]
    ends = [f.number for f in formats.alike(edges, metric.unit, metric.decimals, lang)[0]]
    if count == 1:
        return [MapClass(low, None, fills[0], ends[0])]
    return [
        MapClass(edges[i], edges[i + 1] if i + 1 < count else None, fills[i], f"{ends[i]}–{ends[i + 1]}")
        for i in range(count)
    ]


def legend(scale: Sequence[MapClass], readings: Sequence[Reading], metric: Metric, lang: Lang, *, id: str) -> Any:
    """The classes as swatches with words, "no data" where an area has none, and what the classes rest on."""
    rows = [(c.fill, c.label) for c in scale]
    items = [html.Li([html.Span(className="swatch", style={"backgroundColor": fill}), label]) for fill, label in rows]
    if not rows or any(r.value is None for r in readings):
        items.append(html.Li([html.Span(className="swatch is-no-data"), t("map.no_value", lang)]))
    basis = ""
    if metric.thresholds and metric.standard:
        basis = t("map.classes_standard", lang, standard=metric.standard)
    elif len(scale) > 1 and not metric.thresholds:
        basis = t("map.classes_spread", lang)
    values = [r.value for r in readings]
    declared = t(f"unit.{metric.unit}", lang)
    unit = declared if metric.thresholds else formats.alike(values, metric.unit, metric.decimals, lang)[1]
    head = pick(metric.name_zh, metric.name_en, lang)
    if unit:
        head = t("map.legend_head", lang, name=head, unit=unit)
    note = [html.P(basis, className="note")] if basis else []
    return html.Div([html.P(head, className="legend-head"), html.Ul(items), *note], id=id, className="legend")
