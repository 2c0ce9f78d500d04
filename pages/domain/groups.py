"""`/domain` — which side of the city needs a look? Every group with its first figures, and the way to its page."""

from __future__ import annotations

from dash import html

from components.domain import parts
from components.i18n import pick, t
from data_pipeline.domains import domains
from pages import Page, PageRequest, View, overview
from pages.domain import group as domain
from pages.serving import shell

SHOWN = 4


def build(request: PageRequest) -> View:
    """The nine groups, each with its first headline figures."""
    q, city, lang = request.queries, request.city, request.lang
    title = t("app.title", lang, city=f"{t('nav.domains', lang)} · {request.name(city)}")
    if not q.has_data(city.id):
        return View(title, shell.building(request), key=f"domains-building-{city.id}")
    served = {m.id: m for m in q.metrics_for(city.id)}
    blocks = []
    for group in domains().values():
        shown = [served[m] for m in group.headline if m in served][:SHOWN]
        cards = [(q.card(m.id, city.city_area.id, overview.figure_grain(m)), m) for m in shown]
        href = request.href(f"/domain/{group.id}", city=city.id)
        blocks.append(
            html.Div(
                [parts.section(html.A(pick(group.zh, group.en, lang), href=href), cards, city.tz, lang, request.now_utc),
                 html.P(pick(group.asks_zh, group.asks_en, lang), className="note")],
                className="domain-block",
            )
        )  # fmt: skip
    more = html.P([html.A(name, href=href, className="button") for name, href in domain.menu(request)[len(domains()):]], className="domain-more")
    return View(title, html.Div([html.Div(html.H1([request.name(city), html.Span(t("nav.domains", lang))]), className="domain-head"),
                                 html.Div(blocks, className="domain-sections domain-index"), more], className="domain"), key=f"domains-{city.id}")  # fmt: skip


PAGE = Page(id="domain", pattern="/domain", build=build, nav="nav.domains", order=15, menu=domain.menu, can_replay=True)
