"""Quarantine: list refused rows, export them for correction, replay them.

An export has the supplier's own columns with the values as they came, and beside them
`quarantine_id` and what was wrong. A replay takes such a file with corrected values, or no file
(to try the rows as they are once more, for example after the register has arrived). It makes a new
delivery with an account of its own; the old rows get the state `replayed` and the delivery's id.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from data_pipeline.errors import DeliveryError, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest.commit import Commit
from data_pipeline.ingest.keep import kept_path
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.mappings import Mapping
from data_pipeline.sources import read
from data_pipeline.store.lake import Lake

ID = "quarantine_id"
ABOUT = (ID, "quarantine_row", "quarantine_column", "quarantine_rule", "quarantine_reason")
MAX_EXPORT_ROWS = 200_000
# a replay delivers rows as lines of JSON: how the supplier's file was to be read no longer applies
_READING = ("delimiter", "encoding", "has_header", "header", "skip_rows", "comment_prefix", "sheet", "layer", "records", "member")


@dataclass(frozen=True)
class Wanted:
    """Which refused rows: all that fit every given part. `state` "" means every state."""

    city: str = ""
    dataset: str = ""
    delivery_id: int | None = None
    rule: str = ""
    state: str = "open"

    def where(self) -> tuple[str, list[Any]]:
        """SQL condition and its values."""
        parts = {"q.city": self.city, "q.dataset": self.dataset, "q.delivery_id": self.delivery_id, "q.rule": self.rule}
        given = {name: value for name, value in (parts | {"q.state": self.state}).items() if value not in ("", None)}
        return " AND ".join(["true", *(f"{name} = ?" for name in given)]), list(given.values())


def listed(lake: Lake, wanted: Wanted, limit: int = 100, offset: int = 0) -> pl.DataFrame:
    """Refused rows, newest first, with all columns of `quarantine` and the delivery's file name."""
    where, params = wanted.where()
    return lake.frame(
        "SELECT q.*, d.filename FROM quarantine q LEFT JOIN deliveries d USING (delivery_id) "
        f"WHERE {where} ORDER BY q.quarantine_id DESC LIMIT ? OFFSET ?",
        [*params, limit, offset],
    )


def export(lake: Lake, wanted: Wanted, path: Path) -> int:
    """Write refused rows of one dataset to a CSV (UTF-8 with mark) or Excel file; returns how many.

    Raises
    ------
    UsageError
        No such row, several datasets at once, too many rows, or another ending than .csv or .xlsx.
    """
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise UsageError(f"{path.name}: a quarantine is exported as .csv or .xlsx")
    rows = listed(lake, wanted, limit=MAX_EXPORT_ROWS + 1).sort(ID)
    if rows.is_empty():
        raise UsageError("no row in quarantine fits", hint="look at `quarantine list`")
    datasets = sorted(set(rows["dataset"].to_list()))
    if len(datasets) > 1:
        raise UsageError(f"rows of several datasets fit: {', '.join(datasets)}", hint="choose one with --dataset")
    if rows.height > MAX_EXPORT_ROWS:
        raise UsageError(f"more than {MAX_EXPORT_ROWS:,} rows fit", hint="choose one delivery with --delivery")
    originals = [orjson.loads(text) for text in rows["original"].to_list()]
    names = list(dict.fromkeys(name for row in originals for name in row))
    about = rows.select(ID, "row_number", "column_name", "rule", "reason").rows()
    table = [[*map(_cell, first), *(_cell(row.get(name)) for name in names)] for first, row in zip(about, originals, strict=True)]
    _write_table(path, [*ABOUT, *names], table)
    return rows.height


def replay(commit: Commit, wanted: Wanted, file: Path | None = None, filename: str = "", operator: str = "") -> list[Receipt]:
    """Take refused rows once more, corrected (from an exported file) or as they are.

    Rows of one original delivery make one new delivery. Rows refused again stand in quarantine
    anew, under the new delivery.

    Raises
    ------
    UsageError
        No open row fits, or the file names rows that are not open.
    DeliveryError
        The file cannot be read or has no column `quarantine_id`.
    """
    corrected = _corrected(file, filename or file.name) if file is not None else None
    where, params = wanted.where()
    commit.flush()
    with _ids_shown(commit.lake, corrected) as only:
        rows = commit.lake.frame(
            "SELECT q.quarantine_id, q.delivery_id, q.original, d.city, d.dataset, d.source, d.filename, d.sha256, "
            "d.mapping, d.mapping_sha256, d.is_simulated, d.format FROM quarantine q "
            f"JOIN deliveries d USING (delivery_id) WHERE {where} {only} ORDER BY q.quarantine_id",
            params,
        )
    if corrected is not None:
        unknown = sorted(set(corrected) - set(rows[ID].to_list()))
        if unknown:
            raise UsageError(
                f"{len(unknown)} rows of the file are not open in quarantine, first {ID} {unknown[0]}",
                hint="they were replayed already, or belong to another store; leave them out",
            )
    if rows.is_empty():
        raise UsageError("no open row in quarantine fits", hint="look at `quarantine list`")
    receipts = []
    for _, group in rows.group_by("delivery_id", maintain_order=True):
        receipts.append(_replay_delivery(commit, group, corrected, operator))
    return receipts


def _replay_delivery(commit: Commit, group: pl.DataFrame, corrected: dict[int, dict[str, Any]] | None, operator: str) -> Receipt:
    """The refused rows of one delivery as a new one."""
    first = group.row(0, named=True)
    home = commit.writer.home
    lines = []
    for number, text in group.select(ID, "original").iter_rows():
        given = orjson.loads(text)
        # only what the supplier had is taken back: columns a person added have no meaning to the mapping
        lines.append(given | {k: v for k, v in corrected[number].items() if k in given} if corrected else given)
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        path = Path(folder) / "replay.ndjson"
        path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        incoming = Incoming(
            path=path, city=first["city"], dataset=first["dataset"], source=first["source"],
            filename=_replay_name(first["filename"]), mapping=_mapping(home, first["mapping_sha256"]),
            mapping_name=first["mapping"], operator=operator or "replay", is_simulated=first["is_simulated"],
        )  # fmt: skip
        beside = [kept_path(home, first["sha256"])] if first["sha256"] else []
        receipt = commit.take(incoming, beside=beside, again=True)
    if receipt.status == "accepted":
        with commit.lake.shown("replayed_rows", group.select(ID)):
            commit.lake.execute(
                "UPDATE quarantine SET state = 'replayed', replayed_as = ?, commit_seq = ? "
                "WHERE quarantine_id IN (SELECT quarantine_id FROM replayed_rows)",
                [receipt.delivery_id, commit.commit_seq],
            )
    return receipt


def _replay_name(filename: str) -> str:
    # the supplier's own name stays in front: a mapping may read the device from it
    return filename if filename.endswith(".replay.ndjson") else f"{filename}.replay.ndjson"


def _mapping(home: Home, digest: str) -> Mapping | None:
    """The mapping a delivery was read with, for lines of JSON instead of the supplier's file."""
    if not digest:
        return None
    plain = orjson.loads(kept_path(home, digest).read_bytes())
    for name in _READING:
        plain.pop(name, None)
    return Mapping.model_validate(plain | {"format": "ndjson"})


def _corrected(file: Path, filename: str) -> dict[int, dict[str, Any]]:
    """quarantine_id → corrected values, all as text; an empty cell is no value."""
    raw = read(file, filename=filename)
    if not raw.refused.is_empty():
        bad = raw.refused.row(0, named=True)
        raise DeliveryError(f"{filename}: row {bad['row_number']} cannot be read: {bad['reason']}")
    if ID not in raw.frame.columns:
        raise DeliveryError(
            f"{filename}: there is no column {ID!r}", hint="correct a file made by `quarantine export` and keep that column"
        )
    table = raw.frame.drop("row_number").cast(pl.String)
    found: dict[int, dict[str, Any]] = {}
    for row in table.iter_rows(named=True):
        number = row.pop(ID)
        if number is None or not number.strip().isdigit():
            raise DeliveryError(f"{filename}: {ID} {number!r} is not the number of a row", hint="keep the column as exported")
        if int(number) in found:
            raise DeliveryError(f"{filename}: {ID} {number} stands twice", hint="one line a row")
        found[int(number)] = {k: v if v else None for k, v in row.items() if k not in ABOUT}
    return found


@contextmanager
def _ids_shown(lake: Lake, corrected: dict[int, dict[str, Any]] | None) -> Iterator[str]:
    """SQL that keeps to the rows of a corrected file; "" where there is none."""
    if corrected is None:
        yield ""
        return
    with lake.shown("corrected_rows", pl.DataFrame({ID: list(corrected)}, schema={ID: pl.Int64})):
        yield "AND q.quarantine_id IN (SELECT quarantine_id FROM corrected_rows)"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if path.suffix.lower() == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
        return
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("quarantine")
    for row in (header, *rows):
        sheet.append(list(row))
    book.save(path)
