"""`/manual/<metric>` — what does this figure say, what not, by which standard and formula?"""

from __future__ import annotations

from dash import html

from components.domain import manual
from components.i18n import pick, t
from data_pipeline.domains import group_of
from data_pipeline.metrics import metric
from pages import Page, PageRequest, View


def build(request: PageRequest) -> View:
    """The manual page of one metric."""
    lang, found = request.lang, metric(request.args["metric"])
    group = group_of(found)
    name = pick(found.name_zh, found.name_en, lang)
    crumbs = [(t("manual.title", lang), request.href("/manual", city=request.city.id))]
    if group is not None:
        crumbs.append((pick(group.zh, group.en, lang), request.href(f"/domain/{group.id}", city=request.city.id, metric=found.id)))
    return View(t("app.title", lang, city=name), html.Div(manual.entry(found, lang), className="domain manual"),
                key=f"manual-{found.id}", crumbs=[*crumbs, (name, "")])  # fmt: skip


PAGE = Page(id="domain-metric", pattern="/manual/{metric}", build=build)
