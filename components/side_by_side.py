"""Areas or periods side by side: a table of figures, several courses in one chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from dash import dcc, html

from components import formats
from components.figures import figure_props, number_children
from components.i18n import Lang, pick, t
from components.source_line import SourceLine, chart_tools
from components.states import empty
from components.table import table
from components.theme import SERIES, Theme, color
from components.trend import CONFIG, Series, layout, line
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Change, Reading


def cell(reading: Reading | None, metric: Metric, tz: ZoneInfo, lang: Lang) -> Any:
    """One figure as a cell that opens its provenance; what must be said about it stands below."""
    if reading is None or reading.value is None:
        return html.Span(t("state.no_data", lang), className="nothing")
    value = formats.figure(reading.value, metric.unit, metric.decimals, lang)
    said = formats.status_words(reading, tz, lang)
    name = pick(metric.name_zh, metric.name_en, lang)
    button = html.Button(number_children(value), className=f"cell-figure{' is-late' if reading.status == 'stale' else ''}",
                         title="；".join(said), **figure_props(reading, name, value, lang))  # fmt: skip
    return html.Div([button, html.Small(said[0], className="cell-said")]) if said else button


def figures_table(
    heads: Sequence[str], rows: Sequence[tuple[Metric, Sequence[Reading | None]]], tz: ZoneInfo, lang: Lang, *, id: str,
    changes: Sequence[Change | None] = (),
) -> html.Div:  # fmt: skip
    """A row a metric, a column an area or period; with `changes` a last column of the second against the first."""
    body = []
    for i, (metric, readings) in enumerate(rows):
        cells = [pick(metric.name_zh, metric.name_en, lang), *(cell(r, metric, tz, lang) for r in readings)]
        if changes:
            cells.append(change_words(changes[i], metric, lang))
        body.append(cells)
    columns = [t("domains.figure", lang), *heads, *([t("compare.change", lang)] if changes else [])]
    return html.Div(table(columns, body, lang, numeric=range(1, len(columns))), id=id, className="compare-table")


def change_words(change: Change | None, metric: Metric, lang: Lang) -> str:
    """A change with its arrow, a dash where there is none to tell."""
    words = formats.change(change, metric.unit, metric.decimals, lang)
    return t("compare.no_change", lang) if words is None else f"{words.arrow} {words.amount}"


def courses(
    series: Sequence[tuple[str, Series]], metric: Metric, tz: ZoneInfo, lang: Lang, theme: Theme, *, id: str, source: SourceLine,
    height: str = "19rem",
) -> html.Div:  # fmt: skip
    """Up to six named courses over one axis of time, each with a colour and a dash of its own."""
    if all(value is None for _, points in series for _, value in points):
        return html.Div(empty(t("state.no_data", lang), t("state.missing", lang)), className="trend", id=id)
    factor = 100.0 if metric.unit == "share" else 1.0
    traces = [line(points, name, tz, factor, color(token, theme), 2, metric, dash)
              for (name, points), (token, dash) in zip(series, SERIES, strict=False)]  # fmt: skip
    plain = layout(metric, lang, theme, True, id)
    # hours over several days: the day stands below the first hour of each
    short, *longer = plain["xaxis"]["tickformatstops"]
    plain["xaxis"] = {**plain["xaxis"], "tickformatstops": [{**short, "value": f"%H:%M\n{t('time.axis_day', lang)}"}, *longer]}
    return _box(traces, plain, lang, id, height, source)


def aligned(
    periods: Sequence[tuple[str, Sequence[float | None]]], metric: Metric, unit_words: str, lang: Lang, theme: Theme, *, id: str,
    source: SourceLine, height: str = "19rem",
) -> html.Div:  # fmt: skip
    """Periods laid over each other from their start; the axis counts steps from 1."""
    if all(value is None for _, values in periods for value in values):
        return html.Div(empty(t("state.no_data", lang), t("state.missing", lang)), className="trend", id=id)
    factor = 100.0 if metric.unit == "share" else 1.0
    traces = []
    for (name, values), (token, dash) in zip(periods, SERIES, strict=False):
        trace = line((), name, ZoneInfo("UTC"), factor, color(token, theme), 2, metric, dash)
        trace |= {"x": list(range(1, len(values) + 1)), "y": [None if v is None else v * factor for v in values]}
        traces.append(trace)
    plain = layout(metric, lang, theme, True, id)
    plain["xaxis"] = {**{k: v for k, v in plain["xaxis"].items() if k not in ("tickformatstops", "hoverformat")}, "type": "linear", "tickformat": "d",
                      "title": {"text": t("compare.elapsed", lang, unit=unit_words), "font": {"size": 12}}}  # fmt: skip
    plain["margin"] = {**plain["margin"], "b": 44}
    return _box(traces, plain, lang, id, height, source)


def _box(traces: list[dict[str, Any]], plain: dict[str, Any], lang: Lang, id: str, height: str, source: SourceLine) -> html.Div:
    graph = dcc.Graph(id=f"{id}-graph", figure={"data": traces, "layout": plain}, config=CONFIG, style={"height": height})
    tools = chart_tools(source, lang, graph=f"{id}-graph", id=f"{id}-tools")
    return html.Div([html.Div(graph, className="trend", id=id), tools], className="chart")
