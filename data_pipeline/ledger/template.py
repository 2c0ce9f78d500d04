"""The Excel template of a department: made to be filled in, sent back and read again.

One sheet. Row 1 (hidden) holds the machine's names of the columns, row 2 the headings, below it one row for each
target, project or system the department reports on. What is printed is locked, what is to be filled in is not.
A hidden sheet says version, city and department, so that a template of another version, with moved columns or of
another department is noticed. Formulas, macros and passwords are refused; every complaint names its cell.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font, PatternFill, Protection
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from data_pipeline.declare import validate
from data_pipeline.errors import DeliveryError, did_you_mean
from data_pipeline.ledger.draft import Draft
from data_pipeline.ledger.evidence import MOST_BYTES
from data_pipeline.ledger.says import refuse
from data_pipeline.ledger.types import REASON_LENGTH, STAGES, Finding
from data_pipeline.sources.base import ReadOptions
from data_pipeline.sources.sheets import refuse_unsafe

VERSION = "report-1"
SHEET, META, HELP = "填报 Report", "_meta", "说明 Read me"
OLE = b"\xd0\xcf\x11\xe0"
FIRST_ROW = 3
Lang = Literal["zh", "en"]

# machine's name → heading zh, en, width, filled in by the department
COLUMNS: dict[str, tuple[str, str, int, bool]] = {
    "subject": ("对象类别", "Kind", 8, False),
    "subject_id": ("编号", "Id", 18, False),
    "name": ("名称", "Name", 34, False),
    "promised": ("目标", "Promised", 18, False),
    "deadline": ("期限", "Deadline", 12, False),
    "last_on": ("上次数据日期", "Last data date", 13, False),
    "last": ("上次填报", "Last report", 14, False),
    "data_on": ("数据日期", "Data date", 13, True),
    "value": ("完成值", "Value", 12, True),
    "stage": ("状态", "Stage", 12, True),
    "expected_on": ("完成或预计完成日期", "Done or expected on", 16, True),
    "progress_pct": ("形象进度(%)", "Progress (%)", 12, True),
    "invested_yi_yuan": ("累计完成投资(亿元)", "Invested (100 m yuan)", 16, True),
    "blocked": ("是否受阻", "Blocked", 10, True),
    "blocked_cause": ("受阻原因", "Cause", 20, True),
    "blocked_owner": ("协调责任单位", "Who has to act", 18, True),
    "reason": ("说明", "Reason", 30, True),
    "link": ("佐证链接", "Link to evidence", 24, True),
    "confirmed": ("确认异常提示", "Warnings confirmed", 14, True),
}
STAGE_WORDS: dict[str, tuple[str, str]] = {
    "not_started": ("未启动", "not started"), "under_way": ("推进中", "under way"), "done": ("完成", "done"),
    "reserve": ("储备", "reserve"), "new_start": ("新开工", "newly started"), "under_construction": ("在建", "under construction"),
    "stopped": ("停建", "stopped"), "building": ("建设中", "being built"), "trial": ("试运行", "trial run"), "in_service": ("已投用", "in service"),
}  # fmt: skip
YES, NO = ("是", "yes"), ("否", "no")
_GUIDE = {
    "zh": (
        "只填白色单元格；灰色为规划原文和上次填报，已锁定。", "完成值用规划的单位，为数据日期当日末的累计数；没有新情况的行留空。",
        "状态、是否受阻从下拉列表选择。", "系统提示异常（跳变、下降等）时，核对无误后在“说明”写明原因，并在“确认异常提示”选“是”。",
        "不要增删列、改表头，不要用公式、宏或密码；这样的文件会退回并指出单元格。", "把本文件在“填报”页上传；每行成为一条待审核的填报。",
    ),
    "en": (
        "Fill in the white cells only; what is grey is printed in the plan or was reported last, and is locked.",
        "Values in the plan's unit, as at the end of the data date; leave rows without news empty.", "Choose stage and blocked from the lists.",
        "Where the checks notice something unusual and it is right, give the reason and choose yes under Warnings confirmed.",
        "Add or remove no columns; no formulas, macros or passwords: such a file is refused and the cell is named.",
        "Upload this file on the reporting page; every row becomes an entry that waits for review.",
    ),
}  # fmt: skip
_INK = {"head": "FFD9DEE4", "locked": "FFF1F3F5"}  # greys of the printed sheet; screens have their own theme


@dataclass(frozen=True)
class Line:
    """One row of a template before it is filled in. `promised`, `last`: words in the sheet's language."""

    subject: str
    subject_id: str
    name: str
    promised: str
    deadline: str
    last_on: date | None
    last: str
    due_on: date | None


@dataclass(frozen=True)
class Filled:
    """One row that was filled in: its draft, or what is wrong with it (naming the cells)."""

    row: int
    subject_id: str
    draft: Draft | None
    problems: tuple[Finding, ...]


@dataclass(frozen=True)
class Returned:
    """A template that came back."""

    city: str
    department: str
    rows: tuple[Filled, ...]


def make_template(city: str, department: str, lines: Sequence[Line], lang: Lang) -> bytes:
    """The workbook of one department, as bytes; a row for each line in the given order."""
    at = 0 if lang == "zh" else 1
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = SHEET
    for n, (name, (zh, en, width, fill_in)) in enumerate(COLUMNS.items(), start=1):
        sheet.cell(1, n, name)
        head = sheet.cell(2, n, (zh, en)[at] + (" *" if name == "data_on" else ""))
        head.font, head.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="center")
        head.fill = PatternFill("solid", fgColor=_INK["head"])
        letter = get_column_letter(n)
        sheet.column_dimensions[letter].width = width
        sheet.column_dimensions[letter].hidden = name in ("subject", "subject_id")
        for row in range(FIRST_ROW, FIRST_ROW + len(lines)):
            cell = sheet.cell(row, n)
            cell.protection = Protection(locked=not fill_in)
            cell.alignment = Alignment(wrap_text=not fill_in, vertical="top")
            if not fill_in:
                cell.fill = PatternFill("solid", fgColor=_INK["locked"])
            if name in ("data_on", "expected_on", "last_on"):
                cell.number_format = "yyyy-mm-dd"
    for row, line in enumerate(lines, start=FIRST_ROW):
        values = {**vars(line), "data_on": line.due_on}
        for n, name in enumerate(COLUMNS, start=1):
            if values.get(name) is not None:
                sheet.cell(row, n, _safe(values[name]))
        _lists(sheet, row, line.subject, at)
    sheet.row_dimensions[1].hidden = True
    sheet.freeze_panes = sheet.cell(FIRST_ROW, list(COLUMNS).index("data_on") + 1)
    sheet.protection.sheet = True
    sheet.protection.formatColumns = False
    guide = book.create_sheet(HELP)
    guide.column_dimensions["A"].width = 110
    for text in (f"{department} · {VERSION}", *_GUIDE[lang]):
        guide.append([_safe(text)])
    meta = book.create_sheet(META)
    meta.sheet_state = "veryHidden"
    for pair in (("version", VERSION), ("city", city), ("department", department), ("columns", ",".join(COLUMNS))):
        meta.append([_safe(part) for part in pair])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _lists(sheet: Any, row: int, subject: str, at: int) -> None:
    """Drop-down lists of the cells that take one of a few words."""
    names = list(COLUMNS)
    words = {"stage": [STAGE_WORDS[stage][at] for stage in STAGES[subject]], "blocked": [YES[at], NO[at]], "confirmed": [YES[at], NO[at]]}
    for name, allowed in words.items():
        rule = DataValidation(type="list", formula1=f'"{",".join(allowed)}"', allow_blank=True, showErrorMessage=True)
        rule.add(sheet.cell(row, names.index(name) + 1).coordinate)
        sheet.add_data_validation(rule)


def _safe(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula stays text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@" and value[1:] else value


# ---------------------------------------------------------------------- coming back


def read_template(path: Path, filename: str) -> Returned:
    """What a department filled in.

    Raises
    ------
    DeliveryError
        The file as a whole cannot be taken: too large, no workbook, password, macros, another version, moved or
        renamed columns, a formula; the message names sheet and cell.
    """
    if path.stat().st_size > MOST_BYTES:
        raise refuse("template_large", DeliveryError, file=filename, most=MOST_BYTES // 1024**2, hint="send the template itself")
    with path.open("rb") as file:
        head = file.read(8)
    ole = head.startswith(OLE)
    if not ole and not head.startswith(b"PK\x03\x04"):
        raise refuse("template_kind", DeliveryError, file=filename, hint="download the template and fill it in")
    refuse_unsafe(path, filename, ReadOptions(), ole=ole)
    if ole:
        raise refuse("template_xls", DeliveryError, file=filename, hint="save it as .xlsx")
    try:
        book = load_workbook(path, read_only=True, data_only=False)
    except (KeyError, ValueError, OSError) as error:
        raise refuse("template_unread", DeliveryError, file=filename, hint=f"save it as .xlsx and send it again ({error})") from None
    try:
        meta = _meta(book, filename)
        rows = tuple(_rows(book[SHEET], filename, meta))
    finally:
        book.close()
    return Returned(meta["city"], meta["department"], rows)


def _meta(book: Any, filename: str) -> dict[str, str]:
    if META not in book.sheetnames or SHEET not in book.sheetnames:
        raise refuse(
            "template_other", DeliveryError, file=filename, sheets=", ".join(book.sheetnames[:5]),
            hint=f"download the template again; it has the sheets {SHEET!r} and a hidden one",
        )  # fmt: skip
    meta = {str(row[0]): str(row[1] or "").removeprefix("'") for row in book[META].iter_rows(values_only=True, max_row=10) if row and row[0]}
    if meta.get("version") != VERSION:
        raise refuse(
            "template_version", DeliveryError, file=filename, got=meta.get("version"), wanted=VERSION,
            hint="download the present template and copy your figures into it",
        )  # fmt: skip
    return {"city": "", "department": ""} | meta


def _rows(sheet: Any, filename: str, meta: dict[str, str]) -> list[Filled]:
    found: list[Filled] = []
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        for cell in cells:
            if cell.data_type == "f":
                raise refuse(
                    "template_formula", DeliveryError, file=filename, sheet=SHEET, cell=cell.coordinate,
                    hint="paste its value instead (paste special → values)",
                )  # fmt: skip
        values = [cell.value for cell in cells]
        if number == 1:
            _same_columns(values, filename)
        if number < FIRST_ROW or all(value in (None, "") for value in values):
            continue
        row = dict(zip(COLUMNS, [*values, *[None] * len(COLUMNS)], strict=False))
        filled = [name for name, (_, _, _, fill_in) in COLUMNS.items() if fill_in and name != "data_on" and row[name] not in (None, "")]
        if filled:
            found.append(_filled(number, row, meta))
    return found


def _same_columns(values: Sequence[Any], filename: str) -> None:
    """The hidden first row must be as it was made; the first difference is named with its cell."""
    given = [str(value or "") for value in values]
    while given and not given[-1]:
        given.pop()
    for n, wanted in enumerate(COLUMNS, start=1):
        got = given[n - 1] if n <= len(given) else ""
        if got != wanted:
            home = get_column_letter(list(COLUMNS).index(got) + 1) if got in COLUMNS else ""
            raise refuse(
                "template_moved" if home else "template_column", DeliveryError, file=filename, sheet=SHEET, cell=f"{get_column_letter(n)}1",
                wanted=wanted, name=COLUMNS[wanted][0], got=got or "nothing", home=home,
                hint="columns were moved, added or removed; download the template again",
            )  # fmt: skip
    if len(given) > len(COLUMNS):
        raise refuse(
            "template_added", DeliveryError, file=filename, sheet=SHEET, cell=f"{get_column_letter(len(COLUMNS) + 1)}1", got=given[len(COLUMNS)]
        )


def _filled(number: int, row: dict[str, Any], meta: dict[str, str]) -> Filled:
    problems: list[Finding] = []

    def cell(name: str) -> str:
        return f"{get_column_letter(list(COLUMNS).index(name) + 1)}{number}"

    def bad(code: str, name: str, **facts: Any) -> None:
        problems.append(Finding("error", code, {"cell": cell(name), "name": name, **facts}))

    def number_of(name: str) -> float | None:
        value = row[name]
        if value in (None, ""):
            return None
        try:
            found = float(str(value).replace(",", "").replace("，", "").replace("%", "").strip())
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            bad("cell_number", name, got=str(value)[:60])
            return None
        return found

    def day_of(name: str) -> date | None:
        value = row[name]
        if value in (None, ""):
            return None
        if isinstance(value, datetime):
            return value.date()
        match = re.fullmatch(r"\s*(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?\s*", str(value))
        try:
            if match:
                return date(*(int(part) for part in match.groups()))
        except ValueError:
            pass  # said below: the digits are no day of the calendar
        bad("cell_date", name, got=str(value)[:60])
        return None

    def word_of(name: str, allowed: dict[str, Any]) -> Any:
        value = str(row[name] or "").strip()
        if value and value not in allowed:
            bad("cell_word", name, got=value[:60], allowed=", ".join(allowed), near=", ".join(did_you_mean(value, allowed, 1)))
        return allowed.get(value)

    subject = str(row["subject"] or "")
    if subject not in STAGES:
        bad("row_lost", "subject", got=subject[:60])
        return Filled(number, str(row["subject_id"] or ""), None, tuple(problems))
    stages = {word: stage for stage in STAGES[subject] for word in (*STAGE_WORDS[stage], stage)}
    stages |= {"建成": "done"} if subject == "project" else {}
    yes_no = {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}
    pct = number_of("progress_pct")
    data = {
        "city": meta["city"], "subject": subject, "subject_id": str(row["subject_id"] or "").removeprefix("'"), "department": meta["department"],
        "data_on": day_of("data_on"), "value": number_of("value"), "stage": word_of("stage", stages) or "", "expected_on": day_of("expected_on"),
        "progress_share": None if pct is None else pct / 100.0, "invested_yi_yuan": number_of("invested_yi_yuan"),
        "blocked": word_of("blocked", yes_no), "confirmed": bool(word_of("confirmed", yes_no)),
        **{name: str(row[name] or "").strip() for name in ("blocked_cause", "blocked_owner", "reason")},
        "evidence": (str(row["link"]).strip(),) if row["link"] else (),
    }  # fmt: skip
    if row["data_on"] in (None, ""):
        bad("cell_empty", "data_on")
    for name in ("blocked_cause", "blocked_owner", "reason"):
        if len(data[name]) > REASON_LENGTH:
            bad("cell_long", name, n=len(data[name]), most=REASON_LENGTH)
    if problems:
        return Filled(number, data["subject_id"], None, tuple(problems))
    return Filled(number, data["subject_id"], validate(Draft, data, f"row {number}"), ())
