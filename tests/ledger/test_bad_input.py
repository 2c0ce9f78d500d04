"""The bad input a reporter, a reviewer and a meeting can send: each is refused by a code of its own, said in both languages."""

from __future__ import annotations

import io
import re
import threading
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from desk_scene import CITY, OFFICE, draft
from openpyxl import load_workbook

from components.i18n import LANGS, catalogue
from components.refusal import error_words
from data_pipeline.cities import built_in_packs
from data_pipeline.errors import CityBrainError, StoreBusy
from data_pipeline.home import Home
from data_pipeline.ledger import checks, evidence
from data_pipeline.ledger import freeze as kept
from data_pipeline.ledger.brief_jobs import BriefJobs, Wanted
from data_pipeline.ledger.says import refuse
from data_pipeline.ledger.template import COLUMNS, META, SHEET, Line, make_template, read_template
from data_pipeline.ledger.types import Past
from data_pipeline.plans import read_plan_facts
from data_pipeline.store import inbox
from tests.ledger import frozen

TODAY = date(2022, 9, 15)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
LINES = [Line("target", "ez-spinoffs", "衍生孵化企业数", "≥ 50 家", "2022-12-31", date(2022, 7, 31), "27", date(2022, 8, 31))]
Sent = Callable[[Path], object]


def entry(history: list[float] | None = None, **values: Any) -> Sent:
    """An entry that the checks refuse, or want confirmed, as the error a page shows."""

    def send(folder: Path) -> object:
        facts = read_plan_facts(Path(built_in_packs()[CITY].folder) / "plan", CITY)
        past = [Past(date(2022, 8 - n, 31 if 8 - n in (7, 8) else 30), v, None, None, None, None, None, None) for n, v in enumerate(history or [])]
        found = checks.check(draft(**values), facts, past[::-1], [], TODAY)
        raise refuse(found[0].code, **found[0].args)

    return send


def workbook(change: Callable[[Any], object] | None = None, member: tuple[str, bytes] | None = None, body: bytes = b"") -> Sent:
    """A template as it comes back: changed in its cells, with another file inside, or another file altogether."""

    def send(folder: Path) -> object:
        path = folder / "t.xlsx"
        book = load_workbook(io.BytesIO(make_template(CITY, OFFICE, LINES, "zh")))
        if change:
            change(book)
        book.save(path)
        if member:
            with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(*member)
        if body:
            path.write_bytes(body)
        return read_template(path, "t.xlsx")

    return send


def proof(body: bytes, name: str) -> Sent:
    return lambda folder: evidence.keep(Home.of(folder), io.BytesIO(body), name)


def cell(name: str, row: int = 3) -> str:
    return f"{chr(ord('A') + list(COLUMNS).index(name))}{row}"


def put(name: str, value: Any) -> Callable[[Any], object]:
    return lambda book: book[SHEET].__setitem__(cell(name), value)


def swapped(book: Any) -> None:
    one, two = (book[SHEET][cell(name, 1)] for name in ("value", "stage"))
    one.value, two.value = two.value, one.value


def older(book: Any) -> None:
    book[META]["B1"] = "report-0"


def too_many(folder: Path) -> object:
    gate = threading.Event()

    def slow(wanted: Wanted, progress: object) -> bytes:
        gate.wait(30)
        return b""

    busy = BriefJobs(slow)
    try:
        return [busy.start(Wanted("ledger", CITY)) for _ in range(5)]
    finally:
        gate.set()


# what is sent → (code of the refusal, what its Chinese sentence names)
BAD: dict[str, tuple[Sent, str, str]] = {
    "an unknown department": (entry(department="市科技居"), "unknown_department", "市科技局"),
    "an unknown target": (entry(subject_id="ez-spinofs"), "unknown_subject", "ez-spinoffs"),
    "a share above 100 %": (entry(subject_id="ez-5g-key", value=None, stage="under_way", progress_share=1.2), "bounds", "1.2"),
    "a data date to come": (entry(data_on=date(2022, 12, 31)), "future", "2022-12-31"),
    "a cumulative value that falls": (entry([30.0, 28.0], data_on=date(2022, 9, 10), value=29.0), "decrease", "低于"),
    "the same report twice": (entry([30.0], data_on=date(2022, 8, 31), value=30.0), "same_accepted", "2022-08-31"),
    "a template of another version": (workbook(older), "template_version", "report-0"),
    "a template with moved columns": (workbook(swapped), "template_moved", f"{cell('value')[0]}1"),
    "a template with a further column": (workbook(lambda book: book[SHEET].cell(1, len(COLUMNS) + 1, "mine")), "template_added", "mine"),
    "a formula in a cell": (workbook(put("value", "=1+1")), "template_formula", cell("value")),
    "macros in the workbook": (workbook(member=("xl/vbaProject.bin", b"\0")), "file_macros", "宏"),
    "a workbook that is a bomb": (workbook(member=("xl/media/a.bin", bytes(64 * 1024**2))), "file_bomb", "倍"),
    "a workbook cut short": (workbook(body=b"PK\x03\x04" + bytes(400)), "file_damaged", "损坏"),
    "another file as template": (workbook(body=b"a,b\n1,2\n"), "template_kind", "Excel"),
    "a 50 MB file": (proof(b"%PDF-1.7\n" + bytes(50 * 1024**2), "big.pdf"), "file_large", "20 MB"),
    "an executable as evidence": (proof(b"MZ\x90\0", "report.pdf"), "file_program", "程序"),
    "a script as evidence": (proof(b"#!/bin/sh\n", "report.pdf"), "file_program", "脚本"),
    "a file under another name": (proof(b"%PDF-1.7\n", "a.png"), "file_ending", "pdf"),
    "a freeze without a name": (lambda folder: kept.make(frozen.ledger(), " ", "张三", True, frozen.NOW), "freeze_name", "80"),
    "a freeze by nobody": (lambda folder: kept.make(frozen.ledger(), "例会", " ", True, frozen.NOW), "freeze_nobody", "冻结人"),
    "a briefing of nothing known": (lambda folder: Wanted("wall", CITY).check(), "brief_word", "wall"),
    "changes since nothing": (lambda folder: Wanted("changes", CITY).check(), "brief_before", "较早"),
    "a briefing of no department": (lambda folder: Wanted("department", CITY).check(), "brief_department", "部门"),
    "a filter that is none": (lambda folder: Wanted("targets", CITY, only={"colour": "red"}).check(), "brief_word", "colour"),
    "too many briefings at once": (too_many, "brief_many", "4"),
    "no pipeline to take it": (lambda folder: inbox.ask(Home.of(folder), "report", {}), "no_pipeline", "管道"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_refused_with_a_code_and_a_sentence_in_both_languages(what: str, tmp_path: Path) -> None:
    send, code, named = BAD[what]
    with pytest.raises(CityBrainError) as told:
        send(tmp_path)
    error = told.value
    said = {lang: error_words(error, lang) for lang in LANGS}
    assert error.code == code
    assert CHINESE.search(said["zh"]) and named in said["zh"], said
    quoted = " ".join(str(value) for value in error.facts.values())
    assert not set(CHINESE.findall(said["en"])) - set(quoted), said  # names stay as they are, the sentence is English
    assert "{" not in said["zh"] + said["en"]


def test_a_refused_file_leaves_nothing_behind(tmp_path: Path) -> None:
    for what in ("a 50 MB file", "an executable as evidence"):
        with pytest.raises(CityBrainError):
            BAD[what][0](tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_error_without_a_sentence_keeps_its_own_words() -> None:
    assert error_words(StoreBusy("the disk is full"), "zh") == "the disk is full"
    assert error_words(StoreBusy("the disk is full", code="no_such_code"), "zh") == "the disk is full"


def test_every_sentence_of_a_refusal_takes_only_what_is_plain() -> None:
    for lang in LANGS:
        for key, text in catalogue(lang).items():
            if key.startswith("reports.find."):
                assert not re.search(r"\{[^}]*[.\[!]", text), key
