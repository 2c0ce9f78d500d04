"""Head and foot of a wall: which city and scene, what must be said of the data, the clock; events as one line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import formats, ticker
from components.i18n import Lang, pick, t
from components.ids import live_id
from components.states import mark
from components.wall.tiles import tone
from data_pipeline.queries.types import Event

MAX_TICKER = 24


def head(city: str, scenes: Sequence[str], current: int, state: Sequence[Any], timezone: str, lang: Lang) -> html.Header:
    """City and scene, the other scenes in their order, what the data are worth, connection, clock.

    The connection's words and the clock are written by `assets/app.js`.
    """
    return html.Header(
        [
            html.Div([html.Span(city, className="wall-city"), html.Span(scenes[current], className="wall-scene-name")], className="wall-title"),
            html.Ol([html.Li(name, className="is-current" if i == current else "", **({"aria-current": "step"} if i == current else {}))
                     for i, name in enumerate(scenes)], className="wall-scenes"),
            html.Div(
                [
                    html.Span(t("wall.paused", lang), className="wall-paused"),
                    html.Span(state, id=live_id("wall-state"), className="wall-state"),
                    html.Span(t("live.connecting", lang), id="connection", className="connection",
                              **{**{f"data-{s}": t(f"live.{s}", lang) for s in ("connected", "polling", "connecting", "replay")},
                                 "data-lost": t("wall.lost", lang)}),
                ],
                className="wall-health",
            ),
            html.Div([html.Span(id="clock-date", className="clock-date"), html.Span(id="clock", className="clock")], id="clocks",
                     className="wall-clock", **{"data-tz": timezone, "data-lang": lang}),
        ],
        className="wall-head",
    )  # fmt: skip


def foot(events: Sequence[Event], tz: ZoneInfo, lang: Lang, now_utc: datetime) -> list[Any]:
    """Events and alerts in one line, the open ones first; what does not fit takes its turn (`wall-turn`)."""
    found = [_item(event, tz, lang, now_utc) for event in ticker.sort_events(events)[:MAX_TICKER]]
    return found or [html.Li(t("overview.ticker_empty", lang), className="wall-tick")]


def _item(event: Event, tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Li:
    return html.Li(
        [html.Span(formats.moment(event.opened_at_utc, tz, lang, now_utc), className="wall-tick-time"),
         html.Span(pick(event.title_zh, event.title_en, lang), className="wall-tick-title"),
         mark(t(f"event.{event.state}", lang), tone(event))],
        className=f"wall-tick is-{event.state}",
    )  # fmt: skip
