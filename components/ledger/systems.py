"""Systems a plan asked for: what is built, what feeds this dashboard and how fresh, what does not belong here and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.i18n import Lang, pick, t
from components.ledger import printed
from components.ledger.listing import ListWords, clause_facts, owner_cell
from components.ledger.target import evidence
from components.ledger.words import simulated_mark
from components.states import mark
from components.table import table
from data_pipeline.ledger.types import LedgerSystem

FIRST = 8  # rows a phone shows before the rest opens by a tap
ROLES = ("track", "feed", "core", "out")
# of each kind those that need a hand first
ORDER = {False: 0, None: 1, True: 2}


def works_summary(rows: Sequence[LedgerSystem], lang: Lang, chosen: str, href: Callable[[str | None], str]) -> html.Nav:
    """How much of what the plan asked for works, kind by kind: so many of so many, nothing averaged."""
    cells = []
    for role in ROLES:
        own = [row for row in rows if row.system.dashboard_role == role]
        if not own:
            continue
        working, unknown = sum(row.works is True for row in own), sum(row.works is None for row in own)
        if role == "out":
            figure, notes = [html.B(str(len(own)))], [t("ledger.role_note.out", lang)]
        else:
            figure = [html.B(str(working)), html.Span(t("ledger.of_n", lang, n=len(own))), *simulated_mark(any(r.is_simulated for r in own), lang)]
            notes = [t(f"ledger.role_note.{role}", lang)]
            if unknown:
                notes.append(t("ledger.n_unknown", lang, n=unknown))
            late = sum(row.is_overdue for row in own)
            if late:
                notes.append(t("ledger.n_overdue", lang, n=late))
        cells.append(
            html.A([html.Span(t(f"ledger.role.{role}", lang), className="stage-name"), html.Span(figure, className="of"),
                    *(html.Small(note) for note in notes)],
                   href=href(None if chosen == role else role), className="stage" + (" is-active" if chosen == role else ""))
        )  # fmt: skip
    return html.Nav(cells, className="stage-board", **{"aria-label": t("ledger.by_role", lang)})


def track_table(rows: Sequence[LedgerSystem], words: ListWords) -> html.Div:
    """Systems whose construction is followed: state, owner, deadline, evidence of the newest report."""
    lang = words.lang
    heads = ("system", "state", "owner", "deadline", "reported", "proof")
    body = [
        [
            _name(row, lang),
            t(f"ledger.stage.{row.stage}", lang) if row.stage else html.Span(t("state.no_data", lang), className="nothing"),
            owner_cell(row.system.lead_depts_zh, row.is_simulated, words),
            [row.deadline or t("target.no_deadline", lang), *([" ", mark(t("ledger.overdue", lang), "warn")] if row.is_overdue else [])],
            row.last_report.data_on.isoformat() if row.last_report else None,
            [html.Span([evidence(proof, lang), " "]) for proof in row.last_report.evidence] or None if row.last_report else None,
        ]
        for row in sorted(rows, key=lambda r: (not r.is_overdue, ORDER[r.works]))
    ]  # fmt: skip
    return table([t(f"ledger.sys.{h}", lang) for h in heads], body, lang, class_name="wide-table system-table", first=FIRST)


def feed_table(
    rows: Sequence[LedgerSystem], words: ListWords, tz: ZoneInfo, metric_link: Callable[[str], tuple[str, str] | None], now: datetime
) -> html.Div:
    """Systems whose data are shown here: their metrics with address, and how fresh they are.

    `metric_link(id)` gives name and address, None for one this installation does not have.
    """
    lang = words.lang
    body = []
    for row in sorted(rows, key=lambda r: ORDER[r.works]):
        links: list[Any] = []
        for metric in row.metrics:
            found = metric_link(metric)
            links += [t("ledger.comma", lang)] if links else []
            links.append(html.A(found[0], href=found[1]) if found else metric)
        fresh = formats.moment(row.data_as_of_utc, tz, lang, now) if row.data_as_of_utc else None
        # a system without a metric has no link yet, and that is said, not left out
        state = ("works" if row.metrics else "page") if row.works else "silent" if row.works is False else "no_link"
        body.append([
            _name(row, lang), t(f"ledger.feed.{state}", lang) if row.works else html.Span(t(f"ledger.feed.{state}", lang), className="nothing"),
            links or (t("ledger.this_dashboard", lang) if row.views else None), fresh, owner_cell(row.system.lead_depts_zh, row.is_simulated, words),
        ])  # fmt: skip
    heads = ("system", "link", "metrics", "fresh", "owner")
    return table([t(f"ledger.sys.{h}", lang) for h in heads], body, lang, class_name="wide-table system-table", first=FIRST)


def out_table(rows: Sequence[LedgerSystem], words: ListWords) -> html.Div:
    """Systems that do not belong on a dashboard, each with the reason."""
    lang = words.lang
    body = [
        [_name(row, lang), pick(row.system.reason_zh, row.system.reason, lang) or t("ledger.out_reason", lang),
         owner_cell(row.system.lead_depts_zh, row.is_simulated, words)]
        for row in rows
    ]  # fmt: skip
    return table([t(f"ledger.sys.{h}", lang) for h in ("system", "reason", "owner")], body, lang, class_name="wide-table system-table", first=FIRST)


def _name(row: LedgerSystem, lang: Lang) -> html.Span:
    system = row.system
    facts = [printed.domain_words(system.domain, lang)]
    if row.plan.is_provincial:
        facts.append(t("target.provincial", lang))
    title = {"title": system.what_it_does_en} if lang == "en" and system.what_it_does_en else {}
    return html.Span([html.B(pick(system.name_zh, system.name_en, lang)), html.Small(clause_facts(system.clause, facts, lang))],
                     className="two-lines", **title)  # fmt: skip
