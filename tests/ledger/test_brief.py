"""Briefings: what is printed is what the payload says, in Chinese and English, and a touched file is found out."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pypdfium2
import pytest
import typst
from openpyxl import load_workbook
from typer.testing import CliRunner

from components.theme import COLORS
from data_pipeline.cli import app
from data_pipeline.errors import DeliveryError
from data_pipeline.ledger import brief as briefs
from data_pipeline.ledger.brief import Brief, Table
from data_pipeline.ledger.brief_xlsx import PAYLOAD_SHEET, sheet_names, to_xlsx
from data_pipeline.ledger.freeze import canonical, sha256_of
from data_pipeline.ledger.types import STATUSES
from data_pipeline.ledger.verify import verify
from tests.ledger import frozen

LOOK = COLORS["light"]


@pytest.fixture(scope="module", params=["zh", "en"])
def brief(request: pytest.FixtureRequest) -> Brief:
    return frozen.brief(request.param)


@pytest.fixture(scope="module")
def pdf(brief: Brief) -> bytes:
    return briefs.to_pdf(brief, LOOK)


def written(tmp_path: Path, body: bytes, name: str = "brief.pdf") -> Path:
    (tmp_path / name).write_bytes(body)
    return tmp_path / name


def pages(body: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(body)]


def test_a_briefing_is_made_within_ten_seconds_and_verifies(brief: Brief, tmp_path: Path) -> None:
    started = time.perf_counter()
    body = briefs.to_pdf(brief, LOOK)
    assert time.perf_counter() - started < 10
    found = verify(written(tmp_path, body))
    assert found.problems == ()
    assert (found.title, found.freeze_id) == (brief.title, frozen.freeze().freeze_id)


def test_every_page_carries_number_mark_and_hash_as_selectable_text(brief: Brief, pdf: bytes) -> None:
    own = sha256_of(briefs.payload_of(brief))
    texts = pages(pdf)
    assert len(texts) > 1
    for number, text in enumerate(texts, 1):
        assert own in text
        assert brief.mark in text
        assert brief.labels["page"].format(page=number, pages=len(texts)) in text
    assert "城市大脑" in texts[0] or brief.lang == "en"


def test_the_counts_are_those_of_the_ledger(brief: Brief) -> None:
    distinct = [row for row in frozen.ledger().targets if not row.target.same_as and row.status != "not_measurable"]
    counted = next(block for section in brief.sections for block in section.blocks if block.kind == "counts")
    expected = [(s, n) for s in STATUSES if (n := sum(row.status == s for row in distinct))]
    assert [(share.status, share.n) for share in counted.items] == expected


def test_every_figure_on_simulated_reports_says_so_beside_the_department(brief: Brief) -> None:
    (targets,) = [table for table in brief.tables if table.id == "targets"]
    simulated = [row for row in frozen.ledger().targets if row.is_simulated and not row.target.same_as]
    said = [row for row in targets.rows if row[1].note.endswith(brief.labels["simulated"]) or row[1].note.endswith("sim.")]
    assert len(said) == len(simulated) > 20


def test_a_missing_value_is_never_a_nought() -> None:
    (targets,) = [table for table in frozen.brief("zh").tables if table.id == "targets"]
    absent = [row for row in targets.rows if row[0].text == "暂无数据"]
    assert absent
    assert all(row[3].text == "暂无数据" and row[3].value is None and not row[4].drawing for row in absent)


def forged(shown: Brief, attached: Brief) -> bytes:
    """A PDF that prints one briefing but carries payload and hash of another, as a forger would make it."""
    source = briefs.TEMPLATE.read_text(encoding="utf-8")
    source = source.replace("#let d = json(bytes(sys.inputs.payload))", "#let d = json(bytes(sys.inputs.shown))")
    payload = briefs.payload_of(attached)
    inputs = {"payload": payload, "shown": briefs.payload_of(shown), "sha256": sha256_of(payload), "look": canonical(dict(LOOK)),
              "attachment": briefs.ATTACHMENT}  # fmt: skip
    return typst.compile(source.encode(), format="pdf", font_paths=[str(briefs.FONTS)], sys_inputs=inputs)  # type: ignore[return-value]


def with_cell(brief: Brief, table_id: str, row: int, column: int, **more: object) -> Brief:
    """`brief` with one cell of a table changed."""

    def table(block: object) -> object:
        if not isinstance(block, Table) or block.id != table_id:
            return block
        cells = [list(line) for line in block.rows]
        cells[row][column] = replace(cells[row][column], **more)
        return replace(block, rows=tuple(tuple(line) for line in cells))

    sections = [replace(s, blocks=tuple(table(b) for b in s.blocks)) for s in brief.sections]
    return replace(brief, sections=tuple(sections))


def test_a_printed_figure_that_is_not_the_payloads_is_named(brief: Brief, tmp_path: Path) -> None:
    (targets,) = [table for table in brief.tables if table.id == "targets"]
    where = next(s.title for s in brief.sections if any(b is targets for b in s.blocks))
    found = verify(written(tmp_path, forged(with_cell(brief, "targets", 0, 3, text="98.7"), brief)))
    assert found.problems
    assert all(problem.startswith(where) and "payload says" in problem for problem in found.problems)


def test_a_changed_payload_no_longer_has_the_printed_hash(pdf: bytes, brief: Brief, tmp_path: Path) -> None:
    other = with_cell(brief, "targets", 0, 3, text="98.7")
    source = briefs.TEMPLATE.read_text(encoding="utf-8")
    inputs = {"payload": briefs.payload_of(other), "sha256": sha256_of(briefs.payload_of(brief)), "look": canonical(dict(LOOK)),
              "attachment": briefs.ATTACHMENT}  # fmt: skip
    body = typst.compile(source.encode(), format="pdf", font_paths=[str(briefs.FONTS)], sys_inputs=inputs)
    found = verify(written(tmp_path, body))  # type: ignore[arg-type]
    assert len([p for p in found.problems if "hash" in p]) == found.pages


def test_a_pdf_without_our_payload_is_refused(tmp_path: Path) -> None:
    plain = typst.compile(b"nothing", format="pdf")
    with pytest.raises(DeliveryError, match="attachments"):
        verify(written(tmp_path, plain))  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"", b"hello", b"%PDF-1.7 broken", b"PK\x03\x04broken"])
def test_what_is_no_briefing_is_refused_in_words(body: bytes, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError):
        verify(written(tmp_path, body))


# ---------------------------------------------------------------------- workbook


def test_a_workbook_verifies_and_its_sums_are_formulas(brief: Brief, tmp_path: Path) -> None:
    body = to_xlsx(brief)
    assert verify(written(tmp_path, body, "b.xlsx")).problems == ()
    book = load_workbook(BytesIO(body))
    names = {table: name for name, table in sheet_names(brief).items()}
    departments = book[names["departments"]]
    sums = [cell.value for cell in departments[departments.max_row] if isinstance(cell.value, str) and cell.value.startswith("=SUM(")]
    assert len(sums) == 6
    counted = [cell.value for cell in book[names["counts"]]["B"] if isinstance(cell.value, str)]
    assert any(text.startswith("=COUNTIF(") for text in counted)
    assert counted[-1].startswith("=SUM(")
    assert book[PAYLOAD_SHEET].sheet_state == "veryHidden"


def test_every_formula_has_its_value_beside_it_for_viewers_that_do_not_calculate(brief: Brief, tmp_path: Path) -> None:
    body = to_xlsx(brief)
    formulas, values = load_workbook(BytesIO(body)), load_workbook(BytesIO(body), data_only=True)
    found = [cell for sheet in formulas.worksheets for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert len(found) > 6
    for cell in found:
        shown = values[cell.parent.title]
        if str(cell.value).startswith("=SUM("):
            over = [shown.cell(row, cell.column).value for row in range(5, cell.row)]
            assert shown[cell.coordinate].value == pytest.approx(sum(v for v in over if isinstance(v, int | float)))
        else:
            assert isinstance(shown[cell.coordinate].value, int | float)
    # a value that is not what the formula gives is named
    touched = tmp_path / "touched.xlsx"
    with ZipFile(BytesIO(body)) as old, ZipFile(touched, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, re.sub(rb"</f><v>[^<]*</v>", b"</f><v>777</v>", old.read(entry)))
    assert any("shows 777" in problem for problem in verify(touched).problems)


def test_a_touched_cell_or_a_sum_turned_into_a_number_is_named(tmp_path: Path) -> None:
    brief = frozen.brief("zh")
    book = load_workbook(BytesIO(to_xlsx(brief)))
    names = {table: name for name, table in sheet_names(brief).items()}
    sheet = book[names["departments"]]
    sheet.cell(5, 2).value = 999
    sheet.cell(sheet.max_row, 3).value = 5
    book.save(tmp_path / "touched.xlsx")
    problems = verify(tmp_path / "touched.xlsx").problems
    assert any(f"{sheet.title}!B5" in p and "999" in p for p in problems)
    assert any(f"{sheet.title}!C{sheet.max_row}" in p for p in problems)
    assert any("the formula gives" in p for p in problems)


def test_a_text_that_looks_like_a_formula_stays_a_text(tmp_path: Path) -> None:
    brief = with_cell(frozen.brief("zh"), "blocked", 0, 2, text="=HYPERLINK(1)")
    book = load_workbook(BytesIO(to_xlsx(brief)))
    values = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row if "HYPERLINK" in str(cell.value)]
    visible = [cell for cell in values if cell.parent.title != PAYLOAD_SHEET]
    assert [cell.value for cell in visible] == ["'=HYPERLINK(1)"]
    assert all(cell.data_type == "s" for cell in values)


# ---------------------------------------------------------------------- command line


def test_verify_brief_ends_with_0_or_1(tmp_path: Path) -> None:
    brief = frozen.brief("zh")
    good = written(tmp_path, briefs.to_pdf(brief, LOOK), "good.pdf")
    bad = written(tmp_path, forged(with_cell(brief, "targets", 0, 3, text="98.7"), brief), "bad.pdf")
    run = CliRunner().invoke
    home = ["--home", str(tmp_path / "none"), "--format", "json"]
    assert run(app, ["verify-brief", str(good), *home]).exit_code == 0
    assert run(app, ["verify-brief", str(good), "--sha256", "0000", *home]).exit_code == 1
    answer = run(app, ["verify-brief", str(bad), *home])
    assert answer.exit_code == 1
    assert "payload says" in answer.output
