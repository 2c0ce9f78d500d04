"""Events and alerts as marks on the city's map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.i18n import Lang, pick
from components.maps.dots import site_map
from components.maps.style import BaseMap
from components.theme import FONT_FAMILY, Theme, color
from data_pipeline.queries.types import Event

Point = tuple[float, float]


def event_map(base: BaseMap, layer: str, events: Sequence[Event], centres: Mapping[str, Point], theme: Theme, lang: Lang, *, revision: str) -> dict[str, Any]:
    """The city with a mark for each event: what waits in the signal colour, what is over in grey; one without any place is left out.

    Parameters
    ----------
    centres : area id → longitude, latitude (WGS84)
        Where an event stands that has no coordinates but an area.
    """
    figure = site_map(base, base.bbox, layer, theme, revision=revision)
    hover = {"bgcolor": color("raised", theme), "bordercolor": color("line-strong", theme),
             "font": {"family": FONT_FAMILY, "size": 14, "color": color("ink", theme)}}  # fmt: skip
    placed = [(event, point) for event in events if (point := _point(event, centres)) is not None]
    # the traces always stand, empty or not: a number of traces that changes would redraw the map
    for closed, size, token in ((True, 9, "ink-3"), (False, 15, "map-bg"), (False, 11, "alert")):
        own = [(event, point) for event, point in placed if (event.state == "closed") is closed]
        figure["data"].append({
            "type": "scattermap", "mode": "markers", "below": "", "lon": [p[0] for _, p in own], "lat": [p[1] for _, p in own],
            "text": [pick(e.title_zh, e.title_en, lang) for e, _ in own], "hovertemplate": "%{text}<extra></extra>", "hoverlabel": hover,
            "marker": {"size": size, "color": color(token, theme)},
        })  # fmt: skip
    return figure


def _point(event: Event, centres: Mapping[str, Point]) -> Point | None:
    if event.lon is not None and event.lat is not None:
        return event.lon, event.lat
    return centres.get(event.area or "")
