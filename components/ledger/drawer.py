"""The provenance of a target's figures: what was promised where, how each figure follows, who reported and who accepted it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.i18n import Lang, pick, t
from components.ledger import printed
from components.ledger.target import Said, evidence, person
from components.ledger.words import (
    amount,
    day,
    forecast_basis,
    owner_names,
    reason_words,
    said_words,
    span,
    status_mark,
    target_name,
)
from components.states import mark
from components.table import table
from data_pipeline.ledger.types import Ledger, LedgerTarget
from data_pipeline.queries.types import Delivery


def provenance(
    row: LedgerTarget, ledger: Ledger, said: Sequence[Said], delivery: Delivery | None, tz: ZoneInfo, lang: Lang, *, city: str,
    departments: Mapping[str, str], live_key: str, api_href: str,
) -> html.Div:  # fmt: skip
    """Everything behind one target, in the order an official asks: what, how, whose, when.

    Parameters
    ----------
    said : newest first; those of the actual's date are shown with every revision known by then
    delivery : the one that brought the actual value, None where a live metric did
    live_key : figure key of the live reading behind the actual, empty where there is none
    """
    target, pace = row.target, row.pace
    value = amount(pace.actual, target, lang) if pace else t("state.no_data", lang)
    if target.value is None and row.last_report is not None:
        value = said_words(row.last_report, target.unit_zh, target.unit_en, lang)
    elif target.kind == "direction":
        value = printed.target_value(target, lang)
    marks = [status_mark(row.status, lang)]
    if row.is_simulated:
        marks.append(mark(t("state.simulated", lang), "simulated"))
    return html.Div(
        [
            html.P(f"{city} · {day(ledger.on, lang)}", className="drawer-place"),
            html.H3(target_name(target, lang), className="drawer-name"),
            html.P(html.Span(value, className="num"), className="drawer-value" if pace or row.last_report else "drawer-value is-empty"),
            html.P(marks, className="drawer-marks"),
            html.Section([html.H4(t("ledger.drawer.why", lang)), html.P(reason_words(row, lang))]),
            html.Section([html.H4(t("ledger.drawer.promise", lang)), *_promise(row, lang)]),
            *_formulas(row, ledger, lang),
            *_source(row, said, tz, lang, departments, live_key),
            _facts(row, ledger, delivery, tz, lang),
            html.P([t("drawer.api", lang), " ", html.A(api_href, href=api_href, className="api-link", **{"data-native": "true"})],
                   className="note"),
        ],
        className="provenance",
    )  # fmt: skip


def _promise(row: LedgerTarget, lang: Lang) -> list[Any]:
    words = [pick(row.plan.title_zh, row.plan.title_en, lang), html.Span(row.plan.document_number, lang="zh"),
             html.Span(row.target.clause, lang="zh"), printed.target_value(row.target, lang), row.target.deadline]  # fmt: skip
    return [html.P([part for i, word in enumerate(w for w in words if w) for part in ((" · ", word) if i else (word,))])]


def _formulas(row: LedgerTarget, ledger: Ledger, lang: Lang) -> list[Any]:
    """The formulas with the figures put in."""
    pace, target = row.pace, row.target
    if pace is None or target.value is None:
        return []
    put = {"actual": amount(pace.actual, target, lang), "base": amount(pace.base, target, lang), "goal": amount(pace.goal, target, lang)}
    lines = [t(f"ledger.drawer.base_{pace.base_basis}", lang, base=put["base"], date=day(pace.base_on, lang))]
    if pace.progress_share is not None:
        lines.append(t("ledger.drawer.progress", lang, share=formats.share(pace.progress_share, lang, 1), **put))
    if pace.expected_linear is not None:
        lines.append(t("ledger.drawer.expected", lang, expected=amount(pace.expected_linear, target, lang),
                       gap=amount(pace.gap, target, lang, signed=True), **put))  # fmt: skip
    if pace.expected_seasonal is not None:
        lines.append(t("ledger.drawer.seasonal", lang, expected=amount(pace.expected_seasonal, target, lang)))
    if pace.needed_per_month is not None:
        lines.append(t("ledger.drawer.needed", lang, pace=amount(pace.needed_per_month, target, lang), **put))
    if pace.best_per_month is not None:
        lines.append(t("ledger.drawer.best", lang, pace=amount(pace.best_per_month, target, lang), n=pace.best_window_months))
    if pace.forecast is not None:
        guess = pace.forecast
        lines.append(t("ledger.drawer.forecast", lang, method=forecast_basis(guess, lang), n=guess.n, date=day(guess.on, lang),
                       value=amount(guess.value, target, lang), span=span(guess.low, guess.high, target, lang),
                       level=round(guess.level * 100)))  # fmt: skip
    return [html.Section([html.H4(t("ledger.drawer.how", lang)), *(html.P(line, className="formula") for line in lines)])]


def _source(
    row: LedgerTarget, said: Sequence[Said], tz: ZoneInfo, lang: Lang, departments: Mapping[str, str], live_key: str
) -> list[Any]:
    head = html.H4(t("ledger.drawer.source", lang))
    if row.actual_from == "live":
        text = html.P(t("ledger.drawer.live", lang, metric=row.metric or ""))
        link = [html.P(html.Button(t("ledger.drawer.open_reading", lang), className="button", **{"data-figure": live_key}))] if live_key else []
        return [html.Section([head, text, *link])]
    on = row.pace.actual_on if row.pace else row.last_report.data_on if row.last_report else None
    own = [s for s in said if s.entry.data_on == on and s.entry.state == "accepted"]
    if not own:
        return [html.Section([head, html.P(t("ledger.why.no_data", lang), className="note")])]
    newest = own[0].entry
    facts = [
        ("department", owner_names([newest.department], departments)[0]),
        ("author", [person(newest.author, newest.author_known, lang), " · ", formats.full_moment(newest.submitted_at_utc, tz, lang)]),
        ("reviewer", [person(newest.reviewer, newest.reviewer_known, lang) or "—", " · ",
                      formats.full_moment(newest.reviewed_at_utc, tz, lang)]),
        ("evidence", [html.Span([evidence(proof, lang), " "]) for proof in newest.evidence] or t("ledger.none_named", lang)),
        ("reason", html.Span(newest.reason, lang="zh") if newest.reason else None),
    ]  # fmt: skip
    parts = [part for name, value in facts if value is not None for part in (html.Dt(t(f"ledger.entry.{name}", lang)), html.Dd(value))]
    found: list[Any] = [html.Section([head, html.Dl(parts, className="terms")])]
    if len(own) > 1:
        rows = [[formats.moment(s.known_from_utc, tz, lang), said_words(s.entry, row.target.unit_zh, row.target.unit_en, lang), html.Span(s.entry.author, lang="zh"),
                 t("ledger.entry.replaced" if s.corrected else "ledger.drawer.in_force", lang)] for s in own]  # fmt: skip
        heads = [t(f"ledger.drawer.{name}", lang) for name in ("known", "said", "author", "state")]
        found.append(html.Section([html.H4(t("ledger.drawer.revisions", lang)), table(heads, rows, lang)]))
    return found


def _facts(row: LedgerTarget, ledger: Ledger, delivery: Delivery | None, tz: ZoneInfo, lang: Lang) -> html.Dl:
    rows: list[tuple[str, Any]] = [
        (t("ledger.drawer.data_on", lang), day(row.pace.actual_on, lang) if row.pace else None),
        (t("ledger.drawer.known_at", lang), formats.full_moment(ledger.known_at_utc, tz, lang)),
        (t("ledger.drawer.delivery", lang), f"{delivery.delivery_id} · {delivery.filename}" if delivery else None),
        (t("ledger.drawer.received", lang), formats.full_moment(delivery.received_at_utc, tz, lang) if delivery else None),
        (t("drawer.kind", lang), t(f"ledger.from_{row.actual_from}", lang) if row.actual_from else None),
        (t("drawer.snapshot", lang), str(ledger.snapshot) if ledger.snapshot is not None else None),
    ]
    return html.Dl([part for name, value in rows if value for part in (html.Dt(name), html.Dd(value))], className="facts")
