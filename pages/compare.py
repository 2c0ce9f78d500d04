"""`/compare` — how do two to six areas, two periods, or two dates of the map differ?

==========  ==============================================================================================
`show`      `areas` (default), `periods`, `dates`
`metric`    the figure of chart and map; the table has the headline figures as well
`areas`     two to six area ids with commas between (`show=areas`)
`area`      the area of the periods, or the one whose parts the maps show; the city where none is given
`grain`     length of a period: day, week, month, quarter, year
`a`, `b`    a day of either period, as 2026-11-01
==========  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from dash import html

from components import formats, side_by_side
from components.i18n import pick, t
from components.ids import live_id
from components.ledger import fields
from components.maps import city_map, frame
from components.source_line import SourceLine
from data_pipeline.cities import Area
from data_pipeline.metrics import Metric
from data_pipeline.queries import compare as pairs
from data_pipeline.queries.answers import step_back
from data_pipeline.queries.types import Reading
from data_pipeline.times import Grain, local_day
from pages import Page, PageRequest, View, overview
from pages.area_figures import grain_of, window
from pages.serving import basemap, download, shell

LEAST, MOST = 2, 6
SHOWS = ("areas", "periods", "dates")
FIRST_DAY = date(2015, 1, 1)
# how far apart two days are compared where the address does not say: the same day of the week before
WEEK = timedelta(days=7)


def build(request: PageRequest) -> View:
    """The comparison of one city. What the address does not say, or says of what there is not, takes its default."""
    q, city, lang = request.queries, request.city, request.lang
    show = request.params.get("show", SHOWS[0])
    show = show if show in SHOWS else SHOWS[0]
    title = t("app.title", lang, city=f"{t('compare.title', lang)} · {request.name(city)}")
    crumbs = [(t("compare.title", lang), "")]
    if not q.has_data(city.id):
        return View(title, shell.building(request), key=f"compare-building-{city.id}", crumbs=crumbs)
    metrics = q.metrics_for(city.id)
    chosen = overview.choose_metric(metrics, request.params.get("metric"))
    if chosen is None:
        return View(title, html.P(t("state.no_data", lang), className="note"), key=f"compare-none-{city.id}", crumbs=crumbs)
    made = {"areas": _areas, "periods": _periods, "dates": _dates}[show](request, metrics, chosen)
    return View(title, html.Div([_head(request, show), *made.body], className="compare"), key=f"compare-{city.id}-{show}-{made.key}", crumbs=crumbs)


@dataclass(frozen=True)
class Made:
    """One of the three comparisons. `key`: what of the address changes its structure."""

    body: list[Any]
    key: str


def _head(request: PageRequest, show: str) -> html.Div:
    lang = request.lang
    tabs = [html.A(t(f"compare.by_{name}", lang), href=request.href(show=name), className="is-active" if name == show else "",
                   **({"aria-current": "page"} if name == show else {})) for name in SHOWS]  # fmt: skip
    return html.Div([html.H1(t("compare.title", lang), className="area-name"),
                     html.Nav(tabs, className="tabs", **{"aria-label": t("compare.title", lang)})], className="compare-head")  # fmt: skip


def _metric_field(request: PageRequest, metrics: Sequence[Metric], chosen: Metric) -> Any:
    lang = request.lang
    options = [(m.id, pick(m.name_zh, m.name_en, lang)) for m in sorted(metrics, key=lambda m: (m.domain, m.id))]
    return fields.AddressField(param="metric", value=chosen.id, label=t("compare.metric", lang), options=options)


def _table_metrics(metrics: Sequence[Metric], chosen: Metric) -> list[Metric]:
    """The chosen figure first, then the headline ones."""
    return [chosen, *(m for m in overview.kpi_metrics(metrics) if m.id != chosen.id)]


# ---------------------------------------------------------------------------- areas


def chosen_areas(request: PageRequest) -> tuple[list[Area], list[str]]:
    """The areas of the address in their order, filled up to two; and the ids that are none of this city's."""
    city = request.city
    given = list(dict.fromkeys(x for x in request.params.get("areas", "").split(",") if x))
    areas = list({city.area(x).id: city.area(x) for x in given if city.has_area(x)}.values())[:MOST]
    unknown = [x for x in given if not city.has_area(x)]
    children = city.children(city.city_area.id)
    beside = city.siblings(areas[0].id) if len(areas) == 1 else children[:3] if not areas else []
    for area in (*beside, city.city_area, *children):
        if len(areas) >= LEAST and (given or len(areas) >= 3):
            break
        if area.id not in {a.id for a in areas}:
            areas.append(area)
    return areas, unknown


def _areas(request: PageRequest, metrics: Sequence[Metric], chosen: Metric) -> Made:
    q, city, lang = request.queries, request.city, request.lang
    areas, unknown = chosen_areas(request)
    ids = [a.id for a in areas]
    grain = grain_of(request, chosen)
    if grain in ("5min", "15min") and any(a.level == "township" for a in areas):
        grain = "hour"
    start, end = window(request, grain)
    courses = [(request.name(a), q.series(chosen.id, a.id, grain, start, end)) for a in areas]
    rows = [(m, [q.latest(m.id, a.id, overview.figure_grain(m) if a.level != "township" else None) for a in areas])
            for m in _table_metrics(metrics, chosen)]  # fmt: skip
    names = [request.name(a) for a in areas]
    source = _source(request, chosen, areas[0], grain, start, end)
    notes = [html.P(t("compare.unknown_area", lang, area=x), className="note") for x in unknown]
    body: list[Any] = [
        html.Div([_area_chips(request, areas), _add_area(request, ids), _metric_field(request, metrics, chosen), _grain_tabs(request, chosen, grain)],
                 className="compare-fields"),
        *notes,
        html.Section([html.H2([t("compare.course", lang), html.Small(pick(chosen.name_zh, chosen.name_en, lang))]),
                      side_by_side.courses(courses, chosen, city.tz, lang, request.theme, id=live_id("compare-course"), source=source)]),
        html.Section([html.H2(t("compare.figures", lang)),
                      side_by_side.figures_table(names, rows, city.tz, lang, id=live_id("compare-figures"))]),
    ]  # fmt: skip
    return Made(body, f"{'-'.join(ids)}-{chosen.id}-{grain}")


def _area_chips(request: PageRequest, areas: Sequence[Area]) -> html.Ul:
    """Each area with a way out of the comparison, as long as two remain."""
    lang, ids = request.lang, [a.id for a in areas]
    chips = []
    for area in areas:
        parts: list[Any] = [html.A(request.name(area), href=request.area_href(area.id))]
        if len(areas) > LEAST:
            rest = ",".join(x for x in ids if x != area.id)
            parts.append(html.A("×", href=request.href(areas=rest), className="tool-button",
                                **{"aria-label": t("compare.remove", lang, area=request.name(area))}))  # fmt: skip
        chips.append(html.Li(parts))
    return html.Ul(chips, className="compare-chips", **{"aria-label": t("compare.areas", lang)})


def _add_area(request: PageRequest, ids: Sequence[str]) -> Any:
    """A list of the other areas; each choice is the whole list of the address with one more."""
    if len(ids) >= MOST:
        return html.Span(t("compare.areas", request.lang), className="note")
    city, lang = request.city, request.lang
    others = [a for a in city.areas.values() if a.id not in ids]
    options = [(",".join([*ids, a.id]), f"{t(f'level.{a.level}', lang)} · {request.name(a)}") for a in others]
    return fields.AddressField(param="areas", value="", label=t("compare.add", lang), options=[("", "—"), *options])


def _grain_tabs(request: PageRequest, metric: Metric, grain: Grain) -> html.Nav:
    links = [html.A(t(f"grain.{g}", request.lang), href=request.href(grain=g), className="is-active" if g == grain else "")
             for g in ("hour", "day", "week", "month") if g in metric.grains]  # fmt: skip
    return html.Nav(links, className="tabs", **{"aria-label": t("area.grain", request.lang)})


def _source(request: PageRequest, metric: Metric, area: Area, grain: Grain, start: datetime, end: datetime) -> SourceLine:
    return download.course_source(request, metric, area, grain, start, end)


# ---------------------------------------------------------------------------- periods and dates


@dataclass(frozen=True)
class Two:
    """Two periods of one length: their first day on the city's calendar, and their start in UTC."""

    area: Area
    grain: Grain
    days: tuple[date, date]
    starts: tuple[datetime, datetime]


def two_periods(request: PageRequest, metric: Metric) -> Two | None:
    """The periods of the address; by default the newest whole one and, for days, the same weekday before it, else the one before.

    None for a metric whose periods are all shorter than a day.
    """
    city = request.city
    allowed = pairs.grains_of(metric)
    if not allowed:
        return None
    wanted = request.params.get("grain")
    grain: Grain = next((g for g in allowed if g == wanted), allowed[0])
    area = city.area(request.params["area"]) if city.has_area(request.params.get("area", "")) else city.city_area
    second = _day(request, "b")
    b = pairs.start_of(second, grain, city.tz) if second else pairs.last_whole(request.queries, metric, area.id, grain, city.tz)
    first = _day(request, "a")
    if first is None:
        first = local_day(b, city.tz) - WEEK if grain == "day" else local_day(step_back(b, grain, city.tz), city.tz)
    a = pairs.start_of(first, grain, city.tz)
    return Two(area, grain, (local_day(a, city.tz), local_day(b, city.tz)), (a, b))


def _day(request: PageRequest, name: str) -> date | None:
    """A day of the address; None for none, for nonsense, and for a day that nobody can know of."""
    try:
        found = date.fromisoformat(request.params.get(name, ""))
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= request.today else None


def _two_fields(request: PageRequest, metrics: Sequence[Metric], chosen: Metric, two: Two, areas: Sequence[Area]) -> html.Div:
    lang = request.lang
    usable = [m for m in metrics if pairs.grains_of(m)]
    options = [(a.id, f"{t(f'level.{a.level}', lang)} · {request.name(a)}") for a in areas]
    grains = [html.A(t(f"grain.{g}", lang), href=request.href(grain=g), className="is-active" if g == two.grain else "")
              for g in pairs.grains_of(chosen)]  # fmt: skip
    return html.Div(
        [
            fields.day("a", two.days[0], t("compare.first", lang), FIRST_DAY, request.today),
            fields.day("b", two.days[1], t("compare.second", lang), FIRST_DAY, request.today),
            fields.AddressField(param="area", value=two.area.id, label=t("compare.area", lang), options=options),
            _metric_field(request, usable, chosen),
            html.Nav(grains, className="tabs", **{"aria-label": t("compare.grain", lang)}),
        ],
        className="compare-fields",
    )


def _names(request: PageRequest, readings: Sequence[Reading]) -> list[str]:
    """"A 11月15日", "B 11月22日": the periods as the reader names them."""
    lang = request.lang
    return [f"{t(f'compare.{which}', lang)} {formats.period(r, request.city.tz, lang, request.now_utc)}" for which, r in zip("ab", readings, strict=True)]


def _periods(request: PageRequest, metrics: Sequence[Metric], chosen: Metric) -> Made:
    q, city, lang = request.queries, request.city, request.lang
    two = two_periods(request, chosen)
    if two is None:
        return Made([_no_periods(request, metrics, chosen)], f"none-{chosen.id}")
    own = pairs.pair(q, chosen, two.area.id, two.grain, *two.starts)
    names = _names(request, (own.first, own.second))
    steps = [(name, pairs.steps(q, chosen, two.area.id, two.grain, start, city.tz)) for name, start in zip(names, two.starts, strict=True)]
    unit = t(f"compare.unit_{pairs.FINER[two.grain]}", lang)
    found = [(m, pairs.pair(q, m, two.area.id, two.grain, *two.starts)) for m in _table_metrics(metrics, chosen) if two.grain in m.grains]
    rows = [(m, (p.first, p.second)) for m, p in found]
    source = _source(request, chosen, two.area, two.grain, min(two.starts), max(own.first.period_end_utc, own.second.period_end_utc))
    note = [html.P(t("compare.periods_note", lang), className="note")] if own.first.is_open or own.second.is_open else []
    body: list[Any] = [
        _two_fields(request, metrics, chosen, two, list(city.areas.values())),
        html.Section([html.H2([t("compare.course", lang), html.Small(f"{pick(chosen.name_zh, chosen.name_en, lang)} · {request.name(two.area)}")]),
                      side_by_side.aligned(steps, chosen, unit, lang, request.theme, id=live_id("compare-course"), source=source),
                      html.P(t("compare.aligned", lang), className="note"), *note]),
        html.Section([html.H2([t("compare.figures", lang), html.Small(request.name(two.area))]),
                      side_by_side.figures_table(names, rows, city.tz, lang, id=live_id("compare-figures"), changes=[p.change for _, p in found])]),
    ]  # fmt: skip
    return Made(body, f"{two.area.id}-{chosen.id}-{two.grain}-{two.days[0]}-{two.days[1]}")


def _no_periods(request: PageRequest, metrics: Sequence[Metric], chosen: Metric) -> html.Div:
    return html.Div([_metric_field(request, [m for m in metrics if pairs.grains_of(m)], chosen),
                     html.P(t("state.no_data", request.lang), className="note")], className="compare-fields")  # fmt: skip


def _dates(request: PageRequest, metrics: Sequence[Metric], chosen: Metric) -> Made:
    """Two maps of one area's parts, in one scale of classes, that move together; and the change of every part."""
    q, city, lang = request.queries, request.city, request.lang
    two = two_periods(request, chosen)
    if two is None:
        return Made([_no_periods(request, metrics, chosen)], f"none-{chosen.id}")
    whole = [a for a in city.areas.values() if city.children(a.id)]
    area = two.area if city.children(two.area.id) else city.city_area
    parts = city.children(area.id)
    level = parts[0].level
    sides = [q.by_area(chosen.id, area.id, two.grain, start, level=level) for start in two.starts]
    together = [*sides[0], *sides[1]]
    scale = city_map.classes(chosen, together, request.theme, lang)
    changes = {now.area: pairs.change_between(chosen, before, now) for before, now in zip(*sides, strict=True)}
    names = _names(request, [side[0] for side in sides])
    places = [city_map.Place(a.id, request.name(a), *a.centroid) for a in parts if a.centroid]
    base = basemap.base_map(request)
    maps = []
    for name, side, which in zip(names, sides, "ab", strict=True):
        figure = city_map.map_figure(base, city.layer_of(level) or "outline", places, side, chosen, request.theme, lang,
                                     revision=f"compare-{city.id}", together=together)  # fmt: skip
        source = download.areas_source(request, chosen, area, two.grain, level, side)
        maps.append(html.Div([html.H2(name, id=live_id(f"compare-name-{which}")), frame.map_box(figure, lang, id=live_id(f"compare-map-{which}"), label=name),
                              side_by_side.chart_tools(source, lang, graph=live_id(f"compare-map-{which}"), id=live_id(f"compare-map-{which}-tools"))],
                             className="compare-map area-map"))  # fmt: skip
    rows = [
        [html.A(request.name(a), href=request.area_href(a.id)), *(side_by_side.cell(r, chosen, city.tz, lang) for r in (before, now)),
         side_by_side.change_words(changes.get(a.id), chosen, lang)]
        for a, before, now in zip(parts, *sides, strict=True)
    ]  # fmt: skip
    body: list[Any] = [
        _two_fields(request, metrics, chosen, Two(area, two.grain, two.days, two.starts), whole),
        html.Section(
            [
                html.Div(maps, className="compare-maps", **{"data-together": "maps"}),
                html.Footer([city_map.legend(scale, together, chosen, lang, id=live_id("compare-legend")),
                             html.Div([html.Span(t("compare.one_scale", lang)), *frame.credits(city, lang, request.href("/data", city=city.id, show="layers")),
                                       *(html.Span(words) for words in frame.sketches(city, lang, approximate=level == "township"))], className="map-notes")],
                            className="map-foot"),
            ],
            className="map-panel-pair",
        ),
        html.Section([html.H2([t("compare.figures", lang), html.Small(pick(chosen.name_zh, chosen.name_en, lang))]),
                      html.Div(side_by_side.table([t(f"level.{level}", lang), *names, t("compare.change", lang)], rows, lang, numeric=(1, 2, 3)),
                               id=live_id("compare-figures"), className="compare-table")]),
    ]  # fmt: skip
    return Made(body, f"{area.id}-{chosen.id}-{two.grain}-{two.days[0]}-{two.days[1]}")


PAGE = Page(id="compare", pattern="/compare", build=build)
