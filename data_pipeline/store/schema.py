"""The tables of the lake. Times are naive UTC; `city` and area ids are text codes.

System columns of every records table, after the contract's own columns:

==================  =====================================================================
city                city id
locality_id         where the record counts: joins `localities`; null only while unlocated
h3_r9               H3 cell at resolution 9 (points only), as an unsigned 64-bit integer
place_basis         site, point, township (given by the supplier) or area
event_at_utc        event time (registers: arrival)
utc_offset_s        offset of the city's clock at the event
local_day           the city's calendar day of the event
is_simulated        made by the simulator
delivery_id, row_number   where the row came from (row_number counts data rows from 1)
known_from_utc      when this revision became known (arrival of its delivery)
known_to_utc        when a later revision replaced it; null = current
commit_seq          number of the commit that wrote or last touched the row
==================  =====================================================================
"""

from __future__ import annotations

from datetime import datetime

from data_pipeline.contracts import DUCKDB_TYPES, Contract

SYSTEM_COLUMNS: dict[str, str] = {
    "city": "VARCHAR",
    "locality_id": "BIGINT",
    "h3_r9": "UBIGINT",
    "place_basis": "VARCHAR",
    "event_at_utc": "TIMESTAMP",
    "utc_offset_s": "INTEGER",
    "local_day": "DATE",
    "is_simulated": "BOOLEAN",
    "delivery_id": "BIGINT",
    "row_number": "BIGINT",
    "known_from_utc": "TIMESTAMP",
    "known_to_utc": "TIMESTAMP",
    "commit_seq": "BIGINT",
}

TABLES: dict[str, dict[str, str]] = {
    # one row a commit: what changed, for readers that follow
    "commits": {"commit_seq": "BIGINT", "at_utc": "TIMESTAMP", "what": "VARCHAR", "cities": "VARCHAR"},
    # one row a delivery: rows_in = accepted + duplicates + quarantined (corrections are among accepted)
    "deliveries": {
        "delivery_id": "BIGINT", "city": "VARCHAR", "dataset": "VARCHAR", "source": "VARCHAR",
        "filename": "VARCHAR", "format": "VARCHAR", "sha256": "VARCHAR", "bytes": "BIGINT",
        "mapping": "VARCHAR", "mapping_sha256": "VARCHAR", "operator": "VARCHAR", "is_simulated": "BOOLEAN",
        "received_at_utc": "TIMESTAMP", "known_from_utc": "TIMESTAMP",
        "rows_in": "BIGINT", "accepted": "BIGINT", "duplicates": "BIGINT", "quarantined": "BIGINT",
        "corrections": "BIGINT", "first_event_utc": "TIMESTAMP", "last_event_utc": "TIMESTAMP",
        "status": "VARCHAR", "message": "VARCHAR", "commit_seq": "BIGINT",
    },
    # one row a refused row; `original` is JSON of the values as they came
    "quarantine": {
        "quarantine_id": "BIGINT", "delivery_id": "BIGINT", "city": "VARCHAR", "dataset": "VARCHAR",
        "row_number": "BIGINT", "column_name": "VARCHAR", "rule": "VARCHAR", "reason": "VARCHAR",
        "original": "VARCHAR", "state": "VARCHAR", "replayed_as": "BIGINT", "at_utc": "TIMESTAMP", "commit_seq": "BIGINT",
    },
    # present sites over all registers, located once (rebuilt from register records)
    "sites": {
        "city": "VARCHAR", "site_id": "VARCHAR", "dataset": "VARCHAR", "name": "VARCHAR", "name_en": "VARCHAR",
        "lon": "DOUBLE", "lat": "DOUBLE", "h3_r9": "UBIGINT", "locality_id": "BIGINT", "district_id": "VARCHAR",
        "township_id": "VARCHAR", "zone_ids": "VARCHAR", "place_basis": "VARCHAR", "opened_on": "DATE",
        "closed_on": "DATE", "attributes": "VARCHAR", "is_simulated": "BOOLEAN", "delivery_id": "BIGINT",
        "known_from_utc": "TIMESTAMP", "commit_seq": "BIGINT",
    },
    # which areas a locality counts in: one row an ancestor (township, zones, district, city)
    "localities": {"locality_id": "BIGINT", "city": "VARCHAR", "area_id": "VARCHAR"},
    # current readings; what was known at an earlier time is computed anew from the records
    "readings": {
        "city": "VARCHAR", "metric": "VARCHAR", "area_id": "VARCHAR", "grain": "VARCHAR",
        "period_start_utc": "TIMESTAMP", "period_end_utc": "TIMESTAMP",
        "numerator": "DOUBLE", "denominator": "DOUBLE", "value": "DOUBLE", "n": "BIGINT",
        "reported_n": "BIGINT", "expected_n": "BIGINT", "simulated_n": "BIGINT",
        "status": "VARCHAR", "origin": "VARCHAR", "data_as_of_utc": "TIMESTAMP",
        "known_from_utc": "TIMESTAMP", "commit_seq": "BIGINT",
    },
    # alerts are events in the store: one row a change of state, the last row is the present one
    "alerts": {
        "alert_id": "VARCHAR", "city": "VARCHAR", "rule_id": "VARCHAR", "area_id": "VARCHAR", "metric": "VARCHAR",
        "state": "VARCHAR", "severity": "VARCHAR", "department": "VARCHAR", "opened_at_utc": "TIMESTAMP",
        "changed_at_utc": "TIMESTAMP", "changed_by": "VARCHAR", "value": "DOUBLE", "note": "VARCHAR",
        "title_zh": "VARCHAR", "title_en": "VARCHAR", "is_simulated": "BOOLEAN", "commit_seq": "BIGINT",
    },
    # the plan ledger as it was frozen for a meeting: canonical JSON and its hash; never changed, never replaced
    "ledger_freezes": {
        "freeze_id": "VARCHAR", "city": "VARCHAR", "name": "VARCHAR", "on_day": "DATE", "frozen_at_utc": "TIMESTAMP",
        "by": "VARCHAR", "by_known": "BOOLEAN", "sha256": "VARCHAR", "payload": "VARCHAR", "commit_seq": "BIGINT",
    },
    # reports of departments on their way: one row a change of state, the last row is the present one; what is
    # accepted becomes a record of `plan_reports`; `evidence` and `warnings` are JSON lists
    "report_entries": {
        "entry_id": "VARCHAR", "city": "VARCHAR", "subject": "VARCHAR", "subject_id": "VARCHAR", "data_on": "DATE",
        "state": "VARCHAR", "value": "DOUBLE", "stage": "VARCHAR", "expected_on": "DATE", "progress_share": "DOUBLE",
        "invested_yi_yuan": "DOUBLE", "blocked": "BOOLEAN", "blocked_cause": "VARCHAR", "blocked_owner": "VARCHAR",
        "department": "VARCHAR", "reason": "VARCHAR", "evidence": "VARCHAR", "author": "VARCHAR", "author_known": "BOOLEAN",
        "submitted_at_utc": "TIMESTAMP", "reviewer": "VARCHAR", "reviewer_known": "BOOLEAN", "reviewed_at_utc": "TIMESTAMP",
        "review_note": "VARCHAR", "warnings": "VARCHAR", "is_simulated": "BOOLEAN", "replaces": "VARCHAR",
        "delivery_id": "BIGINT", "changed_at_utc": "TIMESTAMP", "changed_by": "VARCHAR", "commit_seq": "BIGINT",
    },
    # how each source of a city stands; rewritten by the pipeline
    "source_state": {
        "city": "VARCHAR", "dataset": "VARCHAR", "state": "VARCHAR", "last_event_utc": "TIMESTAMP",
        "last_received_utc": "TIMESTAMP", "commit_seq": "BIGINT",
    },
}  # fmt: skip


def records_columns(contract: Contract) -> dict[str, str]:
    """Column → DuckDB type of a dataset's records table: the contract's columns, then the system's."""
    own = {name: DUCKDB_TYPES[column.type] for name, column in contract.columns.items()}
    return own | SYSTEM_COLUMNS


def create_statement(table: str, columns: dict[str, str]) -> str:
    """`CREATE TABLE IF NOT EXISTS` for a table; names come from declarations only."""
    body = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    return f'CREATE TABLE IF NOT EXISTS "{table}" ({body})'


def known_at(moment: datetime | None, table: str = "") -> tuple[str, list[datetime]]:
    """The condition on records that counted at a moment (naive UTC; None: that count now), and its parameters.

    `table`: the name the records have in the statement, where it joins others.
    """
    of = f"{table}." if table else ""
    if moment is None:
        return f"{of}known_to_utc IS NULL", []
    return f"{of}known_from_utc <= ? AND ({of}known_to_utc IS NULL OR {of}known_to_utc > ?)", [moment, moment]
