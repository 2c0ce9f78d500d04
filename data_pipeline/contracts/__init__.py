"""Contracts: one TOML file a dataset says what a record is. What breaks it goes to quarantine."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.errors import UnknownId

FOLDER = Path(__file__).parent
ColumnType = Literal["string", "integer", "float", "boolean", "timestamp", "date"]
Place = Literal["site", "point", "area"]

POLARS_TYPES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "boolean": pl.Boolean(),
    "timestamp": pl.Datetime("us"),
    "date": pl.Date(),
}
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
}
_DURATION = re.compile(r"(\d+)(s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def duration(text: str) -> timedelta:
    """`"15min"`, `"1h"`, `"7d"` as a timedelta; ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a duration such as 30s, 15min, 1h or 7d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


class Column(Declared):
    """One column: type, unit, whether it may be empty, and the values it may take.

    A `timestamp` is naive UTC in the store. `min` and `max` are inclusive, in `unit`.
    """

    type: ColumnType
    zh: str
    en: str
    unit: str = ""
    required: bool = False
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] = ()
    pattern: str = ""


class Check(Declared):
    """A rule over several columns: rows where the Polars SQL expression is false are quarantined.

    A null result passes: a rule speaks only about rows that have the values it compares.
    """

    name: str
    expression: str
    zh: str
    en: str


class Step(Declared):
    """How fast a thing may change at most: what differs more from the row before is quarantined as `name`.

    `by`: columns that tell the things apart (a vehicle, a gauge). `column`: the number that is
    watched; empty for the position (`lon`, `lat`). `most_per_h`: greatest change in an hour, in the
    column's unit, for positions in km. `free`: a change up to this is never refused, however fast
    (noise of the instrument).
    """

    name: str = Field(pattern=r"[a-z][a-z0-9_]*")
    by: tuple[str, ...] = Field(min_length=1)
    column: str = ""
    most_per_h: float = Field(gt=0)
    free: float = Field(default=0, ge=0)
    zh: str
    en: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are compared."""
        return (self.column,) if self.column else ("lon", "lat")


class Contract(Declared):
    """What a record of one dataset is.

    `kind`: `register` (the present list of sites; key is `site_id`), `observation` (something
    measured at a time), `case` (a ticket or project whose record changes over its life),
    `figures` (numerators and denominators somebody else has aggregated).
    `place`: the ways a record may be located, tried in this order. `register`: dataset whose
    sites ought to report (those whose attributes equal `register_where`); with `cadence` it gives
    the number of records expected. `derived_from`: records this product works out itself from those
    of another dataset; its source stands for them (a pack declares no source of their own).
    """

    id: str = Field(pattern=r"[a-z][a-z0-9_]*")
    name_zh: str
    name_en: str
    domain: str
    kind: Literal["register", "observation", "case", "figures"]
    key: tuple[str, ...]
    event_time: str | None = None
    place: tuple[Place, ...]
    register_dataset: str | None = Field(default=None, alias="register")
    register_where: dict[str, str] = {}
    derived_from: str = ""
    cadence: str | None = None
    allowed_lateness: str = "400d"
    allowed_ahead: str = "10min"
    columns: dict[str, Column]
    checks: tuple[Check, ...] = ()
    steps: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        problems = [f"key column {name!r} is not declared" for name in self.key if name not in self.columns]
        if self.event_time is not None and self.event_time not in self.columns:
            problems.append(f"event_time {self.event_time!r} is not a declared column")
        if self.kind != "register" and self.event_time is None:
            problems.append("event_time is missing")
        needs = {"site": ["site_id"], "point": ["lon", "lat"], "area": ["area_id"]}
        for way in self.place:
            problems += [f"place {way!r} needs column {c!r}" for c in needs[way] if c not in self.columns]
        for step in self.steps:
            unknown = [name for name in (*step.by, *step.columns) if name not in self.columns]
            problems += [f"step {step.name!r}: {name!r} is not a declared column" for name in unknown]
            if self.event_time is None:
                problems.append(f"step {step.name!r} needs an event_time")
        for text in (self.cadence, self.allowed_lateness, self.allowed_ahead):
            if text is not None:
                duration(text)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def table(self) -> str:
        """Name of the records table in the lake."""
        return f"rec_{self.id}"

    @property
    def foretells(self) -> bool:
        """Whether its records speak of days to come, as those of a timetable do; readings stop at today all the same."""
        return duration(self.allowed_ahead) > timedelta(days=1)

    def polars_schema(self) -> dict[str, pl.DataType]:
        """Column name → Polars type, in the order of the contract."""
        return {name: POLARS_TYPES[column.type] for name, column in self.columns.items()}


def load_contract(path: Path) -> Contract:
    """The contract in a TOML file; `DeclarationError` lists everything wrong with it."""
    return validate(Contract, read_toml(path), path.name)


@cache
def contracts() -> dict[str, Contract]:
    """All contracts of the product by dataset id."""
    found = (load_contract(path) for path in sorted(FOLDER.glob("*.toml")))
    return {contract.id: contract for contract in found}


def contract(dataset: str) -> Contract:
    """The contract of a dataset; `UnknownId` with "did you mean" where there is none."""
    try:
        return contracts()[dataset]
    except KeyError:
        raise UnknownId("dataset", dataset, contracts()) from None
