"""What a person does from a page: change an alert, take the refused rows along. Pages themselves only show.

==============================  ==================================================================
`POST /act/alert`               `{alert, state, note}` → `{alert, state, by}` once it is committed (roles
                                report, review, admin); the running pipeline does it, the web never writes
`GET /act/quarantine.csv`       refused rows of one dataset as CSV with the supplier's own columns,
                                the same file as `quarantine export`, to be corrected and replayed
==============================  ==================================================================
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from data_pipeline.access import current_user
from data_pipeline.access.state import Forbidden, check_role
from data_pipeline.cities import Pack
from data_pipeline.contracts import contract
from data_pipeline.errors import CityBrainError, StoreBusy, UnknownId, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest.desk import ask_alert_state
from data_pipeline.ingest.quarantine import ABOUT, MAX_EXPORT_ROWS
from data_pipeline.queries.types import QuarantinedRow

if TYPE_CHECKING:
    from data_pipeline.queries import Queries

MAX_BODY_BYTES = 8192
PIECE_ROWS = 2000


def make_actions_router(queries: Queries, packs: Mapping[str, Pack], home: Home | None) -> APIRouter:
    """Routes of this module.

    Parameters
    ----------
    home : Home, optional
        Home folder whose running pipeline takes the changes; without one they are refused (503).
    """
    router = APIRouter(include_in_schema=False)

    @router.post("/act/alert")
    async def alert(request: Request) -> Response:
        try:
            user = check_role(current_user(request), "report", "review")
            given = _alert_change(await request.body())
            if home is None:
                raise StoreBusy("this web has no home folder; nothing would take the change")
            await run_in_threadpool(ask_alert_state, home, given["alert"], given["state"], user.label, given["note"])
        except CityBrainError as error:
            return _refusal(error)
        done = {"alert": given["alert"], "state": given["state"], "by": user.label}
        return Response(orjson.dumps(done), media_type="application/json", headers={"Cache-Control": "no-store"})

    @router.get("/act/quarantine.csv")
    async def quarantine(city: str, dataset: str, delivery: int | None = None) -> Response:
        try:
            if city not in packs:
                raise UnknownId("city", city, packs)
            contract(dataset)
        except CityBrainError as error:
            return _refusal(error)
        rows = await run_in_threadpool(_open_rows, queries, city, dataset, delivery)
        name = f"quarantine_{city}_{dataset}" + (f"_{delivery}" if delivery is not None else "")
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
        return StreamingResponse(_csv(rows), headers=headers, media_type="text/csv; charset=utf-8")

    return router


def _alert_change(body: bytes) -> dict[str, str]:
    """alert, state and note of a request; `UsageError` names what is wrong."""
    if len(body) > MAX_BODY_BYTES:
        raise UsageError(f"body: {len(body)} bytes, at most {MAX_BODY_BYTES} are taken")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"body: not JSON ({error})") from None
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()) or not {"alert", "state"} <= set(given):
        raise UsageError("body: alert and state (and note) are needed, each a text")
    unknown = sorted(set(given) - {"alert", "state", "note"})
    if unknown:
        raise UsageError(f"body: unknown key {unknown[0]!r}, allowed: alert, state, note")
    return {"note": "", **given}


def _open_rows(queries: Queries, city: str, dataset: str, delivery: int | None) -> list[QuarantinedRow]:
    """Refused rows that have not been replayed, oldest first."""
    found: list[QuarantinedRow] = []
    offset = 0
    while offset < MAX_EXPORT_ROWS:
        piece = queries.quarantine(city, dataset, delivery, PIECE_ROWS, offset)
        found += [row for row in piece if row.state == "open"]
        if len(piece) < PIECE_ROWS:
            break
        offset += PIECE_ROWS
    return sorted(found, key=lambda row: row.quarantine_id)


def _csv(rows: list[QuarantinedRow]) -> Iterator[bytes]:
    """Lines of CSV in pieces: UTF-8 with mark, what was wrong first, then the supplier's columns."""
    names = list(dict.fromkeys(name for row in rows for name in row.original))
    yield b"\xef\xbb\xbf" + _lines([[*ABOUT, *names]])
    for start in range(0, len(rows), PIECE_ROWS):
        yield _lines(
            [
                [str(r.quarantine_id), str(r.row_number), r.column, r.rule, r.reason, *(_cell(r.original.get(n)) for n in names)]
                for r in rows[start : start + PIECE_ROWS]
            ]
        )


def _lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _refusal(error: CityBrainError) -> Response:
    if isinstance(error, Forbidden):
        status = error.status
    else:
        status = 503 if isinstance(error, StoreBusy) else 404 if isinstance(error, UnknownId) else 400
    body = {"message": error.message, "hint": error.hint}
    return Response(orjson.dumps(body), status, media_type="application/json", headers={"Cache-Control": "no-store"})
