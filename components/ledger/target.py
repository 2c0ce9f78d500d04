"""One target in full: the figures of its pace, what the clause says, who owns it, what was reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.i18n import Lang, has, pick, t
from components.ledger import printed
from components.ledger.listing import ListWords, clause_facts, figure_key
from components.ledger.words import (
    amount,
    day,
    forecast_note,
    join,
    owner_names,
    reason_words,
    said_words,
    simulated_mark,
    stamp,
    status_mark,
    target_name,
)
from components.states import mark
from components.table import table
from data_pipeline.ledger.types import LedgerTarget, ReportEntry


def about(row: LedgerTarget, lang: Lang) -> list[Any]:
    """Plan, clause, domain, kind and scope in one line."""
    target = row.target
    facts: list[Any] = [
        pick(row.plan.title_zh, row.plan.title_en, lang),
        clause_facts(target.clause, [pick(row.clause.topic_zh, row.clause.topic_en, lang)], lang),
        printed.domain_words(target.domain, lang),
        t(f"target.{target.kind}", lang),
    ]
    if target.is_provincial:
        facts.append(t("target.provincial", lang))
    if target.is_milestone:
        facts.append(t("ledger.milestone", lang))
    if target.strength == "strive":
        facts.append(t("ledger.strive", lang))
    if target.scope_zh and lang == "zh":
        facts.append(t("ledger.scope", lang, scope=target.scope_zh))
    return [html.Span(fact) for fact in facts]


def verdict(row: LedgerTarget, lang: Lang) -> html.P:
    """The status, why it is so, and what it rests on."""
    rests = [mark(t("ledger.rests_simulated", lang), "simulated")] if row.is_simulated else []
    return html.P([status_mark(row.status, lang), html.Span(reason_words(row, lang)), *rests], className="verdict")


def figures(row: LedgerTarget, words: ListWords) -> html.Div:
    """The figures of the pace, each of which opens its provenance. What is unknown says so."""
    lang, target, pace = words.lang, row.target, row.pace
    cells: list[tuple[str, Any, str]] = [("goal", printed.target_value(target, lang), printed.deadline_words(target, lang, words.on))]
    if target.value is None:
        return html.Div([_figure(row, words, *cell) for cell in [*cells, *_ticked(row, lang)]], className="target-figures")
    if pace is None:
        cells.append(("actual", t("state.no_data", lang), ""))
        return html.Div([_figure(row, words, *cell) for cell in cells], className="target-figures")
    source = t(f"ledger.from_{row.actual_from}", lang) if row.actual_from else ""
    cells.append(("actual", amount(pace.actual, target, lang), join([day(pace.actual_on, lang), source], lang)))
    base = f"{amount(pace.base, target, lang)}（{day(pace.base_on, lang)}）" if lang == "zh" else (
        f"{amount(pace.base, target, lang)} ({day(pace.base_on, lang)})")  # fmt: skip
    cells.append(("progress", formats.share(pace.progress_share, lang, 1), t("ledger.from_base", lang, base=base)))
    if pace.expected_linear is not None:
        gap = amount(pace.gap, target, lang, signed=True)
        cells.append(("expected", amount(pace.expected_linear, target, lang), t("ledger.gap", lang, gap=gap)))
    if pace.expected_seasonal is not None:
        cells.append(("seasonal", amount(pace.expected_seasonal, target, lang), t("ledger.seasonal_note", lang)))
    if pace.forecast is not None:
        guess = pace.forecast
        cells.append(("forecast", amount(guess.value, target, lang), f"{day(guess.on, lang)} · {forecast_note(guess, target, lang)}"))
    if row.done_on is not None:
        cells.append(("reached", day(row.done_on, lang), ""))
    else:
        cells.append(_rates(row, lang))
        # after the deadline there is nothing left to start in time
        if pace.latest_start is not None and target.deadline >= words.on.isoformat():
            note = "latest_start_note" if pace.latest_start >= words.on else "latest_start_past"
            cells.append(("latest_start", day(pace.latest_start, lang), t(f"ledger.{note}", lang)))
        if pace.earliest_reach is not None:
            cells.append(("earliest", day(pace.earliest_reach, lang), t("ledger.earliest_note", lang)))
    return html.Div([_figure(row, words, *cell) for cell in cells], className="target-figures")


def _rates(row: LedgerTarget, lang: Lang) -> tuple[str, Any, str]:
    """Needed against recent and best pace; after the deadline nothing is needed any more, recent stands first."""
    pace, target = row.pace, row.target
    assert pace is not None
    recent = t("ledger.recent", lang, pace=_pace(pace.recent_per_month, row, lang))
    best = t("ledger.best", lang, pace=_pace(pace.best_per_month, row, lang), n=pace.best_window_months or 0)
    if pace.best_per_month is None:
        best = t("ledger.no_best", lang)
    if pace.needed_per_month is None:
        return "recent", t("ledger.per_month", lang, amount=_pace(pace.recent_per_month, row, lang)), best
    needed = t("ledger.per_month", lang, amount=amount(pace.needed_per_month, target, lang))
    return "needed", needed, f"{recent} · {best}"


def _pace(value: float | None, row: LedgerTarget, lang: Lang) -> str:
    return t("state.no_data", lang) if value is None else amount(value, row.target, lang)


def _ticked(row: LedgerTarget, lang: Lang) -> list[tuple[str, Any, str]]:
    said = row.last_report
    if row.status == "not_measurable":
        return []
    if said is None:
        return [("actual", t("state.no_data", lang), "")]
    stage = t(f"ledger.stage.{said.stage}", lang) if said.stage else t("state.no_data", lang)
    found: list[tuple[str, Any, str]] = [("actual", stage, join([day(said.data_on, lang), t("ledger.from_report", lang)], lang))]
    if row.done_on is not None:
        found.append(("reached", day(row.done_on, lang), ""))
    if said.expected_on is not None and row.status not in ("done", "done_late"):
        found.append(("expected_done", day(said.expected_on, lang), t("ledger.by_department", lang)))
    return found


def _figure(row: LedgerTarget, words: ListWords, name: str, value: str, note: str) -> html.Div:
    lang = words.lang
    head = t(f"ledger.fig.{name}", lang)
    own: dict[str, Any] = {
        "data-figure": figure_key(words.city, row, words.on), "aria-haspopup": "dialog",
        "aria-label": f"{target_name(row.target, lang)} {head} {value}",
    }  # fmt: skip
    simulated = simulated_mark(row.is_simulated and name != "goal", lang)
    return html.Button(
        [html.Span([head, *simulated], className="fig-name"), html.B(value), html.Small(note)],
        className=f"target-figure is-{name}", **own,
    )  # fmt: skip


def owners(row: LedgerTarget, words: ListWords) -> html.Dl:
    """Who leads and who shares, each with the address of its page; and when the next report is due."""
    lang, target = words.lang, row.target

    def linked(names: Sequence[str]) -> Any:
        if not names:
            return t("ledger.none_named", lang)
        links: list[Any] = []
        for i, name in enumerate(names):
            links += [t("ledger.comma", lang)] if i else []
            links.append(html.A(owner_names([name], words.departments)[0], href=words.department_href(name)))
        return links

    lead = linked(row.leads)
    rows: list[tuple[str, Any]] = [
        ("lead", [*(lead if isinstance(lead, list) else [lead]), " ", *simulated_mark(row.is_simulated, lang)]),
        ("shared", linked(row.shares)),
        ("lead_basis", t(f"ledger.basis.{row.clause.lead_basis}", lang) if has(f"ledger.basis.{row.clause.lead_basis}", lang) else None),
        ("deadline", printed.deadline_words(target, lang, words.on)),
        ("deadline_basis", t(f"ledger.basis.{target.deadline_basis}", lang) if has(f"ledger.basis.{target.deadline_basis}", lang) else None),
    ]  # fmt: skip
    if row.report_due_on is not None:
        late = [mark(t("ledger.report_late", lang, n=row.report_overdue_days), "warn")] if row.report_overdue_days else []
        rows.append(("report_due", [day(row.report_due_on, lang), " ", *late]))
    return _facts(rows, lang)


def document_facts(row: LedgerTarget, lang: Lang) -> html.Dl:
    """The document and the clause the promise stands in."""
    item = row.plan
    rows: list[tuple[str, Any]] = [
        ("document", pick(item.title_zh, item.title_en, lang)),
        ("document_number", html.Span(item.document_number, lang="zh")),
        ("issuer", html.Span(item.issuer, lang="zh")),
        ("issued", item.issued_date),
        ("period", t("ledger.period", lang, start=item.period_start, end=item.period_end) if item.period_start else None),
        ("clause", clause_facts(row.target.clause, [pick(row.clause.topic_zh, row.clause.topic_en, lang)], lang)),
        ("printed", printed.target_value(row.target, lang)),
        ("note", html.Span(row.target.note, lang="en") if row.target.note and lang == "en" else None),
    ]  # fmt: skip
    return _facts(rows, lang)


def _facts(rows: Sequence[tuple[str, Any]], lang: Lang) -> html.Dl:
    parts = [part for name, value in rows if value not in (None, "")
             for part in (html.Dt(t(f"ledger.fact.{name}", lang)), html.Dd(value))]  # fmt: skip
    return html.Dl(parts, className="facts")


@dataclass(frozen=True)
class Said:
    """One report and the time from which it was known; `corrected`: a later revision took its place by the ledger's date."""

    entry: ReportEntry
    known_from_utc: datetime | None = None
    corrected: bool = False


def reports(said: Sequence[Said], row: LedgerTarget, tz: ZoneInfo, lang: Lang, departments: Mapping[str, str]) -> Any:
    """Reports with what they say, who wrote and who accepted them and when, and their evidence; a corrected one says so."""
    heads = ("data_on", "said", "state", "department", "author", "submitted", "reviewer", "reviewed", "evidence", "reason")
    rows = [_report(item, row, tz, lang, departments) for item in said]
    return table([t(f"ledger.entry.{h}", lang) for h in heads], rows, lang, class_name="reports-table", first=3)


def _report(item: Said, row: LedgerTarget, tz: ZoneInfo, lang: Lang, departments: Mapping[str, str]) -> list[Any]:
    entry = item.entry
    state = t("ledger.entry.replaced" if item.corrected else f"ledger.entry_state.{entry.state}", lang)
    corrects = [html.Small(t("ledger.entry.corrects", lang))] if entry.replaces else []
    office = owner_names([entry.department], departments)[0] if entry.department else "—"
    note = entry.reason or entry.review_note
    return [
        entry.data_on.isoformat(), said_words(entry, row.target.unit_zh, row.target.unit_en, lang), [state, *corrects],
        [office, " ", *simulated_mark(entry.is_simulated, lang)],
        person(entry.author, entry.author_known, lang), stamp(entry.submitted_at_utc, tz),
        person(entry.reviewer, entry.reviewer_known, lang),
        stamp(entry.reviewed_at_utc, tz),
        [html.Span([evidence(proof, lang), " "]) for proof in entry.evidence] or None,
        html.Span(note, lang="zh") if note else None,
    ]  # fmt: skip


def person(name: str, known: bool, lang: Lang) -> Any:
    """Who it was; a name chosen on the spot without sign-in says that it is not authenticated."""
    if not name:
        return None
    who = html.Span(name, lang="zh")
    return who if known else html.Span([who, " ", mark(t("live.unauthenticated", lang), "warn")])


def evidence(item: str, lang: Lang) -> Any:
    """A link as a link, a kept file by its name."""
    if item.startswith(("https://", "http://")):
        return html.A(t("ledger.evidence_link", lang), href=item, target="_blank", rel="noopener noreferrer", title=item)
    digest, _, name = item.removeprefix("sha256:").partition(":")
    href = f"/api/v1/reports/evidence/{digest}" + (f"?name={quote(name)}" if name else "")
    return html.A(name or digest[:8], href=href, title=digest, **{"data-native": "true"})
