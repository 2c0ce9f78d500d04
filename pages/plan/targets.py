"""`/plan` — where does every promise of the city's plans stand, and which needs a hand first?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from components.i18n import t
from components.ledger import fields as ledger_field
from components.ledger import listing, printed
from components.ledger.paths import axis_of
from components.ledger.words import owner_names
from data_pipeline.errors import UnknownId
from data_pipeline.ledger.types import STATUSES, Ledger, LedgerTarget
from pages import Page, PageRequest, View
from pages.overview import departments
from pages.plan import frame

FILTERS = ("plan", "domain", "department", "deadline", "kind")  # of the fields; the status has its counts
KINDS = ("quantified", "completion", "direction")


def build(request: PageRequest) -> View:
    """All targets of the city, the worst first; filters, order and date stand in the address."""
    if (absent := frame.no_plan(request, "targets")) is not None:
        return absent
    ledger = frame.ledger_of(request)
    return frame.once(request, (ledger.targets,), lambda: _targets(request, ledger))


def _targets(request: PageRequest, ledger: Ledger) -> View:
    distinct, again = listing.fold(ledger.targets)
    status, sort = request.params.get("status", ""), request.params.get("sort", "status")
    if status and status not in STATUSES:
        raise UnknownId("status", status, STATUSES)
    if sort.removeprefix("-") not in listing.SORTS:
        raise UnknownId("sort", sort, listing.SORTS)
    only = {name: value for name in (*FILTERS, "status") if (value := request.params.get(name, ""))}
    found = listing.narrowed(distinct, only | {"status": ""})
    shown = [row for row in found if not status or row.status == status]
    body: list[Any] = [
        *_documents(request, ledger),
        listing.status_counts(found, request.lang, status, lambda s: request.href(status=s)),
        _filters(request, distinct),
    ]
    if distinct:
        body.append(
            listing.target_table(
                listing.sort_rows(shown, sort, request.lang), again, axis_of(distinct, ledger.on),
                frame.words(request, ledger), sort=sort, sort_href=lambda s: request.href(sort=None if s == "status" else s),
            )
        )  # fmt: skip
        body.append(_legend(request))
    return frame.view(request, ledger, "targets", body, brief={"of": "targets", "only": only})


def _documents(request: PageRequest, ledger: Ledger) -> list[Any]:
    """The documents the promises stand in, each with its number and date."""
    lang = request.lang
    plans = frame.plans_of(ledger)
    if not plans:
        return [html.P(t("overview.no_plan", lang), className="note")]
    lines = []
    for item in plans:
        level = [t("ledger.provincial_note", lang)] if item.is_provincial else []
        facts = [html.Span(item.document_number, lang="zh"), html.Span(item.issuer, lang="zh"), item.issued_date, *level]
        lines.append(html.P([html.B(frame.plan_name(item, request)), *(html.Span(fact) for fact in facts if fact)]))
    return [html.Div(lines, className="documents")]


def _filters(request: PageRequest, rows: Sequence[LedgerTarget]) -> html.Div:
    """Lists that narrow the table, each with what occurs; and the way back to all."""
    lang, named = request.lang, departments(request)
    plans = {row.plan.plan_id: frame.plan_name(row.plan, request) for row in rows}
    domains = {row.target.domain: printed.domain_words(row.target.domain, lang) for row in rows}
    offices = {name: owner_names([name], named)[0]
               for row in rows for name in (*row.leads, *row.shares)}  # fmt: skip
    days = {row.target.deadline or listing.NO_DEADLINE: row.target.deadline or t("target.no_deadline", lang) for row in rows}
    kinds = {kind: t(f"target.{kind}", lang) for kind in KINDS if any(row.target.kind == kind for row in rows)}
    found = {"plan": plans, "domain": domains, "department": offices, "deadline": dict(sorted(days.items())), "kind": kinds}
    fields: list[Any] = [
        ledger_field.choose(name, request.params.get(name, ""), t(f"ledger.filter.{name}", lang), list(options.items()),
                            t("ledger.all", lang))
        for name, options in found.items() if len(options) > 1
    ]  # fmt: skip
    orders = [(s, t(f"ledger.order.{s}", lang)) for s in listing.SORTS if s != "status"]
    fields.append(ledger_field.AddressField(
        param="sort", value=request.params.get("sort", ""), label=t("ledger.sort", lang),
        options=[("", t("ledger.order.status", lang)), *orders, *((f"-{s}", f"{words} ↓") for s, words in orders)],
    ))  # fmt: skip
    if any(request.params.get(name) for name in (*FILTERS, "status")):
        none = {name: None for name in (*FILTERS, "status")}
        fields.append(html.A(t("ledger.clear", lang), href=request.href(**none), className="button"))
    return html.Div(fields, className="ledger-filters")


def _legend(request: PageRequest) -> html.P:
    lang = request.lang
    keys = ("goal", "expected", "report", "live", "forecast", "due", "on")
    marks = [html.Span([html.I(className=f"key key-{key}"), t(f"ledger.key.{key}", lang)]) for key in keys]
    return html.P([*marks, html.Span(t("ledger.axis", lang))], className="ledger-legend note")


PAGE = Page(id="plan", pattern="/plan", build=build, nav="nav.plan", order=20)
