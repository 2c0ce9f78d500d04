"""The briefing (快报): a document of words and figures, set as PDF by typst; its payload travels inside it.

A `Brief` holds every text that is printed, already worded in one language; `brief.typ` only sets it. Its
canonical JSON is the payload: embedded in the file, its SHA-256 printed on every page, checked by
`data_pipeline.ledger.verify`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from data_pipeline.errors import CityBrainError, DeliveryError
from data_pipeline.ledger.freeze import canonical, sha256_of
from data_pipeline.ledger.says import refuse

FORMAT = 1
ATTACHMENT = "payload.json"
TEMPLATE = Path(__file__).with_name("brief.typ")
FONTS = Path(__file__).resolve().parents[2] / "assets" / "fonts"
Tone = Literal["", "strong", "quiet", "alert"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    `mark` stands small beside the text (simulated), `note` below it. `value` is the figure behind `text` for workbooks, `places` its decimals there. `drawing` is an SVG that stands
    in the text's place. `is_sum`: the workbook adds up the column above.
    """

    text: str
    note: str = ""
    mark: str = ""
    tone: Tone = ""
    value: float | None = None
    places: int = 0
    drawing: str = ""
    is_sum: bool = False


@dataclass(frozen=True)
class Column:
    """A column: heading, width as a share of the line (0 = as wide as its texts), figures set right."""

    title: str
    width: float = 0.0
    is_figure: bool = False


@dataclass(frozen=True)
class Table:
    """A table; its last row may be a total. `id` names its sheet in a workbook."""

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Figure:
    """A headline figure: name, number, unit, what must be said beside it (period, data time, completeness, change)."""

    name: str
    number: str
    unit: str
    notes: tuple[str, ...]
    is_simulated: bool
    tone: Tone = ""


@dataclass(frozen=True)
class Figures:
    """Headline figures side by side."""

    items: tuple[Figure, ...]
    kind: Literal["figures"] = "figures"


@dataclass(frozen=True)
class Share:
    """One part of a bar of counts: `word`, how many, a tone, and its place in the order of severity."""

    word: str
    n: int
    status: str


@dataclass(frozen=True)
class Counts:
    """Counts by status as a bar with its words; `of` names the column (table id, its number) a workbook counts."""

    items: tuple[Share, ...]
    of: tuple[str, int] | None = None
    kind: Literal["counts"] = "counts"


@dataclass(frozen=True)
class Text:
    """A paragraph; `lead` is the opening sentence."""

    text: str
    style: Literal["lead", "plain", "note"] = "plain"
    kind: Literal["text"] = "text"


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Table | Figures | Counts | Text, ...]
    note: str = ""


@dataclass(frozen=True)
class Brief:
    """A whole briefing in one language.

    `head` is the masthead's small line (what, number of issue), `facts` the lines under the title (date, data time,
    freeze), `mark` the simulated mark or empty, `labels` the words of the frame: page, hash, city, total, sheet, simulated.
    """

    kind: str
    city: str
    lang: Literal["zh", "en"]
    masthead: str
    title: str
    facts: tuple[str, ...]
    mark: str
    sections: tuple[Section, ...]
    sources: tuple[str, ...]
    labels: Mapping[str, str]
    freeze_id: str = ""
    freeze_sha256: str = ""
    format: int = field(default=FORMAT)

    @property
    def tables(self) -> list[Table]:
        """All tables in the order of the document."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Table)]


def payload_of(brief: Brief) -> str:
    """The canonical JSON of a briefing."""
    # through the model, so that a whole number given for a share is written as it will be read again
    model = _adapter()
    return canonical(model.dump_python(model.validate_python(asdict(brief)), mode="json"))


def read_payload(payload: str) -> Brief:
    """The briefing a payload describes.

    Raises
    ------
    DeliveryError
        It is no payload of a briefing of this version.
    """
    try:
        brief = _adapter().validate_json(payload)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise DeliveryError(f"payload: {where}: {first['msg']}") from None
    if brief.format != FORMAT:
        raise DeliveryError(f"payload: format {brief.format}, this version reads {FORMAT}")
    return brief


def to_pdf(brief: Brief, look: Mapping[str, str]) -> bytes:
    """The briefing as an A4 PDF with selectable text, page numbers and its payload attached.

    Parameters
    ----------
    look : token → colour
        `ink`, `ink-2`, `ink-3`, `line`, `line-strong`, `accent`, `alert`, `surface` (components.theme).

    Raises
    ------
    CityBrainError
        typst refuses the document; the message is its own.
    """
    return _compiled(brief, look, "pdf")[0]


def to_pngs(brief: Brief, look: Mapping[str, str], dots_per_inch: int = 96) -> list[bytes]:
    """The pages of the briefing as PNG pictures."""
    return _compiled(brief, look, "png", dots_per_inch)


def _compiled(brief: Brief, look: Mapping[str, str], kind: str, ppi: float = 144) -> list[bytes]:
    import typst

    payload = payload_of(brief)
    inputs = {"payload": payload, "sha256": sha256_of(payload), "look": canonical(dict(look)), "attachment": ATTACHMENT}
    try:
        made = typst.compile(
            TEMPLATE.read_bytes(), format=kind, ppi=ppi, font_paths=[str(FONTS)], sys_inputs=inputs, timestamp=0
        )  # type: ignore[call-overload]
    except typst.TypstError as error:
        raise refuse("brief_unset", CityBrainError, title=brief.title, text=f"{error.message} {error.diagnostic}") from error
    return list(made) if isinstance(made, list) else [made]


def printed(brief: Brief) -> Iterator[tuple[str, str]]:
    """(where, text) of everything printed between the page frames, in the order of the document."""
    yield "masthead", brief.masthead
    yield "masthead", brief.mark
    yield "title", brief.title
    for fact in brief.facts:
        yield "facts", fact
    for section in brief.sections:
        yield section.title, section.title
        yield section.title, section.note
        for block in section.blocks:
            for text in _texts(block):
                yield section.title, text
    yield "sources", brief.labels["sources"]
    for line in brief.sources:
        yield "sources", line


def _texts(block: Table | Figures | Counts | Text) -> Iterator[str]:
    if isinstance(block, Text):
        yield block.text
    elif isinstance(block, Counts):
        for share in block.items:
            yield from (share.word, str(share.n))
    elif isinstance(block, Figures):
        for item in block.items:
            yield from (item.name, item.number, item.unit, *item.notes)
    else:
        yield block.title
        yield from (column.title for column in block.columns)
        for row in block.rows:
            for cell in row:
                yield from (cell.text, cell.mark, cell.note)
        yield block.note


@cache
def _adapter() -> TypeAdapter[Brief]:
    return TypeAdapter(Brief)


