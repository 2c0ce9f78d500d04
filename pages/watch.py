"""`/watch?figures=…` — how do the figures stand that I chose? The browser keeps the list; the address holds it as well."""

from __future__ import annotations

from typing import Any

from dash import html

from components import figures
from components.i18n import t
from components.states import empty
from data_pipeline.cities import Area, Pack, find_area
from data_pipeline.errors import CityBrainError
from data_pipeline.metrics import Metric, metric
from data_pipeline.queries.types import Card
from pages import Page, PageRequest, View

MAX_WATCHED = 24


def build(request: PageRequest) -> View:
    """The figures of the address as cards, each with its area; one that is no longer there says so and can be removed."""
    lang = request.lang
    keys = list(dict.fromkeys(key for key in request.params.get("figures", "").split(",") if key))[:MAX_WATCHED]
    title = t("app.title", lang, city=t("watch.title", lang))
    crumbs = [(t("watch.title", lang), "")]
    head = html.H1(t("watch.title", lang), className="area-name")
    if not keys:
        links = [(t("nav.overview", lang), request.href("/", city=request.city.id))]
        body = html.Div([head, empty(t("watch.empty", lang), t("watch.empty_hint", lang), links=links)], className="watch")
        return View(title, body, key="watch-empty", crumbs=crumbs)
    cells = [_cell(request, key) for key in keys]
    note = html.P(t("watch.note", lang, n=MAX_WATCHED), className="note")
    return View(title, html.Div([head, html.Div(cells, className="watch-cards"), note], className="watch"), key=f"watch-{'-'.join(keys)}", crumbs=crumbs)


def _cell(request: PageRequest, key: str) -> html.Div:
    lang = request.lang
    remove = html.Button("×", className="tool-button", title=t("watch.remove", lang),
                         **{"data-do": "star", "data-watch": key, "aria-label": t("watch.remove", lang), "aria-pressed": "true"})  # fmt: skip
    try:
        card, measure, pack, area = _found(request, key)
    except (CityBrainError, ValueError):
        # what was chosen long ago may be gone from the declarations since
        return html.Div([html.P(t("watch.gone", lang, name=key), className="note"), remove], className="watch-cell is-gone")
    place: list[Any] = [html.A(request.name(area), href=_area_href(request, pack, area))]
    if area.id != pack.city_area.id:
        place.append(html.Small(request.name(pack)))
    return html.Div(
        [
            html.Div([html.Span(place, className="watch-place"), remove], className="watch-head"),
            figures.kpi_card(card, measure, pack.tz, lang, request.now_utc, region=f"watch-{area.id}-{card.reading.grain}"),
        ],
        className="watch-cell",
    )  # fmt: skip


def _found(request: PageRequest, key: str) -> tuple[Card, Metric, Pack, Area]:
    """The figure `metric|area|grain`; `ValueError` or `UnknownId` where there is none."""
    metric_id, area_id, grain = key.split("|")
    pack, area = find_area(request.packs, area_id)
    measure = metric(metric_id)
    if grain not in measure.grains:
        raise ValueError(key)
    return request.queries.card(measure.id, area.id, grain), measure, pack, area  # type: ignore[arg-type]


def _area_href(request: PageRequest, pack: Pack, area: Area) -> str:
    return request.href("/" if area.id == pack.city_area.id else f"/district/{area.id}", city=pack.id)


PAGE = Page(id="watch", pattern="/watch", build=build)
