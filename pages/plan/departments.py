"""`/plan/departments` — which department leads what, how does it stand, and who owes a report?"""

from __future__ import annotations

from typing import Any

from dash import html

from components.i18n import t
from components.ledger import departments
from data_pipeline.ledger import boards
from data_pipeline.ledger.types import Ledger
from pages import Page, PageRequest, View
from pages.plan import frame


def build(request: PageRequest) -> View:
    """A board a plan, ranked by the method the page states."""
    if (absent := frame.no_plan(request, "departments")) is not None:
        return absent
    ledger = frame.ledger_of(request)
    return frame.once(request, (ledger.targets, ledger.departments), lambda: _departments(request, ledger))


def _departments(request: PageRequest, ledger: Ledger) -> View:
    lang = request.lang
    words = frame.words(request, ledger)
    body: list[Any] = []
    for plan in frame.plans_of(ledger):
        own = [b for b in ledger.departments if b.department.plan_id == plan.plan_id]
        if not own:
            continue
        body += [
            html.H2(frame.plan_name(plan, request), className="plan-title"),
            html.P(t("ledger.rank_method", lang, least=boards.RANKED_FROM), className="note"),
            departments.board_table([b for b in own if b.led], words, lambda name: frame.href(request, "/plan", department=name)),
        ]  # fmt: skip
        others = [b for b in own if not b.led]
        if others:
            head = html.H2([t("ledger.only_sharing", lang), html.Small(t("ledger.only_sharing_note", lang, n=len(others)))])
            body.append(html.Section([head, departments.sharing(others, words)]))
    if not body:
        body = [html.P(t("ledger.no_departments", lang), className="nothing")]
    digest = tuple((b.rank, b.overdue_reports, tuple(b.by_status.values())) for b in ledger.departments)
    return frame.view(request, ledger, "departments", body, digest=digest, brief={"of": "departments"})


PAGE = Page(id="plan-departments", pattern="/plan/departments", build=build, order=24)
