"""`/` — 一屏通览: how is the city, now?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dash import html

from components import figures, ranking, sentence, source_line, ticker
from components.i18n import Lang, pick, t
from components.ids import live_id
from components.ledger import listing, printed, strip
from components.maps import city_map, frame
from components.states import empty
from data_pipeline.cities import Area, Pack
from data_pipeline.domains import overview_rank
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Card, Event
from data_pipeline.times import SUB_DAY_SECONDS, Grain
from pages import Page, PageRequest, View
from pages.serving import basemap, download, overlays, shell

MAX_KPIS, MAX_ROWS, MAX_RANKED, MAX_TICKER, TARGETS_SHOWN = 10, 3, 10, 5, 4
MAX_EXCEPTIONS = 8
# on a phone the first figures are one each of these
LEADS = ("traffic", "energy", "services", "environment")
LEFT = ("charging", "energy", "traffic")
RIGHT = ("services", "environment", "sensing", "coverage")

DOMAINS = ("traffic", "charging", "energy", "services", "environment", "sensing", "coverage", "plan")

CardOf = dict[str, tuple[Card, Metric]]


def build(request: PageRequest) -> View:
    """The overview of one city; a city without data says that it is being built."""
    q, city, lang = request.queries, request.city, request.lang
    title = t("app.title", lang, city=request.name(city))
    if not q.has_data(city.id):
        return View(title, shell.building(request), key=f"overview-building-{city.id}")
    area = city.city_area
    metrics = q.metrics_for(city.id)
    cards: CardOf = {m.id: (q.card(m.id, area.id, figure_grain(m)), m) for m in metrics}
    chosen = choose_metric(metrics, request.params.get("metric"))
    events = q.events(city.id, limit=60)
    body = html.Div(
        [
            _sentence(request, cards, events),
            _kpis(request, cards),
            _exceptions(request, cards),
            html.Section(_panels(request, cards, LEFT), className="side side-left",
                         **{"aria-label": t("overview.left", lang)}),
            _map(request, metrics, chosen, events),
            html.Section(_panels(request, cards, RIGHT), className="side side-right",
                         **{"aria-label": t("overview.right", lang)}),
            _plan(request),
            _ticker(request, events),
        ],
        className="overview",
    )  # fmt: skip
    return View(title, body, key=f"overview-{city.id}-{lang}-{request.theme}")


def choose_metric(metrics: Sequence[Metric], wanted: str | None) -> Metric | None:
    """The metric the map shows: the one in the address, else the first headline of traffic, else the first."""
    by_id = {m.id: m for m in metrics}
    if wanted in by_id:
        return by_id[wanted]
    switch = map_metrics(metrics)
    return next((m for m in switch if m.domain == "traffic"), switch[0] if switch else None)


def figure_grain(metric: Metric) -> Grain:
    """The period a figure is shown for: its own, but a sum of hours or minutes as the day so far."""
    by_day = metric.is_additive and metric.base_grain in SUB_DAY_SECONDS and "day" in metric.grains
    return "day" if by_day else metric.base_grain


def map_metrics(metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics of the map's switch: the first of each domain."""
    found: dict[str, Metric] = {}
    for metric in sorted(metrics, key=overview_rank):
        found.setdefault(metric.domain, metric)
    return sorted(found.values(), key=_place_of_domain)


def kpi_metrics(metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics of the strip: headlines, those of the core domains first, each domain's first before any domain's second."""
    ranked: list[tuple[bool, bool, int, int, Metric]] = []
    seen: dict[str, int] = {}
    for i, metric in enumerate(sorted(metrics, key=overview_rank)):
        turn = seen[metric.domain] = seen.get(metric.domain, -1) + 1
        ranked.append((not metric.headline, metric.domain not in DOMAINS, turn, i, metric))
    chosen = [metric for *_, metric in sorted(ranked, key=lambda r: r[:4])[:MAX_KPIS]]
    return sorted(chosen, key=_place_of_domain)


def _place_of_domain(metric: Metric) -> int:
    return DOMAINS.index(metric.domain) if metric.domain in DOMAINS else len(DOMAINS)


def panel_metrics(metrics: Sequence[Metric], domain: str, in_strip: Sequence[str], absent: Sequence[str] = ()) -> list[Metric]:
    """The metrics of a panel: those of the domain that do not already stand in the strip, the first first, then those that do; those
    without a value (`absent`) come last."""
    own = [m for m in metrics if m.domain == domain]
    return sorted(own, key=lambda m: (m.id in absent, m.id in in_strip, overview_rank(m)))[:MAX_ROWS]


def _sentence(request: PageRequest, cards: CardOf, events: Sequence[Event]) -> Any:
    q, city = request.queries, request.city
    headline = [cards[m.id] for m in kpi_metrics([m for _, m in cards.values()])]
    children = city.children(city.city_area.id)
    # where there are many areas, naming one from all their cards would cost more than it tells
    areas = children if len(children) <= 8 else []
    elsewhere = [(q.card(m.id, a.id, figure_grain(m)), m) for _, m in headline for a in areas]
    names = {a.id: request.name(a) for a in areas}
    named = {a.id: "" if a.level == "city" else request.name(a) for a in city.areas.values()}
    flagged = [(a, cards[a.reading.metric][1]) for a in q.unusual(city.id).flagged if a.reading.metric in cards]
    parts = sentence.parts(city.name_zh, city.name_en, {**named, **names}, headline, elsewhere, events,
                           q.sources(city.id), request.lang, flagged)  # fmt: skip
    return sentence.sentence(parts, request.now_utc, city.tz, request.lang, id=live_id("sentence"))


def _kpis(request: PageRequest, cards: CardOf) -> html.Section:
    shown = kpi_metrics([m for _, m in cards.values()])
    leads = {next((m.id for m in shown if m.domain == domain), "") for domain in LEADS}
    return html.Section(
        [figures.kpi_card(cards[m.id][0], m, request.city.tz, request.lang, request.now_utc, lead=m.id in leads) for m in shown],
        className="kpis",
        **{"aria-label": t("overview.kpis", request.lang)},
    )


def _exceptions(request: PageRequest, cards: CardOf) -> html.Section:
    """What a phone shows right after its first figures: what is bad, then what is late; what has no value is counted.

    Of what is bad, first what chance hardly explains, then the headlines.
    """
    lang, area = request.lang, request.city.city_area.id
    ranks = {m.id: figures.exception_rank(card, m) for card, m in cards.values()}
    bad, late, missing = (sum(rank == kind for rank in ranks.values()) for kind in (0, 1, 2))
    told = {a.reading.metric for a in request.queries.unusual(request.city.id).flagged if a.reading.area == area}
    every = list(cards.values())
    found = sorted((rank, m.id not in told, not m.headline, i) for i, ((_, m), rank) in enumerate(zip(every, ranks.values(), strict=True)) if rank in (0, 1))
    rows: list[Any] = [figures.figure_row(*every[i], request.city.tz, lang, request.now_utc, region="") for *_, i in found[:MAX_EXCEPTIONS]]
    if len(found) > len(rows):
        rows.append(html.P(t("overview.more_exceptions", lang, n=len(found) - len(rows)), className="note"))
    if missing:
        rows.append(html.P(t("overview.missing", lang, n=missing), className="note"))
    return html.Section(
        [html.H2([t("overview.exceptions", lang), html.Small(t("overview.exceptions_n", lang, bad=bad, late=late))], id=live_id("exceptions-head")),
         html.Div(rows or [html.P(t("overview.no_exceptions", lang), className="note")], id=live_id("exceptions"))],
        className="exceptions phone-only",
    )  # fmt: skip


def _panels(request: PageRequest, cards: CardOf, domains: Sequence[str]) -> list[Any]:
    metrics = [m for _, m in cards.values()]
    in_strip = [m.id for m in kpi_metrics(metrics)]
    absent = [m.id for m in metrics if cards[m.id][0].reading.value is None]
    panels = []
    for domain in domains:
        rows = [
            figures.figure_row(cards[m.id][0], m, request.city.tz, request.lang, request.now_utc)
            for m in panel_metrics(metrics, domain, in_strip, absent)
        ]
        words = printed.domain_words(domain, request.lang)
        nothing = html.P(t("overview.no_metrics", request.lang, domain=words), className="note")
        panels.append(html.Section([html.H2(words), *(rows or [nothing])], className="panel",
                                   style={"flexGrow": str(max(len(rows), 1))}))  # fmt: skip
    return panels


def _map(request: PageRequest, metrics: Sequence[Metric], chosen: Metric | None, events: Sequence[Event]) -> html.Section:
    q, city, lang = request.queries, request.city, request.lang
    if chosen is None:
        return html.Section(className="map-panel")
    children = city.children(city.city_area.id)
    level = children[0].level if children else "city"
    readings = q.by_area(chosen.id, city.city_area.id, figure_grain(chosen), level=level) if children else []
    zones = city.children(city.city_area.id, level="zone")
    zone_readings = q.by_area(chosen.id, city.city_area.id, figure_grain(chosen), level="zone") if zones else []
    places = [city_map.Place(a.id, request.name(a), *a.centroid) for a in children if a.centroid]
    roads = overlays.road_states(request, chosen)
    base = basemap.base_map(request, overlays=overlays.groups(roads))
    name = pick(chosen.name_zh, chosen.name_en, lang)
    together = request.alike(readings, city.city_area.id, level)
    figure = city_map.map_figure(base, city.layer_of(level) or "outline", places, readings, chosen, request.theme, lang,
                                 events=events, revision=f"map-{city.id}", switched=request.params.get("layers", ""), together=together)  # fmt: skip
    figure = overlays.with_roads(request, figure, roads)
    scale = city_map.classes(chosen, together, request.theme, lang)
    names = {a.id: request.name(a) for a in (*children, *zones)}
    ranks: list[Any] = [
        figures.figure_block(q.card(chosen.id, city.city_area.id, figure_grain(chosen)), chosen, city.tz, lang, request.now_utc, region="map-city"),
        html.H3(t("map.ranking", lang, level=t(f"level.{level}", lang)), id=live_id("rank-head")),
        ranking.ranking(readings, names, chosen, request.area_href, city.tz, lang, request.now_utc,
                        id=live_id("ranking"), limit=MAX_RANKED),
    ]  # fmt: skip
    if zones:
        ranks += [
            html.H3([t("map.zones", lang), html.Small(t("map.zones_note", lang))]),
            ranking.ranking(zone_readings, names, chosen, request.area_href, city.tz, lang, request.now_utc,
                            id=live_id("ranking-zones"), ranked=False),
        ]  # fmt: skip
    return html.Section(
        [
            html.Nav(switch(map_metrics(metrics), chosen, lang, lambda m: request.href("/", metric=m.id, city=city.id)),
                     className="map-switch map-over", id=live_id("map-switch"),
                     **{"aria-label": t("map.metric", lang), "data-side": "top"}),
            frame.map_box(figure, lang, id=live_id("map"), label=f"{t('map.title', lang)} · {name}"),
            html.Footer(
                [
                    city_map.legend(scale, together, chosen, lang, id=live_id("legend")),
                    overlays.road_legend(request, figure, roads, id=live_id("road-legend")),
                    basemap.layer_switch(request, city.layer_of(level) or "outline", id=live_id("map-layers"), overlays=overlays.groups(roads)),
                    html.Div(_map_notes(request, level, bool(zones)), className="map-notes"),
                    source_line.chart_tools(download.areas_source(request, chosen, city.city_area, figure_grain(chosen), level, readings), lang,
                                            graph=live_id("map"), id=live_id("map-tools"), quiet=True),
                ],
                className="map-foot map-over", **{"data-side": "bottom"},
            ),
            html.Aside(ranks, className="map-ranks map-over", **{"data-side": "right"}),
        ],
        className="map-panel",
        **{"aria-label": t("map.label", lang, city=request.name(city), metric=name)},
    )  # fmt: skip


def switch(metrics: Sequence[Metric], chosen: Metric, lang: Lang, href: Callable[[Metric], str]) -> list[Any]:
    """One link a domain: the core domains in a row, the others behind one word, which names the one that is shown."""
    def link(metric: Metric) -> html.A:
        return html.A(printed.domain_words(metric.domain, lang), href=href(metric), title=pick(metric.name_zh, metric.name_en, lang),
                      className="is-active" if metric.domain == chosen.domain else "")  # fmt: skip

    core = [m for m in metrics if m.domain in DOMAINS]
    others = [m for m in metrics if m.domain not in DOMAINS]
    if not others:
        return [link(m) for m in core]
    shown = chosen.domain if chosen.domain not in DOMAINS else ""
    more = html.Details([html.Summary(printed.domain_words(shown, lang) if shown else t("map.more_domains", lang),
                                      className="is-active" if shown else ""),
                         html.Div([link(m) for m in others])], className="map-more")  # fmt: skip
    return [*(link(m) for m in core), more]


def _map_notes(request: PageRequest, level: str, has_zones: bool) -> list[Any]:
    """The approval number or its absence, whose drawing it is, and what of it is a sketch."""
    city, lang = request.city, request.lang
    href = request.href("/data", city=city.id, show="layers")
    sketches = frame.sketches(city, lang, approximate=level == "township" or has_zones)
    return [*frame.credits(city, lang, href), *(html.Span(words) for words in sketches)]


def departments(request: PageRequest) -> dict[str, str]:
    """Department as the plan spells it → its name in the language of the page."""
    if request.lang == "zh":
        return {}
    return {row["dept_zh"]: row["dept_en"] for row in request.city.plan("departments") if row["dept_en"]}


def suppliers(city: Pack, lang: Lang) -> dict[str, str]:
    """Supplier as deliveries name it → its name in `lang`, from the pack's sources and the plan's offices."""
    if lang == "zh":
        return {}
    names = {row["dept_zh"]: row["dept_en"] for row in city.plan("departments") if row["dept_en"]}
    names[t("data.coverage_model", "zh")] = t("data.coverage_model", lang)  # delivers what it works out, like a supplier
    for source in city.sources.values():
        names.update({zh: en for zh, en in ((source.name_zh, source.name_en), (source.supplier_zh, source.supplier_en)) if zh and en})
    return names


def _plan(request: PageRequest) -> html.Section:
    """Every promise as a mark by its status, the worst first, and a few of them in words, in turn."""
    lang = request.lang
    ledger = request.queries.ledger(request.city.id)
    own = listing.sort_rows(ledger.distinct, "status", lang)
    if not own:
        return html.Section([html.H2(t("overview.plan", lang)), empty(t("overview.no_plan", lang))], className="plan-panel")
    quantified = [row for row in own if row.target.kind == "quantified"]
    plans = "、".join(dict.fromkeys(pick(row.plan.title_zh, row.plan.title_en, lang) for row in own))
    summary = t("overview.plan_summary", lang, plans=plans, n=len(own), quantified=len(quantified))
    words = listing.ListWords(
        lang=lang, departments=departments(request), city=request.city.id, on=ledger.on,
        target_href=lambda target: request.href(f"/plan/target/{target}", city=request.city.id),
        department_href=lambda name: request.href(f"/plan/department/{name}", city=request.city.id),
        status_href=lambda status: request.href("/plan", city=request.city.id, status=status),
    )  # fmt: skip
    shown = strip.turn(quantified, TARGETS_SHOWN, int(request.now_utc.timestamp() // 60))
    return html.Section(
        [
            html.H2([html.A(t("overview.plan", lang), href=request.href("/plan", city=request.city.id)),
                     html.Small(summary, title=summary)]),
            strip.plan_strip(own, words, id=live_id("plan-strip")),
            strip.target_list(shown, words, id=live_id("plan-list")),
        ],
        className="plan-panel",
    )  # fmt: skip


def _ticker(request: PageRequest, events: Sequence[Event]) -> html.Section:
    lang, city = request.lang, request.city
    names = {a.id: request.name(a) for a in _areas(request)}
    return html.Section(
        [
            html.H2([t("overview.ticker", lang),
                     html.A(t("overview.all_events", lang), href=request.href("/events", city=city.id))]),
            ticker.ticker(events, names, city.tz, lang, request.now_utc, id=live_id("ticker"),
                          href=request.href("/events", city=city.id), limit=MAX_TICKER, departments=departments(request)),
        ],
        className="ticker-panel",
    )  # fmt: skip


def _areas(request: PageRequest) -> Sequence[Area]:
    return list(request.city.areas.values())


PAGE = Page(id="overview", pattern="/", build=build, nav="nav.overview", order=10, can_replay=True)
