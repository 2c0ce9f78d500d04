"""The briefing as a workbook: one sheet a table, sums and counts as live formulas, the payload on a hidden sheet."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from data_pipeline.errors import DeliveryError
from data_pipeline.ledger import brief as briefs
from data_pipeline.ledger.brief import Brief, Counts, Figures, Table, Text
from data_pipeline.ledger.freeze import sha256_of

PAYLOAD_SHEET = "payload"
PIECE = 30_000  # a cell holds at most 32,767 characters
FIRST_ROW = 4  # of a table's heading: title, note, empty line before it
# a cell with a formula as openpyxl writes it: all up to the empty value, its name within
_FORMULA = re.compile(rb'(<c r="([A-Z]+[0-9]+)"[^>]*><f>[^<]*</f>)<v ?/?>(?:</v>)?')
_SHEET_FILE = re.compile(r"xl/worksheets/sheet([0-9]+)\.xml")
FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", "-"))
Value = str | float | int


@dataclass(frozen=True)
class Placed:
    """What stands in one cell: `value` is a text, a figure or a formula; `expects` what a formula must give."""

    sheet: str
    row: int
    column: int
    value: Value
    style: str = ""
    places: int = 0
    expects: float | None = None


def to_xlsx(brief: Brief) -> bytes:
    """The briefing as an .xlsx workbook; every sheet carries the payload's hash in its first line and footer."""
    payload = briefs.payload_of(brief)
    sha256 = sha256_of(payload)
    book = Workbook()
    book.remove(book.active)
    thin, strong = Side(style="hair"), Side(style="thin")
    for name in sheet_names(brief):
        sheet = book.create_sheet(name)
        sheet.oddFooter.left.text = f"SHA-256 {sha256}"
        sheet.oddFooter.right.text = "&P / &N"
        sheet.page_setup.paperSize, sheet.page_setup.fitToHeight = sheet.PAPERSIZE_A4, 0
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
        sheet.sheet_view.showGridLines = False
    for item in placed(brief, sha256):
        cell = book[item.sheet].cell(item.row, item.column, item.value)
        cell.alignment = Alignment(vertical="top", wrap_text=item.style != "hash", horizontal="right" if item.style in ("figure", "sum") else None)
        if item.style in ("figure", "sum"):
            cell.number_format = "#,##0" + ("." + "0" * item.places if item.places else "")
        if item.style == "title":
            cell.font, cell.alignment = Font(bold=True, size=14), Alignment(wrap_text=False)
        elif item.style == "head":
            cell.font, cell.border = Font(bold=True), Border(bottom=strong)
        elif item.style == "sum":
            cell.font, cell.border = Font(bold=True), Border(top=strong)
        elif item.style in ("note", "hash"):
            cell.font = Font(italic=item.style == "note", size=9)
            cell.alignment = Alignment(wrap_text=False)
        elif item.row > FIRST_ROW:
            cell.border = Border(bottom=thin)
    for sheet in book.worksheets:
        _widen(sheet)
    kept = book.create_sheet(PAYLOAD_SHEET)
    kept.sheet_state = "veryHidden"
    for number, start in enumerate(range(0, len(payload), PIECE), 1):
        # data type "s" keeps a piece that happens to begin with "=" from becoming a formula
        kept.cell(number, 1).value = "~" + payload[start : start + PIECE]
    buffer = io.BytesIO()
    book.save(buffer)
    given = {(item.sheet, f"{get_column_letter(item.column)}{item.row}"): item.expects for item in placed(brief, sha256) if item.expects is not None}
    return _with_values(buffer.getvalue(), book.sheetnames, given)


def _with_values(body: bytes, sheets: list[str], given: dict[tuple[str, str], float]) -> bytes:
    """The workbook with each formula's value beside it: openpyxl leaves it empty, and a viewer that does not calculate shows nothing."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(body)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for entry in old.infolist():
            data = old.read(entry)
            number = _SHEET_FILE.fullmatch(entry.filename)
            if number:
                data = _filled(data, sheets[int(number[1]) - 1], given)
            new.writestr(entry, data)
    return out.getvalue()


def _filled(data: bytes, sheet: str, given: dict[tuple[str, str], float]) -> bytes:
    def with_value(cell: re.Match[bytes]) -> bytes:
        return cell[1] + f"<v>{given[sheet, cell[2].decode()]!r}</v>".encode()

    return _FORMULA.sub(with_value, data)


def sheet_names(brief: Brief) -> dict[str, str]:
    """Sheet name → id of its table; the first sheet (id "") holds what is not a table."""
    found = {_name(brief.title): ""}
    for section in brief.sections:
        for block in section.blocks:
            if isinstance(block, Table):
                found[_name(block.title or section.title, found)] = block.id
            elif isinstance(block, Counts) and block.of is not None:
                found[_name(brief.labels["counts"], found)] = "counts"
    return found


def placed(brief: Brief, sha256: str) -> Iterator[Placed]:
    """Everything that stands in the visible sheets, sheet by sheet."""
    names = {table: name for name, table in sheet_names(brief).items()}
    yield from _summary(brief, names[""], sha256)
    for section in brief.sections:
        for block in section.blocks:
            if isinstance(block, Table):
                yield from _head(brief, names[block.id], block.title or section.title, block.note or section.note, sha256)
                yield from _table(block, names[block.id])
            elif isinstance(block, Counts) and block.of is not None:
                yield from _head(brief, names["counts"], section.title, section.note, sha256)
                yield from _counts(brief, block, names)


def check(path: Path) -> tuple[str, int, list[str]]:
    """(payload, number of sheets, differences) of a workbook: every visible cell against the payload.

    A sum or count is compared as a formula, what it must give is worked out from the cells it stands over, and the value
    kept beside it, which a viewer that does not calculate shows, must be the same.

    Raises
    ------
    DeliveryError
        It is no workbook, or has no payload sheet of ours.
    """
    try:
        book, shown = load_workbook(path), load_workbook(path, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise DeliveryError(f"{path}: the workbook cannot be read: {error}") from None
    if PAYLOAD_SHEET not in book.sheetnames:
        raise DeliveryError(f"{path}: no sheet {PAYLOAD_SHEET!r}", hint="is it a briefing of ours?")
    payload = "".join(str(row[0])[1:] for row in book[PAYLOAD_SHEET].iter_rows(values_only=True) if row[0])
    visible = [sheet for sheet in book.worksheets if sheet.title != PAYLOAD_SHEET]
    try:
        brief = briefs.read_payload(payload)
    except DeliveryError:
        return payload, len(visible), []  # said by who asked
    sha256 = sha256_of(payload)
    kept = _wrong_values(brief, sha256, shown)
    return payload, len(visible), [*_differences(brief, sha256, visible), *kept, *_wrong_footers(visible, sha256)]


def _wrong_values(brief: Brief, sha256: str, shown: Workbook) -> Iterator[str]:
    """Formulas beside which another value stands than they give; none at all is as good, whoever calculates fills it."""
    for item in placed(brief, sha256):
        if item.expects is None or item.sheet not in shown.sheetnames:
            continue
        value = shown[item.sheet].cell(item.row, item.column).value
        if value is not None and not _same(value, item.expects):
            yield f"{item.sheet}!{get_column_letter(item.column)}{item.row}: shows {value!r}, the payload says {item.expects!r}"


def _wrong_footers(sheets: list[Worksheet], sha256: str) -> list[str]:
    return [f"{s.title}: footer says {s.oddFooter.left.text!r}" for s in sheets if s.oddFooter.left.text != f"SHA-256 {sha256}"]


def _differences(brief: Brief, sha256: str, sheets: list[Worksheet]) -> Iterator[str]:
    expected = {(p.sheet, p.row, p.column): p for p in placed(brief, sha256)}
    seen: dict[tuple[str, int, int], Value] = {
        (sheet.title, cell.row, cell.column): cell.value for sheet in sheets for row in sheet.iter_rows() for cell in row if cell.value is not None
    }
    for key in sorted(expected.keys() | seen.keys(), key=str):
        want, got = expected.get(key), seen.get(key)
        where = f"{key[0]}!{get_column_letter(key[2])}{key[1]}"
        if want is None:
            yield f"{where}: {got!r}, the payload has nothing there"
        elif got is None or not _same(got, want.value):
            yield f"{where}: {got!r}, the payload says {want.value!r}"
        elif want.expects is not None and not _same(_given(want, seen), want.expects):
            yield f"{where}: the formula gives {_given(want, seen)!r}, the payload says {want.expects!r}"


def _same(a: object, b: object) -> bool:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b))
    return a == b


def _given(item: Placed, seen: dict[tuple[str, int, int], Value]) -> float:
    """What the formula of a sum or a count gives over the cells of the workbook."""
    text = str(item.value)
    if text.startswith("=COUNTIF"):
        name, _, rest = text.removeprefix("=COUNTIF('").partition("'!$")
        column = ord(rest[0]) - ord("A") + 1
        wanted = text.rsplit(',"', 1)[1].removesuffix('")')
        return float(sum(value == wanted for (sheet, _, at), value in seen.items() if sheet == name and at == column))
    over = [seen.get((item.sheet, row, item.column)) for row in range(FIRST_ROW + 1, item.row)]
    return float(sum(_number(value, seen, item) for value in over))


def _number(value: Value | None, seen: dict[tuple[str, int, int], Value], item: Placed) -> float:
    if isinstance(value, str) and value.startswith("=COUNTIF"):
        return _given(Placed(item.sheet, 0, 0, value), seen)
    return float(value) if isinstance(value, int | float) else 0.0


def _summary(brief: Brief, name: str, sha256: str) -> Iterator[Placed]:
    yield from _head(brief, name, brief.title, " · ".join((brief.mark, *brief.facts)).removeprefix(" · "), sha256)
    row = FIRST_ROW
    for section in brief.sections:
        yield Placed(name, row, 1, _safe(section.title), "head")
        row += 1
        for block in section.blocks:
            if isinstance(block, Text):
                yield Placed(name, row, 1, _safe(block.text))
                row += 1
            elif isinstance(block, Figures):
                for item in block.items:
                    yield Placed(name, row, 1, _safe(item.name))
                    yield Placed(name, row, 2, _safe(f"{item.number} {item.unit}".strip()))
                    yield Placed(name, row, 3, _safe(" · ".join(item.notes)))
                    row += 1
            elif isinstance(block, Counts):
                for share in block.items:
                    yield Placed(name, row, 1, _safe(share.word))
                    yield Placed(name, row, 2, share.n, "figure")
                    row += 1
    yield Placed(name, row, 1, brief.labels["sources"], "head")
    for number, line in enumerate(brief.sources, 1):
        yield Placed(name, row + number, 1, _safe(line))


def _head(brief: Brief, name: str, title: str, note: str, sha256: str) -> Iterator[Placed]:
    yield Placed(name, 1, 1, _safe(title), "title")
    if note:
        yield Placed(name, 2, 1, _safe(note), "note")
    yield Placed(name, 3, 1, f"{brief.labels['hash']} {sha256}", "hash")


def _table(table: Table, name: str) -> Iterator[Placed]:
    at = {i: column for column, i in enumerate((i for i in range(len(table.columns)) if not _is_drawing(table, i)), 1)}
    for i, column in at.items():
        yield Placed(name, FIRST_ROW, column, _safe(table.columns[i].title), "head")
    notes = len(at)
    for number, row in enumerate(table.rows):
        line = FIRST_ROW + 1 + number
        for i, column in at.items():
            cell = row[i]
            if cell.is_sum and cell.value is not None:
                letter = get_column_letter(column)
                yield Placed(name, line, column, f"=SUM({letter}{FIRST_ROW + 1}:{letter}{line - 1})", "sum", cell.places, cell.value)
            elif cell.value is not None:
                yield Placed(name, line, column, cell.value, "figure", _places(cell.value, cell.places))
            elif cell.text:
                yield Placed(name, line, column, _safe(cell.text))
        said = [part for cell in row for part in (cell.mark, cell.note) if part]
        if said:
            yield Placed(name, line, notes + 1, _safe(" · ".join(said)), "note")


def _counts(brief: Brief, block: Counts, names: dict[str, str]) -> Iterator[Placed]:
    assert block.of is not None
    name, (table, column) = names["counts"], block.of
    letter = get_column_letter(column + 1)
    for number, share in enumerate(block.items, FIRST_ROW + 1):
        yield Placed(name, number, 1, _safe(share.word))
        yield Placed(name, number, 2, f"=COUNTIF('{names[table]}'!${letter}:${letter},\"{share.word}\")", "sum", 0, float(share.n))
    last = FIRST_ROW + len(block.items) + 1
    yield Placed(name, last, 1, brief.labels["total"], "head")
    yield Placed(name, last, 2, f"=SUM(B{FIRST_ROW + 1}:B{last - 1})", "sum", 0, float(sum(share.n for share in block.items)))


def _is_drawing(table: Table, i: int) -> bool:
    return any(row[i].drawing for row in table.rows)


def _places(value: float, places: int) -> int:
    return 0 if value == int(value) else places


def _safe(text: str) -> str:
    """Text that no workbook takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and len(text) > 1 else text


def _name(title: str, taken: dict[str, str] | None = None) -> str:
    """A sheet's name: at most 31 characters, none that Excel refuses, none twice."""
    base = title.translate(FORBIDDEN)[:31].strip() or "-"
    name, n = base, 1
    while taken and name in taken:
        n += 1
        name = f"{base[:28]} {n}"
    return name


def _widen(sheet: Worksheet) -> None:
    for index, column in enumerate(sheet.iter_cols(min_row=FIRST_ROW), 1):
        longest = max((sum(2 if ord(c) > 0x2E80 else 1 for c in str(cell.value)) for cell in column
                       if cell.value is not None and not str(cell.value).startswith("=")), default=8)  # fmt: skip
        sheet.column_dimensions[get_column_letter(index)].width = min(max(longest + 2, 9), 60)
    sheet.freeze_panes = f"A{FIRST_ROW + 1}"
