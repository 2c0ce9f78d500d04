"""The records of one site over time: a line that breaks wherever a record is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dash import dcc, html

from components import cells
from components.i18n import Lang, pick, t
from components.states import empty
from components.theme import FONT_FAMILY, Theme, color
from components.trend import CONFIG
from data_pipeline.contracts import Column
from data_pipeline.times import to_local

Points = Sequence[tuple[datetime, float | None]]
# a record that comes half a step late is late, not missing
SLACK = 1.5


def broken(points: Points, cadence: timedelta | None) -> list[tuple[datetime, float | None]]:
    """Points in order of time, with an empty one put wherever more than a step of `cadence` lies between two.

    Without a cadence nobody knows when a record was due, so the line is broken between all points
    that are farther apart than three times the median step.
    """
    ordered = sorted(points, key=lambda p: p[0])
    steps = sorted(b[0] - a[0] for a, b in zip(ordered, ordered[1:], strict=False) if b[0] > a[0])
    longest = cadence * SLACK if cadence else (steps[len(steps) // 2] * 3 if steps else None)
    found: list[tuple[datetime, float | None]] = []
    for point in ordered:
        if found and longest is not None and point[0] - found[-1][0] > longest:
            found.append((found[-1][0] + (point[0] - found[-1][0]) / 2, None))
        found.append(point)
    return found


def history(
    points: Points, column: Column, cadence: timedelta | None, tz: ZoneInfo, lang: Lang, theme: Theme, *, id: str,
    height: str = "17rem",
) -> html.Div:  # fmt: skip
    """Records of one column as a graph in its box; without any value the box says so.

    Parameters
    ----------
    points : (event time UTC, value or None)
    cadence : time between two records the contract promises; None where it promises none
    """
    if all(value is None for _, value in points):
        return html.Div(empty(t("state.no_data", lang), t("site.no_chart", lang)), className="trend", id=id)
    graph = dcc.Graph(id=f"{id}-graph", figure=history_figure(broken(points, cadence), column, tz, lang, theme, revision=id),
                      config=CONFIG, style={"height": height})  # fmt: skip
    return html.Div(graph, className="trend", id=id)


def history_figure(points: Points, column: Column, tz: ZoneInfo, lang: Lang, theme: Theme, *, revision: str) -> dict[str, Any]:
    """Points as a line with a small mark at each record (plain dict); empty values break it."""
    axis = {
        "gridcolor": color("line", theme), "linecolor": color("line-strong", theme), "zeroline": False, "fixedrange": True,
        "automargin": True, "tickfont": {"size": 12, "color": color("ink-3", theme)},
    }  # fmt: skip
    ticks = [
        {"dtickrange": [None, 86399999], "value": "%H:%M"},
        {"dtickrange": [86400000, 2591999999], "value": t("time.axis_day", lang)},
        {"dtickrange": ["M1", None], "value": t("time.axis_month", lang)},
    ]
    unit = cells.unit_words(column.unit, lang)
    line = {
        "type": "scatter", "mode": "lines+markers", "name": pick(column.zh, column.en, lang), "connectgaps": False,
        "x": [to_local(at, tz).strftime("%Y-%m-%dT%H:%M:%S") for at, _ in points], "y": [value for _, value in points],
        "line": {"color": color("series", theme), "width": 1.75}, "marker": {"size": 4, "color": color("series", theme)},
        "hovertemplate": f"%{{y:,.4~g}} {unit}<extra></extra>",
    }  # fmt: skip
    note = {
        "text": unit, "xref": "paper", "yref": "paper", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom", "yshift": 4,
        "showarrow": False, "font": {"size": 12, "color": color("ink-3", theme)},
    }  # fmt: skip
    return {
        "data": [line],
        "layout": {
            "paper_bgcolor": color("bg", theme), "plot_bgcolor": color("bg", theme), "showlegend": False,
            "font": {"family": FONT_FAMILY, "size": 13, "color": color("ink-2", theme)},
            "margin": {"l": 48, "r": 12, "t": 26 if unit else 8, "b": 28},
            "xaxis": {**axis, "showgrid": False, "tickformatstops": ticks, "hoverformat": "%m-%d %H:%M", "type": "date"},
            "yaxis": {**axis, "nticks": 5, "exponentformat": "none", "separatethousands": True, "rangemode": "normal"},
            "annotations": [note] if unit else [], "hovermode": "x", "uirevision": revision, "transition": {"duration": 0},
            "hoverlabel": {"bgcolor": color("raised", theme), "bordercolor": color("line-strong", theme),
                           "font": {"color": color("ink", theme), "family": FONT_FAMILY}},
        },
    }  # fmt: skip
