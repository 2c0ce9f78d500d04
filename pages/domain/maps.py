"""The middle of a domain's page: map with its layers, ranking and make-up, course beside last year's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from dash import html

from components import ranking, source_line, trend
from components.domain import extrude, parts, weak
from components.formats import number
from components.i18n import pick, t
from components.ids import live_id
from components.maps import city_map, dots, frame
from components.maps import overlays as map_overlays
from data_pipeline.cities import Area
from data_pipeline.contracts import contract
from data_pipeline.domains import DomainGroup, HeatLayer, SiteLayer, kind_column
from data_pipeline.metrics import Metric
from data_pipeline.queries.answers import year_before
from data_pipeline.queries.types import Card, Reading, Site
from data_pipeline.times import Grain, period_start
from pages import PageRequest, overview
from pages.serving import basemap, download, overlays

MAX_RANKED = 12
# more dots than these hide the figure below: such a layer is shown when it is asked for, and comes as vector tiles
VIEW_3D = "3d"
# how far back a course is drawn beside the same days or months of the year before
SPAN: dict[Grain, timedelta] = {"day": timedelta(days=45), "month": timedelta(days=395), "quarter": timedelta(days=800), "year": timedelta(days=2200)}
NO_SITES = "none"

CardOf = dict[str, tuple[Card, Metric]]


def is_3d(request: PageRequest) -> bool:
    """Whether the address asks for raised areas."""
    return request.params.get("view") == VIEW_3D


def choose(group: DomainGroup, cards: CardOf, wanted: str | None) -> Metric | None:
    """The figure the map shows: the one in the address, else the first of the declared ones with a value, else the first."""
    offered = [cards[m] for m in group.map if m in cards]
    if wanted in cards:
        return cards[wanted][1]
    return next((m for card, m in offered if card.reading.value is not None), offered[0][1] if offered else None)


def main(request: PageRequest, group: DomainGroup, cards: CardOf, chosen: Metric, unusual: Any) -> html.Div:
    """Map, ranking with make-up, course with what is unusual."""
    q, city = request.queries, request.city
    areas = city.children(city.city_area.id)
    readings = q.by_area(chosen.id, city.city_area.id, overview.figure_grain(chosen), level=areas[0].level) if areas else []
    return html.Div(
        [
            _map(request, group, cards, chosen, areas, readings),
            html.Div([_ranks(request, chosen, areas, readings), _composition(request, group, cards, areas)], className="area-side"),
            html.Div([_course(request, chosen), unusual], className="area-side"),
        ],
        className="area-main domain-main",
    )


def _map(request: PageRequest, group: DomainGroup, cards: CardOf, chosen: Metric, areas: Sequence[Area], readings: Sequence[Reading]) -> html.Section:
    city, lang = request.city, request.lang
    level = areas[0].level if areas else "city"
    raised = is_3d(request)
    roads = overlays.road_states(request, chosen, always=True) if group.road_states and not raised else []
    heat = None if raised else chosen_heat(request, group)
    places = [city_map.Place(a.id, request.name(a), *a.centroid) for a in areas if a.centroid]
    together = request.alike(readings, city.city_area.id, level)
    base = basemap.base_map(request, overlays=overlays.groups(roads))
    figure = city_map.map_figure(base, city.layer_of(level) or "outline", places, readings, chosen, request.theme, lang,
                                 revision=f"domain-{group.id}-{city.id}-{raised}", switched=request.params.get("layers", ""), together=together)  # fmt: skip
    layer, sites = _sites(request, group)
    if group.weak_places:
        figure = weak.with_patches(figure, overlays.weak_url(request), request.theme)
    if raised:
        figure = extrude.extruded(figure, f"/geo/{city.id}/over/areas-{level}.geojson", readings, chosen, request.theme, lang, together)
    elif layer is not None:
        figure = dots.with_tiles(figure, overlays.tiles_url(request, layer.id), overlays.site_url(request), request.theme, lang)
    figure = overlays.with_roads(request, figure, roads)
    if heat is not None:
        figure = map_overlays.with_heat(figure, f"/geo/{city.id}/over/cells.geojson", request.queries.heat(city.id, heat), heat.unit, request.theme, lang)
    scale = city_map.classes(chosen, together, request.theme, lang)
    name = pick(chosen.name_zh, chosen.name_en, lang)
    return html.Section(
        [
            html.Nav(_switch(request, group, cards, chosen), className="tabs", id=live_id("domain-switch"),
                     **{"aria-label": t("map.metric", lang)}),
            html.Nav(_layers(request, group, layer, len(sites)), className="tabs domain-layers", id=live_id("domain-layers"),
                     **{"aria-label": t("domains.layers", lang)}),
            frame.map_box(figure, lang, id=live_id("domain-map"), label=f"{t('map.title', lang)} · {name}"),
            html.Footer(
                [_legend(request, heat, scale, together, chosen),
                 overlays.road_legend(request, figure, roads, id=live_id("domain-road-legend")),
                 basemap.layer_switch(request, city.layer_of(level) or "outline", id=live_id("domain-map-layers"), overlays=overlays.groups(roads)),
                 html.Div(_notes(request, group, level, len(sites), raised), id=live_id("domain-notes"), className="map-notes"),
                 source_line.chart_tools(download.areas_source(request, chosen, city.city_area, overview.figure_grain(chosen), level, readings), lang,
                                         graph=live_id("domain-map"), id=live_id("domain-map-tools"), quiet=True)],
                className="map-foot",
            ),
        ],
        className="area-map", **{"aria-label": t("map.label", lang, city=request.name(city), metric=name)},
    )  # fmt: skip


def _legend(request: PageRequest, heat: HeatLayer | None, scale: Sequence[city_map.MapClass], readings: Sequence[Reading], chosen: Metric) -> Any:
    """The legend of what fills the map: the cells of the heat layer where one is chosen, else the areas."""
    lang, id = request.lang, live_id("domain-legend")
    if heat is None:
        return city_map.legend(scale, readings, chosen, lang, id=id)
    found = request.queries.heat(request.city.id, heat)
    return map_overlays.heat_legend(found, pick(heat.zh, heat.en, lang), heat.unit, heat.days, heat.least_n, request.theme, lang, id=id)


def chosen_heat(request: PageRequest, group: DomainGroup) -> HeatLayer | None:
    """The heat layer the address names; None where it names none of this page's."""
    return next((layer for layer in group.heat if layer.id == request.params.get("heat")), None)


def _switch(request: PageRequest, group: DomainGroup, cards: CardOf, chosen: Metric) -> list[html.A]:
    offered = [cards[m][1] for m in group.map if m in cards]
    if chosen not in offered:
        offered = [*offered, chosen]
    return [
        html.A(pick(m.name_zh, m.name_en, request.lang), href=request.href(metric=m.id), className="is-active" if m.id == chosen.id else "")
        for m in offered
    ]


def _layers(request: PageRequest, group: DomainGroup, shown: SiteLayer | None, n: int) -> list[html.A]:
    """The kinds of places the map can show, none of them, and the third dimension."""
    lang, raised = request.lang, is_3d(request)
    links = [
        html.A([layer_name(request, layer), *([html.Small(number(n, 0))] if layer is shown and not raised else [])],
               href=request.href(sites=layer.id, view=None), className="is-active" if layer is shown and not raised else "")
        for layer in group.sites
    ]  # fmt: skip
    if group.sites:
        none = shown is None and not raised
        links.append(html.A(t("domains.no_sites", lang), href=request.href(sites=NO_SITES, view=None), className="is-active" if none else ""))
    heat = None if raised else chosen_heat(request, group)
    links += [
        html.A(pick(h.zh, h.en, lang), href=request.href(heat=None if h is heat else h.id, view=None), title=t("map.heat_turn", lang),
               className="is-heat is-active" if h is heat else "is-heat")
        for h in group.heat
    ]  # fmt: skip
    links.append(html.A(t("domains.view_3d", lang), href=request.href(view=None if raised else VIEW_3D), title=t("domains.view_3d_hint", lang),
                        className="is-3d is-active" if raised else "is-3d"))  # fmt: skip
    return links


def layer_name(request: PageRequest, layer: SiteLayer) -> str:
    """What a layer of places is called: its own words, else its register's."""
    declared = contract(layer.dataset)
    return pick(layer.zh or declared.name_zh, layer.en or declared.name_en, request.lang)


def _sites(request: PageRequest, group: DomainGroup) -> tuple[SiteLayer | None, list[Site]]:
    """The layer in the address, else the first with some places in this city, but not too many; with its sites."""
    wanted = request.params.get("sites")
    if wanted == NO_SITES:
        return None, []
    chosen = next((layer for layer in group.sites if layer.id == wanted), None)
    if chosen is None and chosen_heat(request, group) is not None:
        return None, []  # dots would hide the cells; who asks for both has them
    for layer in [chosen] if chosen else group.sites:
        sites = sites_of(request, layer)
        if chosen or 0 < len(sites) <= overlays.MANY_DOTS:
            return layer, sites
    return None, []


def sites_of(request: PageRequest, layer: SiteLayer) -> list[Site]:
    """The city's sites of a layer that have a place on the map."""
    every = request.queries.sites(request.city.id, layer.dataset)
    column = kind_column(layer.dataset)
    return [s for s in every if s.lon is not None and (not layer.kinds or s.attributes.get(column) in layer.kinds)]


def _notes(request: PageRequest, group: DomainGroup, level: str, n: int, raised: bool) -> list[Any]:
    city, lang = request.city, request.lang
    notes = [t("domains.weak_drawn", lang)] if group.weak_places else []
    notes += overlays.dots_note(n, lang)
    if raised:
        notes.append(t("domains.view_3d_hint", lang))
    notes += frame.sketches(city, lang, approximate=level == "township")
    return [*frame.credits(city, lang, request.href("/data", city=city.id, show="layers")), *(html.Span(note) for note in notes)]


def _ranks(request: PageRequest, metric: Metric, areas: Sequence[Area], readings: Sequence[Reading]) -> html.Section:
    lang, city = request.lang, request.city
    level = areas[0].level if areas else "city"
    body = ranking.ranking(readings, {a.id: request.name(a) for a in areas}, metric, request.area_href, city.tz, lang, request.now_utc,
                           id=live_id("domain-ranking"), limit=MAX_RANKED)  # fmt: skip
    head = html.H2([t("map.ranking", lang, level=t(f"level.{level}", lang)), html.Small(pick(metric.name_zh, metric.name_en, lang))],
                   id=live_id("domain-rank-head"))  # fmt: skip
    return html.Section([head, body], className="area-ranks")


def _composition(request: PageRequest, group: DomainGroup, cards: CardOf, areas: Sequence[Area]) -> html.Section:
    """What the areas contribute to the declared total; nothing where the city has no such source."""
    if group.composition not in cards or not areas:
        return html.Section(className="domain-composition")
    lang, city, metric = request.lang, request.city, cards[group.composition][1]
    readings = request.queries.by_area(metric.id, city.city_area.id, overview.figure_grain(metric), level=areas[0].level)
    body = parts.composition(readings, {a.id: request.name(a) for a in areas}, metric, request.area_href, lang, id=live_id("domain-parts"))
    name = pick(metric.name_zh, metric.name_en, lang)
    return html.Section([html.H2([t("domains.composition", lang), html.Small(name)]), body], className="domain-composition")


def course_grain(metric: Metric) -> Grain:
    """The grain a course is drawn at: days where the figure has them and they move, else its own, for stocks months."""
    if metric.is_stock:
        return "month" if "month" in metric.grains else metric.base_grain
    return "day" if "day" in metric.grains else metric.base_grain


def _course(request: PageRequest, metric: Metric) -> html.Section:
    """The city's figure over time, the same days or months of the year before, and the usual range where there is one."""
    q, lang, city = request.queries, request.lang, request.city
    grain, area = course_grain(metric), city.city_area.id
    start = period_start(request.now_utc - SPAN[grain], grain, city.tz)
    own = q.series(metric.id, area, grain, start, request.now_utc)
    if metric.is_additive and own:
        own = own[:-1]  # a sum whose period is not over would always seem to fall
    before = _year_before(request, metric, grain, own)
    known = any(value is not None for _, value in before)
    usual = q.usual(metric.id, area, grain, start, request.now_utc) if grain == "day" else []
    name = pick(metric.name_zh, metric.name_en, lang)
    words = [t("domains.course_note" if known else "domains.no_last_year", lang), *([t("area.band_along", lang)] if usual else [])]
    return html.Section(
        [
            html.H2([t("area.course", lang), html.Small(f"{name} · {t(f'grain.{grain}', lang)}")], id=live_id("domain-course-head")),
            trend.trend(own, metric, city.tz, lang, request.theme, id=live_id("domain-course"), height="14rem", name=t("domains.this_year", lang),
                        source=download.course_source(request, metric, city.city_area, grain, start, request.now_utc),
                        compare=before if known else (), compare_name=t("domains.last_year", lang), bands=usual),
            html.P(" ".join(words), id=live_id("domain-course-note"), className="note"),
        ],
        className="domain-course",
    )  # fmt: skip


def _year_before(request: PageRequest, metric: Metric, grain: Grain, own: trend.Series) -> trend.Series:
    """The same periods of the year before, at the places of this year's, so that both lie on one axis."""
    then = [(at, year_before(at, grain, request.city.tz)) for at, _ in own]
    known = [start for _, start in then if start is not None]
    if not known:
        return []
    last = dict(request.queries.series(metric.id, request.city.city_area.id, grain, known[0], known[-1] + timedelta(hours=1)))
    return [(at, last.get(start) if start else None) for at, start in then]
