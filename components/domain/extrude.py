"""The third dimension of a map: areas raised by their figure, seen at a slant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.i18n import Lang
from components.maps.city_map import class_of, classes
from components.maps.overlays import by_state, give_states
from components.theme import Theme, color
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Reading

PITCH_DEG, BEARING_DEG = 52, -14
# the tallest block, as a share of the city's width: high enough to compare, low enough not to hide its neighbours
TALLEST_SHARE = 0.16
# of the tallest: what the smallest value still rises, so that an area with a figure is never flat like one without
LEAST_SHARE = 0.06
METRES_A_DEGREE = 111_320


def extruded(
    figure: dict[str, Any], url: str, readings: Sequence[Reading], metric: Metric, theme: Theme, lang: Lang,
    together: Sequence[Reading] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The figure with every area as a block in the colour of its class; an area without a value stays flat.

    Heights run in proportion from the lower of 0 and the least value, so that twice the height of two positive
    values is twice the value (but for the least rise). Only heights travel with a new snapshot, not the shapes.

    Parameters
    ----------
    url : address of the areas' shapes (GeoJSON with `id`) on this server
    together : the readings of all maps that share their classes with this one; else `readings`
    """
    scale = classes(metric, readings if together is None else together, theme, lang)
    values = {r.area: r.value for r in readings if r.value is not None}
    west, _, east, _ = figure["layout"]["meta"]["bbox"]
    tallest_m = (east - west) * METRES_A_DEGREE * TALLEST_SHARE
    floor = min(0.0, *values.values()) if values else 0.0
    span = max((value - floor for value in values.values()), default=0.0)
    drawn = figure["layout"]["map"]
    drawn["style"]["sources"]["blocks"] = {"type": "geojson", "data": url, "promoteId": "id"}
    flat = color("no-data", theme)
    drawn["style"]["layers"].append(
        {"id": "blocks", "type": "fill-extrusion", "source": "blocks",
         "paint": {"fill-extrusion-color": by_state([one.fill for one in scale], flat) if scale else flat, "fill-extrusion-height": ["coalesce", ["feature-state", "height"], 0],
                   "fill-extrusion-base": 0, "fill-extrusion-opacity": 0.92, "fill-extrusion-vertical-gradient": True}}
    )  # fmt: skip
    states = {
        area: {"state": class_of(value, scale), "height": round(tallest_m * (max((value - floor) / span, LEAST_SHARE) if span else LEAST_SHARE))}
        for area, value in values.items()
    }
    give_states(figure, "blocks", states)
    drawn["style"]["light"] = {"anchor": "viewport", "intensity": 0.35, "position": [1.3, 200, 35]}
    drawn.update(pitch=PITCH_DEG, bearing=BEARING_DEG)
    return figure
