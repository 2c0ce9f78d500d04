"""Words of the ledger: status with its mark, amounts in the target's own unit, owners, dates, reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.i18n import Lang, has, pick, t
from components.ledger.printed import with_unit
from components.svg import Svg
from data_pipeline.ledger.types import (
    COUNTED_UNITS,
    STATUSES,
    Forecast,
    LedgerTarget,
    PaceStatus,
    ReportEntry,
    Subject,
)
from data_pipeline.queries.types import Target
from data_pipeline.times import to_local

# a shape each, so that a status is known without its colour; only `stalled` takes the signal colour
SHAPES: dict[PaceStatus, str] = {
    "stalled": "M1.5 1.5h9v9h-9z",
    "behind": "M1 2h10l-5 9z",
    "at_risk": "M6 .8l5.2 5.2L6 11.2.8 6z",
    "catching_up": "M1.5 1.5L6 6l-4.5 4.5M6.2 1.5L10.7 6l-4.5 4.5",
    "no_data": "M6 1.2a4.8 4.8 0 1 0 .01 0z",
    "on_track": "M6 1.8a4.2 4.2 0 1 0 .01 0z",
    "ahead": "M1 10h10L6 1z",
    "done_late": "M1 5.2l3.4 3.4L11 2M1.5 11.2h9",
    "done": "M1 6.4l3.4 3.6L11 2.4",
    "not_measurable": "M1.5 6h9",
}


def status_sign(status: PaceStatus, label: str | None = None) -> Svg:
    """The shape of a status, 12 × 12; `label` only where no word stands beside it."""
    return Svg([("path", {"d": SHAPES[status]})], viewBox="0 0 12 12", className=f"sign is-{status}", label=label)


def status_word(status: PaceStatus, lang: Lang) -> str:
    """The word of a status."""
    return t(f"ledger.status.{status}", lang)


def status_mark(status: PaceStatus, lang: Lang, title: str = "") -> html.Span:
    """Shape and word of a status; `title` says why it is so."""
    return html.Span([status_sign(status), status_word(status, lang)], className=f"status-mark is-{status}",
                     **({"title": title} if title else {}))  # fmt: skip


def reason_words(row: LedgerTarget, lang: Lang) -> str:
    """Why the status is what it is: the reason's own words, else those of the status."""
    key = f"ledger.reason.{row.reason}"
    return t(key, lang) if row.reason and has(key, lang) else t(f"ledger.why.{row.status}", lang)


def target_name(target: Target, lang: Lang) -> str:
    """The indicator in the language of the page."""
    return pick(target.indicator_zh, target.indicator_en, lang)


def digits(value: float, goal: float | None) -> int:
    """Decimals that tell `value` from `goal`: none for hundreds, at most one from ten, two below; no trailing zeros."""
    size = abs(goal if goal else value)
    most = 0 if size >= 100 else 1 if size >= 10 else 2
    return next((n for n in range(most) if round(value, n) == round(value, most)), most)


def target_unit(target: Target, lang: Lang) -> str:
    """The printed unit in the language of the page; empty for a target without figure."""
    return pick(target.unit_zh, target.unit_en, lang)


def amount(value: float | None, target: Target, lang: Lang, *, signed: bool = False) -> str:
    """`value` in the target's unit as printed: `1,980 个`, `86.5%`; None is "no data"."""
    if value is None:
        return t("state.no_data", lang)
    sign = "+" if signed and value > 0 else ""
    return sign + with_unit(formats.number(value, digits(value, target.value)), target.unit_zh, target.unit_en, lang)


def span(low: float, high: float, target: Target, lang: Lang) -> str:
    """An interval in the target's unit, the unit once; of what is counted in whole ones the whole numbers around it."""
    if target.unit_zh in COUNTED_UNITS:
        low, high = math.floor(low), math.ceil(high)
    shown = max(digits(v, target.value) for v in (low, high))
    figures = [formats.number(v, shown) for v in (low, high)]
    return with_unit(t("ledger.span", lang, low=figures[0], high=figures[1]), target.unit_zh, target.unit_en, lang)


def said_words(entry: ReportEntry, unit_zh: str, unit_en: str, lang: Lang) -> str:
    """What an entry reports in one line, figures as they were sent: value, stage, day, progress, money, blocked; else an em dash.

    `unit_*` are those of its target, empty for a project or a system.
    """
    parts = [] if entry.value is None else [with_unit(f"{entry.value:,.10g}", unit_zh, unit_en, lang)]
    if entry.stage:
        parts.append(stage_word(entry.stage, lang, entry.subject))
    if entry.expected_on is not None:
        key = "reports.done_on" if entry.stage in ("done", "in_service") else "reports.by_day"
        parts.append(t(key, lang, date=entry.expected_on.isoformat()))
    if entry.progress_share is not None:
        parts.append(t("reports.progress", lang, share=formats.share(entry.progress_share, lang)))
    if entry.invested_yi_yuan is not None:
        parts.append(t("reports.invested", lang, money=f"{entry.invested_yi_yuan:,.10g}"))
    if entry.blocked:
        parts.append(t("reports.blocked", lang, cause=entry.blocked_cause, owner=entry.blocked_owner))
    return " · ".join(parts) or "—"


def stage_word(stage: str, lang: Lang, subject: Subject = "target") -> str:
    """The word of a stage (a finished project is completed, 建成); empty is "not stated", an unknown one stays as it is."""
    own = (f"ledger.project_stage.{stage}",) if subject == "project" else ()
    key = next((key for key in (*own, f"ledger.stage.{stage or 'unstated'}") if has(key, lang)), "")
    return t(key, lang) if key else stage


def day(at: date | None, lang: Lang) -> str:
    """A date in full; None is an em dash."""
    return "—" if at is None else t("time.date", lang, year=at.year, month=at.month, day=at.day)


def stamp(at_utc: datetime | None, tz: ZoneInfo) -> str | None:
    """A moment on the city's clock in figures, with its year; None stays None."""
    return f"{to_local(at_utc, tz):%Y-%m-%d %H:%M}" if at_utc else None


def short_day(at: date | str | None) -> str:
    """A date in figures, for narrow columns: `2022-12-31`; none is an em dash."""
    return str(at) if at else "—"


def owner_names(zh: Sequence[str] | str, departments: Mapping[str, str]) -> list[str]:
    """Offices (a `;`-list or several) under the names of the page's language (`departments`: as printed → name)."""
    listed = [part for part in zh.split(";") if part] if isinstance(zh, str) else list(zh)
    return [departments.get(name, name) for name in listed]


def join(words: Sequence[str], lang: Lang) -> str:
    """A list in one line."""
    return t("ledger.comma", lang).join(words)


def counts(rows: Sequence[LedgerTarget]) -> dict[PaceStatus, int]:
    """How many of `rows` have each status, worst first, without those nobody has."""
    found = {status: sum(row.status == status for row in rows) for status in STATUSES}
    return {status: n for status, n in found.items() if n}


def method_words(method: str, lang: Lang) -> str:
    """The words for a forecast's method; an unknown one as it is."""
    key = f"ledger.method.{method}"
    return t(key, lang) if has(key, lang) else method


def forecast_basis(guess: Forecast, lang: Lang) -> str:
    """The method of a forecast, and how often it was tried on the target's own past for the width of its interval."""
    method = method_words(guess.method, lang)
    return t("ledger.forecast_basis", lang, method=method, n=guess.trials) if guess.trials else method


def forecast_note(guess: Forecast, target: Target, lang: Lang) -> str:
    """The interval of a forecast, its level and what it rests on."""
    within = span(guess.low, guess.high, target, lang)
    return t("ledger.forecast_note", lang, span=within, level=round(guess.level * 100), method=forecast_basis(guess, lang))


def simulated_mark(is_simulated: bool, lang: Lang) -> list[html.Span]:
    """[模拟] where a figure rests on simulated reports, else nothing."""
    return [html.Span(t("state.simulated", lang), className="mark mark-simulated")] if is_simulated else []
