"""Areas compared by one figure: a bar each, best to worst or high to low, each line leads to its area."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.i18n import Lang, t
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Reading


def ranking(
    readings: Sequence[Reading],
    names: Mapping[str, str],
    metric: Metric,
    href: Callable[[str], str],
    tz: ZoneInfo,
    lang: Lang,
    now_utc: datetime,
    *,
    id: str,
    limit: int | None = None,
    current: str | None = None,
    ranked: bool = True,
) -> html.Div:
    """A list of areas by value, highest first; areas without a value stand last and say so.

    Parameters
    ----------
    names : area id → name
    href : area id → address of its page
    limit : int, optional
        Show only the first; a line says how many there are.
    current : area id, optional
        Marked in the list, and always shown.
    ranked : bool
        False draws no position numbers (functional zones overlap districts and are not ranked).
    """
    known = sorted((r for r in readings if r.value is not None), key=lambda r: (-(r.value or 0), r.area))
    unknown = [r for r in readings if r.value is None]
    rows = [*known, *unknown]
    shown = rows[:limit] if limit else rows
    if current and limit and current not in {r.area for r in shown}:
        shown = [*shown[:-1], *(r for r in rows if r.area == current)]
    top = max((abs(r.value or 0) for r in known), default=0)
    positions = {r.area: i + 1 for i, r in enumerate(known)}
    texts, _ = formats.alike([r.value for r in rows], metric.unit, metric.decimals, lang)
    words = {r.area: text.text for r, text in zip(rows, texts, strict=True)}
    lines = [_line(r, words[r.area], positions.get(r.area), names, href, top, tz, lang, now_utc, r.area == current, ranked)
             for r in shown]  # fmt: skip
    children: list[Any] = [html.Ol(lines, className="ranking-list")]
    if len(shown) < len(rows):
        children.append(html.P(t("map.more", lang, n=len(rows), shown=len(shown)), className="note"))
    late = next((r for r in shown if r.status == "stale"), None)
    if late is not None:
        children.append(html.P(formats.status_words(late, tz, lang, now_utc)[0], className="note tone-warn"))
    return html.Div(children, id=id, className="ranking")


def _line(
    reading: Reading, value: str, position: int | None, names: Mapping[str, str], href: Callable[[str], str],
    top: float, tz: ZoneInfo, lang: Lang, now_utc: datetime, is_current: bool, ranked: bool,
) -> html.Li:  # fmt: skip
    width = 0.0 if not top or reading.value is None else abs(reading.value) / top * 100
    words = formats.status_words(reading, tz, lang, now_utc)
    name = names.get(reading.area, reading.area)
    number = str(position) if ranked and position else ""
    state = "is-missing" if reading.value is None else "is-stale" if reading.status == "stale" else ""
    return html.Li(
        html.A(
            [
                *([html.Span(number, className="ranking-position")] if ranked else []),
                html.Span(name, className="ranking-name", title=name),
                html.Span(html.Span(className="ranking-fill", style={"width": f"{width:.1f}%"}), className="ranking-bar"),
                html.Span(value, className="ranking-value", title="；".join(words)),
            ],
            href=href(reading.area),
            className=f"ranking-line {state}{' is-current' if is_current else ''}",
            **{"aria-label": f"{name} {value}"},
        )
    )
