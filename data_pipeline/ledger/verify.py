"""`verify-brief`: does a briefing still say what it was issued with?

Three questions, for PDF and workbook alike: has the embedded payload the hash that is printed on every page (every
sheet); is every printed text and figure the payload's, and nothing else; and, where a store is at hand, is the frozen
ledger it names the one the store keeps. A hash is no signature: who can write a whole new document can print a new
hash in it, so compare the printed hash with the one of the copy you trust.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from os.path import commonprefix
from pathlib import Path

from data_pipeline.errors import DeliveryError
from data_pipeline.ledger import brief as briefs
from data_pipeline.ledger.brief import Brief
from data_pipeline.ledger.freeze import sha256_of

HASH = re.compile(r"SHA-256([0-9a-f]{64})")
MOST_BYTES = 64 * 1024 * 1024
MOST_PROBLEMS = 20
AROUND = 12


@dataclass(frozen=True)
class Verdict:
    """What was found: `problems` is empty where the document is as issued."""

    file: str
    kind: str
    title: str
    city: str
    pages: int
    sha256: str
    freeze_id: str
    freeze_sha256: str
    problems: tuple[str, ...]


def verify(path: Path) -> Verdict:
    """Check one briefing.

    Raises
    ------
    DeliveryError
        The file is not there, too large, or no PDF or workbook with a payload of ours.
    """
    if not path.is_file():
        raise DeliveryError(f"{path}: there is no such file")
    if path.stat().st_size > MOST_BYTES:
        raise DeliveryError(f"{path}: {path.stat().st_size} bytes, at most {MOST_BYTES} are read")
    with path.open("rb") as file:
        start = file.read(5)
    if start == b"%PDF-":
        return _pdf(path)
    if start[:2] == b"PK":
        from data_pipeline.ledger.brief_xlsx import check

        payload, pages, problems = check(path)
        return _verdict(path, "xlsx", payload, pages, problems)
    raise DeliveryError(f"{path}: neither a PDF nor a workbook (it begins with {start!r})", hint="give the file as it was issued")


def _pdf(path: Path) -> Verdict:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path.read_bytes())
        texts = [page.get_textpage().get_text_range() for page in document]
        attached = [document.get_attachment(i) for i in range(document.count_attachments())]
        found = [bytes(one.get_data()) for one in attached if one.get_name() == briefs.ATTACHMENT]
    except pypdfium2.PdfiumError as error:
        raise DeliveryError(f"{path}: the PDF cannot be read: {error}") from None
    if len(found) != 1:
        raise DeliveryError(f"{path}: {len(found)} attachments {briefs.ATTACHMENT}, one is expected", hint="is it a briefing of ours?")
    try:
        payload = found[0].decode("utf-8")
    except UnicodeDecodeError as error:
        raise DeliveryError(f"{path}: its payload is not UTF-8 (byte {error.start})") from None
    finally:
        document.close()
    own = sha256_of(payload)
    problems = []
    for number, text in enumerate(texts, 1):
        hashes = HASH.findall(squeezed(text))
        if hashes != [own]:
            said = ", ".join(h[:12] + "…" for h in hashes) or "none"
            problems.append(f"page {number}: hash printed {said}, the payload has {own[:12]}…")
    return _verdict(path, "pdf", payload, len(texts), problems, texts)


def _verdict(path: Path, kind: str, payload: str, pages: int, problems: list[str], texts: list[str] | None = None) -> Verdict:
    own = sha256_of(payload)
    try:
        brief = briefs.read_payload(payload)
    except DeliveryError as error:
        return Verdict(path.name, kind, "", "", pages, own, "", "", (*problems, error.message))
    if briefs.payload_of(brief) != payload:
        problems.append("payload: not the canonical JSON of a briefing")
    if texts is not None:
        problems += compare(brief, texts, own)
    return Verdict(path.name, kind, brief.title, brief.city, pages, own, brief.freeze_id, brief.freeze_sha256,
                   tuple(problems[:MOST_PROBLEMS]))  # fmt: skip


def compare(brief: Brief, pages: list[str], sha256: str) -> list[str]:
    """Differences between what the pages say and what the payload says, letter by letter without white space."""
    expected = "".join(squeezed(text) for _, text in briefs.printed(brief))
    body = "".join(_body(brief, squeezed(text), number, len(pages), sha256) for number, text in enumerate(pages, 1))
    for table in brief.tables:
        # the head of a table is set again on every page it reaches
        head = "".join(squeezed(column.title) for column in table.columns)
        while head and body.count(head) > expected.count(head):
            last = body.rindex(head)
            body = body[:last] + body[last + len(head) :]
    if body == expected:
        return []
    places = _places(brief)
    problems = []
    start = len(commonprefix((expected, body)))
    end = len(commonprefix((expected[start:][::-1], body[start:][::-1])))
    middle = SequenceMatcher(None, expected[start : len(expected) - end], body[start : len(body) - end])
    for what, *at in middle.get_opcodes():
        if what == "equal":
            continue
        a, b, x, y = (start + n for n in at)
        where = next((name for start, name in reversed(places) if start <= a), "")
        around = f"{expected[max(a - AROUND, 0) : a]}[…]{expected[b : b + AROUND]}"
        problems.append(f"{where}: printed {body[x:y]!r}, the payload says {expected[a:b]!r} (at {around})")
    return problems


def squeezed(text: str) -> str:
    """Text without white space and control characters, as pages are compared."""
    # PDFium gives a hyphen at a line's end as U+FFFE; briefings are set without hyphenation, so it is a printed one
    return re.sub(r"[\s\x00-\x1f\u00ad\u200b]+", "", text.replace("\ufffe", "-"))


def _places(brief: Brief) -> list[tuple[int, str]]:
    found, at = [], 0
    for where, text in briefs.printed(brief):
        found.append((at, where))
        at += len(squeezed(text))
    return found


def _body(brief: Brief, text: str, number: int, total: int, sha256: str) -> str:
    """A page's text without the frame: the running head, the hash, the mark and the page number."""
    page = squeezed(brief.labels["page"].replace("{page}", str(number)).replace("{pages}", str(total)))
    foot = squeezed(brief.labels["hash"]) + sha256 + (squeezed(brief.mark) if number == 1 else "") + page
    head = squeezed(brief.title) + squeezed(brief.mark) if number > 1 else ""
    for frame in (foot, head):
        if frame and frame in text:
            # the frame stands at an end of the page's text, never in the middle of it
            text = text.removeprefix(frame) if text.startswith(frame) else "".join(text.rsplit(frame, 1))
    return text
