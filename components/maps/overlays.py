"""Layers over a figure by area: road sections by their state, records by H3 cell.

Their geometry comes once, by URL, in a style that does not change; a new snapshot brings a class for each feature
(`layout.meta.states`), which `assets/map.js` hands to the map. So an update sends no geometry, and nothing is drawn anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from dash import html

from components import formats
from components.i18n import Lang, pick, t
from components.maps.breaks import natural_breaks
from components.maps.style import ROADS_GROUP
from components.theme import HEAT, ROADS, Theme, color, ramp
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import HeatMap, RoadState

# the worse, the wider; the two worst are broken up as well, so that the map reads without colour
WIDTHS_PX = (2.0, 2.6, 3.6, 4.8, 6.0)
UNKNOWN_PX = 1.0
CLASSES, SAMPLED = 5, 300
NAMES = ("town", "seat", "name-")


def road_classes(states: Sequence[RoadState], metric: Metric) -> dict[str, int]:
    """Section id → rank of its state (0 free … 4 severe) by the classes of the delay share; sections without a speed are left out."""
    bounds = [step.at_least for step in metric.thresholds]
    known = {s.site_id: s.delay_share for s in states if s.delay_share is not None}
    return {site: _rank(value, bounds) for site, value in known.items()}


def with_roads(figure: dict[str, Any], url: str, states: Sequence[RoadState], metric: Metric, theme: Theme, lang: Lang) -> dict[str, Any]:
    """The figure with the road sections drawn by state: colour, width and, for the worst two, dashes.

    Parameters
    ----------
    url : address of the lines on this server
    metric : the delay share, whose classes are the states of GB/T 33171-2016 8.1
    """
    shown = figure["layout"]["meta"]["shown"].get(ROADS_GROUP, True)
    visible = {"visibility": "visible" if shown else "none"}
    layout = {"line-join": "round", "line-cap": "round", **visible}

    def line(id: str, colour: Any, width: Any, **paint: Any) -> dict[str, Any]:
        own = {"line-color": colour, "line-width": width, **{f"line-{k.replace('_', '-')}": v for k, v in paint.items()}}
        cap = {**layout, "line-cap": "butt"} if "dasharray" in paint else layout
        return {"id": id, "type": "line", "source": "roads", "paint": own, "layout": cap, "metadata": {"group": ROADS_GROUP}}

    ground = color("map-bg", theme)
    colours = by_state([color(token, theme) for token in ROADS], color("ink-3", theme))
    layers = [
        line("roads-casing", ground, _growing([w + 1.8 for w in WIDTHS_PX], UNKNOWN_PX + 1.2), opacity=0.85),
        line("roads", colours, _growing(WIDTHS_PX, UNKNOWN_PX)),
        line("roads-dotted", ground, 1.6, dasharray=[1, 2.5], opacity=by_state([0, 0, 0, 1, 0], 0)),
        line("roads-dashed", ground, 2.4, dasharray=[2.5, 1.5], opacity=by_state([0, 0, 0, 0, 1], 0)),
    ]
    names = [pick(step.zh, step.en, lang) for step in metric.thresholds]
    ranks = road_classes(states, metric)
    words = {s.site_id: _road_words(s, names[ranks[s.site_id]] if s.site_id in ranks else "", lang) for s in states}
    return _added(figure, "roads", url, layers, ranks, words, name="name_en" if lang == "en" else "name")


def road_legend(states: Sequence[RoadState], metric: Metric, lang: Lang, words: str, *, id: str, hidden: bool = False) -> html.Div:
    """The states with their sign and how many sections are in each; `words`: the time of the speeds."""
    ranks = list(road_classes(states, metric).values())
    items = [
        html.Li([html.Span(className=f"road-sign is-{rank + 1}"), pick(step.zh, step.en, lang), html.Small(str(ranks.count(rank)))])
        for rank, step in enumerate(metric.thresholds)
    ]  # fmt: skip
    missing = len(states) - len(ranks)
    if missing:
        items.append(html.Li([html.Span(className="road-sign is-0"), t("map.road_unknown", lang), html.Small(str(missing))]))
    notes = [t("map.classes_standard", lang, standard=metric.standard), words]
    return html.Div([html.P(t("map.roads", lang), className="legend-head"), html.Ul(items), html.P(" · ".join(n for n in notes if n), className="note")],
                    id=id, className="legend road-legend", hidden=hidden, **{"data-legend": ROADS_GROUP})  # fmt: skip


def heat_classes(heat: HeatMap) -> list[float]:
    """Lower bounds of at most five classes of the cells' sums: natural breaks of a spread sample."""
    values = np.sort(np.fromiter(heat.cells.values(), dtype=np.float64))
    if not len(values):
        return []
    sample = values if len(values) <= SAMPLED else np.unique(np.quantile(values, np.linspace(0, 1, SAMPLED), method="nearest"))
    tops = natural_breaks(sample.tolist(), CLASSES)
    return [float(values[0]), *(float(values[values > top][0]) for top in tops[:-1])]


def with_heat(figure: dict[str, Any], url: str, heat: HeatMap, unit: str, theme: Theme, lang: Lang) -> dict[str, Any]:
    """The figure with cells in place of the areas' fill: two scales of colour on one map would read as one.

    Parameters
    ----------
    url : address of the cells' outlines on this server
    unit : unit of the sums, as metrics have it
    """
    bounds = heat_classes(heat)
    ranks = {cell: _rank(value, bounds) for cell, value in heat.cells.items()}
    fills = ramp(max(len(bounds), 1), theme, HEAT)
    for trace in figure["data"]:
        if trace["type"] == "choroplethmap":
            trace["marker"]["opacity"] = 0
    layers = [
        {"id": "cells", "type": "fill", "source": "cells", "paint": {
            "fill-color": by_state(fills, color("land", theme)), "fill-opacity": by_state([0.9] * len(fills), 0),
            "fill-outline-color": color("map-bg", theme)}, "layout": {"visibility": "visible"}},
    ]  # fmt: skip
    texts = formats.alike(list(heat.cells.values()), unit, 0, lang)[0]  # type: ignore[arg-type]
    words = dict(zip(heat.cells, (f.text for f in texts), strict=True))
    return _added(figure, "cells", url, layers, ranks, words, below="above-figure")


def heat_legend(heat: HeatMap, name: str, unit: str, days: int, least_n: int, theme: Theme, lang: Lang, *, id: str) -> html.Div:
    """The classes of the cells with their sums, over how many days, and what is not told."""
    bounds = heat_classes(heat)
    values = sorted(heat.cells.values())
    fills = ramp(max(len(bounds), 1), theme, HEAT)
    held = [[v for v in values if v >= low and (i + 1 == len(bounds) or v < bounds[i + 1])] for i, low in enumerate(bounds)]
    shown, word = formats.alike([v for part in held for v in (part[0], part[-1])], unit, 0, lang)  # type: ignore[arg-type]
    items = []
    for i, fill in enumerate(fills[: len(bounds)]):
        low, high = shown[2 * i].number, shown[2 * i + 1].number
        items.append(html.Li([html.Span(className="swatch", style={"backgroundColor": fill}), low if low == high else f"{low}–{high}"]))
    notes = [t("map.heat_days", lang, days=days, n=formats.number(heat.records_n, 0))]
    if heat.hidden_n:
        notes.append(t("map.heat_hidden", lang, n=heat.hidden_n, least=least_n))
    if heat.unplaced_n:
        notes.append(t("map.heat_unplaced", lang, n=formats.number(heat.unplaced_n, 0)))
    head = t("map.legend_head", lang, name=name, unit=word) if word else name
    empty = [] if items else [html.P(t("map.heat_none", lang), className="note")]
    return html.Div([html.P(head, className="legend-head"), html.Ul(items), *empty, html.P(" · ".join(notes), className="note")], id=id, className="legend")


def _added(figure: dict[str, Any], source: str, url: str, layers: list[dict[str, Any]], ranks: Mapping[str, int], words: Mapping[str, str], *,
           name: str = "", below: str = "") -> dict[str, Any]:  # fmt: skip
    """The figure with a source by URL, its layers (below the names, or at `below`) and the state of its features."""
    drawn = figure["layout"]["map"]["style"]
    drawn["sources"][source] = {"type": "geojson", "data": url, "promoteId": "id"}
    order = [layer["id"] for layer in drawn["layers"]]
    at = order.index(below) if below else next((i for i, own in enumerate(order) if own.startswith(NAMES)), len(order))
    drawn["layers"][at:at] = layers
    give_states(figure, source, {id: {"state": rank} for id, rank in ranks.items()}, words, name)
    return figure


def give_states(figure: dict[str, Any], source: str, of: Mapping[str, Mapping[str, int]], words: Mapping[str, str] | None = None, name: str = "") -> None:
    """Let `assets/map.js` set the state of the features of a source, which its layer of the same id draws by (`by_state`).

    Parameters
    ----------
    of : id of a feature → its `state` (and `height`); one that is left out has none
    words : id → what is said of it under the pointer
    name : property of the features that holds their name
    """
    figure["layout"]["meta"].setdefault("states", {})[source] = {"of": dict(of), "words": dict(words or {}), "name": name, "layer": source}


def _rank(value: float, bounds: Sequence[float]) -> int:
    """Place of the class of a value among classes told by their lower bounds; what is below the first belongs to it."""
    return max(bisect_right(bounds, value) - 1, 0)


def by_state(values: Sequence[Any], other: Any) -> list[Any]:
    """A MapLibre expression: one of `values` by the state of a feature, `other` where it has none."""
    return ["match", ["coalesce", ["feature-state", "state"], -1], *(part for i, value in enumerate(values) for part in (i, value)), other]


def _growing(widths: Sequence[float], other: float) -> list[Any]:
    """Widths by state that grow from a view of the city to one of a street."""
    wide = [w * 2.2 for w in widths]
    return ["interpolate", ["linear"], ["zoom"], 8.5, by_state(widths, other), 14, by_state(wide, other * 2)]


def _road_words(state: RoadState, name: str, lang: Lang) -> str:
    if state.speed_kmh is None:
        return t("map.road_unknown", lang)
    speed = f"{formats.number(state.speed_kmh, 0)} {t('unit.kmh', lang)}"
    free = "" if state.free_kmh is None else t("map.road_free", lang, speed=formats.number(state.free_kmh, 0))
    return " · ".join(part for part in (name, speed, free) if part)
