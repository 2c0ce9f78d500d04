"""Sites, events, quarantined rows, records: what is listed rather than measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import polars as pl

from data_pipeline.cities import Pack
from data_pipeline.contracts import contract, contracts
from data_pipeline.queries.types import Event, QuarantinedRow, Site, StateChange
from data_pipeline.store.lake import Lake


def site_of(city: str, row: dict[str, Any]) -> Site:
    """A row of `sites` as a value; `zone_ids` and `attributes` are kept as JSON text in the lake."""
    # a city has tens of thousands of sites, but few places and kinds: each word is held once
    return Site(
        city=city, site_id=row["site_id"], dataset=sys.intern(row["dataset"]), name=row["name"] or row["site_id"],
        name_en=row["name_en"] or "", lon=row["lon"], lat=row["lat"], district_id=_once(row["district_id"]),
        township_id=_once(row["township_id"]), zone_ids=_zones(row["zone_ids"]), place_basis=_once(row["place_basis"]) or "",
        attributes=_attributes(row["attributes"] or "{}"), is_simulated=bool(row["is_simulated"]), delivery_id=row["delivery_id"],
    )  # fmt: skip


def _once(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


@lru_cache(maxsize=4096)
def _attributes(text: str) -> dict[str, Any]:
    return json.loads(text, object_pairs_hook=_held_once)


def _held_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {sys.intern(name): sys.intern(value) if isinstance(value, str) else value for name, value in pairs}


@lru_cache(maxsize=1024)
def _zones(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    if text.startswith("["):
        return tuple(json.loads(text))
    return tuple(part for part in text.replace(",", ";").split(";") if part)


def area_filter(pack: Pack, area_id: str) -> pl.Expr:
    """Sites that count in an area."""
    area = pack.area(area_id)
    if area.level == "city":
        return pl.lit(True)
    if area.level == "district":
        return pl.col("district_id") == area.id
    if area.level == "township":
        return pl.col("township_id") == area.id
    return pl.col("zone_ids").str.contains(area.id, literal=True).fill_null(False)


def alerts_with_trail(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table `alerts` → one row an alert as it stands, newest first, with `trail`: its steps, oldest first.

    A row that only tells of another figure (same state, person and note) is no step.
    """
    step = ["state", "changed_by", "note"]
    rows = rows.sort("alert_id", "commit_seq", "changed_at_utc")
    first = pl.col("alert_id").ne_missing(pl.col("alert_id").shift(1))
    moved = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in step)
    trails = (
        rows.filter(first | moved)
        .group_by("alert_id", maintain_order=True)
        .agg(pl.struct("state", "changed_at_utc", "changed_by", "note").alias("trail"))
    )
    present = rows.unique("alert_id", keep="last", maintain_order=True)
    return present.join(trails, on="alert_id", how="left").sort("opened_at_utc", descending=True, maintain_order=True)


def alert_event(city: str, row: dict[str, Any], pack: Pack) -> Event:
    """An alert's present row as an event; it stands at the middle of its area."""
    lon, lat = (pack.areas[row["area_id"]].centroid or (None, None)) if row["area_id"] in pack.areas else (None, None)
    trail = tuple(StateChange(s["state"], s["changed_at_utc"], s["changed_by"] or "", s["note"] or "") for s in row["trail"])
    closed = trail[-1].at_utc if row["state"] == "closed" else None
    return Event(
        id=row["alert_id"], city=city, kind="alert", area=row["area_id"], title_zh=row["title_zh"], title_en=row["title_en"],
        severity=row["severity"], state=row["state"], department=row["department"] or "", opened_at_utc=row["opened_at_utc"],
        closed_at_utc=closed, changed_by=row["changed_by"] or "", metric=row["metric"], value=row["value"],
        is_simulated=bool(row["is_simulated"]), lon=lon, lat=lat, note=row["note"] or "", changed_at_utc=trail[-1].at_utc, trail=trail,
    )  # fmt: skip


def city_event(city: str, row: dict[str, Any], pack: Pack) -> Event:
    """A record of `city_events` as an event."""
    inside = [a for a in row["counted_in"] or [] if a in pack.areas]
    order = {"township": 0, "district": 1, "zone": 2, "city": 3}
    inside.sort(key=lambda a: order[pack.areas[a].level])
    area = inside[0] if inside else None
    lon, lat = row["lon"], row["lat"]
    if lon is None and area is not None:
        lon, lat = pack.areas[area].centroid or (None, None)
    return Event(
        id=row["event_id"], city=city, kind="event", area=area, title_zh=row["title_zh"], title_en=row["title_en"] or row["title_zh"],
        severity=row["severity"], state=row["status"], department=row["department"] or "", opened_at_utc=row["started_at"],
        closed_at_utc=row["ended_at"], changed_by="", metric=None, value=None, is_simulated=bool(row["is_simulated"]), lon=lon, lat=lat,
        changed_at_utc=row["known_from_utc"],
    )  # fmt: skip


def quarantined(
    lake: Lake, city: str, dataset: str | None, delivery_id: int | None, limit: int, offset: int
) -> list[QuarantinedRow]:
    """Refused rows of a city, newest first."""
    conditions, params = ["city = ?"], [city]  # type: list[str], list[Any]
    if dataset is not None:
        conditions.append("dataset = ?")
        params.append(dataset)
    if delivery_id is not None:
        conditions.append("delivery_id = ?")
        params.append(delivery_id)
    rows = lake.frame(
        "SELECT quarantine_id, delivery_id, city, dataset, row_number, column_name, rule, reason, original, state FROM quarantine"
        f" WHERE {' AND '.join(conditions)} ORDER BY quarantine_id DESC LIMIT ? OFFSET ?",
        [*params, limit, offset],
    )
    return [
        QuarantinedRow(
            i, d, c, ds, number or 0, column or "", rule or "", reason or "", _original(original), state or ""
        )
        for i, d, c, ds, number, column, rule, reason, original, state in rows.iter_rows()
    ]


def _original(text: str | None) -> dict[str, Any]:
    found = json.loads(text or "{}")
    return found if isinstance(found, dict) else {"row": found}


def records_of_site(
    lake: Lake, city: str, site_id: str, dataset: str, limit: int, until_utc: datetime
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Newest present records of a site up to a moment: columns of the contract with event time first, and rows."""
    declared = contract(dataset)
    columns = ("event_at_utc", *declared.columns, "is_simulated", "delivery_id", "row_number")
    names = ", ".join(f'"{name}"' for name in columns)
    rows = lake.frame(
        f'SELECT {names} FROM "{declared.table}" WHERE city = ? AND site_id = ? AND known_to_utc IS NULL'
        " AND event_at_utc < ? ORDER BY event_at_utc DESC LIMIT ?",
        [city, site_id, until_utc, limit],
    )
    return columns, rows.rows()


def deliveries_of_site(lake: Lake, city: str, site_id: str, datasets: Iterable[str]) -> set[int]:
    """Ids of the deliveries whose rows about a site were taken, present revisions and replaced ones."""
    found: set[int] = set()
    for dataset in datasets:
        rows = lake.frame(
            f'SELECT DISTINCT delivery_id FROM "{contract(dataset).table}" WHERE city = ? AND site_id = ?', [city, site_id]
        )
        found |= set(rows["delivery_id"].to_list())
    return found


def reporting_datasets(register: str) -> list[str]:
    """Datasets whose records name sites of a register."""
    return [c.id for c in contracts().values() if c.register_dataset == register and "site_id" in c.columns]


def newest_first(events: list[Event], limit: int) -> list[Event]:
    """Open ones first, then by time, newest first."""
    return sorted(events, key=lambda e: (e.state != "closed", e.opened_at_utc or datetime.min), reverse=True)[:limit]
