"""The Excel template: what it holds, what a filled one becomes, and what is refused by name of its cell."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from components.ledger.report_form import finding_words
from data_pipeline.errors import DeliveryError
from data_pipeline.ledger.says import say
from data_pipeline.ledger.template import (
    COLUMNS,
    HELP,
    META,
    SHEET,
    VERSION,
    Line,
    Returned,
    make_template,
    read_template,
)

LINES = [
    Line("target", "ez-spinoffs", "衍生孵化企业数", "≥ 50 家", "2022-12-31", date(2022, 7, 31), "27", date(2022, 8, 31)),
    Line("target", "ez-5g-key", "5G重点区域全覆盖", "", "2022-12-31", None, "", date(2022, 8, 31)),
    Line("project", "ez-p-dc", "=鄂州大数据中心", "", "", None, "", date(2022, 9, 30)),
]
LETTER = {name: chr(ord("A") + n) for n, name in enumerate(COLUMNS)}


def sent_back(tmp_path: Path, change: Callable[[Any], None] | None = None, name: str = "t.xlsx") -> Returned:
    """The template after a person has worked on it."""
    book = load_workbook(io.BytesIO(make_template("420700", "市科技局", LINES, "zh")))
    if change:
        change(book)
    path = tmp_path / name
    book.save(path)
    return read_template(path, name)


def fill(row: int, **values: Any) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        for name, value in values.items():
            book[SHEET][f"{LETTER[name]}{row}"] = value

    return change


def test_the_template_locks_what_is_printed_and_offers_lists() -> None:
    book = load_workbook(io.BytesIO(make_template("420700", "市科技局", LINES, "zh")))
    sheet = book[SHEET]
    assert sheet.protection.sheet and sheet.row_dimensions[1].hidden and sheet.column_dimensions["B"].hidden
    assert sheet[f"{LETTER['name']}3"].protection.locked and not sheet[f"{LETTER['value']}3"].protection.locked
    lists = {str(rule.sqref): rule.formula1 for rule in sheet.data_validations.dataValidation}
    assert lists[f"{LETTER['stage']}5"] == '"储备,新开工,在建,完成,停建"'
    assert book[META].sheet_state == "veryHidden" and book[META]["B1"].value == VERSION
    assert HELP in book.sheetnames


def test_a_name_that_looks_like_a_formula_stays_text() -> None:
    sheet = load_workbook(io.BytesIO(make_template("420700", "市科技局", LINES, "zh")))[SHEET]
    assert sheet[f"{LETTER['name']}5"].data_type == "s"


def test_an_untouched_template_reports_nothing(tmp_path: Path) -> None:
    assert sent_back(tmp_path).rows == ()


def test_filled_rows_become_drafts(tmp_path: Path) -> None:
    def both(book: Any) -> None:
        fill(3, value=30, reason="新增 3 家", confirmed="是")(book)
        fill(5, stage="在建", progress_pct="45%", invested_yi_yuan=1.25, blocked="否", data_on="2022年9月30日")(book)

    back = sent_back(tmp_path, both)
    first, second = back.rows
    assert (back.city, back.department, first.row, second.row) == ("420700", "市科技局", 3, 5)
    assert first.draft is not None and second.draft is not None
    assert (first.draft.value, first.draft.data_on, first.draft.confirmed) == (30.0, date(2022, 8, 31), True)
    assert (second.draft.stage, second.draft.progress_share, second.draft.blocked) == ("under_construction", 0.45, False)


def test_a_bad_cell_is_named_and_the_other_rows_go_on(tmp_path: Path) -> None:
    def both(book: Any) -> None:
        fill(3, value="3O")(book)
        fill(4, stage="完成", data_on="31.8.22")(book)
        fill(5, stage="在建")(book)

    rows = sent_back(tmp_path, both).rows
    assert [row.draft is not None for row in rows] == [False, False, True]
    assert [say(problem) for problem in rows[0].problems] == [f"{LETTER['value']}3 (value): '3O' is not a number"]
    assert finding_words(rows[0].problems[0], "zh") == f"{LETTER['value']}3 完成值：“3O”不是数字"
    assert say(rows[1].problems[0]).startswith(f"{LETTER['data_on']}4 (data_on): '31.8.22' is not a date")


def test_a_formula_is_refused_with_its_cell(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=f"sheet '{SHEET}' cell {LETTER['value']}3 holds a formula"):
        sent_back(tmp_path, fill(3, value="=A1*2"))


def test_a_template_of_another_version_is_refused(tmp_path: Path) -> None:
    def older(book: Any) -> None:
        book[META]["B1"] = "report-0"

    with pytest.raises(DeliveryError, match="template version 'report-0', this product reads 'report-1'"):
        sent_back(tmp_path, older)


def test_a_moved_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=f"cell {LETTER['value']}1: column 'value' .* expected, got 'stage'"):
        sent_back(tmp_path, lambda book: book[SHEET].delete_cols(list(COLUMNS).index("value") + 1))
    with pytest.raises(DeliveryError, match="an additional column 'mine'"):
        sent_back(tmp_path, lambda book: book[SHEET].cell(1, len(COLUMNS) + 1, "mine"))


def test_another_workbook_is_no_template(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="no template of this product"):
        sent_back(tmp_path, lambda book: book.remove(book[META]))


def test_macros_passwords_and_other_files_are_refused(tmp_path: Path) -> None:
    macros = tmp_path / "m.xlsm"
    macros.write_bytes(make_template("420700", "市科技局", LINES, "zh"))
    with zipfile.ZipFile(macros, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\0")
    with pytest.raises(DeliveryError, match="macros"):
        read_template(macros, "m.xlsm")
    locked = tmp_path / "l.xlsx"
    locked.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512 + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(DeliveryError, match="protected by a password"):
        read_template(locked, "l.xlsx")
    text = tmp_path / "t.xlsx"
    text.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(DeliveryError, match="not an Excel workbook"):
        read_template(text, "t.xlsx")
