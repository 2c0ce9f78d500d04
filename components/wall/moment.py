"""Which hour a scene shows that plays the past: large, said to be a replay, with its place among the hours played."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from dash import html

from components.i18n import Lang, t
from data_pipeline.times import to_local


def moment(at_utc: datetime | None, hours: Sequence[datetime], tz: ZoneInfo, lang: Lang) -> html.Div:
    """The hour in large type.

    Parameters
    ----------
    at_utc : end of the hour shown (naive UTC); None before the first hour has come
    hours : ends of all hours played, in order
    """
    marks = [html.Li(className="is-current" if end == at_utc else "is-past" if at_utc is not None and end < at_utc else "") for end in hours]
    if at_utc is None:
        said = html.P(t("wall.replay_waits", lang), className="wall-moment-day")
        time = html.P("--:--", className="wall-moment-time is-empty")
    else:
        local = to_local(at_utc, tz)
        back = sum(end > at_utc for end in hours)
        words = [t("time.month_day", lang, month=local.month, day=local.day), t("wall.hours_ago", lang, n=back) if back else t("wall.last_hour", lang)]
        said = html.P([html.Span(word) for word in words], className="wall-moment-day")
        time = html.P(f"{local:%H:%M}", className="wall-moment-time")
    head = html.P([html.Strong(t("replay.title", lang), className="wall-moment-mark"), html.Span(t("wall.replay_span", lang, n=len(hours)))],
                  className="wall-moment-head")  # fmt: skip
    return html.Div([head, time, said, html.Ol(marks, className="wall-moment-hours", **{"aria-hidden": "true"})], className="wall-moment")
