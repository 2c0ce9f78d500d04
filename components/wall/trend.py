"""The course of a figure, large: its line, the usual range of each period behind it, and where it stands now.

An SVG of our own instead of a graph: it is patched path by path and holds no memory of its past.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import formats, strip
from components.figures import course, course_bands, now_value, number_children, state_class
from components.i18n import Lang, pick, t
from components.svg import Part, Svg, line_path, scale
from components.wall.tiles import is_bad, said
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Card
from data_pipeline.times import to_local

WIDTH, HEIGHT = 1000.0, 300.0
THIN = {"vectorEffect": "non-scaling-stroke"}
LABELS = 4


def trend(card: Card, metric: Metric, tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Div:
    """Name, present value, course over its usual range with its two extremes and times as words."""
    reading = card.reading
    value = formats.figure(reading.value, metric.unit, metric.decimals, lang)
    bad = is_bad(card, metric)
    name = pick(metric.name_zh, metric.name_en, lang)
    points, bands = course(card, metric), course_bands(card, metric)
    head = html.Div(
        [html.Span(name, className="wall-name", title=name), html.Span(number_children(value), className="wall-number" if value.is_value else "wall-number is-empty"),
         html.Span(said(card, metric, tz, lang, now_utc), className="wall-said wall-fit")],
        className="wall-trend-head",
    )  # fmt: skip
    known = [v for _, v in points if v is not None] + [edge for band in bands if band for edge in (band.low, band.high)]
    present = now_value(card, metric)
    if present is not None:
        known.append(present)
    if len(known) < 2:
        return html.Div([head, html.P(t("wall.no_course", lang), className="wall-no-course")], className=f"wall-trend {state_class(reading, bad)}")
    low, high = min(known), max(known)
    (top, bottom), _ = formats.alike([high, low], metric.unit, metric.decimals, lang)
    label = f"{name} {value.text}; {strip.band_label(card.band, metric.unit, metric.decimals, lang)}"
    return html.Div(
        [
            head,
            html.Div(
                [
                    html.Div([html.Span(top.number), html.Span(bottom.number)], className="wall-trend-scale", **{"aria-hidden": "true"}),
                    Svg(_parts(card, metric, low, high, bad), viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", className="wall-course", label=label, stretch=True),
                    html.Div([html.Span(words) for words in _times(points, card.trend_grain, tz, lang)], className="wall-trend-times"),
                ],
                className="wall-trend-plot",
            ),
        ],
        className=f"wall-trend {state_class(reading, bad)}",
    )  # fmt: skip


def _parts(card: Card, metric: Metric, low: float, high: float, bad: bool) -> list[Part]:
    points, bands = course(card, metric), course_bands(card, metric)
    step = WIDTH / max(len(points) - 1, 1)

    def y(value: float) -> float:
        return scale(value, low, high, HEIGHT - 8, 8)

    parts: list[Part] = [("line", {"className": "wall-edge", "x1": 0, "x2": WIDTH, "y1": at, "y2": at, **THIN}) for at in (8, HEIGHT - 8)]
    if len(bands) == len(points):
        shape = strip.ribbon([None if band is None else (y(band.low), y(band.high)) for band in bands], step)
        if shape:
            parts.append(("path", {"className": "band-area", "d": shape}))
        middle = line_path([i * step for i in range(len(bands))], [None if band is None else y(band.mid) for band in bands])
        if middle:
            parts.append(("path", {"className": "wall-mid", "d": middle, **THIN}))
    path = line_path([i * step for i in range(len(points))], [None if v is None else y(v) for _, v in points])
    if path:
        parts.append(("path", {"className": "course", "d": path, **THIN}))
    value = now_value(card, metric)
    if value is not None:
        at = round(y(value), 1)
        parts.append(("line", {"className": "now is-outside" if bad else "now", "x1": WIDTH, "x2": WIDTH, "y1": at, "y2": at, **THIN}))
    return parts


def _times(points: Sequence[tuple[datetime, float | None]], grain: str, tz: ZoneInfo, lang: Lang) -> list[Any]:
    """Words for some moments along the course, the first and the last among them."""
    if not points:
        return []
    last = len(points) - 1
    labels = LABELS if grain in ("5min", "15min", "hour") else 2
    chosen = sorted({round(i * last / (labels - 1)) for i in range(labels)})
    found = []
    for i in chosen:
        local = to_local(points[i][0], tz)
        if grain in ("5min", "15min", "hour"):
            found.append(f"{local:%H:%M}")
        elif grain in ("day", "week"):
            found.append(t("time.month_day", lang, month=local.month, day=local.day))
        else:
            found.append(t("time.month", lang, year=local.year, month=local.month))
    return found
