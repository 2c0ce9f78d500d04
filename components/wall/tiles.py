"""What stands in the tiles of a wall: large figures, bars by area, exceptions, events.

Every list here may be longer than its tile: `assets/wall.js` leaves out whole rows from the end (`wall-fit`),
type is never made smaller. Only exceptions take a colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import formats, strip, ticker
from components.figures import (
    changes,
    course,
    course_bands,
    exception_rank,
    now_value,
    number_children,
    state_class,
    usable,
)
from components.i18n import Lang, pick, t
from components.states import mark
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Card, Event, Reading

MAX_ROWS, MAX_EVENTS = 40, 16


def figure(card: Card, metric: Metric, tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Div:
    """One large number: name, value with unit, course in its usual range, and one line that says what must be said."""
    reading = card.reading
    value = formats.figure(reading.value, metric.unit, metric.decimals, lang)
    bad = is_bad(card, metric)
    return html.Div(
        [
            html.Span(pick(metric.name_zh, metric.name_en, lang), className="wall-name", title=pick(metric.name_zh, metric.name_en, lang)),
            html.Span(number_children(value), className="wall-number" if value.is_value else "wall-number is-empty"),
            strip.strip(course(card, metric), now_value(card, metric), card.band, outside=bad, bands=course_bands(card, metric),
                        label=strip.band_label(card.band, metric.unit, metric.decimals, lang)),
            html.Span(said(card, metric, tz, lang, now_utc), className="wall-said wall-fit"),
        ],
        className=f"wall-figure {state_class(reading, bad)}",
        role="group",
        **{"aria-label": f"{pick(metric.name_zh, metric.name_en, lang)} {value.text}"},
    )  # fmt: skip


def figures(shown: Sequence[tuple[Card, Metric]], tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Div:
    """Several large numbers in rows and columns; those that do not fit are left out from the end."""
    return html.Div([figure(card, metric, tz, lang, now_utc) for card, metric in shown], className="wall-figures wall-fit")


def is_bad(card: Card, metric: Metric) -> bool:
    """Whether the figure stands outside its usual range on the bad side."""
    return usable(card.reading) and strip.is_bad(strip.deviation(card.reading.value, card.band), metric.better)


def said(card: Card, metric: Metric, tz: ZoneInfo, lang: Lang, now_utc: datetime) -> list[Any]:
    """The line below a number: late or missing, else outside the usual range, else the change; period last."""
    reading = card.reading
    if reading.status == "stale":
        # what is most important comes first: where the line is short, the rest is left out
        return [mark(t("state.stale_short", lang, age=formats.age(reading.late_s or 0, lang)), "warn"),
                html.Span(t("live.as_of", lang, time=formats.moment(reading.data_as_of_utc, tz, lang, now_utc)), className="wall-period")]
    words = formats.status_words(reading, tz, lang, now_utc)
    if words:
        return [mark(words[0])]
    side = strip.deviation(reading.value, card.band) if usable(reading) else 0
    parts: list[Any] = []
    if side:
        parts.append(mark(t("band.short_above" if side > 0 else "band.short_below", lang), "alert" if is_bad(card, metric) else "plain"))
    parts += changes(card, metric, lang)[:1]
    parts.append(html.Span(formats.period_words(reading, tz, lang, now_utc, so_far=metric.is_additive), className="wall-period"))
    return parts


def rank(readings: Sequence[Reading], names: Mapping[str, str], metric: Metric, tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Div:
    """Areas by one figure as bars, highest first; areas without a value stand last and say so."""
    known = sorted((r for r in readings if r.value is not None), key=lambda r: (-(r.value or 0), r.area))
    rows = [*known, *(r for r in readings if r.value is None)][:MAX_ROWS]
    top = max((abs(r.value or 0) for r in known), default=0.0)
    texts, _ = formats.alike([r.value for r in rows], metric.unit, metric.decimals, lang)
    name = pick(metric.name_zh, metric.name_en, lang)
    lines = [
        html.Li(
            [
                html.Span(names.get(reading.area, reading.area), className="wall-bar-name", title=names.get(reading.area, reading.area)),
                html.Span(html.Span(className="wall-bar-fill", style={"width": f"{0.0 if not top or reading.value is None else abs(reading.value) / top * 100:.1f}%"}),
                          className="wall-bar"),
                html.Span(text.text, className="wall-bar-value"),
            ],
            className=f"wall-rank-line {state_class(reading)}",
        )
        for reading, text in zip(rows, texts, strict=True)
    ]  # fmt: skip
    return html.Div([html.H3(name, className="wall-rank-head", title=name), html.Ol(lines, className="wall-rows wall-fit")], className="wall-rank")


def exceptions(cards: Sequence[tuple[Card, Metric]], tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Div:
    """What deviates on its bad side, then what is late; how many have no value; or that there is nothing."""
    ranks = [(exception_rank(card, metric), i) for i, (card, metric) in enumerate(cards)]
    found = sorted((rank, i) for rank, i in ranks if rank in (0, 1))
    missing = sum(rank == 2 for rank, _ in ranks)
    rows = [_exception(*cards[i], tz, lang, now_utc) for _, i in found[:MAX_ROWS]]
    if not rows:
        rows.append(html.Li(html.Span(t("wall.no_exceptions", lang, n=len(cards)), className="wall-row-name"), className="wall-row is-calm"))
    if missing:
        rows.append(html.Li(html.Span(html.Span(t("overview.missing", lang, n=missing)), className="wall-row-note wall-fit"), className="wall-row"))
    return html.Div(html.Ul(rows, className="wall-rows wall-fit"))


def _exception(card: Card, metric: Metric, tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Li:
    reading = card.reading
    value = formats.figure(reading.value, metric.unit, metric.decimals, lang)
    name = pick(metric.name_zh, metric.name_en, lang)
    if is_bad(card, metric):
        side = strip.deviation(reading.value, card.band)
        band = strip.band_label(card.band, metric.unit, metric.decimals, lang)
        note: Any = [mark(t("band.short_above" if side > 0 else "band.short_below", lang), "alert"), html.Span(band, className="wall-band-words")]
    else:
        note = [mark(t("state.stale_short", lang, age=formats.age(reading.late_s or 0, lang)), "warn")]
    return html.Li(
        [html.Span(name, className="wall-row-name", title=name), html.Span(number_children(value), className="wall-row-value"),
         html.Span(note, className="wall-row-note wall-fit")],
        className=f"wall-row {state_class(reading, is_bad(card, metric))}",
    )  # fmt: skip


def events(found: Sequence[Event], names: Mapping[str, str], tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Div:
    """Events and alerts, open ones first: since when, what, where, in whose hands."""
    rows = [_event(event, names, tz, lang, now_utc) for event in ticker.sort_events(found)[:MAX_EVENTS]]
    if not rows:
        rows = [html.Li(html.Span(t("overview.ticker_empty", lang), className="wall-row-name"), className="wall-row is-calm")]
    return html.Div(html.Ul(rows, className="wall-rows wall-fit"))


def _event(event: Event, names: Mapping[str, str], tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Li:
    title = pick(event.title_zh, event.title_en, lang)
    place = names.get(event.area or "", "")
    lasted = formats.age(((event.closed_at_utc or now_utc) - event.opened_at_utc).total_seconds(), lang)
    return html.Li(
        [
            html.Span(title, className="wall-row-name", title=title),
            html.Span(
                [mark(t(f"event.{event.state}", lang), tone(event)), html.Span(formats.moment(event.opened_at_utc, tz, lang, now_utc)),
                 html.Span(t("event.lasted", lang, age=lasted)), *([html.Span(place)] if place and place not in title else [])],
                className="wall-row-note wall-fit",
            ),
        ],
        className=f"wall-row wall-event is-{event.state}",
    )  # fmt: skip


def tone(event: Event) -> str:
    """`alert` for an open alert of weight, `warn` for any other open alert, else `plain`."""
    if ticker.is_signal(event):
        return "alert"
    return "warn" if event.kind == "alert" and event.state != "closed" else "plain"
