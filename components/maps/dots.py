"""Maps of single places: sites as dots over a figure by area, and the small map of one site."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from components.i18n import Lang
from components.maps.city_map import zoom_for
from components.maps.style import BaseMap, style
from components.theme import FONT_FAMILY, Theme, color
from data_pipeline.queries.types import Site

Box = tuple[float, float, float, float]
LEAST_SPAN_DEG = 0.02


def padded(box: Box, share: float = 0.08) -> Box:
    """A box (west, south, east, north; degrees) widened by `share` of its size, never smaller than about 2 km."""
    west, south, east, north = box
    x = max((east - west) * share, (LEAST_SPAN_DEG - (east - west)) / 2)
    y = max((north - south) * share, (LEAST_SPAN_DEG - (north - south)) / 2)
    return west - x, south - y, east + x, north + y


def focused(base: BaseMap, box: Box) -> BaseMap:
    """The base map of the same city, looking at `box`; names of water and neighbours outside it are left out."""
    west, south, east, north = box
    inside = tuple(x for x in base.labels if west <= x.lon <= east and south <= x.lat <= north)
    return replace(base, bbox=box, labels=inside)


def with_outline(figure: dict[str, Any], url: str, area: str, theme: Theme, *, dashed: bool) -> dict[str, Any]:
    """The figure with the boundary of the area in question drawn strongest; dashed where it is approximate.

    Parameters
    ----------
    url : address of the shapes of the areas of its level (GeoJSON with `id`) on this server
    area : id of the area; nothing is drawn where no layer draws it
    """
    drawn = figure["layout"]["map"]["style"]
    drawn["sources"]["focus"] = {"type": "geojson", "data": url}
    dash = {"line-dasharray": [3, 2]} if dashed else {}
    paint = {"line-color": color("accent", theme), "line-width": 2.4, **dash}
    drawn["layers"].append({"id": "focus", "type": "line", "source": "focus", "filter": ["==", ["get", "id"], area], "paint": paint})
    return figure


def with_sites(
    figure: dict[str, Any], sites: Sequence[Site], href: Callable[[Site], str], words: Callable[[Site], str], theme: Theme,
    *, current: str = "", size: int = 8,
) -> dict[str, Any]:  # fmt: skip
    """The figure with a dot for each site that has coordinates; a click leads to `href(site)`.

    Parameters
    ----------
    words : what a dot says when pointed at
    current : site id drawn larger
    size : of a dot, in px
    """
    placed = [s for s in sites if s.lon is not None and s.lat is not None]
    figure["data"] += [_dots([s for s in placed if s.site_id != current], href, words, theme, size, "accent"),
                       _dots([s for s in placed if s.site_id == current], href, words, theme, 15, "ink")]  # fmt: skip
    return figure


def with_tiles(figure: dict[str, Any], url: str, site_url: str, theme: Theme, lang: Lang) -> dict[str, Any]:
    """The figure with the points of vector tiles, however many; `assets/map.js` puts them on the map and follows a click.

    Parameters
    ----------
    url : address of the tiles on this server, with `{z}/{x}/{y}`
    site_url : address of a place's page, with `{id}`
    """
    figure["layout"]["meta"]["tiles"] = {
        "url": url, "site": site_url, "name": f"name_{lang}" if lang == "en" else "name",
        # far away a dot stands for the places around it and grows with them; colour is not needed to tell how many
        "paint": {"circle-color": color("accent", theme), "circle-opacity": 0.85, "circle-stroke-color": color("map-bg", theme),
                  "circle-stroke-width": 0.6,
                  "circle-radius": ["interpolate", ["linear"], ["zoom"], 7, ["+", 1.2, ["min", 5, ["sqrt", ["get", "n"]]]],
                                    14, ["+", 3.5, ["min", 4, ["sqrt", ["get", "n"]]]]]},
    }  # fmt: skip
    return figure


def site_map(base: BaseMap, box: Box, layer: str, theme: Theme, *, revision: str) -> dict[str, Any]:
    """A map without figures (plain dict), looking at `box`; put sites on it with `with_sites`."""
    west, south, east, north = box
    return {
        "data": [],
        "layout": {
            "map": {"style": style(base, layer, theme), "fitbounds": False, "zoom": zoom_for(box, 380, 300),
                    "center": {"lon": (west + east) / 2, "lat": (south + north) / 2}},
            "meta": {"bbox": [west, south, east, north]},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0}, "showlegend": False, "uirevision": revision,
            "paper_bgcolor": color("map-bg", theme), "clickmode": "event",
        },
    }  # fmt: skip


def _dots(
    sites: Sequence[Site], href: Callable[[Site], str], words: Callable[[Site], str], theme: Theme, size: int, token: str
) -> dict[str, Any]:
    return {
        "type": "scattermap", "mode": "markers", "below": "", "lon": [s.lon for s in sites], "lat": [s.lat for s in sites],
        "customdata": [href(s) for s in sites], "text": [words(s) for s in sites], "hovertemplate": "%{text}<extra></extra>",
        "hoverlabel": {"bgcolor": color("raised", theme), "bordercolor": color("line-strong", theme),
                       "font": {"family": FONT_FAMILY, "size": 14, "color": color("ink", theme)}},
        "marker": {"size": size, "color": color(token, theme), "opacity": 0.9},
    }  # fmt: skip
