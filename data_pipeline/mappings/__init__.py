"""Mapping files: one TOML a supplier's table says how its rows become records of a dataset.

Order in which the parts work: read (format, delimiter …) → file name pattern → rename → null
values → generated time → forward fill → wide to long → extract → joins → lists → split rows →
expressions → filters → value maps → vocabularies → constants → numbers, sentinels, units → times → coordinates.

Names on the right of `rename`, and every name made on the way, are columns of the contract or
begin with `_` (helpers, dropped at the end). All expressions are Polars SQL expressions
(`pl.sql_expr`): no tables, no files, no sub-queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field, PrivateAttr, model_validator

from data_pipeline.contracts import Contract, contract, duration
from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.errors import CityBrainError, UnknownId, did_you_mean
from data_pipeline.mappings.units import conversion
from data_pipeline.mappings.vocabularies import vocabulary_problems
from data_pipeline.sources import FILE, FORMATS, ReadOptions
from data_pipeline.times import zone
from geo.crs import UnknownDatum, canonical_datum

FOLDER = Path(__file__).parent
Scalar = str | int | float | bool
Text = str | list[str]


class WideToLong(Declared):
    """Columns turned into rows. `row_number` then counts cells: `(row - 1) * columns + column`.

    `keep` stay as they are; all others (or those matching the regular expression `columns`,
    without those matching `exclude`) become rows: their name goes to `name_into`, their value to
    `value_into`. `empty`: an empty cell is no row (`skip`) or a row without value (`keep`).
    """

    keep: list[str] = []
    columns: str = ""
    exclude: str = ""
    name_into: str
    value_into: str
    empty: Literal["skip", "keep"] = "skip"


class GeneratedTime(Declared):
    """Times for a table that has none: row n (from 0) is `start + n * step`.

    `start` is local time unless it has an offset. `clock = "elapsed"`: real time passes evenly;
    `"local"`: the local clock reads evenly, so a repeated hour is not repeated and a skipped one is refused.
    A column of that name in the file (a corrected row replayed) wins.
    """

    into: str
    start: str
    step: str
    clock: Literal["elapsed", "local"] = "elapsed"


class ForwardFill(Declared):
    """For change-only tables: an empty cell means "same as the row before", in the order of the rows.

    `columns`: which (empty: all that `wide_to_long` turns); `by`: start anew where these change;
    `limit`: how many rows a value may stand for, 0 = any number.
    """

    columns: list[str] = []
    by: list[str] = []
    limit: int = Field(default=0, ge=0)


class Extract(Declared):
    """Named groups of a regular expression over the text of `column` become columns."""

    column: str
    pattern: str


class ListTotal(Declared):
    """A number from a list inside each record (JSON): `expression` aggregates its elements.

    For example `SUM(COALESCE(Quantity, 1))`. A record with an empty or absent list gets null.
    """

    column: str
    into: str
    expression: str


class SplitRows(Declared):
    """One row for each match of `pattern` in the text of `column` (its first group if it has one).

    A row without any match stays one row, with null in `into`.
    """

    column: str
    pattern: str
    into: str


class Join(Declared):
    """Columns from a second file, found in the same zip, beside the delivery, or beside the mapping.

    `on` are the names after `rename` on both sides, compared as text. `required`: rows without
    a partner are refused (rule `no_partner`); else their columns are null. A key that stands
    twice in the second file is an error, as rows would multiply.
    """

    file: str
    on: list[str]
    columns: list[str]
    format: str = ""
    delimiter: str = ""
    encoding: str = ""
    sheet: str = ""
    records: str = ""
    rename: dict[str, str] = {}
    null_values: list[str] = []
    wide_to_long: WideToLong | None = None
    required: bool = False


class Filter(Declared):
    """Rows to keep: those where `expression` is true. The others are refused as `filtered_by_mapping`."""

    expression: str
    says: str = ""


class Coordinates(Declared):
    """Columns with coordinates: WGS84, CGCS2000, GCJ-02, BD-09 degrees or the units of `EPSG:n`."""

    x: str = "lon"
    y: str = "lat"
    crs: str = "WGS84"


class Conversion(Declared):
    """A conversion that no unit names: `value * factor + offset`; `says` explains it."""

    factor: float = 1.0
    offset: float = 0.0
    says: str


class Mapping(Declared):
    """How a supplier's table becomes records of one dataset. See the module for the order of the parts."""

    dataset: str
    title: str = ""
    source: str = ""
    licence: str = ""
    notes: str = ""
    # reading
    format: str | None = None
    delimiter: str = ""
    encoding: str = ""
    has_header: bool = True
    header: list[str] = []
    skip_rows: int = Field(default=0, ge=0)
    comment_prefix: str = ""
    sheet: str = ""
    layer: str = ""
    records: str = ""
    service_days: list[date] = Field(default=[], max_length=2)
    member: str = ""
    # shape
    file_pattern: str = ""
    rename: dict[str, str] = {}
    drop: list[str] = []
    null_values: list[str] = []
    null_values_in: dict[str, list[str]] = {}
    generated_time: GeneratedTime | None = None
    forward_fill: ForwardFill | None = None
    wide_to_long: WideToLong | None = None
    extract: list[Extract] = []
    joins: list[Join] = []
    list_totals: list[ListTotal] = []
    split_rows: SplitRows | None = None
    expressions: dict[str, str] = {}
    filters: list[Filter | str] = []
    values: dict[str, dict[str, Scalar]] = {}
    vocabularies: dict[str, str] = {}
    constants: dict[str, Scalar] = {}
    # values
    decimal_comma: bool = False
    sentinels: dict[str, list[float]] = {}
    units: dict[str, str | Conversion] = {}
    timezone: str | None = None
    timezones: dict[str, str] = {}
    time_formats: dict[str, Text] = {}
    datum: str | None = None
    coordinates: Coordinates | None = None
    allowed_lateness: str | None = None

    _name: str = PrivateAttr(default="")
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def name(self) -> str:
        """Name of the file without ending; "" for a mapping made in code."""
        return self._name

    @property
    def folder(self) -> Path | None:
        """Folder of the file; joined files are looked for there last."""
        return self._folder

    @property
    def contract(self) -> Contract:
        """The contract of the dataset."""
        return contract(self.dataset)

    @model_validator(mode="after")
    def _consistent(self) -> Mapping:
        problems: list[str] = []
        try:
            columns = set(contract(self.dataset).columns)
        except CityBrainError as error:
            raise ValueError(error.message) from None
        for what, names in self._made().items():
            problems += [_unknown(what, n, columns) for n in names if n not in columns and not n.startswith("_")]
        for what, keys in (("values", self.values), ("vocabularies", self.vocabularies), ("units", self.units), ("sentinels", self.sentinels),
                           ("timezones", self.timezones)):  # fmt: skip
            problems += [_unknown(what, n, columns) for n in keys if n not in columns]
        problems += [_unknown("time_formats", n, columns) for n in self.time_formats if n not in columns and n != "*"]
        problems += _broken_expressions(self._expressions())
        for what, pattern in self._patterns().items():
            problems += _broken_pattern(what, pattern)
        problems += self._broken_values()
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _made(self) -> dict[str, Iterable[str]]:
        made: dict[str, Iterable[str]] = {
            "rename": self.rename.values(), "expressions": self.expressions, "constants": self.constants,
            "list_totals": [total.into for total in self.list_totals], "extract": _groups(self.extract),
            "file_pattern": _groups([Extract(column=FILE, pattern=self.file_pattern)]),
            "joins": [name for join in self.joins for name in join.columns],
        }  # fmt: skip
        if self.generated_time:
            made["generated_time"] = [self.generated_time.into]
        if self.wide_to_long:
            made["wide_to_long"] = [self.wide_to_long.name_into, self.wide_to_long.value_into]
        if self.split_rows:
            made["split_rows"] = [self.split_rows.into]
        return made

    def _expressions(self) -> dict[str, str]:
        found = {f"expressions.{name}": text for name, text in self.expressions.items()}
        found |= {f"filters.{n}": rule.expression for n, rule in enumerate(self.filter_rules())}
        return found | {f"list_totals.{total.into}": total.expression for total in self.list_totals}

    def _patterns(self) -> dict[str, str]:
        found = {"file_pattern": self.file_pattern} | {f"extract.{e.column}": e.pattern for e in self.extract}
        if self.split_rows:
            found["split_rows"] = self.split_rows.pattern
        for what, wide in [("wide_to_long", self.wide_to_long)] + [("joins", join.wide_to_long) for join in self.joins]:
            if wide:
                found |= {f"{what}.columns": wide.columns, f"{what}.exclude": wide.exclude}
        return {what: pattern for what, pattern in found.items() if pattern}

    def _broken_values(self) -> list[str]:
        columns = contract(self.dataset).columns
        problems = vocabulary_problems(self.vocabularies, {name: column.values for name, column in columns.items()})
        for name, unit in self.units.items():
            if name in columns and isinstance(unit, str):
                try:
                    conversion(unit, columns[name].unit)
                except ValueError as error:
                    problems.append(f"units.{name}: {error}")
        for name in [n for n in (self.timezone, *self.timezones.values()) if n]:
            try:
                zone(name)
            except CityBrainError as error:
                problems.append(f"timezone: {error.message}")
        for datum in [d for d in (self.datum, self.coordinates.crs if self.coordinates else None) if d]:
            try:
                canonical_datum(datum)
            except UnknownDatum as error:
                problems.append(str(error))
        if self.format is not None and self.format not in FORMATS:
            near = did_you_mean(self.format, FORMATS)
            problems.append(
                f"format {self.format!r} is not one of {', '.join(FORMATS)}"
                + (f"; did you mean {near[0]!r}?" if near else "")
            )
        for what, text in (
            ("allowed_lateness", self.allowed_lateness),
            ("step", self.generated_time and self.generated_time.step),
        ):
            try:
                duration(text) if text else None
            except ValueError as error:
                problems.append(f"{what}: {error}")
        if self.datum and self.coordinates:
            problems.append("datum and coordinates contradict each other: say it once")
        return problems

    def filter_rules(self) -> list[Filter]:
        """The filters, each with its expression."""
        return [rule if isinstance(rule, Filter) else Filter(expression=rule) for rule in self.filters]

    def mentioned(self) -> set[str]:
        """Every column name the mapping speaks of: read, turned, joined on, or left out on purpose."""
        names = {*self.rename, *self.rename.values(), *self.drop, *self.null_values_in}
        for text in self._expressions().values():
            names |= set(pl.sql_expr(text).meta.root_names())
        names |= {one.column for one in self.extract} | {total.column for total in self.list_totals}
        names |= {name for join in self.joins for name in join.on}
        if self.forward_fill:
            names |= {*self.forward_fill.columns, *self.forward_fill.by}
        if self.split_rows:
            names.add(self.split_rows.column)
        if self.wide_to_long:
            names |= set(self.wide_to_long.keep)
        if self.coordinates:
            names |= {self.coordinates.x, self.coordinates.y}
        return names

    def conversion_of(self, column: str) -> tuple[float, float]:
        """Factor and offset for the numbers of a column, (1, 0) where it is already in the contract's unit."""
        unit = self.units.get(column)
        if unit is None:
            return 1.0, 0.0
        if isinstance(unit, Conversion):
            return unit.factor, unit.offset
        return conversion(unit, self.contract.columns[column].unit)

    def formats_of(self, column: str) -> list[str]:
        """Time formats declared for a column, in the order to be tried; empty where none is."""
        found = self.time_formats.get(column, self.time_formats.get("*", []))
        return [found] if isinstance(found, str) else list(found)

    def read_options(self, **limits: Any) -> ReadOptions:
        """How the delivery is to be read."""
        words = " ".join([*self._expressions().values(), *(e.column for e in self.extract), *self.rename])
        return ReadOptions(
            delimiter=self.delimiter, encoding=self.encoding, has_header=self.has_header, header=tuple(self.header),
            skip_rows=self.skip_rows, comment_prefix=self.comment_prefix, sheet=self.sheet, layer=self.layer,
            records=self.records, service_days=tuple(day.isoformat() for day in self.service_days), member=self.member, file_column=bool(self.file_pattern) or FILE in words, **limits,
        )  # fmt: skip


def _unknown(what: str, name: str, columns: set[str]) -> str:
    near = did_you_mean(name, columns)
    hint = f"; did you mean {near[0]!r}?" if near else "; helper columns begin with '_'"
    return f"{what}: {name!r} is no column of the contract{hint}"


def _groups(extracts: Iterable[Extract]) -> list[str]:
    names: list[str] = []
    for extract in extracts:
        try:
            names += list(re.compile(extract.pattern).groupindex)
        except re.error:
            continue  # reported by _broken_pattern
    return names


def _broken_pattern(what: str, pattern: str) -> list[str]:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.PolarsError as error:
        return [f"{what}: {pattern!r} is not a regular expression ({str(error).splitlines()[0]})"]
    return []


def _broken_expressions(expressions: dict[str, str]) -> list[str]:
    problems = []
    for what, text in expressions.items():
        # a sub-query could name a table or a file; an expression only ever sees its own row
        if re.search(r"\bselect\b", text, re.IGNORECASE):
            problems.append(f"{what}: sub-queries are not allowed: {text!r}")
            continue
        try:
            pl.sql_expr(text)
        except pl.exceptions.PolarsError as error:
            problems.append(f"{what}: {text!r} is not a Polars SQL expression ({str(error).splitlines()[0]})")
    return problems


def names() -> list[str]:
    """Names of the mappings that come with the product."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_mapping(path_or_name: str | Path) -> Mapping:
    """The mapping in a TOML file, or the product's own of that name (`data_pipeline/mappings/<name>.toml`).

    Raises
    ------
    UnknownId
        No such name, with "did you mean".
    DeclarationError
        The file is absent or wrong: every unknown key, column, unit, zone and expression at once.
    """
    text = str(path_or_name)
    path = Path(text)
    if not text.endswith(".toml") and "/" not in text:
        if text not in names():
            raise UnknownId("mapping", text, names())
        path = FOLDER / f"{text}.toml"
    mapping = validate(Mapping, read_toml(path), path.name)
    mapping._name, mapping._folder = path.stem, path.resolve().parent
    return mapping
