"""What stands around a map's picture: its box, the bar of its scale, who drew it and by which approval."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dash import dcc, html

from components.i18n import Lang, t
from components.maps.city_map import CONFIG
from data_pipeline.cities import Pack

# the layers a reader sees, the one that carries the figure first
DRAWN = ("districts", "outline", "townships", "water", "railways")


def map_box(figure: dict[str, Any], lang: Lang, *, id: str, label: str = "") -> html.Details:
    """A map in its box with a bar of scale. On a phone the box folds away behind `label`; elsewhere it is always open.

    `assets/fit.js` fits the figure to the box it finds, keeps the bar true while the map moves, and folds the box on a phone.
    """
    return html.Details(
        [
            html.Summary(label or t("map.title", lang)),
            html.Div([dcc.Graph(id=id, figure=figure, config=CONFIG, className="map-graph"), scale_bar(lang)], className="map-box"),
        ],
        open=True,
        className="map-fold",
    )


def scale_bar(lang: Lang) -> html.Div:
    """A metric bar of scale; the browser gives it length and words, since only it knows the zoom."""
    return html.Div(className="map-scale", role="img",
                    **{"data-km": t("unit.km", lang), "data-m": t("map.metres", lang), "data-says": t("map.scale", lang),
                       "aria-label": t("map.scale", lang)})  # fmt: skip


def layer_switch(groups: Sequence[tuple[str, bool, str]], lang: Lang, *, id: str) -> html.Details:
    """The layers of the base map as switches: (group, whether it stands, address with it turned). `assets/map.js` turns them in place."""
    links = [
        html.A([html.Span(className=f"layer-sign is-{group}"), t(f"map.layer_{group}", lang)], href=href, className="is-on" if shown else "",
               role="switch", **{"aria-checked": "true" if shown else "false", "data-group": group})
        for group, shown, href in groups
    ]  # fmt: skip
    return html.Details([html.Summary(t("map.layers", lang)), html.Div(links, id=id)], className="map-layers")


def approval(city: Pack, lang: Lang) -> str:
    """The map's approval number as entered in the pack, or that the operator has to enter it."""
    number = city.map_approval_number
    return t("map.approval_no", lang, number=number) if number else t("map.approval", lang)


def credits(city: Pack, lang: Lang, href: str) -> list[Any]:
    """Approval number, and who drew the base map as a link to its licence (`href`), with every drawn layer named in its title."""
    drawn = [name for name in DRAWN if name in city.layers]
    found: list[Any] = [html.Span(approval(city, lang))]
    if drawn:
        words = t("map.source", lang, sources=source_words(city.layers[drawn[0]].source, lang))
        found.append(html.A(words, href=href, title=_sources(city, drawn)))
    return found


def sketches(city: Pack, lang: Lang, *, approximate: bool) -> list[str]:
    """What of the drawing is a sketch: water and railways, and with `approximate` the boundaries below the district."""
    found = []
    if "water" in city.layers or "railways" in city.layers:
        found.append(t("map.sketch_water", lang))
    if approximate:
        found.append(t("map.sketch_township", lang))
    return found


def source_words(source: str, lang: Lang) -> str:
    """The name at the head of a layer's source: `天地图 (Tianditu) district …` is 天地图 or Tianditu."""
    named = re.match(r"([^(,]+?)\s*\(([^)]+)\)", source)
    if named:
        return named[1] if lang == "zh" else named[2]
    return source.split(",")[0]


def _sources(city: Pack, drawn: Sequence[str]) -> str:
    return "\n".join(f"{name}: {city.layers[name].source} ({city.layers[name].licence})" for name in drawn)
