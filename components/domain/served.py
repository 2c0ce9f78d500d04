"""Systems the plans asked for and this dashboard serves: which output, by which figure, on which page, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dash import html

from components import formats
from components.i18n import Lang, pick, t
from components.ledger import printed
from components.ledger.listing import clause_facts
from components.states import mark
from components.table import table
from data_pipeline.plans import SystemMetrics
from data_pipeline.plans.served import ServedSystem

Link = tuple[str, str]


def summary(systems: Sequence[ServedSystem], lang: Lang) -> html.Dl:
    """How many systems are served, how many of their outputs; the share of both."""
    served = sum(s.is_served for s in systems)
    outputs = sum(len(s.outputs) for s in systems)
    missing = sum(len(s.missing) for s in systems)
    whole = sum(not s.missing for s in systems)
    lines = [
        ("systems", served, len(systems)), ("whole", whole, len(systems)), ("outputs", outputs - missing, outputs),
    ]  # fmt: skip
    parts: list[Any] = []
    for key, n, of in lines:
        words = [html.B(formats.share(n / of, lang) if of else "—"), html.Span(t("served.n_of", lang, n=n, of=of))]
        parts += [html.Div([html.Dt(t(f"served.{key}", lang)), html.Dd(words)])]
    return html.Dl(parts, className="served-summary")


def systems_table(systems: Sequence[ServedSystem], lang: Lang, metric_link: Callable[[str], Link | None], view_link: Callable[[str], Link]) -> html.Div:
    """One line a system, what is missing first: its outputs with figures and page, and those nothing shows yet.

    `metric_link(id)`: name and address of a figure, None where this city does not have it; `view_link(path)`: of a page.
    """
    rows = []
    for system in sorted(systems, key=lambda s: (s.is_served, not s.missing)):
        name = pick(system.name_zh, system.name_en, lang)
        facts = clause_facts(system.clause, [printed.domain_words(system.domain, lang), t(f"ledger.role.{system.dashboard_role}", lang)], lang)
        lines = [_service(service, lang, metric_link, view_link) for service in system.services if service.output in system.outputs]
        state = "none" if not system.is_served else "part" if system.missing else "whole"
        # word for word as the plan's table has them
        gone = html.Code("; ".join(system.missing)) if system.missing else None
        rows.append([
            html.Span([html.B(name), html.Small(facts)], className="two-lines"),
            html.Div(lines, className="served-lines") if lines else html.Span(t("served.nothing", lang), className="nothing"),
            gone, mark(t(f"served.state_{state}", lang), "alert" if state == "none" else "plain"),
        ])  # fmt: skip
    return table([t(f"served.col_{c}", lang) for c in ("system", "by", "missing", "state")], rows, lang, class_name="wide-table served-table")


def _service(service: SystemMetrics, lang: Lang, metric_link: Callable[[str], Link | None], view_link: Callable[[str], Link]) -> html.Div:
    links: list[Any] = []
    for metric in service.metric_ids:
        found = metric_link(metric)
        links += [t("ledger.comma", lang)] if links else []
        links.append(html.A(found[0], href=found[1]) if found else metric)
    name, href = view_link(service.view)
    by = [*links, " · "] if links else []
    # the plan's outputs stand in English; the pack says each in Chinese
    label = service.how if lang == "zh" and service.how else html.Code(service.output)
    return html.Div([html.Span(label, className="served-output"), html.Span([*by, html.A(name, href=href)])])


def heavy_table(heavy: Sequence[tuple[str, str, int]], titles: Mapping[str, str], names: Mapping[str, str], most: int, lang: Lang) -> html.Section:
    """Figures that stand for many systems of one plan, to be read by hand; that there are none is said too."""
    head = html.H2([t("served.heavy", lang, n=most), html.Small(t("served.heavy_note", lang))])
    if not heavy:
        return html.Section([head, html.P(t("served.no_heavy", lang), className="note")])
    rows = [[titles.get(plan_id, plan_id), names.get(metric, metric), str(n)] for plan_id, metric, n in heavy]
    return html.Section([head, table([t(f"served.col_{c}", lang) for c in ("plan", "metric", "n")], rows, lang, numeric=(2,))])
