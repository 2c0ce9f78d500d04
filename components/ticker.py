"""Events and alerts as a list: what, where, since when, whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import cells, formats
from components.i18n import Lang, has, pick, t
from components.states import empty, mark
from data_pipeline.queries.types import Event

SIGNAL_SEVERITIES = frozenset({"major", "high", "severe", "critical", "orange", "red"})


def ticker(
    events: Sequence[Event], names: Mapping[str, str], tz: ZoneInfo, lang: Lang, now_utc: datetime, *, id: str,
    href: str = "", limit: int | None = None, departments: Mapping[str, str] | None = None,
) -> html.Div:  # fmt: skip
    """Newest and open first; an open alert carries the signal colour, closed ones are quiet.

    Parameters
    ----------
    names : area id → name
    href : str
        Address each line leads to (the page of events); empty draws no links.
    departments : spelling of a department → its name in `lang`
    """
    ordered = sort_events(events)[:limit]
    if not ordered:
        return html.Div(empty(t("overview.ticker_empty", lang)), id=id, className="ticker")
    return html.Div(
        html.Ul([_line(e, names, tz, lang, now_utc, href, departments or {}) for e in ordered], className="ticker-list"),
        id=id,
        className="ticker",
    )


def sort_events(events: Sequence[Event]) -> list[Event]:
    """Open before in hand before closed, alerts of weight first, then the newest."""
    order = {"open": 0, "in_hand": 1, "closed": 2}
    newest_first = sorted(events, key=lambda e: e.opened_at_utc, reverse=True)
    return sorted(newest_first, key=lambda e: (order[e.state], e.severity not in SIGNAL_SEVERITIES))


def is_signal(event: Event) -> bool:
    """An open or handled alert of weight: the only line that takes the signal colour."""
    return event.kind == "alert" and event.state != "closed" and event.severity in SIGNAL_SEVERITIES


def owner_words(event: Event, departments: Mapping[str, str], lang: Lang) -> Any:
    """Whose the event is, in the language of the page; an office without a name in it as printed, marked as Chinese."""
    if not event.department:
        return t("event.no_owner", lang)
    named = cells.office(event.department, departments, lang)
    words = t("event.owner", lang, dept=named if isinstance(named, str) else event.department)
    return words if isinstance(named, str) else html.Span(words, lang="zh-CN")


def severity_words(severity: str, lang: Lang) -> str:
    """The word for a severity; an unknown one as it is."""
    key = f"severity.{severity.lower()}"
    return t(key, lang) if has(key, lang) else severity


def _line(
    event: Event, names: Mapping[str, str], tz: ZoneInfo, lang: Lang, now_utc: datetime, href: str,
    departments: Mapping[str, str],
) -> html.Li:  # fmt: skip
    title = pick(event.title_zh, event.title_en, lang)
    place = names.get(event.area or "", "")
    until = event.closed_at_utc or now_utc
    lasted = t("event.lasted", lang, age=formats.age((until - event.opened_at_utc).total_seconds(), lang))
    details: list[Any] = [owner_words(event, departments, lang), lasted]
    if place and place not in title:
        details.insert(0, place)
    kind = "alert" if is_signal(event) else "warn" if event.kind == "alert" and event.state != "closed" else "plain"
    about = " · ".join(d if isinstance(d, str) else d.children for d in details)
    body: list[Any] = [
        html.Span(formats.moment(event.opened_at_utc, tz, lang, now_utc), className="ticker-time"),
        html.Span(
            [html.Span(title, className="ticker-title", title=title),
             html.Span([part for i, d in enumerate(details) for part in ((" · ", d) if i else (d,))], className="ticker-detail", title=about)],
            className="ticker-body",
        ),
        html.Span(
            [mark(t(f"event.{event.state}", lang), kind, title=severity_words(event.severity, lang)),
             *([mark(t("state.simulated", lang), "simulated")] if event.is_simulated else [])],
            className="ticker-state",
        ),
    ]  # fmt: skip
    inner = html.A(body, href=href, className="ticker-line") if href else html.Div(body, className="ticker-line")
    return html.Li(inner, className=f"is-{event.state}")
