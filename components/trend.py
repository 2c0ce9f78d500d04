"""Trends: a figure over time as a Plotly figure (plain dict). Lines never cross missing data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import dcc, html

from components.formats import percent_decimals
from components.i18n import Lang, pick, t
from components.source_line import SourceLine, chart_tools
from components.states import empty
from components.theme import FONT_FAMILY, TRANSPARENT, Theme, color
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Band
from data_pipeline.times import to_local

Series = Sequence[tuple[datetime, float | None]]
CONFIG: dict[str, Any] = {"displayModeBar": False, "responsive": True, "displaylogo": False}


def trend_figure(
    series: Series, metric: Metric, tz: ZoneInfo, lang: Lang, theme: Theme, *, name: str = "",
    compare: Series = (), compare_name: str = "", bands: Sequence[tuple[datetime, Band]] = (), revision: str = "trend",
) -> dict[str, Any]:  # fmt: skip
    """`series` as a line, `compare` as a thin second one, `bands` as the usual range behind.

    Parameters
    ----------
    series, compare : sequence of (period start UTC, value or None)
    bands : sequence of (period start UTC, Band)
        Usual range of each period.
    revision : str
        Plotly's `uirevision`: zoom and pan stay while it stays.
    """
    factor = 100.0 if metric.unit == "share" else 1.0
    traces: list[dict[str, Any]] = []
    if bands:
        xs = [_x(at, tz) for at, _ in bands]
        low = {"x": xs, "y": [b.low * factor for _, b in bands], "mode": "lines", "line": {"width": 0},
               "hoverinfo": "skip", "showlegend": False, "type": "scatter"}  # fmt: skip
        high = {**low, "y": [b.high * factor for _, b in bands], "fill": "tonexty", "fillcolor": color("band", theme)}
        traces += [low, high]
    if compare:
        traces.append(line(compare, compare_name, tz, factor, color("series-2", theme), 1.25, metric, "dot"))
    own_name = name or pick(metric.name_zh, metric.name_en, lang)
    traces.append(line(series, own_name, tz, factor, color("series", theme), 2, metric, "solid"))
    return {"data": traces, "layout": layout(metric, lang, theme, bool(compare), revision)}


def trend(
    series: Series, metric: Metric, tz: ZoneInfo, lang: Lang, theme: Theme, *, id: str, height: str = "16rem",
    source: SourceLine | None = None, **options: Any,
) -> html.Div:  # fmt: skip
    """The trend as a graph in its box; without any value the box says so. Options as `trend_figure`.

    `source`: what the chart says about itself; with one its line, table and downloads stand below it.
    """
    if all(value is None for _, value in series):
        return html.Div(empty(t("state.no_data", lang), t("state.missing", lang)), className="trend", id=id)
    graph = dcc.Graph(
        id=f"{id}-graph",
        figure=trend_figure(series, metric, tz, lang, theme, revision=id, **options),
        config=CONFIG,
        style={"height": height},
    )
    box = html.Div(graph, className="trend", id=id)
    if source is None:
        return box
    return html.Div([box, chart_tools(source, lang, graph=f"{id}-graph", id=f"{id}-tools")], className="chart")


def line(
    series: Series, name: str, tz: ZoneInfo, factor: float, line_color: str, width: float, metric: Metric, dash: str
) -> dict[str, Any]:
    """One course as a trace: values times `factor` over the city's clock, broken where one is missing."""
    digits = percent_decimals(metric.decimals) if metric.unit == "share" else metric.decimals
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [_x(at, tz) for at, _ in series],
        "y": [None if value is None else value * factor for _, value in series],
        "connectgaps": False,
        "line": {"color": line_color, "width": width, "dash": dash},
        "hovertemplate": f"%{{y:,.{digits}f}}<extra>%{{fullData.name}}</extra>",
    }


def layout(metric: Metric, lang: Lang, theme: Theme, legend: bool, revision: str) -> dict[str, Any]:
    """The layout of a chart of courses of one metric: axes, unit, legend, hover."""
    axis = {
        "gridcolor": color("line", theme),
        "linecolor": color("line-strong", theme),
        "tickfont": {"size": 12, "color": color("ink-3", theme)},
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }
    # the server's text, so that no English month stands on a Chinese screen
    ticks = [
        {"dtickrange": [None, 86399999], "value": "%H:%M"},
        {"dtickrange": [86400000, 2591999999], "value": t("time.axis_day", lang)},
        {"dtickrange": ["M1", None], "value": t("time.axis_month", lang)},
    ]
    unit = t(f"unit.{metric.unit}", lang)
    return {
        "paper_bgcolor": TRANSPARENT,
        "plot_bgcolor": TRANSPARENT,
        "font": {"family": FONT_FAMILY, "size": 13, "color": color("ink-2", theme)},
        "margin": {"l": 44, "r": 12, "t": 26 if legend or unit else 8, "b": 28},
        "xaxis": {**axis, "showgrid": False, "tickformatstops": ticks, "hoverformat": "%m-%d %H:%M", "type": "date"},
        "yaxis": {**axis, "nticks": 5, "title": {"text": ""}, "exponentformat": "none", "separatethousands": True},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom",
                   "font": {"size": 12, "color": color("ink-2", theme)}},
        "annotations": [] if not unit else [{
            "text": unit, "xref": "paper", "yref": "paper", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom",
            "showarrow": False, "font": {"size": 12, "color": color("ink-3", theme)}, "yshift": 4,
        }],
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": color("raised", theme), "bordercolor": color("line-strong", theme),
                       "font": {"color": color("ink", theme), "family": FONT_FAMILY}},
        "uirevision": revision,
        "transition": {"duration": 0},
    }  # fmt: skip


def _x(at_utc: datetime, tz: ZoneInfo) -> str:
    return to_local(at_utc, tz).strftime("%Y-%m-%dT%H:%M:%S")
