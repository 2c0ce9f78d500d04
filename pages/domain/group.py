"""`/domain/<id>` — how does one side of the city fare (networks, energy, traffic …), where, and what is unusual?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from components import figures, ticker
from components.domain import parts, weak
from components.i18n import pick, t
from components.ids import live_id
from data_pipeline.domains import DomainGroup, domain, domains
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Card
from pages import Page, PageRequest, View, overview
from pages.domain import maps
from pages.serving import shell

MAX_UNUSUAL, MAX_AREAS, MAX_EVENTS, MAX_LINES = 7, 8, 5, 8

CardOf = dict[str, tuple[Card, Metric]]


def build(request: PageRequest) -> View:
    """The page of one group, for one city; a city without data says that it is being built."""
    group, q, city, lang = domain(request.args["domain"]), request.queries, request.city, request.lang
    title = t("app.title", lang, city=f"{pick(group.zh, group.en, lang)} · {request.name(city)}")
    if not q.has_data(city.id):
        return View(title, shell.building(request), key=f"domain-building-{city.id}-{group.id}")
    known = group.metrics_of(q.metrics_for(city.id))
    cards: CardOf = {m.id: (q.card(m.id, city.city_area.id, overview.figure_grain(m)), m) for m in known}
    headline = [m for m in group.headline if m in cards]
    body: list[Any] = [_head(request, group), _strip(request, cards, headline)]
    chosen = maps.choose(group, cards, request.params.get("metric"))
    if chosen is not None:
        body.append(maps.main(request, group, cards, chosen, _unusual(request, cards, headline)))
    body.append(_sections(request, group, cards, headline))
    if group.weak_places:
        body.append(_weak(request))
    if group.events:
        body.append(_events(request))
    if group.neighbours:
        body.append(_neighbours(request, [cards[m][1] for m in headline]))
    silent = sum(parts.is_silent(card) for card, _ in cards.values())
    return View(title, html.Div(body, className="domain"), key=f"domain-{group.id}-{city.id}-{maps.is_3d(request)}-{len(cards)}-{silent}")


def tabs(request: PageRequest, chosen: str) -> html.Nav:
    """The nine groups as tabs."""
    links = [
        html.A(pick(g.zh, g.en, request.lang), href=request.href(f"/domain/{g.id}", city=request.city.id),
               className="is-active" if g.id == chosen else "", **({"aria-current": "page"} if g.id == chosen else {}))
        for g in domains().values()
    ]  # fmt: skip
    return html.Nav(links, className="tabs domain-tabs", **{"aria-label": t("domains.groups", request.lang)})


def menu(request: PageRequest) -> list[tuple[str, str]]:
    """What hangs below the header's entry: the groups, the systems served, the manual; name and address of each."""
    lang, city = request.lang, request.city.id
    groups = [(pick(g.zh, g.en, lang), request.href(f"/domain/{g.id}", city=city)) for g in domains().values()]
    return [*groups, (t("served.title", lang), request.href("/served", city=city)), (t("manual.title", lang), request.href("/manual", city=city))]


def _head(request: PageRequest, group: DomainGroup) -> html.Div:
    lang = request.lang
    return html.Div(
        [
            html.H1([request.name(request.city), html.Span(pick(group.zh, group.en, lang))]),
            html.P(pick(group.asks_zh, group.asks_en, lang), className="domain-asks"),
            tabs(request, group.id),
        ],
        className="domain-head",
    )


def _strip(request: PageRequest, cards: CardOf, headline: Sequence[str]) -> html.Section:
    lang = request.lang
    return html.Section(
        [figures.kpi_card(*cards[m], request.city.tz, lang, request.now_utc, region="domain-kpi", lead=i < 4) for i, m in enumerate(headline)],
        className="kpis domain-kpis", **{"aria-label": t("overview.kpis", lang)},
    )  # fmt: skip


def _unusual(request: PageRequest, cards: CardOf, headline: Sequence[str]) -> html.Section:
    """What chance hardly explains now, and below it what else lies outside its usual range: headline figures in the areas too."""
    q, city, lang = request.queries, request.city, request.lang
    verdict = q.unusual(city.id)
    names = {a.id: "" if a.level == "city" else request.name(a) for a in city.areas.values()}
    beyond = [(a, cards[a.reading.metric][1], names[a.reading.area]) for a in verdict.flagged if a.reading.metric in cards]
    told = {(a.reading.metric, a.reading.area) for a, _, _ in beyond}
    children = city.children(city.city_area.id)
    places = children if len(children) <= MAX_AREAS else []
    found = [(card, metric, "") for card, metric in cards.values()]
    for metric_id in headline:
        metric = cards[metric_id][1]
        found += [(q.card(metric.id, a.id, overview.figure_grain(metric)), metric, request.name(a)) for a in places]
    judged = sum(card.band is not None and figures.usable(card.reading) for card, _, _ in found)
    missing = sum(card.reading.value is None for card, _ in cards.values())
    first = parts.flagged(beyond, verdict.judged, verdict.false_a_day, city.tz, lang, request.now_utc,
                          id=live_id("domain-flagged"), limit=MAX_UNUSUAL)  # fmt: skip
    outside = [item for item in found if parts.is_unusual(item[0]) and (item[1].id, item[0].reading.area) not in told]
    rest = parts.unusual(outside, city.tz, lang, request.now_utc, id=live_id("domain-unusual"),
                         limit=max(MAX_UNUSUAL - len(beyond), 3), missing=missing, judged=judged)  # fmt: skip
    head = html.H2([t("domains.unusual", lang), html.Small(t("statistics.flagged", lang))])
    return html.Section([head, first, html.H3(t("statistics.outside", lang)), rest], className="domain-unusual")


def _sections(request: PageRequest, group: DomainGroup, cards: CardOf, headline: Sequence[str]) -> html.Div:
    """The figures that are no headline, section by section; the headlines stand in the strip above."""
    lang, city = request.lang, request.city
    found = []
    for section, metrics in group.sections([m for _, m in cards.values()]):
        rows = [cards[m.id] for m in metrics if m.id not in headline]
        if rows or not metrics:
            found.append(parts.section(pick(section.zh, section.en, lang), rows, city.tz, lang, request.now_utc))
    return html.Div(found, className="domain-sections")


def _weak(request: PageRequest) -> html.Div:
    """Weak coverage by the model, what the drive tests of the same place say, and the action that follows."""
    q, city, lang = request.queries, request.city, request.lang
    patches = q.weak_patches(city.id)
    townships = {patch.area for patch in patches[:MAX_LINES] if patch.area}
    measured = {area: q.latest("coverage.rsrp_share", area, "year").value for area in townships}
    whole = q.latest("coverage.rsrp_share", city.city_area.id, "year").value
    names = {area: request.name(city.area(area)) for area in townships}
    lines = {a.id: request.name(a) for a in city.areas.values()}
    return html.Div(
        [
            weak.weak_table(patches, names, request.area_href, measured, whole, lang, limit=MAX_LINES),
            html.Div([weak.uncovered_places(q.place_coverage(city.id), lines, lang, limit=MAX_LINES),
                      weak.against_tests(q.coverage_errors(city.id), lang)], className="domain-weak-side"),
        ],
        className="domain-below",
    )  # fmt: skip


def _events(request: PageRequest) -> html.Section:
    q, city, lang = request.queries, request.city, request.lang
    names = {a.id: request.name(a) for a in city.areas.values()}
    href = request.href("/events", city=city.id)
    return html.Section(
        [html.H2([t("overview.ticker", lang), html.A(t("overview.all_events", lang), href=href)]),
         ticker.ticker(q.events(city.id, limit=40), names, city.tz, lang, request.now_utc, id=live_id("domain-ticker"), href=href,
                       limit=MAX_EVENTS, departments=overview.departments(request))],
        className="ticker-box domain-events",
    )  # fmt: skip


def _neighbours(request: PageRequest, metrics: Sequence[Metric]) -> html.Section | html.Div:
    """The headline figures of every city this installation has data of; alone it has nobody to stand beside."""
    q, lang = request.queries, request.lang
    packs = [pack for pack in request.packs.values() if q.has_data(pack.id)]
    if len(packs) < 2:
        return html.Div(html.P(t("domains.no_neighbours", lang), className="note"), className="domain-neighbours")
    served = {pack.id: {m.id for m in q.metrics_for(pack.id)} for pack in packs}
    rows = [(m, [q.latest(m.id, pack.city_area.id, overview.figure_grain(m)) if m.id in served[pack.id] else None for pack in packs])
            for m in metrics]  # fmt: skip
    return parts.neighbours([request.name(pack) for pack in packs], rows, lang)


PAGE = Page(id="domain-group", pattern="/domain/{domain}", build=build, can_replay=True)
