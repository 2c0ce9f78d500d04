"""Every promise of the city as one mark by its status, the worst first; never averaged into one percentage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from components.i18n import Lang, t
from components.ledger import printed
from components.ledger.listing import ListWords
from components.ledger.words import (
    amount,
    counts,
    owner_names,
    simulated_mark,
    status_mark,
    status_sign,
    status_word,
    target_name,
)
from data_pipeline.ledger.types import LedgerTarget, PaceStatus


def plan_strip(rows: Sequence[LedgerTarget], words: ListWords, *, id: str) -> html.Div:
    """One mark a target, grouped by status, the worst first; a mark leads to its target, a group's name to its list.

    Parameters
    ----------
    rows : distinct targets, in the order in which they are to stand within a status
    """
    groups = [_group(status, [row for row in rows if row.status == status], words) for status in counts(rows)]
    return html.Div(groups, id=id, className="plan-strip")


def _group(status: PaceStatus, rows: Sequence[LedgerTarget], words: ListWords) -> html.Div:
    head = html.A([status_word(status, words.lang), html.B(str(len(rows)))], href=words.status_href(status), className="plan-group-name")
    return html.Div([head, html.Span([_mark(row, words) for row in rows], className="plan-marks")], className=f"plan-group is-{status}")


def _mark(row: LedgerTarget, words: ListWords) -> html.A:
    lang, target = words.lang, row.target
    label = t("target.mark_label", lang, name=target_name(target, lang), value=printed.target_value(target, lang),
              deadline=printed.deadline_words(target, lang, words.on), lead=printed.lead_words(row.leads, lang, words.departments),
              status=status_word(row.status, lang), actual=actual_words(row, lang))  # fmt: skip
    if row.is_simulated:
        label = f"{label}（{t('state.simulated', lang)}）" if lang == "zh" else f"{label} ({t('state.simulated', lang)})"
    if target.is_provincial:
        label = f"{t('target.provincial', lang)} · {label}"
    return html.A(status_sign(row.status), href=words.target_href(target.target_id), title=label, className=f"plan-mark is-{row.status}")


def actual_words(row: LedgerTarget, lang: Lang) -> str:
    """The actual value, or the reported stage of a promise without figure; "not reported yet" where there is neither."""
    if row.pace is not None and row.target.value is not None:
        return amount(row.pace.actual, row.target, lang)
    if row.last_report is not None and row.last_report.stage:
        return t(f"ledger.stage.{row.last_report.stage}", lang)
    return t("target.no_actual", lang)


def target_list(rows: Sequence[LedgerTarget], words: ListWords, *, id: str) -> html.Div:
    """Targets as lines: status, indicator, promised value, actual, deadline, lead and whether its reports are simulated."""
    return html.Div(html.Ul([_line(row, words) for row in rows], className="target-list"), id=id)


def _line(row: LedgerTarget, words: ListWords) -> html.Li:
    lang, target = words.lang, row.target
    name = target_name(target, lang)
    lead = ("、" if lang == "zh" else ", ").join(owner_names(row.leads, words.departments)) or t("target.no_lead", lang)
    owner: list[Any] = [html.Span(printed.deadline_words(target, lang, words.on)),
                        html.Span([*simulated_mark(row.is_simulated, lang), " ", lead], title=lead)]  # fmt: skip
    return html.Li(
        [
            html.Span([status_mark(row.status, lang), html.A(name, href=words.target_href(target.target_id), title=name)],
                      className="target-name"),
            html.Span([html.Small(t("target.value", lang)), html.B(printed.target_value(target, lang))], className="target-value"),
            html.Span([html.Small(t("target.actual", lang)), actual_words(row, lang)], className="target-actual"),
            html.Span(owner, className="target-owner"),
        ],
        className="target-line",
    )  # fmt: skip


def turn(rows: Sequence[LedgerTarget], shown: int, minute: int) -> list[LedgerTarget]:
    """`shown` rows at a time, the next ones every minute, so that a wall shows them all."""
    if not rows:
        return []
    first = minute * shown % len(rows)
    return [rows[(first + i) % len(rows)] for i in range(min(shown, len(rows)))]


