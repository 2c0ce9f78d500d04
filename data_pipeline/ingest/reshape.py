"""A table as it was found → rows with the contract's columns, still in the supplier's words.

Every row remembers the source row (and, for wide tables, the cell) it came from, so that what is
refused later can show the values as they came, in a form the same mapping reads again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import polars as pl

from data_pipeline.contracts import Contract, duration
from data_pipeline.errors import DeliveryError, did_you_mean
from data_pipeline.ingest.companions import joined
from data_pipeline.ingest.moments import utc_of
from data_pipeline.ingest.naming import (
    CELL,
    SOURCE,
    adopt_names,
    match_names,
    rename,
    unused_columns,
    without_nulls,
)
from data_pipeline.ingest.words import mapped_values, translated
from data_pipeline.mappings import Extract, Mapping, WideToLong
from data_pipeline.sources import FILE, ROW, Raw, as_json
from data_pipeline.sources.records import column, flatten


@dataclass
class Shaped:
    """Rows on their way to the contract.

    `frame`: contract columns (any type), helpers, `row_number` and source positions.
    `refused`: rows that could not be read. `excluded`: (mask over frame, column, rule, reason) of
    rows a mapping leaves out. `unused`: columns of the table that become nothing.
    `rows_in` = rows of frame + rows of refused.
    """

    frame: pl.DataFrame
    source: pl.DataFrame
    refused: pl.DataFrame
    notes: list[str] = field(default_factory=list)
    excluded: list[tuple[pl.Series, str, str, str]] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    value_into: str = ""
    extra: list[str] = field(default_factory=list)
    crs: str = ""
    unused: list[str] = field(default_factory=list)

    @property
    def rows_in(self) -> int:
        """Rows that must be accounted for."""
        return self.frame.height + self.refused.height

    def originals(self, rows: pl.Series) -> list[str]:
        """JSON of the values as they came, for rows of `frame` by position."""
        picked = self.frame[rows]
        source = self.source[picked[SOURCE]]
        n = picked.height
        made = picked.select([c for c in self.extra if c in picked.columns]).to_dicts() or [{}] * n
        if not self.wide:
            given = source.drop([c for c in (ROW, FILE) if c in source.columns]).iter_rows(named=True)
            return [as_json({**made[at], **row}) for at, row in enumerate(given)]
        # one cell of a wide row, under its own column name: the same mapping reads it again
        ids = source.select([c for c in self.kept if c in source.columns]).to_dicts() or [{}] * n
        names = [self.wide[at] for at in picked[CELL].to_list()]
        cells = picked[self.value_into].to_list() if self.value_into in picked.columns else [None] * n
        return [as_json({**made[at], **ids[at], names[at]: cells[at]}) for at in range(n)]


def reshape(
    raw: Raw,
    contract: Contract,
    mapping: Mapping | None,
    tz: ZoneInfo,
    *,
    filename: str,
    path: Path,
    beside: Sequence[Path] = (),
) -> Shaped:
    """Apply a mapping (or none) to a table.

    Raises
    ------
    DeliveryError
        A column the contract requires cannot be filled (names what is missing, extra and near),
        an expression does not fit the table, a joined file is absent or has a key twice.
    """
    frame = raw.frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(SOURCE))
    shaped = Shaped(frame, raw.frame, raw.refused, list(raw.notes), crs=raw.crs)
    if mapping is not None:
        _map(shaped, contract, mapping, tz, filename, path, beside)
    shaped.frame = match_names(shaped.frame, contract, mapping, filename)
    shaped.unused = unused_columns(raw.frame.columns, contract, mapping, [*shaped.wide, *_excluded(raw.frame.columns, mapping)])
    return shaped


def _excluded(columns: Sequence[str], mapping: Mapping | None) -> list[str]:
    """Columns a wide table's pattern leaves out on purpose."""
    pattern = mapping.wide_to_long.exclude if mapping and mapping.wide_to_long else ""
    return [name for name in columns if pattern and re.search(pattern, name)]


def _map(
    shaped: Shaped,
    contract: Contract,
    mapping: Mapping,
    tz: ZoneInfo,
    filename: str,
    path: Path,
    beside: Sequence[Path],
) -> None:
    if mapping.file_pattern:
        shaped.frame = extract(
            shaped.frame, Extract(column=FILE, pattern=mapping.file_pattern), "file_pattern", filename
        )
        empty = shaped.frame.filter(pl.col(next(iter(re.compile(mapping.file_pattern).groupindex), FILE)).is_null())
        if empty.height:
            raise DeliveryError(
                f"{filename}: the file name {empty[FILE][0]!r} does not fit the mapping's file_pattern "
                f"{mapping.file_pattern!r}",
                hint="deliver the file under the supplier's own name, or correct the pattern",
            )
    shaped.frame, renamed = rename(shaped.frame, mapping.rename, filename, shaped.notes)
    if mapping.drop:
        shaped.frame = shaped.frame.drop(
            [c for c in mapping.drop if c in shaped.frame.columns and c not in (ROW, SOURCE)]
        )
    shaped.frame = without_nulls(shaped.frame, mapping.null_values, mapping.null_values_in)
    _generate_time(shaped, mapping, tz)
    wide = _wide_columns(shaped.frame, mapping.wide_to_long, filename, _fixed(mapping)) if mapping.wide_to_long else []
    _fill(shaped, mapping, wide, filename)
    if mapping.wide_to_long:
        _melt(shaped, mapping.wide_to_long, wide, renamed)
    for one in mapping.extract:
        shaped.frame = extract(shaped.frame, one, "extract", filename)
    for join in mapping.joins:
        _join(shaped, join, mapping, filename, path, beside)
    for total in mapping.list_totals:
        shaped.frame = _total(shaped.frame, total.column, total.into, total.expression, filename)
    if mapping.split_rows:
        _split(shaped, mapping)
    for name, text in mapping.expressions.items():
        shaped.frame = shaped.frame.with_columns(
            _evaluated(shaped.frame, text, f"expressions.{name}", filename).alias(name)
        )
    for n, rule in enumerate(mapping.filter_rules()):
        keep = _evaluated(shaped.frame, rule.expression, f"filters.{n}", filename)
        if keep.dtype != pl.Boolean:
            raise DeliveryError(f"{filename}: filters.{n} gives {keep.dtype}, not true or false: {rule.expression!r}")
        says = rule.says or f"only rows with {rule.expression} are taken"
        shaped.excluded.append((~keep.fill_null(False), "", "filtered_by_mapping", f"left out by the mapping: {says}"))
    shaped.frame, strange = translated(mapped_values(adopt_names(shaped.frame, contract, filename), mapping), mapping)
    shaped.excluded += strange
    for name, value in mapping.constants.items():
        shaped.frame = shaped.frame.with_columns(pl.lit(value).alias(name))


def _fixed(mapping: Mapping) -> set[str]:
    fixed = {mapping.generated_time.into} if mapping.generated_time else set()
    if mapping.file_pattern:
        fixed |= set(re.compile(mapping.file_pattern).groupindex)
    return fixed | {ROW, SOURCE, FILE}


def _wide_columns(frame: pl.DataFrame, wide: WideToLong, filename: str, fixed: set[str]) -> list[str]:
    absent = [name for name in wide.keep if name not in frame.columns]
    if absent:
        raise DeliveryError(
            f"{filename}: wide_to_long keeps {', '.join(map(repr, absent))}, "
            f"but the file has {', '.join(frame.columns[:10])} …",
            hint="`keep` holds names after `rename`",
        )
    names = [name for name in frame.columns if name not in fixed and name not in wide.keep]
    names = [
        n
        for n in names
        if (not wide.columns or re.search(wide.columns, n)) and not (wide.exclude and re.search(wide.exclude, n))
    ]
    if not names:
        raise DeliveryError(
            f"{filename}: wide_to_long finds no column to turn", hint="correct `columns` or `keep` in the mapping"
        )
    return names


def _generate_time(shaped: Shaped, mapping: Mapping, tz: ZoneInfo) -> None:
    made = mapping.generated_time
    if made is None:
        return
    if made.into in shaped.frame.columns:
        shaped.notes.append(f"{made.into} comes from the file, not from the mapping's generated_time")
        return
    zone = ZoneInfo(mapping.timezone) if mapping.timezone else tz
    step_us = int(duration(made.step).total_seconds()) * 1_000_000
    start = datetime.fromisoformat(made.start)
    elapsed = made.clock == "elapsed" or start.tzinfo is not None
    first = utc_of(made.start, zone) if elapsed else start
    first_us = int(first.replace(tzinfo=UTC).timestamp()) * 1_000_000
    # counted over rows read and rows refused alike: a broken line still took its time
    moments = ((pl.col(ROW) - 1) * step_us + first_us).cast(pl.Datetime("us"))
    moments = moments.dt.replace_time_zone("UTC").dt.convert_time_zone(zone.key) if elapsed else moments
    shaped.frame = shaped.frame.with_columns(moments.alias(made.into))
    shaped.extra.append(made.into)


def _fill(shaped: Shaped, mapping: Mapping, wide: list[str], filename: str) -> None:
    fill = mapping.forward_fill
    if fill is None:
        return
    columns = fill.columns or wide
    absent = [c for c in [*columns, *fill.by] if c not in shaped.frame.columns]
    if absent or not columns:
        raise DeliveryError(
            f"{filename}: forward_fill has no column {', '.join(absent) or '(none given)'}", hint="names after `rename`"
        )
    blank_free = [
        pl.when(pl.col(c).str.strip_chars() == "").then(None).otherwise(pl.col(c)).alias(c)
        for c in columns if shaped.frame.schema[c] == pl.String
    ]  # fmt: skip
    shaped.frame = shaped.frame.with_columns(blank_free)
    filled = pl.col(columns).forward_fill(limit=fill.limit or None)
    shaped.frame = shaped.frame.with_columns(filled.over(fill.by) if fill.by else filled)


def melted(frame: pl.DataFrame, wide: WideToLong, columns: list[str]) -> pl.DataFrame:
    """One row a cell: the column's name and value, its position in `_source_cell`, source order kept."""
    index = [name for name in frame.columns if name not in columns]
    if len({frame.schema[c] for c in columns}) > 1:
        frame = frame.with_columns(pl.col(columns).cast(pl.String))
    long = frame.unpivot(columns, index=index, variable_name=wide.name_into, value_name=wide.value_into)
    # unpivot puts the columns one after the other, each with all rows
    long = long.with_columns((pl.int_range(pl.len(), dtype=pl.Int64) // max(frame.height, 1)).alias(CELL))
    if wide.empty == "skip":
        value = pl.col(wide.value_into)
        empty = (
            value.is_null() | (value.str.strip_chars() == "")
            if long.schema[wide.value_into] == pl.String
            else value.is_null()
        )
        long = long.filter(~empty)
    return long


def _melt(shaped: Shaped, wide: WideToLong, columns: list[str], renamed: dict[str, str]) -> None:
    shaped.wide = [renamed.get(name, name) for name in columns]
    kept = [c for c in shaped.frame.columns if c not in columns and c not in (ROW, SOURCE, FILE)]
    shaped.kept = [renamed.get(name, name) for name in kept]
    shaped.value_into = wide.value_into
    long = melted(shaped.frame, wide, columns).sort(SOURCE, CELL)
    k = len(columns)
    shaped.frame = long.with_columns(((pl.col(ROW) - 1) * k + pl.col(CELL) + 1).alias(ROW))
    shaped.refused = shaped.refused.with_columns(((pl.col(ROW) - 1) * k + 1).alias(ROW))
    shaped.notes.append(f"wide table: each row holds up to {k} records")


def extract(frame: pl.DataFrame, one: Extract, what: str, filename: str) -> pl.DataFrame:
    """`frame` with the named groups of a regular expression over one column's text."""
    if one.column not in frame.columns:
        raise DeliveryError(
            f"{filename}: {what} reads {one.column!r}, which is not in the table", hint="use the name after `rename`"
        )
    groups = list(re.compile(one.pattern).groupindex)
    found = frame.select(pl.col(one.column).cast(pl.String).str.extract_groups(one.pattern).alias("g")).unnest("g")
    return frame.with_columns(found.select(groups))


def _join(shaped: Shaped, join: Any, mapping: Mapping, filename: str, path: Path, beside: Sequence[Path]) -> None:
    places = [*beside, *([mapping.folder] if mapping.folder else [])]
    other = joined(join, filename, path, places, shaped.notes)
    if join.wide_to_long:
        columns = _wide_columns(other, join.wide_to_long, join.file, {ROW})
        other = melted(other, join.wide_to_long, columns).drop(CELL)
    absent = [n for n in [*join.on, *join.columns] if n not in other.columns]
    absent_here = [n for n in join.on if n not in shaped.frame.columns]
    if absent or absent_here:
        raise DeliveryError(
            f"{filename}: the join with {join.file} finds no {', '.join(absent or absent_here)} in "
            f"{join.file if absent else filename}; "
            f"there is {', '.join((other if absent else shaped.frame).columns[:20])}",
            hint="`on` and `columns` are names after `rename`",
        )
    keys = [f"_key_{n}" for n in range(len(join.on))]
    as_text = [
        pl.col(name).cast(pl.String).str.strip_chars().alias(key) for name, key in zip(join.on, keys, strict=True)
    ]
    other = other.select([*as_text, *join.columns]).filter(pl.all_horizontal(pl.col(keys).is_not_null()))
    twice = other.filter(pl.struct(keys).is_duplicated())
    if twice.height:
        raise DeliveryError(
            f"{filename}: {join.file} holds the key "
            f"{dict(zip(join.on, twice.row(0)[: len(keys)], strict=True))} more than once",
            hint="rows would multiply; correct the second file or join on more columns",
        )
    other = other.with_columns(pl.lit(True).alias("_partner"))
    frame = shaped.frame.drop([c for c in join.columns if c in shaped.frame.columns]).with_columns(as_text)
    frame = frame.join(other, on=keys, how="left", maintain_order="left")
    if join.required:
        alone = frame["_partner"].is_null()
        shaped.excluded.append(
            (alone, join.on[0], "no_partner", f"no row with this {', '.join(join.on)} in {join.file}")
        )
    shaped.frame = frame.drop([*keys, "_partner"])


def _total(frame: pl.DataFrame, name: str, into: str, expression: str, filename: str) -> pl.DataFrame:
    """A number from the elements of a list kept as JSON text."""
    if name not in frame.columns:
        return frame.with_columns(pl.lit(None).alias(into))  # absent in every record of this file
    elements, owner = [], []
    for n, text in enumerate(frame[name].cast(pl.String).to_list()):
        for item in orjson.loads(text) if text else []:
            elements.append(flatten(item) if isinstance(item, dict) else {"value": item})
            owner.append(n)
    keys = list(dict.fromkeys(key for row in elements for key in row))
    if not elements:
        return frame.with_columns(pl.lit(None).alias(into))
    table = pl.DataFrame({key: column([row.get(key) for row in elements]) for key in keys})
    table = table.with_columns(pl.Series("_owner", owner, dtype=pl.Int64))
    # a key that no element of this file has is null, not an error: suppliers leave absent keys out
    wanted = dict.fromkeys(w for w in pl.sql_expr(expression).meta.root_names() if w not in table.columns)
    table = table.with_columns(pl.lit(None, dtype=pl.Float64).alias(w) for w in wanted)
    try:
        totals = table.group_by("_owner").agg(pl.sql_expr(expression).alias(into))
    except pl.exceptions.PolarsError as error:
        raise DeliveryError(
            f"{filename}: list_totals.{into}: {expression!r} fails: {str(error).splitlines()[0]}"
        ) from None
    frame = frame.drop([into] if into in frame.columns else [])
    here = frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("_owner"))
    return here.join(totals, on="_owner", how="left", maintain_order="left").drop("_owner")


def _split(shaped: Shaped, mapping: Mapping) -> None:
    rule = mapping.split_rows
    if rule is None or not shaped.frame.height:
        return
    pieces = pl.col(rule.column).cast(pl.String).str.extract_all(rule.pattern)
    frame = shaped.frame.with_columns(pieces.alias("_pieces"))
    # a row without any match stays one row
    none = pl.lit([None], dtype=pl.List(pl.String))
    found = pl.when(pl.col("_pieces").list.len().fill_null(0) == 0).then(none).otherwise("_pieces")
    frame = frame.with_columns(found.alias("_pieces"))
    frame = frame.with_columns(pl.int_ranges(pl.col("_pieces").list.len()).alias("_piece_no"))
    k = int(frame.select(pl.col("_pieces").list.len().max()).item())
    frame = frame.explode("_pieces", "_piece_no")
    frame = frame.with_columns(((pl.col(ROW) - 1) * k + pl.col("_piece_no") + 1).alias(ROW))
    grouped = re.compile(rule.pattern).groups > 0
    piece = pl.col("_pieces").str.extract(rule.pattern, 1) if grouped else pl.col("_pieces")
    shaped.frame = frame.with_columns(piece.alias(rule.into)).drop("_pieces", "_piece_no")
    shaped.refused = shaped.refused.with_columns(((pl.col(ROW) - 1) * k + 1).alias(ROW))
    shaped.notes.append(f"{rule.column}: each row makes up to {k} records")


def _evaluated(frame: pl.DataFrame, text: str, what: str, filename: str) -> pl.Series:
    expression = pl.sql_expr(text)
    absent = [name for name in expression.meta.root_names() if name not in frame.columns]
    if absent:
        there = [name for name in frame.columns if name not in (ROW, SOURCE, CELL)]
        near = did_you_mean(absent[0], there)
        raise DeliveryError(
            f"{filename}: {what} reads {', '.join(map(repr, absent))}, which is not in the table; "
            f"there is {', '.join(there[:30])}",
            hint=f"did you mean {near[0]!r}?" if near else "use names after `rename`",
        )
    try:
        result = frame.select(expression.alias("_")).to_series()
    except pl.exceptions.PolarsError as error:
        raise DeliveryError(
            f"{filename}: {what} = {text!r} fails on this table: {str(error).splitlines()[0]}",
            hint="columns of text files are text: use TRY_CAST(x AS DOUBLE)",
        ) from None
    return result.new_from_index(0, frame.height) if len(result) == 1 and frame.height != 1 else result
