"""`/district/<code>` — how is this district, zone or township, now, and beside the others?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dash import html

from components import cells, sentence, source_line, table, ticker
from components.formats import full_moment, number
from components.i18n import pick, t
from components.ids import live_id
from components.maps import city_map, dots, frame
from data_pipeline.cities import Area
from data_pipeline.contracts import contract, contracts
from data_pipeline.domains import overview_rank
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Event, Reading, Site
from pages import Page, PageRequest, View, overview
from pages import area_figures as af
from pages.plan import area as plan_area
from pages.serving import basemap, download, overlays, shell

MAX_TICKER, SITES_SHOWN, MAX_ATTRIBUTES, MAX_SIBLINGS = 6, 12, 3, 7


def build(request: PageRequest) -> View:
    """One area below the city. The city itself is the overview; another official code leads to the area's own id."""
    q, city, lang = request.queries, request.city, request.lang
    area = city.area(request.args["area"])
    if area.id == city.city_area.id or area.id != request.args["area"]:
        return View(request.name(area), html.Div(), redirect=request.area_href(area.id))
    title = t("area.title", lang, area=request.name(area), city=request.name(city))
    if not q.has_data(city.id):
        return View(title, shell.building(request), key=f"area-building-{area.id}", crumbs=crumbs(request, area))
    metrics = q.metrics_for(city.id)
    cards = af.cards_of(request, area, metrics)
    chosen = overview.choose_metric([m for c, m in cards.values() if c.reading.value is not None] or metrics,
                                    request.params.get("metric"))  # fmt: skip
    events = q.events(city.id, area.id, limit=40)
    sites = sites_in(request, area)
    body: list[Any] = [_head(request, area, cards, events), af.strip(request, area, cards), af.missing_note(request, cards)]
    if chosen is not None:
        readings = af.part_readings(request, area, chosen)
        body.append(
            html.Div(
                [
                    _map(request, area, [m for c, m in cards.values() if c.reading.value is not None or m.id == chosen.id], chosen, readings, events, sites),
                    html.Div([af.ranks(request, area, chosen, readings)], className="area-side"),
                    html.Div([af.course(request, area, chosen), _events(request, area, events)],
                             className="area-side"),
                ],
                className="area-main",
            )
        )  # fmt: skip
    body.append(html.Div([_sites(request, area, sites), _plan(request, area)], className="area-below"))
    structure = ",".join(m.id for m in af.headline(cards))
    return View(title, html.Div(body, className="area"), key=f"area-{area.id}-{structure}", crumbs=crumbs(request, area))


def crumbs(request: PageRequest, area: Area, *more: str) -> list[tuple[str, str]]:
    """City › district › township (› …): the statistical parents, each with its address."""
    found = [(request.name(a), request.area_href(a.id)) for a in reversed(request.city.ancestors(area.id))]
    return [*found, *((label, "") for label in more)]


def _head(request: PageRequest, area: Area, cards: af.CardOf, events: Sequence[Event]) -> html.Div:
    q, city, lang = request.queries, request.city, request.lang
    headline = [cards[m.id] for m in af.headline(cards)]
    used = {m.dataset for _, m in headline}
    sources = [s for s in q.sources(city.id) if s.dataset in used]
    clauses = sentence.parts(area.name_zh, area.name_en, {}, headline, [], events, sources, lang)
    return html.Div(
        [
            html.H1(request.name(area), className="area-name"),
            html.P(_facts(request, area), className="area-facts"),
            sentence.sentence(clauses, request.now_utc, city.tz, lang, id=live_id("sentence")),
        ],
        className="area-head",
    )


def _facts(request: PageRequest, area: Area) -> list[Any]:
    """Level, codes, people, size, zones, and every doubt about where its border runs."""
    city, lang = request.city, request.lang
    facts = [t(f"level.{area.level}", lang), t("area.code", lang, code=" / ".join(area.codes or (area.id,)))]
    if area.population is not None:
        year = area.population_date.year if area.population_date else ""
        facts.append(t("area.population", lang, n=number(area.population, 0), year=year))
    if area.area_km2 is not None:
        key = "area.size_approximate" if area.approximate else "area.size"
        facts.append(t(key, lang, km2=number(area.area_km2, 1)))
    for zone in city.zones_of(area.id):
        facts.append(t("area.in_zone", lang, zone=request.name(zone)))
    same = _same_polygon(request, area)
    if same:
        facts.append(t("area.same_polygon", lang, area=request.name(same)))
    if len(area.codes) > 1:
        facts.append(t("area.shared_polygon", lang, n=len(area.codes)))
    if area.drawn_in:
        facts.append(t("area.drawn_in", lang, drawn=request.name(city.area(area.drawn_in)),
                       parent=request.name(city.area(area.parent or city.city_area.id))))  # fmt: skip
    spans: list[Any] = [html.Span(fact) for fact in facts]
    if area.approximate:
        spans.append(html.Span(t("area.sketch", lang), className="tone-warn"))
    return spans


def _same_polygon(request: PageRequest, area: Area) -> Area | None:
    """The zone that is exactly this township, or the township that is all of this zone."""
    if len(area.composed_of) == 1:
        return request.city.area(area.composed_of[0])
    return next((z for z in request.city.zones_of(area.id) if z.composed_of == (area.id,)), None)


def _map(
    request: PageRequest, area: Area, metrics: Sequence[Metric], chosen: Metric, readings: Sequence[Reading],
    events: Sequence[Event], sites: Sequence[Site],
) -> html.Section:  # fmt: skip
    city, lang = request.city, request.lang
    parts = af.parts_of(request, area)
    level = parts[0].level
    shape = city.geometry(area.id)
    # an area without parts is seen among its neighbours
    margin = 0.06 if city.children(area.id) else 0.6
    box = dots.padded(tuple(shape.bounds) if shape is not None else city.bbox, margin)
    roads = overlays.road_states(request, chosen)
    base = dots.focused(basemap.base_map(request, overlays=overlays.groups(roads)), box)
    places = [city_map.Place(a.id, request.name(a), *a.centroid) for a in parts if a.centroid]
    together = af.part_readings_alike(request, area, readings)
    figure = city_map.map_figure(base, city.layer_of(level) or "outline", places, readings, chosen, request.theme, lang,
                                 events=events, revision=f"area-{area.id}", show_values=len(parts) <= 4,
                                 switched=request.params.get("layers", ""), together=together)  # fmt: skip
    figure = dots.with_outline(figure, f"/geo/{city.id}/over/areas-{area.level}.geojson", area.id, request.theme, dashed=area.approximate)
    dataset = site_dataset(request, sites)
    dots_n = sum(s.dataset == dataset and s.lon is not None for s in sites)
    if dots_n:
        figure = dots.with_tiles(figure, overlays.tiles_url(request, dataset, area.id), overlays.site_url(request), request.theme, lang)
    figure = overlays.with_roads(request, figure, roads)
    switch = overview.switch(overview.map_metrics(metrics), chosen, lang, lambda m: request.href(metric=m.id, grain=None))
    siblings = _siblings(request, [m for m in metrics if m.domain == chosen.domain], chosen)
    scale = city_map.classes(chosen, together, request.theme, lang)
    return html.Section(
        [
            html.Nav(switch, className="map-switch", id=live_id("area-switch"), **{"aria-label": t("map.metric", lang)}),
            html.Nav(siblings, className="tabs area-metrics", id=live_id("area-metrics"), **{"aria-label": t("map.metric", lang)}),
            frame.map_box(figure, lang, id=live_id("area-map")),
            html.Footer(
                [city_map.legend(scale, together, chosen, lang, id=live_id("area-legend")),
                 overlays.road_legend(request, figure, roads, id=live_id("area-road-legend")),
                 basemap.layer_switch(request, city.layer_of(level) or "outline", id=live_id("area-map-layers"), overlays=overlays.groups(roads)),
                 html.Div(_map_notes(request, level, readings, dots_n), id=live_id("area-notes"), className="map-notes"),
                 source_line.chart_tools(download.areas_source(request, chosen, area, af.part_grain(parts, chosen), level, readings), lang,
                                         graph=live_id("area-map"), id=live_id("area-map-tools"), quiet=True)],
                className="map-foot",
            ),
        ],
        className="area-map",
        **{"aria-label": t("map.label", lang, city=request.name(area), metric=pick(chosen.name_zh, chosen.name_en, lang))},
    )  # fmt: skip


def _siblings(request: PageRequest, metrics: Sequence[Metric], chosen: Metric) -> list[Any]:
    """The other figures of the domain: the first in a row, the rest behind one word."""
    def link(metric: Metric) -> html.A:
        return html.A(pick(metric.name_zh, metric.name_en, request.lang), href=request.href(metric=metric.id, grain=None),
                      className="is-active" if metric.id == chosen.id else "")  # fmt: skip

    first = sorted(metrics, key=lambda m: (m.id != chosen.id, overview_rank(m)))[:MAX_SIBLINGS]
    rest = [m for m in metrics if m not in first]
    row: list[Any] = [link(m) for m in metrics if m in first]
    if rest:
        more = html.Summary(t("area.more_figures", request.lang, n=len(rest)))
        row.append(html.Details([more, html.Div([link(m) for m in rest])], className="map-more"))
    return row


def _map_notes(request: PageRequest, level: str, readings: Sequence[Reading], dots_drawn: int) -> list[Any]:
    city, lang = request.city, request.lang
    notes = overlays.dots_note(dots_drawn, lang)
    layer = city.layer_of(level)  # type: ignore[arg-type]
    if layer and city.layers[layer].approximate:
        notes.append(t("area.sketch_lines", lang))
    if any(r.place_approximate for r in readings):
        notes.append(t("area.figures_approximate", lang))
    notes += frame.sketches(city, lang, approximate=False)
    credits = frame.credits(city, lang, request.href("/data", city=city.id, show="layers"))
    return [*credits, *(html.Span(note) for note in notes)]


def _events(request: PageRequest, area: Area, events: Sequence[Event]) -> html.Section:
    lang, city = request.lang, request.city
    names = {a.id: request.name(a) for a in city.areas.values()}
    href = request.href("/events", city=city.id, area=area.id)
    return html.Section(
        [
            html.H2([t("area.events", lang), html.A(t("overview.all_events", lang), href=href)]),
            ticker.ticker(events, names, city.tz, lang, request.now_utc, id=live_id("area-ticker"), href=href, limit=MAX_TICKER,
                          departments=overview.departments(request)),
        ],
        className="area-events ticker-box",
    )  # fmt: skip


# ---------------------------------------------------------------------------- sites


def sites_in(request: PageRequest, area: Area) -> list[Site]:
    """The sites that count in an area. The city's whole list is kept by the queries, so it is narrowed here."""
    every = request.queries.sites(request.city.id)
    if area.level == "zone":
        return [s for s in every if area.id in s.zone_ids]
    if area.level == "district":
        return [s for s in every if s.district_id == area.id]
    return [s for s in every if s.township_id == area.id]


def site_name(request: PageRequest, site: Site) -> str:
    """Name of a site in the language of the page; its id where it has none."""
    return pick(site.name, site.name_en, request.lang) or site.site_id


def dataset_name(request: PageRequest, dataset: str) -> str:
    """Name of a dataset in the language of the page."""
    known = contracts().get(dataset)
    return pick(known.name_zh, known.name_en, request.lang) if known else dataset


def supplier_name(request: PageRequest, supplier: str) -> Any:
    """A delivery's supplier in the language of the page, as pack and plan name it; where neither does, as delivered."""
    return cells.office(supplier, overview.suppliers(request.city, request.lang), request.lang)


def site_dataset(request: PageRequest, sites: Sequence[Site]) -> str:
    """The kind of site shown: the one in the address, else the smallest group, whose dots can be told apart."""
    counts = Counter(s.dataset for s in sites)
    wanted = request.params.get("sites", "")
    if wanted in counts:
        return wanted
    return min(counts, key=lambda d: (counts[d], d), default="")


def _sites(request: PageRequest, area: Area, sites: Sequence[Site]) -> html.Section:
    lang = request.lang
    dataset = site_dataset(request, sites)
    counts = Counter(s.dataset for s in sites)
    chips = [
        html.A([dataset_name(request, d), html.Small(number(n, 0))], href=request.href(sites=d, from_site=None),
               className="is-active" if d == dataset else "")
        for d, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]  # fmt: skip
    own = sorted((s for s in sites if s.dataset == dataset), key=lambda s: (s.name or s.site_id, s.site_id))
    offset = offset_of(request, "from_site")
    page = own[offset : offset + SITES_SHOWN]
    return html.Section(
        [
            html.H2([t("area.sites", lang), html.Small(t("area.sites_total", lang, n=number(len(sites), 0)))],
                    id=live_id("area-sites-head")),
            html.Nav(chips, id=live_id("area-site-kinds"), className="tabs", **{"aria-label": t("area.site_kinds", lang)}),
            html.Div([_site_table(request, dataset, page),
                      table.pager(offset, len(page), SITES_SHOWN, lambda o: request.href(from_site=str(o)), lang)],
                     id=live_id("area-sites")),
        ],
        className="area-sites",
    )  # fmt: skip


def _site_table(request: PageRequest, dataset: str, sites: Sequence[Site]) -> Any:
    lang, city = request.lang, request.city
    if not dataset:
        return html.P(t("area.no_sites", lang), className="note")
    declared = contract(dataset)
    columns = [n for n in declared.columns if n not in cells.PLACE_COLUMNS]
    filled = [n for n in columns if any(s.attributes.get(n) not in (None, "") for s in sites)][:MAX_ATTRIBUTES]
    heads = [t("site.name", lang), t("level.township", lang), *(cells.label(n, declared, lang) for n in filled)]
    rows = [
        [
            html.A(site_name(request, s), href=request.href(f"/site/{s.site_id}", city=city.id)),
            place_link(request, s.township_id),
            *(cells.as_delivered(s.attributes.get(n), cells.cell(s.attributes.get(n), declared.columns[n], city.tz, lang),
                                 declared.columns[n], lang) for n in filled),
        ]
        for s in sites
    ]
    return table.table(heads, rows, lang, class_name="site-table")


def place_link(request: PageRequest, area_id: str | None) -> Any:
    """An area's name as a link to its page; None where there is none."""
    if area_id is None or not request.city.has_area(area_id):
        return None
    area = request.city.area(area_id)
    return html.A(request.name(area), href=request.area_href(area.id))


def offset_of(request: PageRequest, name: str) -> int:
    """A page offset in the address; 0 for none or for nonsense."""
    text = request.params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 9 else 0


# ---------------------------------------------------------------------------- plan


def _plan(request: PageRequest, area: Area) -> html.Section:
    """What the plan promises for this very area, or what it adds to the city's; and the snapshot all this stands in."""
    lang = request.lang
    snapshot = request.queries.snapshot()
    at = full_moment(snapshot.at_utc if snapshot else None, request.city.tz, lang)
    note = html.P(t("area.snapshot", lang, time=at), id=live_id("area-snapshot"), className="note")
    return html.Section([html.H2(t("overview.plan", lang)), html.Div(plan_area.panel(request, area), className="area-no-plan"), note],
                        className="area-plan")  # fmt: skip


PAGE = Page(id="area", pattern="/district/{area}", build=build, can_replay=True)
