"""The city map as a wall shows it: no hand will point at it, so everything it says is written on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html

from components.i18n import Lang, pick, t
from components.maps.city_map import CLASS_SIGNS, CONFIG, MapClass, classes_basis
from components.maps.frame import scale_bar
from components.theme import Theme, color
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Reading, Site

# sizes of writing before `assets/fit.js` enlarges figures by root size / 16: so 16 is the least character
LEAST_SIZE, PLACE_SIZE = 16, 19
DOT_PX = 7
MANY_AREAS = 12
STATIC: dict[str, Any] = {**CONFIG, "scrollZoom": False, "staticPlot": True}


def legible(figure: dict[str, Any]) -> dict[str, Any]:
    """The figure with no writing below the least size, and names of areas larger than those of water and neighbours."""
    for trace in figure["data"]:
        if "text" in trace.get("mode", "") and "textfont" in trace:
            size = trace["textfont"]["size"]
            trace["textfont"] = {**trace["textfont"], "size": PLACE_SIZE if size >= LEAST_SIZE else LEAST_SIZE}
        trace["hoverinfo"] = "skip"
        trace.pop("hovertemplate", None)
        trace.pop("hoverlabel", None)
    for layer in figure["layout"]["map"]["style"]["layers"]:
        if "text-size" in layer.get("layout", {}):
            layer["layout"]["text-size"] = LEAST_SIZE
    return figure


def blank(theme: Theme) -> dict[str, Any]:
    """A map that could not be built yet: its ground alone."""
    return {"data": [], "layout": {"paper_bgcolor": color("map-bg", theme), "margin": {"l": 0, "r": 0, "t": 0, "b": 0}, "xaxis": {"visible": False}, "yaxis": {"visible": False}}}


def with_dots(figure: dict[str, Any], sites: Sequence[Site], theme: Theme) -> dict[str, Any]:
    """The figure with a dot for each site that has coordinates; the trace stands even without any."""
    placed = [s for s in sites if s.lon is not None and s.lat is not None]
    figure["data"].append({
        "type": "scattermap", "mode": "markers", "below": "", "lon": [s.lon for s in placed], "lat": [s.lat for s in placed],
        "hoverinfo": "skip", "marker": {"size": DOT_PX, "color": color("accent", theme), "opacity": 0.9},
    })  # fmt: skip
    return figure


def map_box(figure: dict[str, Any], lang: Lang, *, id: str, label: str) -> html.Div:
    """The map in its box with a bar of scale; `assets/fit.js` fits the city to the box."""
    return html.Div([dcc.Graph(id=id, figure=figure, config=STATIC, className="map-graph"), scale_bar(lang)], className="map-box",
                    role="img", **{"aria-label": label})  # fmt: skip


def legend(scale: Sequence[MapClass], readings: Sequence[Reading], metric: Metric, head: str, lang: Lang) -> html.Div:
    """The classes as bars with their words on them, and "no data" where an area has none.

    The words stand on the colour itself (AA on every class, purple and maroon among them), so no class is told by colour alone.
    """
    present = {i for r in readings if r.value is not None for i, c in enumerate(scale) if _holds(c, r.value)}
    # where areas are many, the number of the class stands beside an area's name instead of its value
    signs = [f"{CLASS_SIGNS[i]} " if len(readings) > MANY_AREAS else "" for i in range(len(scale))]
    items = [html.Li(signs[i] + c.label, className="wall-class" if i in present else "wall-class is-absent", style={"backgroundColor": c.fill}) for i, c in enumerate(scale)]
    if not scale or any(r.value is None for r in readings):
        items.append(html.Li(t("map.no_value", lang), className="wall-class is-no-data"))
    note = classes_basis(metric, lang)
    return html.Div([html.P([html.Span(head), *([html.Small(note)] if note else [])], className="wall-legend-head"), html.Ul(items)], className="wall-legend")


def _holds(item: MapClass, value: float) -> bool:
    return (item.low is None or value >= item.low) and (item.high is None or value < item.high)


def title(metric: Metric, lang: Lang, unit: str) -> str:
    """Name of the map's figure with its unit."""
    name = pick(metric.name_zh, metric.name_en, lang)
    return t("map.legend_head", lang, name=name, unit=unit) if unit else name
