"""The drawer of a target's figure: asked for by `target|city|id|date` (`components.ledger.listing.figure_key`)."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote

from components.ids import figure_key
from components.ledger import drawer as ledger_drawer
from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.ledger.types import Ledger, LedgerTarget
from data_pipeline.queries.types import Delivery
from pages import PageRequest
from pages.overview import departments
from pages.plan.target import said_of

KIND = "target|"


def drawer(request: PageRequest, key: str) -> Any:
    """The drawer's content for one target; `request.city` is the city of the key (`city_of`).

    Raises
    ------
    UsageError
        The key is none.
    UnknownId
        The city's plans have no such target.
    """
    _, city, target_id, on = _parts(key)
    ledger = request.queries.ledger(city, None if on >= request.today else on)
    row = ledger.target(target_id)
    if row is None:
        raise UnknownId("target", target_id, [r.target.target_id for r in ledger.targets])
    api = f"/api/v1/ledger?city={quote(city)}&on={ledger.on}"
    return ledger_drawer.provenance(
        row, ledger, said_of(request, ledger, target_id), _delivery(request, row), request.city.tz, request.lang,
        city=request.name(request.city), departments=departments(request), live_key=_live_key(request, row, ledger), api_href=api,
    )  # fmt: skip


def city_of(key: str) -> str:
    """The city a key speaks of."""
    return _parts(key)[1]


def _parts(key: str) -> tuple[str, str, str, date]:
    try:
        kind, city, target_id, on = key.split("|")
        return kind, city, target_id, date.fromisoformat(on)
    except ValueError:
        raise UsageError(f"figure: {key!r} is not target|city|id|date") from None


def _delivery(request: PageRequest, row: LedgerTarget) -> Delivery | None:
    """The delivery that brought the actual value."""
    wanted = row.path[-1].delivery_id if row.path else row.last_report.delivery_id if row.last_report else None
    if wanted is None:
        return None
    every = request.queries.deliveries(request.city.id, limit=100_000)
    return next((d for d in every if d.delivery_id == wanted), None)


def _live_key(request: PageRequest, row: LedgerTarget, ledger: Ledger) -> str:
    """The key of the newest reading behind a live actual; only today's ledger rests on the newest one."""
    if row.actual_from != "live" or row.metric is None or ledger.on < request.today:
        return ""
    area = request.city.city_area.id if row.area == request.city.id else row.area
    return figure_key(request.queries.latest(row.metric, area))
