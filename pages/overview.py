"""`/` — 一屏通览: how is the city, now?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dash import dcc, html

from components import city_map, figures, plan, ranking, sentence, ticker
from components.i18n import Lang, pick, t
from components.ids import live_id
from components.states import empty
from data_pipeline.cities import Area
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Card, Event, Target
from data_pipeline.times import SUB_DAY_SECONDS, Grain
from pages import Page, PageRequest, View, basemap, shell

MAX_KPIS, MAX_ROWS, MAX_RANKED, MAX_TICKER, TARGETS_SHOWN = 10, 3, 10, 5, 4
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
            html.Section(_panels(request, cards, LEFT), className="side side-left",
                         **{"aria-label": t("overview.left", lang)}),
            _map(request, metrics, chosen, events),
            html.Section(_panels(request, cards, RIGHT), className="side side-right",
                         **{"aria-label": t("overview.right", lang)}),
            _plan(request, q.targets(city.id)),
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
    return "day" if metric.is_additive and metric.base_grain in SUB_DAY_SECONDS else metric.base_grain


def map_metrics(metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics of the map's switch: the first of each domain, a headline where there is one."""
    found: dict[str, Metric] = {}
    for metric in sorted(metrics, key=lambda m: not m.headline):
        found.setdefault(metric.domain, metric)
    return sorted(found.values(), key=_place_of_domain)


def kpi_metrics(metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics of the strip: headlines, each domain's first before any domain's second."""
    ranked: list[tuple[bool, int, int, Metric]] = []
    seen: dict[str, int] = {}
    for i, metric in enumerate(sorted(metrics, key=lambda m: not m.headline)):
        turn = seen[metric.domain] = seen.get(metric.domain, -1) + 1
        ranked.append((not metric.headline, turn, i, metric))
    chosen = [metric for *_, metric in sorted(ranked, key=lambda r: r[:3])[:MAX_KPIS]]
    return sorted(chosen, key=_place_of_domain)


def _place_of_domain(metric: Metric) -> int:
    return DOMAINS.index(metric.domain) if metric.domain in DOMAINS else len(DOMAINS)


def panel_metrics(metrics: Sequence[Metric], domain: str, in_strip: Sequence[str]) -> list[Metric]:
    """The metrics of a panel: those of the domain that do not already stand in the strip, then those that do."""
    own = [m for m in metrics if m.domain == domain]
    return sorted(own, key=lambda m: m.id in in_strip)[:MAX_ROWS]


def _sentence(request: PageRequest, cards: CardOf, events: Sequence[Event]) -> Any:
    q, city = request.queries, request.city
    headline = [cards[m.id] for m in kpi_metrics([m for _, m in cards.values()])]
    children = city.children(city.city_area.id)
    # where there are many areas, naming one from all their cards would cost more than it tells
    areas = children if len(children) <= 8 else []
    elsewhere = [(q.card(m.id, a.id, figure_grain(m)), m) for _, m in headline for a in areas]
    names = {a.id: request.name(a) for a in areas}
    parts = sentence.parts(city.name_zh, city.name_en, names, headline, elsewhere, events,
                           q.sources(city.id), request.lang)  # fmt: skip
    return sentence.sentence(parts, request.now_utc, city.tz, request.lang, id=live_id("sentence"))


def _kpis(request: PageRequest, cards: CardOf) -> html.Section:
    shown = kpi_metrics([m for _, m in cards.values()])
    return html.Section(
        [figures.kpi_card(cards[m.id][0], m, request.city.tz, request.lang, request.now_utc) for m in shown],
        className="kpis",
        **{"aria-label": t("overview.kpis", request.lang)},
    )


def _panels(request: PageRequest, cards: CardOf, domains: Sequence[str]) -> list[Any]:
    metrics = [m for _, m in cards.values()]
    in_strip = [m.id for m in kpi_metrics(metrics)]
    panels = []
    for domain in domains:
        rows = [
            figures.figure_row(cards[m.id][0], m, request.city.tz, request.lang, request.now_utc)
            for m in panel_metrics(metrics, domain, in_strip)
        ]
        words = plan.domain_words(domain, request.lang)
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
    base = basemap.base_map(request)
    name = pick(chosen.name_zh, chosen.name_en, lang)
    figure = city_map.map_figure(base, city.layer_of(level) or "outline", places, readings, chosen, request.theme, lang,
                                 events=events, revision=f"map-{city.id}")  # fmt: skip
    scale = city_map.classes(chosen, readings, request.theme, lang)
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
            html.Nav([_switch_link(request, m, chosen) for m in map_metrics(metrics)], className="map-switch",
                     id=live_id("map-switch"), **{"aria-label": t("map.metric", lang)}),
            html.Div(
                [
                    dcc.Graph(id=live_id("map"), figure=figure, config=city_map.CONFIG, className="map-graph"),
                ],
                className="map-box",
            ),
            html.Footer(
                [
                    city_map.legend(scale, readings, chosen, lang, id=live_id("legend")),
                    html.Div(_map_notes(request, level, bool(zones)), className="map-notes"),
                ],
                className="map-foot",
            ),
            html.Aside(ranks, className="map-ranks"),
        ],
        className="map-panel",
        **{"aria-label": t("map.label", lang, city=request.name(city), metric=name)},
    )  # fmt: skip


def _switch_link(request: PageRequest, metric: Metric, chosen: Metric) -> html.A:
    return html.A(
        plan.domain_words(metric.domain, request.lang),
        href=request.href("/", metric=metric.id, city=request.city.id),
        className="is-active" if metric.domain == chosen.domain else "",
        title=pick(metric.name_zh, metric.name_en, request.lang),
    )


def _map_notes(request: PageRequest, level: str, has_zones: bool) -> list[Any]:
    """Where the drawing is from, what of it is a sketch, and the approval number or its absence."""
    city, lang = request.city, request.lang
    drawn = [n for n in ("districts", "outline", "townships", "water", "railways") if n in city.layers]
    shown = next((city.layers[n] for n in drawn), None)
    notes: list[Any] = []
    if city.map_approval_number:
        notes.append(t("map.approval_no", lang, number=city.map_approval_number))
    else:
        notes.append(t("map.approval", lang))
    if shown:
        notes.append(html.Span(t("map.source", lang, sources=source_words(shown.source, lang)),
                               title="；".join(f"{n}: {city.layers[n].source}" for n in drawn)))  # fmt: skip
    if "water" in city.layers or "railways" in city.layers:
        notes.append(t("map.sketch_water", lang))
    if level == "township" or has_zones:
        notes.append(t("map.sketch_township", lang))
    return [html.Span(note) if isinstance(note, str) else note for note in notes]


def source_words(source: str, lang: Lang) -> str:
    """The name at the head of a layer's source: `天地图 (Tianditu) district …` is 天地图 or Tianditu."""
    named = re.match(r"([^(,]+?)\s*\(([^)]+)\)", source)
    if named:
        return named[1] if lang == "zh" else named[2]
    return source.split(",")[0]


def departments(request: PageRequest) -> dict[str, str]:
    """Department as the plan spells it → its name in the language of the page."""
    if request.lang == "zh":
        return {}
    return {row["dept_zh"]: row["dept_en"] for row in request.city.plan("departments") if row["dept_en"]}


def _plan(request: PageRequest, targets: Sequence[Target]) -> html.Section:
    lang = request.lang
    own = plan.distinct(targets)
    if not own:
        return html.Section([html.H2(t("overview.plan", lang)), empty(t("overview.no_plan", lang))], className="plan-panel")
    quantified = [x for x in own if x.kind == "quantified"]
    titles = {row["plan_id"]: pick(row["title_zh"], row["title_en"], lang) for row in request.city.plan("plans")}
    plans = "、".join(dict.fromkeys(titles.get(x.plan_id, x.plan_id) for x in own))
    summary = t("overview.plan_summary", lang, plans=plans, n=len(own), quantified=len(quantified))
    return html.Section(
        [
            html.H2([t("overview.plan", lang), html.Small(summary, title=summary),
                     html.Small(t("target.legend", lang), className="plan-legend")]),
            plan.plan_strip(own, lang, request.today, id=live_id("plan-strip"), departments=departments(request)),
            plan.target_list(_turn(quantified, request), lang, request.today, id=live_id("plan-list"),
                             departments=departments(request)),
        ],
        className="plan-panel",
    )  # fmt: skip


def _turn(targets: Sequence[Target], request: PageRequest) -> list[Target]:
    """A few targets at a time, the next ones every minute, so that a wall shows them all."""
    if not targets:
        return []
    minute = int(request.now_utc.timestamp() // 60)
    first = minute * TARGETS_SHOWN % len(targets)
    return [targets[(first + i) % len(targets)] for i in range(min(TARGETS_SHOWN, len(targets)))]


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


PAGE = Page(id="overview", pattern="/", build=build, nav="nav.overview", order=10)
