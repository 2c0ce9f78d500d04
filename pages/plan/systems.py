"""`/plan/systems` — how much of what the plan asked for works, and what is still to be built or connected?"""

from __future__ import annotations

from typing import Any

from dash import html

from components.i18n import pick, t
from components.ledger import systems
from data_pipeline.errors import UnknownId
from data_pipeline.ledger.types import LedgerSystem
from pages import Page, PageRequest, View
from pages.plan import frame


def build(request: PageRequest) -> View:
    """The systems of the city's plans by their role; `role=` shows one kind only."""
    if (absent := frame.no_plan(request, "systems")) is not None:
        return absent
    lang, city = request.lang, request.city
    ledger = frame.ledger_of(request)
    words = frame.words(request, ledger)
    chosen = request.params.get("role", "")
    if chosen and chosen not in systems.ROLES:
        raise UnknownId("role", chosen, systems.ROLES)
    metrics = {m.id: m for m in request.queries.metrics_for(city.id)}

    def metric_link(metric_id: str) -> tuple[str, str] | None:
        metric = metrics.get(metric_id)
        return (pick(metric.name_zh, metric.name_en, lang), request.href("/", city=city.id, metric=metric_id)) if metric else None

    body: list[Any] = [
        systems.works_summary(ledger.systems, lang, chosen, lambda r: request.href(role=r)),
        html.P(t("ledger.works_note", lang), className="note"),
    ]
    for role in systems.ROLES:
        own = [row for row in ledger.systems if row.system.dashboard_role == role]
        if not own or (chosen and chosen != role):
            continue
        head = html.H2([t(f"ledger.role.{role}", lang), html.Small(t("ledger.n_systems", lang, n=len(own)))])

        def listed(rows: list[LedgerSystem], role: str = role) -> Any:
            if role == "track":
                return systems.track_table(rows, words)
            if role == "out":
                return systems.out_table(rows, words)
            return systems.feed_table(rows, words, city.tz, metric_link, request.now_utc)

        # what works needs no hand: it is folded, unless it is all there is or the role was asked for
        works = [row for row in own if row.works]
        if chosen or len(works) in (0, len(own)):
            body.append(html.Section([head, listed(own)]))
        else:
            rest = [row for row in own if not row.works]
            body.append(html.Section([head, listed(rest), frame.folded(t("ledger.fold_works", lang, n=len(works)), listed(works))]))
    if not ledger.systems:
        body = [html.P(t("ledger.no_systems", lang), className="nothing")]
    return frame.view(request, ledger, "systems", body, brief={"of": "systems"}, digest=tuple(_state(row) for row in ledger.systems))


def _state(row: LedgerSystem) -> tuple:
    """What of a system can change on the page; its freshness by the hour, so that the page is not sent every minute."""
    fresh = row.data_as_of_utc.replace(minute=0, second=0, microsecond=0) if row.data_as_of_utc else None
    return (row.stage, row.works, row.is_overdue, fresh, row.is_simulated)


PAGE = Page(id="plan-systems", pattern="/plan/systems", build=build, order=23)
