"""Worked examples of metrics, run through the real composed SQL in a store of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from data_pipeline.aggregate.refresh import refresh
from data_pipeline.cities import Area, Pack
from data_pipeline.cities.model import CityFile
from data_pipeline.contracts import Contract, contract
from data_pipeline.metrics import Example, Metric
from data_pipeline.store.lake import Lake
from data_pipeline.store.schema import records_columns
from data_pipeline.times import period_start, to_utc

CITY = "example"
_LOCALITY = 1


@dataclass(frozen=True)
class Outcome:
    """What an example gave; all None where there is no reading."""

    numerator: float | None
    denominator: float | None
    value: float | None

    def problems(self, example: Example) -> list[str]:
        """How it differs from what the example says, at the digits the example gives."""
        found = []
        for name in ("numerator", "denominator", "value"):
            wanted, got = getattr(example, name), getattr(self, name)
            if wanted is None and name != "value":
                continue
            if (wanted is None) != (got is None) or (wanted is not None and round(got - wanted, example.decimals) != 0):
                found.append(f"{example.says}: {name} should be {wanted}, got {got} ({example.source})")
        return found


@contextmanager
def example_store() -> Iterator[Lake]:
    """An empty store in memory, gone afterwards."""
    lake = Lake.in_memory()
    try:
        yield lake
    finally:
        lake.close()


def run_example(lake: Lake, metric: Metric, example: Example) -> Outcome:
    """Put the example's rows into the store, refresh, read the city's reading, and take everything out again."""
    pack = _pack(example.population)
    moments: list[datetime] = []
    touched: dict[tuple[str, str], set[date]] = {}
    try:
        with lake.transaction(f"example of {metric.id}"):
            lake.append("localities", pl.DataFrame({"locality_id": [_LOCALITY], "city": [CITY], "area_id": [CITY]}))
            for dataset, rows in _by_dataset(metric, example).items():
                frame = records_frame(contract(dataset), rows, pack)
                lake.append(contract(dataset).table, frame)
                touched[(CITY, dataset)] = set(frame["local_day"].to_list())
                if dataset == metric.dataset:
                    moments = frame[metric.period_on or "event_at_utc"].drop_nulls().to_list()
            refresh(lake, {CITY: pack}, touched, commit_seq=1, now=datetime(2030, 1, 1), only={metric.id})
            order = "" if not metric.is_stock else " ORDER BY period_start_utc DESC LIMIT 1"
            limits: list[Any] = [metric.id, "day" if metric.is_stock else example.grain]
            start = "period_start_utc < ?" if metric.is_stock else "period_start_utc = ?"
            moment = to_utc(example.at, pack.tz) if example.at else min(moments)
            limits.append(datetime(2027, 1, 1) if metric.is_stock else period_start(moment, example.grain, pack.tz))
            found = lake.frame(
                "SELECT numerator, denominator, value FROM readings WHERE city = 'example' AND area_id = 'example'"
                f" AND metric = ? AND grain = ? AND {start}{order}",
                limits,
            )
            raise _Undo
    except _Undo:
        pass
    return Outcome(*found.row(0)) if found.height else Outcome(None, None, None)


class _Undo(Exception):
    """Leaves the transaction of an example without a trace."""


def _pack(population: int | None) -> Pack:
    declared = CityFile(
        id=CITY, name_zh="示例", name_en="Example", timezone="Asia/Shanghai", metric_crs="EPSG:4547",
        bbox=(114, 30, 115, 31), layers={}, sources={},
    )  # fmt: skip
    area = Area(id=CITY, name_zh="示例", name_en="Example", level="city", population=population)
    return Pack(Path(), declared, {CITY: area})


def _by_dataset(metric: Metric, example: Example) -> dict[str, list[dict[str, Any]]]:
    """Rows by dataset, copies made, key columns of copies numbered; registers first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in example.rows:
        dataset = str(row.get("_dataset", metric.dataset))
        declared = contract(dataset)
        plain = {name: value for name, value in row.items() if not name.startswith("_")}
        for i in range(int(row.get("_times", 1))):
            copy = dict(plain)
            if "_every_s" in row and declared.event_time:
                copy[declared.event_time] = plain[declared.event_time] + timedelta(seconds=i * row["_every_s"])
            elif row.get("_times"):
                name = next((k for k in declared.key if declared.columns[k].type == "string"), declared.key[0])
                copy[name] = f"{plain.get(name, '')}-{i}"
            found.setdefault(dataset, []).append(copy)
    return found


def records_frame(
    declared: Contract,
    rows: list[dict[str, Any]],
    pack: Pack,
    *,
    localities: dict[str, int] | None = None,
    known_from_utc: datetime | None = None,
    delivery_id: int = 1,
    commit_seq: int = 1,
    is_simulated: bool = False,
) -> pl.DataFrame:
    """Rows as records of the lake, located by `localities` (area id → locality), else in the city as a whole.

    Times in `rows` without zone are the city's local time. Used by examples and tests; deliveries
    go through `ingest`.
    """
    arrival = known_from_utc or datetime(2026, 1, 1)
    made = []
    for number, row in enumerate(rows, start=1):
        record: dict[str, Any] = dict.fromkeys(declared.columns)
        record |= {k: to_utc(v, pack.tz) if isinstance(v, datetime) else v for k, v in row.items()}
        event = record[declared.event_time] if declared.event_time else arrival
        local = event.replace(tzinfo=UTC).astimezone(pack.tz)
        record |= {
            "city": pack.id, "locality_id": (localities or {}).get(str(row.get("area_id")), _LOCALITY), "h3_r9": None,
            "place_basis": "area", "event_at_utc": event, "utc_offset_s": int((local.utcoffset() or timedelta(0)).total_seconds()),
            "local_day": local.date(), "is_simulated": is_simulated, "delivery_id": delivery_id, "row_number": number,
            "known_from_utc": arrival, "known_to_utc": None, "commit_seq": commit_seq,
        }  # fmt: skip
        made.append(record)
    types: dict[str, Any] = {"VARCHAR": pl.String, "BIGINT": pl.Int64, "DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean, "DATE": pl.Date,
             "TIMESTAMP": pl.Datetime("us"), "INTEGER": pl.Int32, "UBIGINT": pl.UInt64}  # fmt: skip
    schema = {name: types[kind] for name, kind in records_columns(declared).items()}
    return pl.DataFrame(made, schema=schema, orient="row")


def check_examples(lake: Lake, metric: Metric) -> list[str]:
    """Problems of a metric's examples; an empty list where all come out right."""
    problems = []
    for example in metric.examples:
        problems += run_example(lake, metric, example).problems(example)
    if not metric.examples:
        problems.append("has no worked example")
    return problems
