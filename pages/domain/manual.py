"""`/manual` — what does each figure mean, and how is it computed?"""

from __future__ import annotations

from dash import html

from components.domain import manual
from components.i18n import pick, t
from data_pipeline.domains import domains
from data_pipeline.metrics import metrics
from pages import Page, PageRequest, View


def build(request: PageRequest) -> View:
    """Every metric of the product by group and section; the same text as `docs/metrics/`."""
    lang, known = request.lang, list(metrics().values())
    groups = [
        (pick(group.zh, group.en, lang), [(pick(s.zh, s.en, lang), own) for s, own in group.sections(known) if own])
        for group in domains().values()
    ]
    body = [html.Div(html.H1(t("manual.title", lang)), className="domain-head"),
            manual.listing(groups, lambda m: request.href(f"/manual/{m}", city=request.city.id), lang)]  # fmt: skip
    title = t("app.title", lang, city=t("manual.title", lang))
    return View(title, html.Div(body, className="domain manual"), key="manual")


PAGE = Page(id="domain-manual", pattern="/manual", build=build)
