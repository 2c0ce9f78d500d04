"""Registers: the present sites of a city, rebuilt from the records of the sites a delivery touched."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from data_pipeline.contracts import Contract
from data_pipeline.ingest.locate import Locality
from data_pipeline.store.lake import Lake

if TYPE_CHECKING:
    from data_pipeline.cities import Pack

# columns of a register that `sites` has itself; the others go into `attributes`
OWN = ("site_id", "name", "name_en", "lon", "lat", "opened_on", "closed_on")
PASSED = ("h3_r9", "locality_id", "place_basis", "is_simulated", "delivery_id", "known_from_utc")


def sites(lake: Lake, city: str, register: str | None) -> pl.DataFrame:
    """Located sites: `site_id`, `locality_id`, `h3_r9`; of one register, or of all (first one wins)."""
    sql, params = "SELECT site_id, locality_id, h3_r9 FROM sites WHERE city = ?", [city]
    if register is not None:
        return lake.frame(sql + " AND dataset = ?", [*params, register])
    return lake.frame(sql + " ORDER BY dataset", params).unique("site_id", keep="first", maintain_order=True)


def rebuild(
    lake: Lake, rules: Contract, pack: Pack, touched: pl.Series, localities: dict[int, Locality], commit_seq: int
) -> None:
    """Write `sites` anew for the touched sites of a register, from its present records in the lake.

    `localities`: those known already by id; the others are read.
    """
    with lake.shown("touched_sites", pl.DataFrame({"site_id": touched})):
        present = lake.frame(
            f'SELECT * FROM "{rules.table}" r SEMI JOIN touched_sites t ON r.site_id = t.site_id '
            "WHERE r.city = ? AND r.known_to_utc IS NULL",
            [pack.id],
        )
        lake.execute(
            "DELETE FROM sites WHERE city = ? AND dataset = ? AND site_id IN (SELECT site_id FROM touched_sites)",
            [pack.id, rules.id],
        )
    if not present.is_empty():
        lake.append("sites", _rows(lake, present, rules, pack, localities, commit_seq))


def _rows(
    lake: Lake, present: pl.DataFrame, rules: Contract, pack: Pack, localities: dict[int, Locality], commit_seq: int
) -> pl.DataFrame:
    known = dict(localities)
    for number in set(present["locality_id"].to_list()) - set(known):
        known[number] = _stored_locality(lake, pack, number)
    extra = [name for name in rules.columns if name not in OWN]
    attributes = [
        json.dumps({k: _plain(v) for k, v in row.items() if v is not None}, ensure_ascii=False)
        for row in present.select(extra).iter_rows(named=True)
    ]
    ids = present["locality_id"].to_list()
    own = [name for name in (*OWN, *PASSED) if name in present.columns]
    return present.select(own).with_columns(
        city=pl.lit(pack.id),
        dataset=pl.lit(rules.id),
        district_id=pl.Series([known[n].district_id for n in ids], dtype=pl.String),
        township_id=pl.Series([known[n].township_id for n in ids], dtype=pl.String),
        zone_ids=pl.Series([",".join(known[n].zone_ids) for n in ids], dtype=pl.String),
        attributes=pl.Series(attributes, dtype=pl.String),
        commit_seq=pl.lit(commit_seq, pl.Int64),
    )


def _stored_locality(lake: Lake, pack: Pack, number: int) -> Locality:
    """A locality as the table `localities` has it, its areas sorted into district, township and zones."""
    found = lake.frame("SELECT area_id FROM localities WHERE locality_id = ?", [number])["area_id"].to_list()
    levels: dict[str, list[str]] = {}
    for area in found:
        if pack.has_area(area):
            levels.setdefault(pack.area(area).level, []).append(area)
    first = {level: ids[0] for level, ids in levels.items()}
    zones = tuple(sorted(levels.get("zone", [])))
    return Locality(number, first.get("district"), first.get("township"), zones, tuple(found))


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value


def write_source_state(
    lake: Lake,
    seen: dict[tuple[str, str], tuple[datetime | None, datetime]],
    states: dict[tuple[str, str], str],
    commit_seq: int,
) -> None:
    """How each source of a commit stands now; one row a city and dataset.

    `seen`: (city, dataset) → newest event and arrival; `states`: what the pack declares, real where it says nothing.
    """
    if not seen:
        return
    keys = pl.DataFrame([{"city": city, "dataset": dataset} for city, dataset in seen])
    with lake.shown("seen_sources", keys):
        before = lake.frame("SELECT s.* FROM source_state s SEMI JOIN seen_sources k USING (city, dataset)")
        lake.execute(
            "DELETE FROM source_state s USING seen_sources k WHERE s.city = k.city AND s.dataset = k.dataset"
        )
    last = {(row["city"], row["dataset"]): row["last_event_utc"] for row in before.iter_rows(named=True)}
    rows = []
    for (city, dataset), (event, received) in seen.items():
        newest = max(filter(None, (last.get((city, dataset)), event)), default=None)
        rows.append((city, dataset, states.get((city, dataset), "real"), newest, received, commit_seq))
    schema: dict[str, pl.DataType] = {
        "city": pl.String(), "dataset": pl.String(), "state": pl.String(), "last_event_utc": pl.Datetime("us"),
        "last_received_utc": pl.Datetime("us"), "commit_seq": pl.Int64(),
    }  # fmt: skip
    lake.append("source_state", pl.DataFrame(rows, schema=schema, orient="row"))
