"""The plan on the page of a district, zone or township: targets it has of its own, and what it adds to the city's."""

from __future__ import annotations

from typing import Any

from dash import html

from components import figures, formats
from components.i18n import pick, t
from components.ids import live_id
from components.ledger import listing, strip
from components.ledger.words import simulated_mark, target_name
from components.table import table
from data_pipeline.cities import Area
from data_pipeline.ledger.types import Ledger
from pages import PageRequest
from pages.plan import frame


def panel(request: PageRequest, area: Area) -> list[Any]:
    """Targets of the area where the plan states or the operator entered some; else its part in the city's actual values.

    A part has neither target nor status: the plans promise these figures for the whole city only.
    """
    lang = request.lang
    ledger = request.queries.ledger(request.city.id)
    words = frame.words(request, ledger)
    own = [row for row in ledger.splits if row.area == area.id]
    found: list[Any] = []
    if own:
        rows = listing.sort_rows(own, "status", lang)
        found += [html.P(t("area.own_targets", lang, n=len(own)), className="note"), strip.target_list(rows, words, id=live_id("area-targets"))]
    else:
        found += [html.P(t("area.no_targets", lang)),
                  html.P(t("area.no_targets_hint", lang, n=len(ledger.distinct)), className="note")]  # fmt: skip
    found += _part(request, area, ledger)
    found.append(html.P(html.A(t("area.city_targets", lang), href=frame.href(request, "/plan", on=None), className="button")))
    return found


def _part(request: PageRequest, area: Area, ledger: Ledger) -> list[Any]:
    """What the area contributes to the actual value of targets that a live metric measures."""
    lang, queries = request.lang, request.queries
    metrics = {m.id: m for m in queries.metrics_for(request.city.id)}
    rows = []
    for row in ledger.distinct:
        metric = metrics.get(row.metric or "")
        if metric is None or row.actual_from != "live":
            continue
        reading = queries.latest(metric.id, area.id)
        value = formats.figure(reading.value, metric.unit, metric.decimals, lang)
        name = pick(metric.name_zh, metric.name_en, lang)
        rows.append([
            html.A(target_name(row.target, lang), href=frame.target_href(request, row.target.target_id)),
            [html.Button(value.text, className="fig", **figures.figure_props(reading, name, value, lang)), " ", *simulated_mark(reading.is_simulated, lang)],
            strip.actual_words(row, lang),
        ])  # fmt: skip
    if not rows:
        return []
    heads = [t("target.value", lang), t("area.part_here", lang), t("area.part_city", lang)]
    return [html.H3(t("area.part_head", lang)), table(heads, rows, lang, id=live_id("area-part"), numeric=(1, 2))]


