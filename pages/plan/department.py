"""`/plan/department/<name>` — one department's own page to work from: what it owes, what it leads, what it reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from components.i18n import pick, t
from components.ledger import departments as ledger_departments
from components.ledger import listing
from components.ledger import projects as ledger_projects
from components.ledger import systems as ledger_systems
from components.ledger.paths import axis_of
from components.ledger.target import person
from components.ledger.words import simulated_mark, stamp, status_mark, target_name
from components.table import table
from data_pipeline.errors import UnknownId
from data_pipeline.ledger.types import Ledger, LedgerTarget, ReportEntry
from pages import Page, PageRequest, View
from pages.overview import departments
from pages.plan import frame
from pages.plan.projects import rolling_list

ENTRIES_SHOWN = 15


def build(request: PageRequest) -> View:
    """A department as a plan spells it: reports due, its targets with the worst first, entries, systems, projects."""
    if (absent := frame.no_plan(request, "departments")) is not None:
        return absent
    lang, name = request.lang, request.args["department"]
    ledger = frame.ledger_of(request)
    boards = [b for b in ledger.departments if b.department.dept_zh == name]
    if not boards:
        raise UnknownId("department", name, [b.department.dept_zh for b in ledger.departments])
    words = frame.words(request, ledger)
    shown = departments(request).get(name, name)
    distinct, again = listing.fold(ledger.targets)
    led = listing.sort_rows([r for r in distinct if name in r.leads], "status", lang)
    shared = listing.sort_rows([r for r in distinct if name in r.shares and name not in r.leads], "status", lang)
    axis = axis_of([*led, *shared], ledger.on)
    simulated = simulated_mark(any(b.is_simulated for b in boards), lang)
    body: list[Any] = [html.Div([html.H1([shown, " ", *simulated], className="area-name")], className="target-head")]
    for board in boards:
        if len(boards) > 1:
            plan = next(p for p in frame.plans_of(ledger) if p.plan_id == board.department.plan_id)
            body.append(html.H2(frame.plan_name(plan, request), className="plan-title"))
        body.append(ledger_departments.facts(board, lang))
    body += _due(request, led, name)
    for key, rows in (("led", led), ("shared", shared)):
        if rows:
            head = html.H2([t(f"ledger.dept.{key}_targets", lang), html.Small(t("ledger.n_targets", lang, n=len(rows)))])
            body.append(html.Section([head, listing.target_table(rows, again, axis, words)]))
    body += _below(request, ledger, name)
    entries = _entries_of(request, ledger, name)
    body += _entries(request, ledger, entries)
    digest = (name, tuple(e.entry_id + e.state for e in entries[:ENTRIES_SHOWN]))
    return frame.view(request, ledger, "departments", body, name=shown, digest=digest, brief={"of": "department", "department": name})


def _due(request: PageRequest, led: Sequence[LedgerTarget], name: str) -> list[Any]:
    """The reports the department owes, the longest overdue first; then those that fall due next."""
    lang = request.lang
    waiting = sorted((r for r in led if r.report_due_on is not None), key=lambda r: (-(r.report_overdue_days or 0), str(r.report_due_on)))
    late = [r for r in waiting if r.report_overdue_days]
    form = html.A(t("ledger.to_report", lang), href=frame.href(request, "/plan/report", department=name, on=None), className="button")
    head = html.H2([t("ledger.reports_due", lang), html.Small(t("ledger.n_late", lang, n=len(late), all=len(waiting))), form])
    if not late:
        next_due = min((r.report_due_on for r in waiting if r.report_due_on), default=None)
        text = t("ledger.next_due", lang, date=next_due.isoformat()) if next_due else t("ledger.nothing_due", lang)
        return [html.Section([head, html.P(text, className="nothing")])]
    rows = [
        [
            html.A(target_name(r.target, lang), href=frame.target_href(request, r.target.target_id)),
            status_mark(r.status, lang),
            r.last_report.data_on.isoformat() if r.last_report else t("target.no_actual", lang),
            r.report_due_on.isoformat() if r.report_due_on else None,
            t("ledger.late_days", lang, n=r.report_overdue_days),
        ]
        for r in late
    ]
    heads = [t(f"ledger.due.{h}", lang) for h in ("target", "status", "last", "due_on", "late")]
    return [html.Section([head, table(heads, rows, lang, class_name="wide-table", first=5)])]


def _below(request: PageRequest, ledger: Ledger, name: str) -> list[Any]:
    lang, found = request.lang, []
    words = frame.words(request, ledger)
    projects = [r for r in ledger.projects if name in r.project.lead_depts_zh and not ledger_projects.is_group(r)]
    systems = [r for r in ledger.systems if name in r.system.lead_depts_zh and r.system.dashboard_role == "track"]
    if projects:
        head = html.H2([t("ledger.part_projects", lang), html.Small(t("ledger.n_projects", lang, n=len(projects)))])
        found.append(html.Section([head, *rolling_list(projects, words)]))
    if systems:
        head = html.H2([t("ledger.role.track", lang), html.Small(t("ledger.n_systems", lang, n=len(systems)))])
        found.append(html.Section([head, ledger_systems.track_table(systems, words)]))
    return found


def _entries_of(request: PageRequest, ledger: Ledger, name: str) -> list[ReportEntry]:
    """What the department entered here in whatever state, and the newest accepted report on each promise, newest first."""
    found = {e.entry_id: e for e in request.queries.report_entries(request.city.id, department=name)}
    rows = [*(r.last_report for r in ledger.distinct), *(r.last_report for r in ledger.projects), *(r.last_report for r in ledger.systems)]
    newest = [report for report in rows if report]
    every = [*found.values(), *(e for e in newest if e.department == name and e.entry_id not in found)]
    known = [e for e in every if e.data_on <= ledger.on and e.submitted_at_utc <= ledger.known_at_utc]
    return sorted(known, key=lambda e: e.submitted_at_utc, reverse=True)


def _entries(request: PageRequest, ledger: Ledger, entries: Sequence[ReportEntry]) -> list[Any]:
    """What the department entered last, with state, author and reviewer."""
    lang, tz = request.lang, request.city.tz
    targets = {r.target.target_id: target_name(r.target, lang) for r in ledger.targets}
    names = {r.project.project_id: pick(r.project.name_zh, r.project.name_en, lang) for r in ledger.projects}
    names |= {r.system.system_id: pick(r.system.name_zh, r.system.name_en, lang) for r in ledger.systems}
    rows = [
        [
            html.A(targets[e.subject_id], href=frame.target_href(request, e.subject_id)) if e.subject_id in targets
            else names.get(e.subject_id, e.subject_id),
            e.data_on.isoformat(), t(f"ledger.entry_state.{e.state}", lang), person(e.author, e.author_known, lang),
            stamp(e.submitted_at_utc, tz), person(e.reviewer, e.reviewer_known, lang),
        ]
        for e in entries[:ENTRIES_SHOWN]
    ]  # fmt: skip
    heads = [t(f"ledger.entry.{h}", lang) for h in ("subject", "data_on", "state", "author", "submitted", "reviewer")]
    head = html.H2([t("ledger.entries", lang), html.Small(t("ledger.n_reports", lang, n=len(entries)))])
    return [html.Section([head, table(heads, rows, lang, class_name="wide-table", first=5)])]


PAGE = Page(id="plan-department", pattern="/plan/department/{department}", build=build, order=25)
