"""`/plan/projects` — which projects stand in which stage, what money is behind them, what blocks them and who?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from components.i18n import t
from components.ledger import projects
from components.ledger.listing import ListWords
from data_pipeline.errors import UnknownId
from data_pipeline.ledger import boards
from data_pipeline.ledger.types import Ledger, LedgerProject
from data_pipeline.plans import Plan
from pages import Page, PageRequest, View
from pages.plan import frame

STAGES = tuple(stage or "unstated" for stage in projects.STAGES)


def build(request: PageRequest) -> View:
    """The projects of every plan by stage; `stage=` narrows the list."""
    if (absent := frame.no_plan(request, "projects")) is not None:
        return absent
    ledger = frame.ledger_of(request)
    return frame.once(request, (ledger.targets, ledger.projects), lambda: _projects(request, ledger))


def _projects(request: PageRequest, ledger: Ledger) -> View:
    chosen = request.params.get("stage")
    if chosen and chosen not in STAGES:
        raise UnknownId("stage", chosen, STAGES)
    body: list[Any] = []
    for plan in {row.plan.plan_id: row.plan for row in ledger.projects}.values():
        body += _plan(request, plan, [row for row in ledger.projects if row.plan.plan_id == plan.plan_id], chosen)
    if not body:
        body = [html.P(t("ledger.no_projects", request.lang), className="nothing")]
    digest = tuple((r.stage, r.invested_yi_yuan, r.progress_share, r.expected_on, r.blocked) for r in ledger.projects)
    return frame.view(request, ledger, "projects", body, digest=digest, brief={"of": "projects"})


def _plan(request: PageRequest, plan: Plan, rows: Sequence[LedgerProject], chosen: str | None) -> list[Any]:
    lang = request.lang
    ledger = frame.ledger_of(request)
    words = frame.words(request, ledger)
    sums = boards.project_sums(rows)
    single = [r for r in rows if not projects.is_group(r)]
    groups = [r for r in rows if projects.is_group(r)]
    shown = [r for r in single if not chosen or (r.stage or "unstated") == chosen]
    level = [html.Small(t("ledger.provincial_note", lang))] if plan.is_provincial else []
    found: list[Any] = [
        html.H2([frame.plan_name(plan, request), *level], className="plan-title"),
        projects.stage_board(sums, lang, chosen, lambda s: request.href(stage=s)),
        *[_reconciled(request, item) for item in boards.reconciled(rows)],
    ]
    blocked = [r for r in single if r.blocked]
    if blocked:
        found.append(html.P(t("ledger.blocked_note", lang, n=len(blocked)), className="data-summary"))
    found.append(html.Section([
        html.H2([t("ledger.rolling", lang), html.Small(t("ledger.rolling_note", lang, n=len(shown)))]),
        *rolling_list(shown, words, chosen),
    ]))  # fmt: skip
    if groups:
        found.append(html.Section([
            html.H2([t("ledger.groups", lang), html.Small(t("ledger.groups_note", lang, n=len(groups)))]),
            projects.group_table(groups, words),
        ]))  # fmt: skip
    return found


def rolling_list(shown: Sequence[LedgerProject], words: ListWords, chosen: str | None = None) -> list[Any]:
    """The list; what is done needs no hand and is folded, unless it is all there is or was asked for."""
    done = [row for row in shown if row.stage == "done"]
    if chosen or len(done) in (0, len(shown)):
        return [projects.project_table(shown, words)]
    rest = [row for row in shown if row.stage != "done"]
    folded = frame.folded(t("ledger.fold_done", words.lang, n=len(done)), projects.project_table(done, words))
    return [projects.project_table(rest, words), folded]


def _reconciled(request: PageRequest, item: boards.Reconciled) -> html.P:
    lang = request.lang
    words = t("ledger.reconciled", lang, total_n=item.total_n, total=projects.money(item.total_yi_yuan, lang),
              stages_n=item.stages_n, stages=projects.money(item.stages_yi_yuan, lang))  # fmt: skip
    verdict = t("ledger.agrees" if item.agrees else "ledger.differs", lang)
    return html.P([words, " ", html.B(verdict, className="" if item.agrees else "tone-warn")], className="reconciled")


PAGE = Page(id="plan-projects", pattern="/plan/projects", build=build, order=22)
