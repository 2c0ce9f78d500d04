"""Evidence: kept by its hash, told by its bytes, refused while it streams in."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.home import Home
from data_pipeline.ledger import evidence

PDF = b"%PDF-1.7\n1 0 obj\n"


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, b"x")
    return out.getvalue()


def keep(home: Home, body: bytes, name: str) -> str:
    return evidence.keep(home, io.BytesIO(body), name)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.of(tmp_path)


@pytest.mark.parametrize(("body", "name", "media"), [
    (PDF, "验收报告.pdf", "application/pdf"), (b"\x89PNG\r\n\x1a\n0", "a.png", "image/png"), (b"\xff\xd8\xff\xe0", "a.JPEG", "image/jpeg"),
    (archive("[Content_Types].xml", "xl/workbook.xml"), "b.xlsx", evidence.MEDIA["xlsx"]),
    (archive("[Content_Types].xml", "word/document.xml"), "b.docx", evidence.MEDIA["docx"]),
    (archive("OFD.xml", "Doc_0/Document.xml"), "b.ofd", "application/ofd"),
])  # fmt: skip
def test_what_is_allowed_is_kept_under_its_hash(home: Home, body: bytes, name: str, media: str) -> None:
    kept = keep(home, body, name)
    assert kept == f"{hashlib.sha256(body).hexdigest()}:{name}"
    path, found, kind = evidence.find(home, kept)
    assert (path.read_bytes(), found, kind) == (body, name, media)
    assert keep(home, body, name) == kept
    assert len([p for p in home.evidence.rglob("*") if p.is_file()]) == 1


@pytest.mark.parametrize(("body", "name", "says"), [
    (b"MZ\x90\0", "report.pdf", "a Windows program"), (b"\x7fELF\x02", "a.pdf", "a program"), (b"#!/bin/sh\nrm", "a.pdf", "a script"),
    (b"<html><script>", "a.pdf", "none of the allowed kinds"), (b"", "a.pdf", "is empty"), (PDF, "a.png", "a pdf file under another ending"),
    (archive("run.exe"), "a.xlsx", "none of the allowed kinds"), (b"\xd0\xcf\x11\xe0", "a.xlsx", "an old Office file"),
    (archive("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"), "a.xlsx", "none of the allowed kinds"),
])  # fmt: skip
def test_what_is_not_allowed_is_refused_and_leaves_nothing(home: Home, body: bytes, name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        keep(home, body, name)
    assert [p for p in home.evidence.rglob("*") if p.is_file()] == []


class Endless(io.RawIOBase):
    """A file of 50 MB that notes how much was read of it."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        left = 50 * 1024**2 - self.given
        block = (PDF + b"\0" * size)[: min(size, left)]
        self.given += len(block)
        return block


def test_fifty_megabytes_are_refused_while_they_stream_in(home: Home) -> None:
    source = Endless()
    with pytest.raises(UsageError, match="larger than the 20 MB allowed"):
        evidence.keep(home, source, "big.pdf")  # type: ignore[arg-type]
    assert source.given <= 22 * 1024**2
    assert [p for p in home.evidence.rglob("*") if p.is_file()] == []


def test_a_name_carries_no_path_and_no_separator(home: Home) -> None:
    assert evidence.clean_name("../../etc/x;y:\n\"z.pdf") == "xyz.pdf"
    with pytest.raises(UnknownId):
        evidence.find(home, "../../../etc/passwd")


@pytest.mark.parametrize("link", ["https://www.example.gov.cn/art/1.html", "http://10.1.2.3/a?b=c"])
def test_http_links_are_evidence(home: Home, link: str) -> None:
    evidence.check_links(home, [link])


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "ftp://a/b", "https://", "https://a/b c", "https://a/;b", "a" * 600])
def test_other_addresses_are_not(home: Home, link: str) -> None:
    with pytest.raises(UsageError, match="neither a kept file nor a link"):
        evidence.check_links(home, [link])
    with pytest.raises(UnknownId):
        evidence.check_links(home, ["0" * 64 + ":lost.pdf"])
