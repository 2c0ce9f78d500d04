"""`/served` — which of the systems the plans ask for does this dashboard serve, by which figures, and what is still missing?"""

from __future__ import annotations

from typing import Any

from dash import html

from components.domain import served
from components.i18n import pick, t
from components.states import empty
from data_pipeline.domains import domains
from data_pipeline.plans.served import MANY_SYSTEMS, heavy_metrics, served_systems
from pages import Page, PageRequest, View

# the words of the pages a system may be served by; /domain/… and /district/… name themselves
VIEW_WORDS = {"/": "nav.overview", "/events": "nav.events", "/data": "nav.data", "/plan": "nav.plan", "/plan/projects": "ledger.part_projects",
              "/plan/systems": "ledger.part_systems", "/plan/departments": "ledger.part_departments", "/plan/report": "ledger.part_report",
              "/plan/review": "ledger.part_review"}  # fmt: skip


def build(request: PageRequest) -> View:
    """The mapping of the city's plans, plan by plan."""
    city, lang = request.city, request.lang
    title = t("app.title", lang, city=f"{t('served.title', lang)} · {request.name(city)}")
    systems = served_systems(request.queries.plan_facts(city.id))
    metrics = {m.id: m for m in request.queries.metrics_for(city.id)}
    titles = {row["plan_id"]: pick(row.get("title_zh", ""), row.get("title_en", ""), lang) for row in city.plan("plans")}

    def metric_link(metric_id: str) -> tuple[str, str] | None:
        metric = metrics.get(metric_id)
        return (pick(metric.name_zh, metric.name_en, lang), request.href(f"/manual/{metric_id}", city=city.id)) if metric else None

    head = html.Div([html.H1([request.name(city), html.Span(t("served.title", lang))]), html.P(t("served.asks", lang), className="domain-asks")],
                    className="domain-head")  # fmt: skip
    body: list[Any] = [head, served.summary(systems, lang)]
    for plan_id in dict.fromkeys(s.plan_id for s in systems):
        own = [s for s in systems if s.plan_id == plan_id]
        body.append(html.Section([html.H2([titles.get(plan_id, plan_id), html.Small(t("ledger.n_systems", lang, n=len(own)))]),
                                  served.systems_table(own, lang, metric_link, lambda path: _view_link(request, path))]))  # fmt: skip
    names = {m.id: pick(m.name_zh, m.name_en, lang) for m in metrics.values()}
    body.append(served.heavy_table(heavy_metrics(systems), titles, names, MANY_SYSTEMS, lang))
    if not systems:
        body = [head, empty(t("served.no_plan", lang))]
    return View(title, html.Div(body, className="domain served"), key=f"served-{city.id}")


def _view_link(request: PageRequest, path: str) -> tuple[str, str]:
    """Name and address of a page."""
    lang, city = request.lang, request.city
    href = request.href(path, city=city.id)
    if path.startswith("/domain/"):
        group = domains().get(path.removeprefix("/domain/"))
        return (pick(group.zh, group.en, lang) if group else path, href)
    if path.startswith("/district/"):
        area = path.removeprefix("/district/")
        return (request.name(city.area(area)) if city.has_area(area) else path, href)
    return (t(VIEW_WORDS[path], lang) if path in VIEW_WORDS else path, href)


PAGE = Page(id="domain-served", pattern="/served", build=build)
