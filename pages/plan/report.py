"""`/plan/report` — what does my department owe, how do I report it, and who has looked at it?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from components.i18n import pick, t
from components.ids import live_id
from components.ledger import fields, report_form
from components.ledger.paths import axis_of, small_path
from components.states import empty
from data_pipeline.errors import UnknownId
from data_pipeline.ledger.checks import find_subject
from data_pipeline.ledger.types import Due, Ledger, ReportEntry
from data_pipeline.store.lock import holder
from pages import Page, PageRequest, View
from pages.overview import departments
from pages.plan import frame

VIEWS = ("due", "queue", "entries")
MOST_ENTRIES = 100


def build(request: PageRequest) -> View:
    """The due list of one office, the form of one report, the reviewers' queue, the entries."""
    if (absent := frame.no_plan(request, "report")) is not None:
        return absent
    lang, city = request.lang, request.city
    q = request.queries
    ledger = q.ledger(city.id)
    offices = q.reporting_departments(city.id)
    if not offices:
        hint = t("reports.nothing_to_report_hint", lang)
        body = [empty(t("reports.nothing_to_report", lang), hint)]
        return _view(request, ledger, body, "none")
    item = request.params.get("item", "")
    asked = next((i.office for i in q.reports_due(city.id) if i.subject_id == item), None) if item else None
    department = request.params.get("dept") or asked or next(iter(offices))
    if department not in offices:
        raise UnknownId("department", department, offices)
    shown = request.params.get("show", VIEWS[0])
    if shown not in VIEWS:
        raise UnknownId("show", shown, VIEWS)
    words = _words(request)
    waiting = q.report_entries(city.id, state="submitted")
    body = [html.Div([_choose(request, offices, department), _tabs(request, offices[department], len(waiting), shown)], className="report-bar"), _may(request)]
    if shown == "queue":
        body.append(html.Section([html.P(t("reports.queue_hint", lang), className="note"),
                                  report_form.entry_list(waiting, words, live_id("report-queue"), reviewing=True)]))  # fmt: skip
    elif shown == "entries":
        own = q.report_entries(city.id, department=department)[:MOST_ENTRIES]
        body.append(report_form.entry_list(own, words, live_id("report-entries"), reviewing=False))
    else:
        body += _due(request, ledger, department, item, words)
    return _view(request, ledger, body, f"{shown}-{department}-{item}-{request.params.get('replaces', '')}")


def _view(request: PageRequest, ledger: Ledger, body: Sequence[Any], key: str) -> View:
    # what is being written must survive a refresh: the key knows the address only, lists renew themselves in place
    name = t("ledger.part_report", request.lang)
    title = t("app.title", request.lang, city=f"{name} · {request.name(request.city)}")
    tree = html.Div([frame.head(request, ledger, "report"), *body], className="ledger ledger-report")
    return View(title, tree, key=f"plan-report-{request.city.id}-{key}")


def _words(request: PageRequest) -> report_form.ReportWords:
    facts = request.queries.plan_facts(request.city.id)

    def name_of(entry: ReportEntry) -> tuple[str, str, str]:
        found = find_subject(entry.subject, entry.subject_id.partition("@")[0], facts)
        if found is None:
            return entry.subject_id, "", ""
        side = "indicator" if entry.subject == "target" else "name"
        name = pick(getattr(found, f"{side}_zh"), getattr(found, f"{side}_en"), request.lang)
        area = entry.subject_id.partition("@")[2]
        name += f" · {request.name(request.city.area(area))}" if area and request.city.has_area(area) else ""
        return name, getattr(found, "unit_zh", ""), getattr(found, "unit_en", "")

    return report_form.ReportWords(
        lang=request.lang, city=request.city.id, tz=request.city.tz, today=request.today, now_utc=request.now_utc,
        departments=departments(request), areas={a.id: request.name(a) for a in request.city.children(request.city.city_area.id)},
        item_href=lambda due: request.href(item=due.subject_id, show=None, replaces=None), entry_name=name_of,
        correct_href=lambda entry: request.href(item=entry.subject_id, dept=entry.department, replaces=entry.entry_id, show=None),
    )  # fmt: skip


def _choose(request: PageRequest, offices: dict[str, tuple[int, int]], chosen: str) -> Any:
    known = departments(request)
    options = [(name, f"{known.get(name, name)}（{late}）" if request.lang == "zh" else f"{known.get(name, name)} ({late})")
               for name, (_, late) in offices.items()]  # fmt: skip
    return fields.AddressField(param="dept", value=chosen, label=t("reports.department", request.lang), options=options)


def _tabs(request: PageRequest, counts: tuple[int, int], waiting: int, shown: str) -> html.Nav:
    numbers = {"due": counts[1], "queue": waiting, "entries": None}
    links = [
        html.A([t(f"reports.show_{name}", request.lang), *([html.Small(str(numbers[name]))] if numbers[name] is not None else [])],
               href=request.href(show=None if name == VIEWS[0] else name, item=None, replaces=None), className="is-active" if name == shown else "",
               **({"aria-current": "page"} if name == shown else {}))
        for name in VIEWS
    ]  # fmt: skip
    return html.Nav(links, id=live_id("report-tabs"), className="tabs", **{"aria-label": t("reports.views", request.lang)})


def _may(request: PageRequest) -> html.Div:
    """Who may do what; the page is built once for all, so the browser shows the line that fits."""
    lang, who = request.lang, holder(request.queries.home)
    busy = who is not None and not who.answers_inbox
    parts: list[Any] = [html.Span(t("reports.store_busy", lang), className="tone-warn")] if busy else []
    parts.append(html.Span([t("reports.may_not", lang), " ", html.A(t("events.choose_role", lang), href="/login", **{"data-native": "true"})],
                           className="if-viewer note"))  # fmt: skip
    return html.Div(parts, id=live_id("report-may"), className="events-acting")


def _due(request: PageRequest, ledger: Ledger, department: str, item: str, words: report_form.ReportWords) -> list[Any]:
    lang = request.lang
    items = request.queries.reports_due(request.city.id, department)
    body: list[Any] = []
    chosen = next((i for i in items if i.subject_id == item), None)
    if item and chosen is None:
        raise UnknownId("item", item, [i.subject_id for i in items])
    if chosen is not None:
        body.append(_form(request, ledger, chosen, department, words))
    address = f"/api/v1/reports/template?city={request.city.id}&department={department}&lang={lang}"
    template = html.Div(
        [
            html.A(t("reports.template_get", lang), href=address, className="button", **{"data-native": "true"}),
            report_form.template_form(lang),
            html.Span(t("reports.template_hint", lang), className="note"),
        ],
        className="report-template",
    )
    owed, rest = [i for i in items if i.due_on is not None], [i for i in items if i.due_on is None]
    body.append(report_form.due_table(owed, item, words, live_id("report-due")) if owed else html.P(t("ledger.nothing_due", lang), className="nothing"))
    if rest:
        body.append(frame.folded(t("reports.fold_not_due", lang, n=len(rest)), report_form.due_table(rest, item, words, live_id("report-not-due"))))
    return [*body, template]


def _form(request: PageRequest, ledger: Ledger, item: Due, department: str, words: report_form.ReportWords) -> html.Section:
    """One report: what was promised and reported so far on the left, the form on the right."""
    row = next((r for r in ledger.targets if r.target.target_id == item.subject_id.partition("@")[0]), None) if item.subject == "target" else None
    known: list[Any] = []
    if row is not None and row.path:
        known.append(html.Div(small_path(row, axis_of([row], ledger.on)), className="report-path"))
    entries = request.queries.report_entries(request.city.id, subject_id=item.subject_id)
    wanted = request.params.get("replaces", "")
    old = next((entry for entry in entries if entry.entry_id == wanted), None)
    if wanted and old is None:
        raise UnknownId("entry", wanted, [entry.entry_id for entry in entries])
    correcting = [html.P(t("reports.correcting", request.lang, id=wanted, date=old.data_on.isoformat()), className="note if-report")] if old else []
    known += [report_form.entry_card(entry, words, reviewing=False) for entry in entries[:3]]
    name = report_form.name_of(item, words)
    withdrawal = report_form.withdrawal_form(item, request.queries.report_past(request.city.id, item.subject_id), words, department)
    heading: Any = html.A(name, href=frame.target_href(request, row.target.target_id)) if row is not None else name
    return html.Section(
        [
            html.Div([html.H2(heading), report_form.promise_line(item, words), *known], className="report-known"),
            html.Div([*correcting, report_form.entry_form(item, words, department, old), *([withdrawal] if withdrawal else [])]),
        ],
        className="report-panel",
        **{"aria-label": name},
    )


PAGE = Page(id="plan-report", pattern="/plan/report", build=build, order=25)
