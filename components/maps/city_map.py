"""The city as an atlas sheet: a MapLibre style of our own below, one figure by area above.

Geometry comes by URL (`/geo/<city>/<layer>.geojson`) so that the browser keeps it; a new
snapshot sends class numbers and labels only. The style holds no glyph address: every label is
drawn with the browser's own fonts, and nothing is fetched from another host.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dash import html

from components import formats
from components.i18n import Lang, pick, t
from components.maps.breaks import natural_breaks
from components.maps.style import BaseMap, shown_groups, style
from components.theme import FONT_FAMILY, MAP_FONT_FAMILY, Theme, color, level_color, ramp
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Event, Reading

CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": True, "responsive": True, "displaylogo": False,
                          "doubleClick": "reset"}  # fmt: skip
MAX_SPREAD_CLASSES = 5
EVENT_BELOW_SHARE = 0.06  # of the map's height
CLASS_SIGNS = "①②③④⑤⑥⑦⑧⑨"


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


def classes(metric: Metric, readings: Sequence[Reading], theme: Theme, lang: Lang) -> list[MapClass]:
    """Classes of a figure: the declared thresholds, else natural breaks of the present values.

    Without any value there are no classes.
    """
    values = [r.value for r in readings if r.value is not None]
    if metric.thresholds:
        steps = metric.thresholds
        found = []
        for i, step in enumerate(steps):
            high = steps[i + 1].at_least if i + 1 < len(steps) else None
            low = step.at_least if i or step.at_least > 0 else None
            words = f"{pick(step.zh, step.en, lang)} {_range(low, high, metric, lang)}".strip() + ("" if step.verified else "*")
            found.append(MapClass(step.at_least, high, level_color(step.level, i, len(steps), theme), words))
        return found
    if not values:
        return []
    return _spread(values, metric, theme, lang)


def class_of(value: float | None, scale: Sequence[MapClass]) -> int:
    """Index of the class of a value; -1 for no value; values off the ends take the end class."""
    if value is None or not scale:
        return -1
    for i, item in enumerate(scale):
        if item.high is None or value < item.high:
            return i
    return len(scale) - 1


def largest(readings: Sequence[Reading]) -> float | None:
    """The value that decides the unit of all (万 or none): the one farthest from 0; None where there is none."""
    return max((r.value for r in readings if r.value is not None), key=abs, default=None)


def map_figure(
    base: BaseMap, layer: str, places: Sequence[Place], readings: Sequence[Reading], metric: Metric, theme: Theme,
    lang: Lang, *, events: Sequence[Event] = (), revision: str = "map", show_values: bool = True, switched: str = "",
    together: Sequence[Reading] | None = None,
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
    switched : str
        Groups of the base map switched against their default, as the address holds them (`water,towns`).
    together : sequence of Reading, optional
        The readings of all maps that share their classes and their unit with this one; else `readings`.
    """
    together = readings if together is None else together
    scale = classes(metric, together, theme, lang)
    by_area = {r.area: r for r in readings}
    values = [by_area[p.id].value if p.id in by_area else None for p in places]
    figures = formats.alike([*values, largest(together)], metric.unit, metric.decimals, lang)[0][:-1]
    texts = [f.text for f in figures]
    # the legend has the unit
    short = [f.text if f.unit in ("", "%") else f.number for f in figures]
    name = pick(metric.name_zh, metric.name_en, lang)
    fills = [color("no-data", theme), *(c.fill for c in scale)]
    n = len(fills)
    steps = [[edge, fill] for i, fill in enumerate(fills) for edge in (i / n, (i + 1) / n)]
    hover = {"bgcolor": color("raised", theme), "bordercolor": color("line-strong", theme),
             "font": {"family": FONT_FAMILY, "size": 14, "color": color("ink", theme)}}  # fmt: skip
    dense = len(places) > 12
    ranks = [class_of(v, scale) for v in values]
    # without room for the value the number of its class stands beside the name, so that the map reads without colour
    labels = [f"{p.name}<br>{text}" if show_values and not dense else f"{p.name} {CLASS_SIGNS[rank]}" if rank >= 0 else p.name
              for p, text, rank in zip(places, short, ranks, strict=True)]  # fmt: skip
    traces: list[dict[str, Any]] = [
        {
            "type": "choroplethmap", "geojson": base.url(layer), "featureidkey": "id",
            "locations": [p.id for p in places], "z": ranks,
            "zmin": -1.5, "zmax": n - 1.5, "colorscale": steps, "showscale": False,
            "marker": {"opacity": 1, "line": {"width": 0}},
            "text": texts, "customdata": [p.name for p in places],
            "hovertemplate": f"<b>%{{customdata}}</b><br>{name} %{{text}}<extra></extra>", "hoverlabel": hover,
            "below": "above-figure",
        },
        {
            "type": "scattermap", "mode": "text", "below": "", "lon": [p.lon for p in places], "lat": [p.lat for p in places],
            "text": labels, "textposition": "middle center", "hoverinfo": "skip",
            "textfont": {"size": 13 if dense else 16, "color": color("map-ink", theme), "family": MAP_FONT_FAMILY},
        },
    ]  # fmt: skip
    west, south, east, north = base.bbox
    # an alert of an area stands below the area's name, which has the same place
    taken = {(p.lon, p.lat) for p in places}
    below = (north - south) * EVENT_BELOW_SHARE
    moved = [replace(e, lat=e.lat - below) if e.lat is not None and (e.lon, e.lat) in taken else e for e in events]
    traces += _event_traces(moved, theme, lang, hover)
    return {
        "data": traces,
        "layout": {
            # a middling box; assets/fit.js fits the city to the real one by `meta.bbox`
            "map": {"style": style(base, layer, theme), "fitbounds": False, "zoom": zoom_for(base.bbox),
                    "center": {"lon": (west + east) / 2, "lat": (south + north) / 2}},
            "meta": {"bbox": [west, south, east, north], "shown": shown_groups(base, layer, switched)},
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


def _spread(values: Sequence[float], metric: Metric, theme: Theme, lang: Lang) -> list[MapClass]:
    """Natural breaks of what the figures show: two that read the same stand in one class.

    A class is written with the values it really holds, and begins halfway from the one below.
    """
    ordered = sorted(values)
    words = [f.number for f in formats.alike(ordered, metric.unit, metric.decimals, lang)[0]]
    firsts: dict[str, float] = {}
    shown = [firsts.setdefault(word, value) for word, value in zip(words, ordered, strict=True)]
    tops = natural_breaks(shown, MAX_SPREAD_CLASSES)
    held = [[i for i, v in enumerate(shown) if v <= top and (not k or v > tops[k - 1])] for k, top in enumerate(tops)]
    edges = [ordered[0], *((ordered[below[-1]] + ordered[above[0]]) / 2 for below, above in zip(held, held[1:], strict=False))]
    found = []
    for k, (part, fill) in enumerate(zip(held, ramp(len(tops), theme), strict=True)):
        first, last = words[part[0]], words[part[-1]]
        found.append(MapClass(edges[k], edges[k + 1] if k + 1 < len(edges) else None, fill, first if first == last else f"{first}–{last}"))
    return found


def classes_basis(metric: Metric, lang: Lang) -> str:
    """The standard a figure's classes are from, and that those marked * were not found in its text; empty without a standard."""
    if not (metric.thresholds and metric.standard):
        return ""
    words = t("map.classes_standard", lang, standard=metric.standard)
    return words if all(step.verified for step in metric.thresholds) else f"{words}{t('map.classes_unverified', lang)}"


def legend(scale: Sequence[MapClass], readings: Sequence[Reading], metric: Metric, lang: Lang, *, id: str) -> Any:
    """The classes as swatches with words, "no data" where an area has none, and what the classes rest on."""
    items = [html.Li([html.Span(CLASS_SIGNS[i], className="swatch", style={"backgroundColor": c.fill}), c.label]) for i, c in enumerate(scale)]
    if not scale or any(r.value is None for r in readings):
        items.append(html.Li([html.Span(className="swatch is-no-data"), t("map.no_value", lang)]))
    basis = classes_basis(metric, lang)
    if len(scale) > 1 and not metric.thresholds:
        basis = t("map.classes_spread", lang)
    declared = t(f"unit.{metric.unit}", lang)
    unit = declared if metric.thresholds else formats.alike([largest(readings)], metric.unit, metric.decimals, lang)[1]
    head = pick(metric.name_zh, metric.name_en, lang)
    if unit:
        head = t("map.legend_head", lang, name=head, unit=unit)
    note = [html.P(basis, className="note")] if basis else []
    return html.Div([html.P(head, className="legend-head"), html.Ul(items), *note], id=id, className="legend")
