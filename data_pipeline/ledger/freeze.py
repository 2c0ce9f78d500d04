"""Freezes: a whole ledger kept under a name, as canonical JSON with its hash.

The payload holds every value of the ledger, so a frozen ledger reads back as the same values
(`thaw`), whatever was reported or corrected since.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from data_pipeline.errors import StoreError, UnknownId
from data_pipeline.ledger.says import refuse
from data_pipeline.ledger.types import Freeze, Ledger

if TYPE_CHECKING:
    from data_pipeline.store.lake import Lake

FORMAT = 1
MOST_NAME = 80
MOST_BYTES = 32 * 1024 * 1024
COLUMNS = ("freeze_id", "city", "name", "on_day", "frozen_at_utc", "by", "by_known", "sha256", "payload", "commit_seq")
_SCHEMA: dict[str, Any] = dict.fromkeys(COLUMNS, pl.String) | {
    "on_day": pl.Date, "frozen_at_utc": pl.Datetime("us"), "by_known": pl.Boolean, "commit_seq": pl.Int64,
}  # fmt: skip


def canonical(value: Any) -> str:
    """`value` (plain JSON values) as the one JSON text it has: sorted keys, no spaces, UTF-8 letters.

    Raises
    ------
    ValueError
        NaN or infinity, which JSON does not know.
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of(payload: str) -> str:
    """SHA-256 of a payload's UTF-8 bytes, 64 hexadecimal digits."""
    return hashlib.sha256(payload.encode("utf-8")).hexdigest()


def payload_of(ledger: Ledger) -> str:
    """The canonical JSON of a ledger; equal ledgers give equal text."""
    plain = _adapter().dump_python(ledger, mode="json")
    return canonical({"format": FORMAT, "ledger": plain})


def thaw(freeze: Freeze) -> Ledger:
    """The ledger as it was frozen.

    Raises
    ------
    StoreError
        The payload does not match its hash, or is of a format this version does not know.
    """
    if sha256_of(freeze.payload) != freeze.sha256:
        raise StoreError(
            f"freeze {freeze.freeze_id}: its payload has hash {sha256_of(freeze.payload)[:12]}…, recorded is {freeze.sha256[:12]}…",
            hint="the stored text was changed; do not use it, restore the home folder from a copy",
        )
    return _thawed(freeze)


@lru_cache(maxsize=8)
def _thawed(freeze: Freeze) -> Ledger:
    body = json.loads(freeze.payload)
    if body.get("format") != FORMAT:
        raise StoreError(f"freeze {freeze.freeze_id} has format {body.get('format')!r}, this version reads {FORMAT}")
    try:
        return _adapter().validate_python(body["ledger"])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"freeze {freeze.freeze_id} cannot be read: {where}: {first['msg']}",
            hint="it was made by another version of the product; use that one to read it",
        ) from None


def make(ledger: Ledger, name: str, by: str, by_known: bool, at_utc: datetime) -> Freeze:
    """A freeze of `ledger`, not yet in the store.

    Parameters
    ----------
    name : str
        1 to 80 characters, what the meeting calls it.
    by : str
        Who freezes; `by_known` False where nobody has proved to be that person (未认证).
    at_utc : datetime
        Naive UTC; with city and name it makes the id.

    Raises
    ------
    UsageError
        No name, a name that is too long, or no person.
    """
    name = " ".join(name.split())
    if not name or len(name) > MOST_NAME:
        raise refuse("freeze_name", got=name[:100], n=len(name), most=MOST_NAME)
    if not by.strip():
        raise refuse("freeze_nobody", hint="say who freezes the ledger")
    payload = payload_of(ledger)
    mark = hashlib.sha256(f"{ledger.city}|{name}|{at_utc.isoformat()}".encode()).hexdigest()[:8]
    return Freeze(
        freeze_id=f"{ledger.city}-{ledger.on:%Y%m%d}-{mark}", city=ledger.city, name=name, on=ledger.on, frozen_at_utc=at_utc,
        by=by.strip(), by_known=by_known, sha256=sha256_of(payload), payload=payload,
    )  # fmt: skip


def arguments_of(freeze: Freeze) -> dict[str, Any]:
    """A freeze as plain values for the inbox, without its payload (which goes as the file)."""
    return {
        "freeze_id": freeze.freeze_id, "city": freeze.city, "name": freeze.name, "on": freeze.on.isoformat(),
        "frozen_at_utc": freeze.frozen_at_utc.isoformat(), "by": freeze.by, "by_known": freeze.by_known, "sha256": freeze.sha256,
    }  # fmt: skip


def from_arguments(arguments: dict[str, Any], file: Path) -> Freeze:
    """The freeze handed in; `UsageError` where the file is not what the hash says."""
    if file.stat().st_size > MOST_BYTES:
        raise refuse("freeze_large", n=file.stat().st_size, most=MOST_BYTES)
    payload = file.read_bytes().decode("utf-8")
    if sha256_of(payload) != arguments["sha256"]:
        raise refuse("freeze_changed", hint="freeze it again")
    plain = {key: arguments[key] for key in ("freeze_id", "city", "name", "on", "frozen_at_utc", "by", "by_known", "sha256")}
    return TypeAdapter(Freeze).validate_python(plain | {"payload": payload})


def record(lake: Lake, freeze: Freeze, commit_seq: int) -> None:
    """Append a freeze, inside the writer's transaction.

    Raises
    ------
    UsageError
        The city has a freeze of that name already: a freeze is never replaced.
    """
    taken = lake.frame("SELECT freeze_id, on_day FROM ledger_freezes WHERE city = ? AND name = ?", [freeze.city, freeze.name])
    if not taken.is_empty():
        raise refuse(
            "freeze_taken", got=freeze.name, freeze=taken["freeze_id"][0], on=taken["on_day"][0].isoformat(),
            hint="a freeze is kept as it is; choose another name",
        )  # fmt: skip
    row = {
        "freeze_id": freeze.freeze_id, "city": freeze.city, "name": freeze.name, "on_day": freeze.on,
        "frozen_at_utc": freeze.frozen_at_utc, "by": freeze.by, "by_known": freeze.by_known, "sha256": freeze.sha256,
        "payload": freeze.payload, "commit_seq": commit_seq,
    }  # fmt: skip
    lake.append("ledger_freezes", pl.DataFrame([row], schema=_SCHEMA))


def listed(lake: Lake, city: str) -> list[Freeze]:
    """The freezes of a city, newest first, without their payloads (empty text)."""
    rows = lake.frame(
        'SELECT freeze_id, city, name, on_day AS "on", frozen_at_utc, "by", by_known, sha256, \'\' AS payload'
        " FROM ledger_freezes WHERE city = ? ORDER BY frozen_at_utc DESC, freeze_id",
        [city],
    )
    return [Freeze(**row) for row in rows.iter_rows(named=True)]


def one(lake: Lake, city: str, freeze_id: str) -> Freeze:
    """One freeze with its payload, by its id or its name; `UnknownId` where there is none."""
    rows = lake.frame(
        'SELECT freeze_id, city, name, on_day AS "on", frozen_at_utc, "by", by_known, sha256, payload'
        " FROM ledger_freezes WHERE city = ? AND (freeze_id = ? OR name = ?)",
        [city, freeze_id, freeze_id],
    )
    if rows.is_empty():
        raise UnknownId("freeze", freeze_id, [known for f in listed(lake, city) for known in (f.freeze_id, f.name)])
    return Freeze(**rows.row(0, named=True))


def write_payload(freeze: Freeze, folder: Path) -> Path:
    """The payload as a file in `folder`, to be handed to the inbox."""
    with tempfile.NamedTemporaryFile("wb", dir=folder, prefix="freeze-", suffix=".json", delete=False) as file:
        file.write(freeze.payload.encode("utf-8"))
    return Path(file.name)


@cache
def _adapter() -> TypeAdapter[Ledger]:
    # here, not above: the package `queries` reads freezes; `types` knows the name for type checkers only
    from data_pipeline.queries.types import Target

    adapter = TypeAdapter(Ledger)
    adapter.rebuild(_types_namespace={"Target": Target})
    return adapter
