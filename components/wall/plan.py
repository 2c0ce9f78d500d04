"""The plan on a wall: how many promises stand how, and the worst of them in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from dash import html

from components.i18n import Lang, t
from components.ledger import printed
from components.ledger.strip import actual_words
from components.ledger.words import (
    counts,
    owner_names,
    simulated_mark,
    status_mark,
    status_sign,
    status_word,
    target_name,
)
from data_pipeline.ledger.types import LedgerTarget


def plan_counts(rows: Sequence[LedgerTarget], lang: Lang) -> html.Div:
    """A large number and one mark a promise for each status, the worst first; never averaged into one percentage."""
    groups = [
        html.Li(
            [
                html.Span([status_sign(status), status_word(status, lang)], className="wall-name"),
                html.Span(str(n), className="wall-number"),
                html.Span([status_sign(status) for _ in range(n)], className="wall-marks", **{"aria-hidden": "true"}),
            ],
            className=f"wall-status is-{status}",
        )
        for status, n in counts(rows).items()
    ]
    return html.Div(html.Ul(groups, className="wall-statuses wall-fit"))


def target_rows(rows: Sequence[LedgerTarget], departments: Mapping[str, str], lang: Lang, today: date) -> html.Div:
    """Promises in words: status, indicator, promised and actual value, deadline, lead."""
    return html.Div(html.Ul([_row(row, departments, lang, today) for row in rows], className="wall-rows wall-fit wall-targets"))


def _row(row: LedgerTarget, departments: Mapping[str, str], lang: Lang, today: date) -> html.Li:
    name = target_name(row.target, lang)
    lead = ("、" if lang == "zh" else ", ").join(owner_names(row.leads, departments)) or t("target.no_lead", lang)
    due = printed.deadline_words(row.target, lang, today)
    return html.Li(
        [
            html.Span([status_mark(row.status, lang), html.Span(name, title=name, className="wall-target-text")], className="wall-row-name"),
            html.Span([html.Small(t("target.value", lang)), printed.target_value(row.target, lang)], className="wall-target-figure"),
            html.Span([html.Small(t("target.actual", lang)), actual_words(row, lang)], className="wall-target-figure"),
            # the mark comes first: what does not fit is left out from the end
            html.Span([*simulated_mark(row.is_simulated, lang), html.Span(due), html.Span(lead, title=lead, className="wall-target-lead")],
                      className="wall-row-note wall-fit"),
        ],
        className=f"wall-row wall-target is-{row.status}",
    )  # fmt: skip
