"""The third dimension of a map: areas raised by their figure, seen at a slant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.i18n import Lang
from components.maps.city_map import class_of, classes
from components.theme import Theme
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Reading

PITCH_DEG, BEARING_DEG = 52, -14
# the tallest block, as a share of the city's width: high enough to compare, low enough not to hide its neighbours
TALLEST_SHARE = 0.16
# of the tallest: what the smallest value still rises, so that an area with a figure is never flat like one without
LEAST_SHARE = 0.06
METRES_A_DEGREE = 111_320


def extruded(
    figure: dict[str, Any], shapes: Mapping[str, Mapping[str, Any]], readings: Sequence[Reading], metric: Metric, theme: Theme, lang: Lang,
) -> dict[str, Any]:  # fmt: skip
    """The figure with every area as a block in the colour of its class; an area without a value stays flat.

    Heights run in proportion from the lower of 0 and the least value, so that twice the height of two positive
    values is twice the value (but for the least rise).

    Parameters
    ----------
    shapes : area id → GeoJSON geometry (WGS84)
    """
    scale = classes(metric, readings, theme, lang)
    values = {r.area: r.value for r in readings if r.value is not None and r.area in shapes}
    west, _, east, _ = figure["layout"]["meta"]["bbox"]
    tallest_m = (east - west) * METRES_A_DEGREE * TALLEST_SHARE
    floor = min(0.0, *values.values()) if values else 0.0
    span = max((value - floor for value in values.values()), default=0.0)
    features = [
        {
            "type": "Feature", "geometry": dict(shapes[area]),
            "properties": {"height": round(tallest_m * (max((value - floor) / span, LEAST_SHARE) if span else LEAST_SHARE)),
                           "fill": scale[class_of(value, scale)].fill},
        }
        for area, value in values.items()
    ]  # fmt: skip
    drawn = figure["layout"]["map"]
    drawn["style"]["sources"]["blocks"] = {"type": "geojson", "data": {"type": "FeatureCollection", "features": features}}
    drawn["style"]["layers"].append(
        {"id": "blocks", "type": "fill-extrusion", "source": "blocks",
         "paint": {"fill-extrusion-color": ["get", "fill"], "fill-extrusion-height": ["get", "height"],
                   "fill-extrusion-base": 0, "fill-extrusion-opacity": 0.92, "fill-extrusion-vertical-gradient": True}}
    )  # fmt: skip
    drawn["style"]["light"] = {"anchor": "viewport", "intensity": 0.35, "position": [1.3, 200, 35]}
    drawn.update(pitch=PITCH_DEG, bearing=BEARING_DEG)
    return figure
