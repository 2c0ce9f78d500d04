"""The figures of an area's page: headline strip with comparison, course over time, ranking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import html

from components import compare, figures, ranking, trend
from components.i18n import pick, t
from components.ids import live_id
from data_pipeline.cities import Area
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Card, Reading
from data_pipeline.times import Grain, period_start
from pages import PageRequest, overview
from pages.serving import download

MAX_KPIS = 8
MAX_RANKED = 16
# how far back a course is drawn, by its grain
SPAN: dict[Grain, timedelta] = {
    "5min": timedelta(hours=12), "15min": timedelta(hours=36), "hour": timedelta(hours=70), "day": timedelta(days=60),
    "week": timedelta(weeks=52), "month": timedelta(days=760), "quarter": timedelta(days=1100), "year": timedelta(days=2200),
}  # fmt: skip
SHOWN_GRAINS: tuple[Grain, ...] = ("5min", "15min", "hour", "day", "week", "month")

CardOf = dict[str, tuple[Card, Metric]]


def cards_of(request: PageRequest, area: Area, metrics: Sequence[Metric]) -> CardOf:
    """The card of every metric of the city for one area."""
    return {m.id: (request.queries.card(m.id, area.id), m) for m in metrics}


def headline(cards: CardOf) -> list[Metric]:
    """Metrics of the strip: those with a value here, each domain's first before any domain's second."""
    known = [m for card, m in cards.values() if card.reading.value is not None]
    return overview.kpi_metrics(known)[:MAX_KPIS]


def without_value(cards: CardOf) -> list[Metric]:
    """Metrics of the city that have no value for this area."""
    return [m for card, m in cards.values() if card.reading.value is None]


def strip(request: PageRequest, area: Area, cards: CardOf) -> html.Section:
    """Headline figures, each with the city's value and the rank among siblings under it."""
    lang = request.lang
    parts: list[Any] = []
    for metric in headline(cards):
        card = cards[metric.id][0]
        parts.append(
            html.Div(
                [
                    figures.kpi_card(card, metric, request.city.tz, lang, request.now_utc, region="area-kpi"),
                    compare.comparison(_in_city(request, card.reading), beside(request, area, metric, card.reading), area.id,
                                       metric, lang, region="area-compare", against=request.name(request.city)),
                ],
                className="kpi-cell",
            )
        )  # fmt: skip
    if not parts:
        parts.append(html.P(t("area.no_figures", lang, area=request.name(area)), className="note"))
    return html.Section(parts, className="kpis area-kpis", **{"aria-label": t("overview.kpis", lang)})


def missing_note(request: PageRequest, cards: CardOf) -> html.P:
    """Which metrics say nothing about this area, in one line."""
    gone = without_value(cards)
    names = [pick(m.name_zh, m.name_en, request.lang) for m in gone]
    joint = "、" if request.lang == "zh" else ", "
    text = t("area.missing", request.lang, n=len(gone), names=joint.join(names)) if gone else ""
    return html.P(text, id=live_id("area-missing"), className="note area-missing", title=text)


def beside(request: PageRequest, area: Area, metric: Metric, reading: Reading) -> list[Reading]:
    """The same figure and period for the area and its siblings; empty where nothing is ranked.

    Functional zones overlap the districts and one another's surroundings, so they are never ranked.
    """
    if area.level == "zone" or area.parent is None or not request.city.siblings(area.id):
        return []
    return request.queries.by_area(metric.id, area.parent, reading.grain, reading.period_start_utc, level=area.level)


def _in_city(request: PageRequest, reading: Reading) -> Reading | None:
    city = request.city.city_area.id
    if reading.area == city:
        return None
    return request.queries.reading(reading.metric, city, reading.grain, reading.period_start_utc)


def grain_of(request: PageRequest, metric: Metric) -> Grain:
    """The grain in the address where the metric has it, else the hour, else its own."""
    wanted = request.params.get("grain")
    if wanted in metric.grains and wanted in SPAN:
        return wanted  # type: ignore[return-value]
    return "hour" if "hour" in metric.grains else metric.base_grain


def course(request: PageRequest, area: Area, metric: Metric) -> html.Section:
    """The figure over time beside the city's, the usual range of its periods, and the switch of grains."""
    q, lang, tz = request.queries, request.lang, request.city.tz
    grain = grain_of(request, metric)
    start, end = window(request, grain)
    own = q.series(metric.id, area.id, grain, start, end)
    # totals of an area and of its city share no axis
    comparable = not metric.is_additive and not (metric.is_stock and not metric.denominator)
    city_area = request.city.city_area
    other = q.series(metric.id, city_area.id, grain, start, end) if comparable and area.id != city_area.id else ()
    usual = q.usual(metric.id, area.id, grain, start, end)
    links = [
        html.A(t(f"grain.{g}", lang), href=request.href(grain=g), className="is-active" if g == grain else "")
        for g in SHOWN_GRAINS
        if g in metric.grains and (area.level != "township" or g not in ("5min", "15min"))
    ]
    name = pick(metric.name_zh, metric.name_en, lang)
    return html.Section(
        [
            html.Div(
                [html.H2([t("area.course", lang), html.Small(name)], id=live_id("area-course-head")),
                 html.Nav(links, id=live_id("area-grains"), className="tabs", **{"aria-label": t("area.grain", lang)})],
                className="panel-head",
            ),
            trend.trend(own, metric, tz, lang, request.theme, id=live_id("area-course"), height="15rem",
                        source=download.course_source(request, metric, area, grain, start, end), name=request.name(area), compare=other, compare_name=request.name(request.city),
                        bands=usual),
            html.P(t("area.band_along" if usual else "area.no_band", lang), id=live_id("area-band"), className="note"),
        ],
        className="area-course",
    )  # fmt: skip


def window(request: PageRequest, grain: Grain) -> tuple[datetime, datetime]:
    """[start, end) of a course in UTC: whole periods up to now."""
    return period_start(request.now_utc - SPAN[grain], grain, request.city.tz), request.now_utc


def ranks(request: PageRequest, area: Area, metric: Metric, readings: Sequence[Reading]) -> html.Section:
    """The parts of the area by the chosen figure; for an area without parts, the areas beside it."""
    lang, city = request.lang, request.city
    parts = parts_of(request, area)
    inside = bool(city.children(area.id))
    level = parts[0].level if parts else area.level
    head = t("area.parts_rank" if inside else "area.siblings_rank", lang, level=t(f"level.{level}", lang))
    names = {a.id: request.name(a) for a in parts}
    body = ranking.ranking(readings, names, metric, request.area_href, city.tz, lang, request.now_utc,
                           id=live_id("area-ranking"), limit=MAX_RANKED, current=None if inside else area.id)  # fmt: skip
    return html.Section(
        [html.H2([head, html.Small(pick(metric.name_zh, metric.name_en, lang))], id=live_id("area-rank-head")), body],
        className="area-ranks",
    )


def parts_of(request: PageRequest, area: Area) -> list[Area]:
    """The areas drawn and ranked on an area's page: its parts; without parts it stands among its siblings."""
    children = request.city.children(area.id)
    if children:
        return children
    return [area, *request.city.siblings(area.id)]


def part_readings(request: PageRequest, area: Area, metric: Metric) -> list[Reading]:
    """Newest readings of `parts_of` an area."""
    city, grain = request.city, part_grain(parts_of(request, area), metric)
    if city.children(area.id):
        return request.queries.by_area(metric.id, area.id, grain)
    if area.parent is None:
        return []
    return request.queries.by_area(metric.id, area.parent, grain, level=area.level)


def part_readings_alike(request: PageRequest, area: Area, readings: Sequence[Reading]) -> Sequence[Reading]:
    """The readings that give the map of `part_readings` its classes: in a replay those of all its frames."""
    whole = bool(request.city.children(area.id))
    return request.alike(readings, area.id if whole or area.parent is None else area.parent, None if whole else area.level)


def part_grain(areas: Sequence[Area], metric: Metric) -> Grain:
    """The grain at which areas are compared: the metric's own; townships are not kept below an hour."""
    if metric.base_grain in ("5min", "15min") and any(a.level == "township" for a in areas):
        return "hour"
    return metric.base_grain
