"""Evidence of a report: a file kept by its hash, or a link.

Allowed files: PDF, PNG, JPEG, Excel (.xlsx), Word (.docx) and OFD, told by their first bytes, never by their name.
Everything else is refused, executables and scripts by name. A kept file is only ever handed out as a download.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from data_pipeline.errors import UnknownId
from data_pipeline.home import Home
from data_pipeline.ledger.says import refuse

MOST_BYTES = 20 * 1024 * 1024
LINK_LENGTH = 500
MEDIA = {
    "pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "ofd": "application/ofd",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}  # fmt: skip
ENDING_OF = {media: ending for ending, media in MEDIA.items()}
ALLOWED = "PDF, PNG, JPEG, .xlsx, .docx, .ofd"
_MAGIC = {b"%PDF-": "pdf", b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"PK\x03\x04": "zip"}
_RUNS = {
    b"MZ": "a Windows program", b"\x7fELF": "a program", b"#!": "a script", b"\xca\xfe\xba\xbe": "a program",
    b"\xcf\xfa\xed\xfe": "a program", b"\xfe\xed\xfa": "a program", b"\xd0\xcf\x11\xe0": "an old Office file, which may hold macros",
}  # fmt: skip
_ENDINGS = {"jpeg": "jpg"}
_ID = re.compile(r"([0-9a-f]{64}):(.+)")
_BLOCK = 1 << 20


def keep(home: Home, stream: BinaryIO, filename: str) -> str:
    """Keep a file as evidence and return its id `sha256:name`; the same bytes are kept once.

    Raises
    ------
    UsageError
        Larger than `MOST_BYTES` (noticed while it streams in), empty, an executable, a script, of another
        kind than allowed, or of another kind than its name says.
    """
    name = clean_name(filename)
    home.evidence.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=home.evidence)
    try:
        with os.fdopen(handle, "wb") as target:
            while block := stream.read(_BLOCK):
                size += len(block)
                if size > MOST_BYTES:
                    raise refuse(
                        "file_large", name=name, most=MOST_BYTES // 1024**2,
                        hint="make it smaller (scan at 150 dpi), or give a link to where it is kept",
                    )  # fmt: skip
                digest.update(block)
                target.write(block)
        kind = kind_of(Path(temporary), name)
        ending = name.rpartition(".")[2].lower()
        if _ENDINGS.get(ending, ending) != kind:
            raise refuse("file_ending", name=name, kind=kind, hint=f"name it …{'.' + kind}")
        path = home.evidence / digest.hexdigest()[:2] / digest.hexdigest()
        path.parent.mkdir(exist_ok=True)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return f"{digest.hexdigest()}:{name}"


def kind_of(path: Path, name: str) -> str:
    """Kind of a file by its bytes, a key of `MEDIA`; `UsageError` for what is not allowed."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise refuse("file_empty", name=name)
    for mark, what in _RUNS.items():
        if head.startswith(mark):
            raise refuse("file_program", name=name, what=what, allowed=ALLOWED, hint=f"allowed: {ALLOWED}")
    kind = next((kind for mark, kind in _MAGIC.items() if head.startswith(mark)), "")
    if kind == "zip":
        kind = _inside(path)
    if not kind:
        raise refuse("file_kind", name=name, allowed=ALLOWED, hint=f"allowed: {ALLOWED}, told by the file's bytes")
    return kind


def _inside(path: Path) -> str:
    """xlsx, docx or ofd by what a zip holds; "" for any other archive and for what holds macros."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.lower() for name in archive.namelist()}
    except zipfile.BadZipFile:
        return ""
    if any(name.endswith("vbaproject.bin") for name in names):
        return ""
    if "[content_types].xml" in names:
        return "xlsx" if "xl/workbook.xml" in names else "docx" if "word/document.xml" in names else ""
    return "ofd" if "ofd.xml" in names else ""


def clean_name(filename: str) -> str:
    """The last part of a name as given, without control characters and what separates ids."""
    last = re.split(r"[/\\]", filename)[-1]
    return re.sub(r"[\x00-\x1f\x7f;:\"]", "", last).strip(". ")[-120:] or "evidence"


def find(home: Home, evidence_id: str) -> tuple[Path, str, str]:
    """Path, name and media type of a kept file; `UnknownId` where there is none."""
    match = _ID.fullmatch(evidence_id)
    path = home.evidence / match[1][:2] / match[1] if match else None
    if match is None or path is None or not path.is_file():
        raise UnknownId("evidence", evidence_id, [])
    return path, clean_name(match[2]), MEDIA[kind_of(path, match[2])]


def is_link(text: str) -> bool:
    """Whether a piece of evidence is a link rather than a kept file."""
    return _ID.fullmatch(text) is None


def check_links(home: Home, evidence: Sequence[str]) -> None:
    """Every piece is a kept file or an http(s) link.

    Raises
    ------
    UsageError
        Another kind of address, a name with `;`, a link without host or too long.
    UnknownId
        A file that is not kept here.
    """
    for item in evidence:
        if not is_link(item):
            find(home, item)
            continue
        try:
            parts = urlsplit(item)
            good = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            good = False
        if not good or len(item) > LINK_LENGTH or re.search(r"[;\s\x00-\x1f]", item):
            raise refuse("link", got=item[:120], hint="upload the file, or give an http(s) address")
