"""Excel workbooks: one sheet as a table; protected, macro and damaged workbooks are refused."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data_pipeline.errors import DeliveryError, did_you_mean
from data_pipeline.sources.base import (
    Raw,
    ReadOptions,
    as_json,
    check_cells,
    check_header,
    number_rows,
    refusals,
)  # fmt: skip
from data_pipeline.sources.held import check_zip

if TYPE_CHECKING:
    import fastexcel

ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
MACROS = ("_VBA_PROJECT".encode("utf-16-le"), "_VBA_PROJECT_CUR".encode("utf-16-le"))
logging.getLogger("fastexcel").setLevel(logging.ERROR)  # it warns of every column without a cell; ours become text
MAX_XLS_BYTES = 128 * 1024 * 1024


def refuse_unsafe(file: Path, filename: str, options: ReadOptions, *, ole: bool) -> list[str]:
    """Names inside the workbook after the checks; `DeliveryError` for what must not be opened.

    Refused: protected by a password, with macros, truncated, growing beyond the limits.
    """
    if ole:
        if file.stat().st_size > MAX_XLS_BYTES:
            raise DeliveryError(
                f"{filename}: larger than the {MAX_XLS_BYTES:,} bytes allowed for .xls", hint="save it as .xlsx",
                code="template_xls", facts={"file": filename},
            )  # fmt: skip
        data = file.read_bytes()
        if ENCRYPTED in data:
            raise DeliveryError(
                f"{filename}: the workbook is protected by a password", hint="deliver it without a password",
                code="file_password", facts={"file": filename},
            )
        if any(mark in data for mark in MACROS):
            raise DeliveryError(f"{filename}: the workbook holds macros", hint="save it as .xlsx, without macros", code="file_macros", facts={"file": filename})
        return []
    names = check_zip(file, filename, options)
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise DeliveryError(f"{filename}: the workbook holds macros (.xlsm)", hint="save it as .xlsx, without macros", code="file_macros", facts={"file": filename})
    return names


def read_excel(file: Path, filename: str, options: ReadOptions, *, ole: bool) -> Raw:
    """One sheet with the types its cells have; columns of mixed types are text. Blank rows are no rows.

    Rows with an error cell (#DIV/0!, #REF! …) are refused; in the old .xls form such cells are empty.

    Raises
    ------
    DeliveryError
        Protected, macros, damaged; the sheet is not there; several sheets hold data and none is named.
    """
    import fastexcel

    names_inside = refuse_unsafe(file, filename, options, ole=ole)
    try:
        book = fastexcel.read_excel(file.read_bytes())
        sheet_name = _sheet(book, filename, options)
        sheet = book.load_sheet(
            sheet_name, header_row=options.skip_rows if options.has_header else None, schema_sample_rows=None,
            skip_rows=None if options.has_header else options.skip_rows,
        )  # fmt: skip
        check_cells(sheet.total_height, sheet.width, filename, options)
        frame = sheet.to_polars()
    except fastexcel.FastExcelError as error:
        text = str(error)
        if "assword" in text or "ncrypt" in text:
            raise DeliveryError(
                f"{filename}: the workbook is protected by a password", hint="deliver it without a password",
                code="file_password", facts={"file": filename},
            ) from None
        raise DeliveryError(
            f"{filename}: the workbook cannot be read ({text.splitlines()[0]})",
            hint="open it, save it as .xlsx and deliver it again",
        ) from None
    notes = [f"sheet {sheet_name!r}"]
    frame = _headed(frame, filename, options)
    frame, blank = _drop_blank(frame)
    if blank:
        notes.append(f"{blank} blank rows")
    if not frame.height:
        notes.append("header only: no data rows")
    errors = _error_cells(file, names_inside, sheet_name, options)
    position = frame["_position"]
    frame = number_rows(frame.drop("_position"))
    refused = []
    if errors:
        where = {int(p): n for n, p in enumerate(position.to_list())}
        hit = {where[p]: cell for p, cell in errors.items() if p in where}
        for n, (column, value) in sorted(hit.items()):
            name = frame.columns[column] if column < frame.width - 1 else ""
            row = frame.row(n, named=True)
            original = {key: v for key, v in row.items() if key != "row_number"} | ({name: value} if name else {})
            refused.append((n + 1, name, "excel_error", f"the cell holds the error {value}", as_json(original)))
        frame = frame.filter(~pl.col("row_number").is_in([n + 1 for n in hit]))
    return Raw(frame, refusals(refused), frame.height + len(refused), "excel", tuple(notes))


def _sheet(book: fastexcel.ExcelReader, filename: str, options: ReadOptions) -> str:
    names = book.sheet_names
    if options.sheet:
        if options.sheet in names:
            return options.sheet
        near = did_you_mean(options.sheet, names)
        raise DeliveryError(
            f"{filename}: no sheet {options.sheet!r}; there is {', '.join(names)}",
            hint=f"did you mean {near[0]!r}?" if near else "correct `sheet` in the mapping",
        )
    filled = [name for name in names if _height(book, name)]
    if len(filled) > 1:
        raise DeliveryError(
            f"{filename}: several sheets hold data: {', '.join(filled)}",
            hint="name the one to read in the mapping's `sheet`",
        )
    if not filled:
        raise DeliveryError(
            f"{filename}: the workbook is empty, without even a header", hint="deliver it again, complete"
        )
    return filled[0]


def _height(book: fastexcel.ExcelReader, name: str) -> int:
    sheet = book.load_sheet(name, header_row=None, n_rows=3)
    return sheet.to_polars().height if sheet.width else 0


def _headed(frame: pl.DataFrame, filename: str, options: ReadOptions) -> pl.DataFrame:
    names = ["" if name.startswith("__UNNAMED__") else name for name in frame.columns]
    if options.header:
        if len(options.header) != len(names):
            raise DeliveryError(
                f"{filename}: the mapping names {len(options.header)} columns, the sheet has {len(names)}"
            )
        names = list(options.header)
    frame.columns = check_header(names, filename)
    return frame


def _drop_blank(frame: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Without blank rows; `_position` keeps where in the sheet each row stood."""
    positions = pl.int_range(pl.len(), dtype=pl.Int64).alias("_position")
    blank = pl.all_horizontal(
        (pl.col(n).is_null() | (pl.col(n).str.strip_chars() == "")) if t == pl.String else pl.col(n).is_null()
        for n, t in frame.schema.items()
    )
    kept = frame.with_columns(positions).filter(~blank) if frame.width else frame.with_columns(positions)
    return kept, frame.height - kept.height


def _error_cells(file: Path, inside: list[str], sheet: str, options: ReadOptions) -> dict[int, tuple[int, str]]:
    """Data row (from 0, blank rows counted) → (column, error) of cells that hold an Excel error."""
    sheets = [name for name in inside if name.startswith("xl/worksheets/") and name.endswith(".xml")]
    if not sheets:
        return {}
    with zipfile.ZipFile(file) as archive:
        if not any(b't="e"' in archive.read(name) for name in sheets):
            return {}
    import openpyxl  # slow to load, and wanted for the few workbooks with error cells only

    first = options.skip_rows + (2 if options.has_header else 1)
    found: dict[int, tuple[int, str]] = {}
    with file.open("rb") as handle:
        book = openpyxl.load_workbook(handle, read_only=True, data_only=True)
        for n, row in enumerate(book[sheet].iter_rows(min_row=first)):
            for at, cell in enumerate(row):
                if cell.data_type == "e":
                    found.setdefault(n, (at, str(cell.value)))
        book.close()
    return found
