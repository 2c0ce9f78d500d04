"""`/plan/target/<id>` — how far is this promise, will it be kept, whose is it, and what does that rest on?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html

from components.i18n import t
from components.ledger import chart, listing, printed, projects, target
from components.ledger.paths import axis_of
from components.ledger.words import reason_words, status_mark, target_name
from components.table import pager
from components.trend import CONFIG
from data_pipeline.errors import UnknownId
from data_pipeline.ledger.reported import entry_of
from data_pipeline.ledger.types import Ledger, LedgerTarget
from pages import Page, PageRequest, View
from pages.area import offset_of
from pages.plan import frame

REPORTS_SHOWN = 12


def build(request: PageRequest) -> View:
    """One target of the city's plans; a row that restates another leads to the one it restates."""
    if (absent := frame.no_plan(request, "targets")) is not None:
        return absent
    ledger = frame.ledger_of(request)
    wanted = request.args["target"]
    row = ledger.target(wanted)
    if row is None:
        raise UnknownId("target", wanted, [r.target.target_id for r in ledger.targets])
    if row.target.same_as:
        return View("", html.Div(), redirect=frame.target_href(request, row.target.same_as))
    words = frame.words(request, ledger)
    lang = request.lang
    again = listing.fold(ledger.targets)[1].get(wanted, [])
    said = said_of(request, ledger, wanted)
    name = target_name(row.target, lang)
    body: list[Any] = [
        html.Div([html.H1(name, className="area-name"), html.P(target.about(row, lang), className="area-facts")],
                 className="target-head"),
        target.verdict(row, lang),
        target.figures(row, words),
        html.Div(
            [
                html.Div([*_path(request, row, ledger), *_milestones(request, row, ledger), *_projects(request, row, ledger)]),
                html.Aside(
                    [html.H2(t("ledger.owners", lang)), target.owners(row, words),
                     html.H2(t("ledger.clause_head", lang)), target.document_facts(row, lang), *_again(again, request)],
                    className="target-side",
                ),
            ],
            className="target-main",
        ),
        *_reports(request, row, said, words),
    ]  # fmt: skip
    digest = tuple((s.entry.data_on, s.entry.value, s.entry.state, s.corrected) for s in said)
    return frame.view(request, ledger, "targets", body, name=name, digest=digest, brief={"of": "target", "target": wanted})


def said_of(request: PageRequest, ledger: Ledger, subject_id: str) -> list[target.Said]:
    """Everything reported of one subject that was known on the ledger's date, newest data first.

    Accepted reports come with all their revisions; entries that still wait or were returned stand among them.
    """
    found = []
    revisions = request.queries.report_revisions(request.city.id, subject_id)
    for row in revisions.iter_rows(named=True):
        if row["data_on"] <= ledger.on and row["known_from_utc"] <= ledger.known_at_utc:
            until = row["known_to_utc"]
            found.append(target.Said(entry_of(row), row["known_from_utc"], until is not None and until <= ledger.known_at_utc))
    for entry in request.queries.report_entries(request.city.id, subject_id=subject_id):
        if entry.state != "accepted" and entry.data_on <= ledger.on and entry.submitted_at_utc <= ledger.known_at_utc:
            found.append(target.Said(entry))
    return sorted(found, key=lambda s: (s.entry.data_on, s.entry.submitted_at_utc), reverse=True)


def _path(request: PageRequest, row: LedgerTarget, ledger: Ledger) -> list[Any]:
    lang = request.lang
    if row.target.value is None or not row.path:
        text = reason_words(row, lang) if row.status in ("not_measurable", "no_data") else t("ledger.no_path", lang)
        return [html.Section([html.H2(t("ledger.path_head", lang)), html.P(text, className="nothing path-none")])]
    figure = chart.path_figure(row, axis_of([row], ledger.on), lang, request.theme, revision=row.target.target_id)
    graph = dcc.Graph(id="plan-path", figure=figure, config=CONFIG, className="path-graph")
    return [html.Section([html.H2(t("ledger.path_head", lang)), graph, html.P(t("ledger.path_note", lang), className="note")])]


def _milestones(request: PageRequest, row: LedgerTarget, ledger: Ledger) -> list[Any]:
    lang = request.lang
    if not row.milestones:
        return []
    lines = []
    for step in row.milestones:
        own = ledger.target(step.target_id)
        lines.append(html.Li([
            *([status_mark(own.status, lang)] if own else []),
            html.A(target_name(step, lang), href=frame.target_href(request, step.target_id)),
            html.Span(printed.target_value(step, lang)), html.Span(step.deadline),
        ]))  # fmt: skip
    return [html.Section([html.H2(t("ledger.milestones", lang)), html.Ul(lines, className="line-list")])]


def _projects(request: PageRequest, row: LedgerTarget, ledger: Ledger) -> list[Any]:
    own = [project for project in ledger.projects if project.project.project_id in row.projects]
    if not own:
        return []
    head = html.H2([t("ledger.projects_of_clause", request.lang), html.Small(t("ledger.n_projects", request.lang, n=len(own)))])
    return [html.Section([head, projects.project_table(own, frame.words(request, ledger), brief=True)])]


def _again(rows: Sequence[LedgerTarget], request: PageRequest) -> list[Any]:
    """Where the same document says it again, with what it says there."""
    if not rows:
        return []
    lang = request.lang
    lines = [html.Li([html.Span(listing.clause_facts(r.target.clause, (), lang)), html.Span(printed.target_value(r.target, lang))])
             for r in rows]  # fmt: skip
    return [html.H2(t("ledger.said_again", lang)), html.Ul(lines, className="line-list")]


def _reports(request: PageRequest, row: LedgerTarget, said: Sequence[target.Said], words: listing.ListWords) -> list[Any]:
    lang = request.lang
    if row.target.is_provincial:
        return []
    offset = offset_of(request, "from")
    shown = said[offset : offset + REPORTS_SHOWN]
    link = html.A(t("ledger.report_this", lang), className="button",
                  href=frame.href(request, "/plan/report", item=row.target.target_id, on=None))  # fmt: skip
    return [
        html.Section(
            [
                html.H2([t("ledger.reports", lang), html.Small(t("ledger.n_reports", lang, n=len(said))), link]),
                target.reports(shown, row, request.city.tz, lang, words.departments),
                pager(offset, len(shown), REPORTS_SHOWN, lambda o: request.href(**{"from": str(o) if o else None}), lang),
            ],
            className="target-reports",
        )
    ]


PAGE = Page(id="plan-target", pattern="/plan/target/{target}", build=build, order=21)
