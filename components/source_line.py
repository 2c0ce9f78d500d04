"""The source line: what a figure that leaves the screen says about itself, in one line.

Title, area and period; how old the data are; who supplied them; whether they are simulated; the snapshot.
The same line stands below a chart, in a printed picture, and at the head of a workbook.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.i18n import Lang, t
from components.tools import icon
from data_pipeline.queries.types import Reading, Snapshot
from data_pipeline.times import SUB_DAY_SECONDS, to_local

PICTURES = ("png", "svg")
FILES = ("csv", "xlsx")


@dataclass(frozen=True)
class SourceLine:
    """What stands at a chart or figure. `file_query` asks `/act/figure.csv` for its rows; empty where there are none to ask for.

    `late`: the newest data are past due, so the line is set as a warning.
    """

    title: str
    line: str
    late: bool = False
    file_query: str = ""
    file_name: str = "figure"


def words(
    reading: Reading, supplier: str, tz: ZoneInfo, lang: Lang, snapshot: Snapshot | None, *,
    start_utc: datetime | None = None, end_utc: datetime | None = None,
) -> str:  # fmt: skip
    """The line without its title. Every date is told with its day, that of the period with its year: the line outlives the day.

    Parameters
    ----------
    reading : Reading
        The newest reading shown: it tells age, completeness and whether data are simulated.
    supplier : str
        Who delivers the data, in `lang`; empty leaves it out.
    start_utc, end_utc : datetime, optional
        The span shown, naive UTC; without it the reading's own period.
    """
    if start_utc is not None and end_utc is not None:
        period = f"{_date(start_utc, tz, lang)} {to_local(start_utc, tz):%H:%M} – {formats.moment(end_utc, tz, lang)}"
    elif reading.grain in SUB_DAY_SECONDS:
        start, end = to_local(reading.period_start_utc, tz), to_local(reading.period_end_utc, tz)
        period = f"{_date(reading.period_start_utc, tz, lang)} {start:%H:%M}–{end:%H:%M}"
    else:
        period = _date(reading.period_start_utc, tz, lang) if reading.grain == "day" else formats.period(reading, tz, lang)
    parts = [period, *formats.status_words(reading, tz, lang)]
    if reading.status != "stale" and reading.data_as_of_utc is not None:
        parts.insert(1, t("live.as_of", lang, time=formats.moment(reading.data_as_of_utc, tz, lang)))
    if supplier:
        parts.append(t("chart.source", lang, name=supplier))
    simulated = formats.simulated_words(reading.simulated_share, lang)
    if simulated:
        parts.append(simulated)
    if snapshot is not None:
        parts.append(t("live.snapshot", lang, id=snapshot.id))
    return " · ".join(parts)


def _date(at_utc: datetime, tz: ZoneInfo, lang: Lang) -> str:
    local = to_local(at_utc, tz)
    return t("time.date", lang, year=local.year, month=local.month, day=local.day)


def file_query(metric: str, area: str, grain: str, lang: Lang, **more: str) -> str:
    """Parameters of `/act/figure.csv` and `.xlsx` (`pages.serving.download`)."""
    return urlencode({"metric": metric, "area": area, "grain": grain, "lang": lang, **more})


def data_props(source: SourceLine) -> dict[str, Any]:
    """What `assets/export.js` writes on a picture."""
    return {"data-title": source.title, "data-line": source.line, "data-file": source.file_name}


def buttons(source: SourceLine, lang: Lang, class_name: str, *, id: str = "") -> list[Any]:
    """PNG and SVG (made in the browser), CSV and XLSX (made by the server). With `id` each is a live region of its own."""
    def props(kind: str) -> dict[str, Any]:
        own = {"id": f"{id}-{kind}"} if id else {}
        return {"className": class_name, **own, "aria-label": t("chart.save", lang, kind=kind.upper(), name=source.title)}

    found: list[Any] = [html.Button(kind.upper(), **props(kind), **{"data-do": f"picture-{kind}"}) for kind in PICTURES]
    if not source.file_query:
        # no rows on the server: the browser writes those of the chart's table
        found.append(html.Button("CSV", **props("csv"), **{"data-do": "table-csv"}))
    for kind in FILES if source.file_query else ():
        found.append(html.A(kind.upper(), href=f"/act/figure.{kind}?{source.file_query}", download="", **props(kind), **{"data-native": "true"}))
    return found


def chart_tools(source: SourceLine, lang: Lang, *, graph: str, id: str, quiet: bool = False) -> html.Div:
    """The line below a chart, its table and its downloads. `graph`: id of the graph they belong to; `id`: of the line's live region.

    `quiet` shows the line only where the data are late: for charts with little room, whose box says the rest.

    Only the line and what the buttons lead to follow the data, each as a region of its own: an open menu or table
    stays open under the hand while figures renew themselves. The table is filled by the browser from the chart's own
    points when it is opened, and follows them while it is open.
    """
    return html.Div(
        [
            html.Span(source.line, id=id, className=f"chart-says{' is-late' if source.late else ' is-quiet' if quiet else ''}", title=source.line,
                      **data_props(source)),
            html.Details(
                [html.Summary(t("chart.table", lang)),
                 html.Div(id=f"{id}-rows", className="chart-table-body", tabIndex="0", role="region", **{"aria-label": source.title, "data-when": t("chart.when", lang)})],
                className="chart-table",
            ),
            html.Details(
                [html.Summary(icon("download"), className="tool-button", title=t("chart.download", lang), **{"aria-label": t("chart.download", lang)}),
                 html.Div(buttons(source, lang, "menu-item", id=id), className="chart-menu-list")],
                className="chart-menu",
            ),
        ],
        className="chart-tools",
        **{"data-graph": graph},
    )  # fmt: skip
