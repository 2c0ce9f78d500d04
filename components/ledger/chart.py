"""The path of one target as a Plotly figure (plain dict): known values, expectations, promise, forecast with interval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from components.i18n import Lang, t
from components.ledger import printed
from components.ledger.paths import WIDTH, TimeAxis, broken
from components.ledger.words import method_words, target_unit
from components.theme import FONT_FAMILY, TRANSPARENT, Theme, color
from data_pipeline.ledger.types import LedgerTarget, Pace, PathPoint

HOVER = "%{y:,.6~g}<extra>%{fullData.name}</extra>"


def path_figure(row: LedgerTarget, axis: TimeAxis, lang: Lang, theme: Theme, *, revision: str) -> dict[str, Any]:
    """Everything known of a quantified target over time, in its own unit.

    Lines break where reports are missing; the forecast is drawn from the last known value to its
    day with the interval as a fan; the promise is a level, the deadline and the ledger's date are
    upright lines.
    """
    pace, due = row.pace, row.target.deadline
    traces: list[dict[str, Any]] = []
    if pace is not None:
        traces += _fan(pace, lang, theme)
        if due:
            traces.append(_line([pace.base_on, due], [pace.base, pace.goal], t("ledger.key.expected", lang), color("ink-3", theme), "dash"))
    for source, token in (("report", "series"), ("live", "series-2")):
        points = [p for p in row.path if p.source == source]
        if points:
            traces.append(_known(points, t(f"ledger.key.{source}", lang), color(token, theme)))
    if pace is not None and pace.expected_seasonal is not None:
        traces.append({
            "type": "scatter", "mode": "markers", "name": t("ledger.key.seasonal", lang), "x": [axis.on.isoformat()],
            "y": [pace.expected_seasonal], "marker": {"symbol": "diamond-open", "size": 10, "color": color("ink-2", theme)},
            "hovertemplate": HOVER,
        })  # fmt: skip
    return {"data": traces, "layout": _layout(row, axis, lang, theme, revision)}


def _known(points: Sequence[PathPoint], name: str, tone: str) -> dict[str, Any]:
    xs: list[str | None] = []
    ys: list[float | None] = []
    for piece in broken(points):
        if xs:
            xs.append(None)
            ys.append(None)
        xs += [p.on.isoformat() for p in piece]
        ys += [p.value for p in piece]
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "x": xs, "y": ys, "connectgaps": False,
        "line": {"color": tone, "width": 2}, "marker": {"size": 4, "color": tone}, "hovertemplate": HOVER,
    }  # fmt: skip


def _line(xs: Sequence[date | str], ys: Sequence[float], name: str, tone: str, dash: str) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "name": name, "x": [str(x) for x in xs], "y": list(ys),
            "line": {"color": tone, "width": 1.25, "dash": dash}, "hoverinfo": "skip"}  # fmt: skip


def _fan(pace: Pace, lang: Lang, theme: Theme) -> list[dict[str, Any]]:
    guess = pace.forecast
    if guess is None:
        return []
    xs = [pace.actual_on.isoformat(), guess.on.isoformat()]
    none = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    tone = color("series", theme)
    return [
        {**none, "x": xs, "y": [pace.actual, guess.low]},
        {**none, "x": xs, "y": [pace.actual, guess.high], "fill": "tonexty", "fillcolor": color("band", theme)},
        {"type": "scatter", "mode": "lines", "name": t("ledger.key.forecast", lang), "x": xs, "y": [pace.actual, guess.value],
         "line": {"color": tone, "width": 2, "dash": "dot"}, "hoverinfo": "skip"},
        {"type": "scatter", "mode": "markers", "name": method_words(guess.method, lang), "showlegend": False, "x": xs[1:],
         "y": [guess.value], "marker": {"symbol": "circle-open", "size": 9, "color": tone},
         "error_y": {"type": "data", "symmetric": False, "array": [guess.high - guess.value],
                     "arrayminus": [guess.value - guess.low], "color": tone, "thickness": 1.5, "width": 6},
         "hovertemplate": HOVER},
    ]  # fmt: skip


def _layout(row: LedgerTarget, axis: TimeAxis, lang: Lang, theme: Theme, revision: str) -> dict[str, Any]:
    lines = {
        "gridcolor": color("line", theme), "linecolor": color("line-strong", theme), "zeroline": False, "fixedrange": True,
        "tickfont": {"size": 12, "color": color("ink-3", theme)}, "automargin": True,
    }  # fmt: skip
    shapes: list[dict[str, Any]] = [_upright(axis.on.isoformat(), color("accent", theme), "solid")]
    notes = [_note(axis.on.isoformat(), t("ledger.key.on", lang), color("accent", theme), "right")]
    if row.target.deadline:
        shapes.append(_upright(row.target.deadline, color("ink-3", theme), "dot"))
        notes.append(_note(row.target.deadline, t("ledger.key.due", lang), color("ink-2", theme),
                           "right" if axis.x(date.fromisoformat(row.target.deadline)) > 0.9 * WIDTH else "left"))  # fmt: skip
    if row.pace is not None:
        for value in filter(None, (row.target.value, row.target.value_high)):
            shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value,
                           "line": {"color": color("ink-2", theme), "width": 1}})  # fmt: skip
        notes.append({
            "text": f"{t('target.value', lang)} {printed.target_value(row.target, lang)}", "xref": "paper", "x": 0, "xanchor": "left",
            "y": row.pace.goal, "yanchor": "bottom", "showarrow": False, "font": {"size": 12, "color": color("ink-2", theme)},
        })  # fmt: skip
    unit = target_unit(row.target, lang)
    if unit:
        notes.append({
            "text": unit, "xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "yshift": 4,
            "showarrow": False, "font": {"size": 12, "color": color("ink-3", theme)},
        })  # fmt: skip
    return {
        "paper_bgcolor": TRANSPARENT, "plot_bgcolor": TRANSPARENT,
        "font": {"family": FONT_FAMILY, "size": 13, "color": color("ink-2", theme)},
        "margin": {"l": 52, "r": 14, "t": 34, "b": 28},
        "xaxis": {**lines, "type": "date", "showgrid": False, "range": [axis.start.isoformat(), axis.end.isoformat()],
                  "hoverformat": "%Y-%m-%d", "tickformat": "%Y", "dtick": "M12"},
        "yaxis": {**lines, "nticks": 6, "exponentformat": "none", "separatethousands": True},
        "shapes": shapes, "annotations": notes, "hovermode": "x", "uirevision": revision, "transition": {"duration": 0},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom",
                   "font": {"size": 12, "color": color("ink-2", theme)}},
        "hoverlabel": {"bgcolor": color("raised", theme), "bordercolor": color("line-strong", theme),
                       "font": {"color": color("ink", theme), "family": FONT_FAMILY}},
    }  # fmt: skip


def _upright(x: str, tone: str, dash: str) -> dict[str, Any]:
    return {"type": "line", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": {"color": tone, "width": 1, "dash": dash}}


def _note(x: str, text: str, tone: str, side: str) -> dict[str, Any]:
    return {"text": text, "x": x, "yref": "paper", "y": 0, "xanchor": side, "yanchor": "bottom", "showarrow": False,
            "font": {"size": 12, "color": tone}}  # fmt: skip
