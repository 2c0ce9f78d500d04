"""Figures to take along: `GET /act/figure.csv` and `.xlsx`, and the source line that goes with every figure.

===========================================================  ===============================================
`?metric=&area=&grain=&from=&to=`                            one row a period in [from, to)
`?metric=&area=&grain=&level=`                               one row an area of `level` below `area`, newest period
`lang=zh|en`                                                 language of headings and words
===========================================================  ===============================================
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from components import formats, source_line
from components.i18n import DEFAULT_LANG, Lang, is_lang, pick, t
from components.source_line import SourceLine
from data_pipeline.cities import Area, Pack, find_area
from data_pipeline.cities.model import LEVELS
from data_pipeline.errors import CityBrainError, UnknownId, UsageError
from data_pipeline.metrics import Metric, metric
from data_pipeline.queries.types import Reading
from data_pipeline.times import GRAINS, Grain, iso_local, parse_time
from pages import PageRequest

if TYPE_CHECKING:
    from data_pipeline.queries import Queries

MAX_ROWS = 20_000
COLUMNS = ("area", "area_id", "start", "end", "value", "unit", "status", "completeness", "as_of", "simulated", "numerator", "denominator")
MEDIA = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def supplier(city: Pack, dataset: str, lang: Lang) -> str:
    """Who delivers a dataset to a city, in `lang`; empty where the city has no such source."""
    source = city.sources.get(dataset)
    return "" if source is None else pick(source.supplier_zh or source.name_zh, source.supplier_en or source.name_en, lang)


def course_source(request: PageRequest, measure: Metric, area: Area, grain: Grain, start_utc: datetime, end_utc: datetime) -> SourceLine:
    """The source line of a figure's course in one area over [start, end), and where its rows are."""
    city, lang = request.city, request.lang
    reading = request.queries.latest(measure.id, area.id, grain)
    if end_utc <= reading.period_start_utc:
        # a span of the past: its own last period speaks, not today's lateness
        reading = request.queries.reading(measure.id, area.id, grain, end_utc - timedelta(seconds=1))
    line = source_line.words(reading, supplier(city, measure.dataset, lang), city.tz, lang, request.queries.snapshot(),
                             start_utc=start_utc, end_utc=end_utc)  # fmt: skip
    query = source_line.file_query(measure.id, area.id, grain, lang, **{"from": str(iso_local(start_utc, city.tz)), "to": str(iso_local(end_utc, city.tz))})
    return SourceLine(f"{pick(measure.name_zh, measure.name_en, lang)} · {request.name(area)}", line, reading.status == "stale", query,
                      f"{measure.id}_{area.id}_{grain}")  # fmt: skip


def areas_source(request: PageRequest, measure: Metric, parent: Area, grain: Grain, level: str, readings: Sequence[Reading]) -> SourceLine:
    """The source line of a figure by area (a map, a ranking); without any reading it says what it shows and no more."""
    city, lang = request.city, request.lang
    title = f"{pick(measure.name_zh, measure.name_en, lang)} · {request.name(parent)}"
    if not readings:
        return SourceLine(title, t("state.no_data", lang))
    # the worst of them speaks for all
    worst = min(readings, key=lambda r: (r.status != "stale", r.value is None))
    line = source_line.words(worst, supplier(city, measure.dataset, lang), city.tz, lang, request.queries.snapshot())
    query = source_line.file_query(measure.id, parent.id, grain, lang, level=level)
    return SourceLine(title, line, worst.status == "stale", query, f"{measure.id}_{parent.id}_{level}")


def reading_source(queries: Queries, city: Pack, measure: Metric, reading: Reading, lang: Lang) -> SourceLine:
    """The source line of one reading, and where its row is: for the drawer."""
    line = source_line.words(reading, supplier(city, measure.dataset, lang), city.tz, lang, queries.snapshot())
    area = city.area(reading.area)
    query = source_line.file_query(measure.id, reading.area, reading.grain, lang,
                                   **{"from": str(iso_local(reading.period_start_utc, city.tz)), "to": str(iso_local(reading.period_end_utc, city.tz))})  # fmt: skip
    return SourceLine(f"{pick(measure.name_zh, measure.name_en, lang)} · {pick(area.name_zh, area.name_en, lang)}", line,
                      reading.status == "stale", query, f"{measure.id}_{reading.area}_{reading.grain}")  # fmt: skip


def make_download_router(queries: Queries, packs: Mapping[str, Pack], now: Callable[[], datetime]) -> APIRouter:
    """The routes of this module; a wrong parameter is a JSON refusal that names it."""
    router = APIRouter(include_in_schema=False)

    @router.get("/act/figure.{kind}")
    async def figure(
        kind: str, area: str, grain: str, metric_id: Annotated[str, Query(alias="metric")], lang: str = DEFAULT_LANG, level: str = "",
        start: Annotated[str, Query(alias="from")] = "", end: Annotated[str, Query(alias="to")] = "",
    ) -> Response:  # fmt: skip
        def build() -> tuple[str, bytes]:
            if kind not in MEDIA:
                raise UnknownId("file format", kind, MEDIA)
            if grain not in GRAINS:
                raise UnknownId("grain", grain, GRAINS)
            words: Lang = lang if is_lang(lang) else DEFAULT_LANG
            sheet = Sheet(queries, find_area(packs, area), metric(metric_id), grain, words, now())  # type: ignore[arg-type]
            readings = sheet.by_area(level) if level else sheet.course(start, end)
            return sheet.name(level), sheet.csv(readings) if kind == "csv" else sheet.xlsx(readings)

        try:
            name, body = await run_in_threadpool(build)
        except CityBrainError as error:
            refusal = {"message": error.message, "hint": error.hint}
            return Response(orjson.dumps(refusal), 404 if isinstance(error, UnknownId) else 400, media_type="application/json")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}.{kind}", "Cache-Control": "no-store"}
        return Response(body, media_type=MEDIA[kind], headers=headers)

    return router


@dataclass(frozen=True)
class Sheet:
    """Readings of one metric on paper: every row with its words, and the source line over them."""

    queries: Queries
    place: tuple[Pack, Area]
    metric: Metric
    grain: Grain
    lang: Lang
    now_utc: datetime

    def course(self, start: str, end: str) -> list[Reading]:
        """Readings of the area from `start` to `end` (ISO; city time without an offset)."""
        pack, area = self.place
        if not start or not end:
            raise UsageError("from and to are needed", hint="or level= for the areas below")
        return self._few(self.queries.readings(self.metric.id, area.id, self.grain, parse_time(start, pack.tz, "from"), parse_time(end, pack.tz, "to")))

    def by_area(self, level: str) -> list[Reading]:
        """Newest readings of the areas of `level` below the area."""
        if level not in LEVELS:
            raise UnknownId("level", level, LEVELS)
        return self._few(self.queries.by_area(self.metric.id, self.place[1].id, self.grain, level=level))

    def _few(self, found: list[Reading]) -> list[Reading]:
        if len(found) > MAX_ROWS:
            raise UsageError(f"{len(found)} rows asked for", hint=f"at most {MAX_ROWS}: ask for a shorter time or a coarser grain")
        return found

    def name(self, level: str) -> str:
        """File name without its ending: metric, area, grain or level in the language asked for."""
        area = self.place[1]
        parts = [pick(self.metric.name_zh, self.metric.name_en, self.lang), pick(area.name_zh, area.name_en, self.lang),
                 t(f"level.{level}" if level else f"grain.{self.grain}", self.lang)]  # fmt: skip
        return "_".join(parts).replace("/", "-").replace(" ", "_")

    def heads(self) -> list[str]:
        """Headings of `rows`."""
        return [t(f"chart.column_{name}", self.lang) for name in COLUMNS]

    def line(self, readings: Sequence[Reading]) -> str:
        """The source line of all rows together: the newest reading with a value speaks, a late one first."""
        pack, lang = self.place[0], self.lang
        if not readings:
            return t("state.no_data", lang)
        telling = next((r for r in readings if r.status == "stale"), None) or next((r for r in reversed(readings) if r.value is not None), readings[-1])
        return source_line.words(telling, supplier(pack, self.metric.dataset, lang), pack.tz, lang, self.queries.snapshot(),
                                 start_utc=readings[0].period_start_utc, end_utc=readings[-1].period_end_utc)  # fmt: skip

    def rows(self, readings: Sequence[Reading]) -> list[list[Any]]:
        """Readings as cells: numbers as numbers (shares 0–1), times ISO with offset, what is not there empty."""
        pack, lang = self.place[0], self.lang
        unit = "" if self.metric.unit == "share" else t(f"unit.{self.metric.unit}", lang)
        return [
            [
                pick(pack.area(r.area).name_zh, pack.area(r.area).name_en, lang), r.area, iso_local(r.period_start_utc, pack.tz),
                iso_local(r.period_end_utc, pack.tz), r.value, unit,
                ("；" if lang == "zh" else "; ").join(formats.status_words(r, pack.tz, lang, self.now_utc)) or t("chart.plain", lang),
                r.completeness, iso_local(r.data_as_of_utc, pack.tz), formats.simulated_words(r.simulated_share, lang), r.numerator, r.denominator,
            ]
            for r in readings
        ]  # fmt: skip

    def csv(self, readings: Sequence[Reading]) -> bytes:
        """UTF-8 with mark; the headings first, and in a last column of every row what the figure is and its source line."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        about = f"{pick(self.metric.name_zh, self.metric.name_en, self.lang)} · {self.line(readings)}"
        writer.writerow([*self.heads(), t("chart.column_source", self.lang)])
        writer.writerows([*("" if cell is None else cell for cell in row), about] for row in self.rows(readings))
        return b"\xef\xbb\xbf" + text.getvalue().encode()

    def xlsx(self, readings: Sequence[Reading]) -> bytes:
        """A workbook: the figure's name, its source line, what it says and does not say, then the rows."""
        measure, lang, book = self.metric, self.lang, Workbook()
        sheet = book.active
        assert sheet is not None  # a new workbook has one
        sheet.title = t("chart.sheet", lang)
        area = self.place[1]
        head = f"{pick(measure.name_zh, measure.name_en, lang)} · {pick(area.name_zh, area.name_en, lang)}"
        for text in (head, self.line(readings), pick(measure.says_zh, measure.says_en, lang), pick(measure.does_not_say_zh, measure.does_not_say_en, lang)):
            sheet.append([text])
        sheet["A1"].font = Font(bold=True, size=14)
        sheet.append([])
        sheet.append(self.heads())
        for cell in sheet[sheet.max_row]:
            cell.font, cell.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="top")
        sheet.freeze_panes = f"A{sheet.max_row + 1}"
        for row in self.rows(readings):
            sheet.append(row)
            if measure.unit == "share":
                sheet.cell(sheet.max_row, COLUMNS.index("value") + 1).number_format = "0." + "0" * formats.percent_decimals(measure.decimals, True) + "%"
            sheet.cell(sheet.max_row, COLUMNS.index("completeness") + 1).number_format = "0%"
        for i, width in enumerate((16, 14, 26, 26, 14, 12, 26, 10, 26, 10, 14, 14), start=1):
            sheet.column_dimensions[get_column_letter(i)].width = width
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()
