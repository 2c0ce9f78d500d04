"""From the bytes of a delivery to typed rows that keep their contract; what does not is told why.

The promise: `len(frame) + len(refused) == rows_in`, always; one refused entry a row. `rows_in` counts
records: a wide table's cells with a value, the pieces a row is split into. A row that cannot even be read
counts once. Rows a mapping filters out are refused with the rule `filtered_by_mapping`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from data_pipeline.contracts import POLARS_TYPES, Column, Contract, duration
from data_pipeline.errors import UsageError
from data_pipeline.ingest import moments, values
from data_pipeline.ingest.check import Refusals, check
from data_pipeline.ingest.companions import excluded
from data_pipeline.ingest.places import BBox, to_lon_lat, to_path
from data_pipeline.ingest.reshape import Shaped, reshape
from data_pipeline.mappings import Mapping
from data_pipeline.sources import REFUSED_SCHEMA, ROW, ReadOptions, read


@dataclass(frozen=True)
class Prepared:
    """Rows of a delivery after the contract check.

    Attributes
    ----------
    frame : polars.DataFrame
        The contract's columns in its order and types (times naive UTC, `lon`/`lat` WGS84), then
        `row_number` (Int64). Only rows that keep every rule. Duplicates are still in it.
    refused : polars.DataFrame
        `row_number, column_name, rule, reason, original` (JSON of the values as they came), one row
        a refused row; `rule` and `column_name` are those of the first breach, `reason` tells all.
    rows_in : int
        `len(frame) + len(refused)`.
    format : str
        Format the bytes turned out to be.
    notes : tuple of str
        What a person should know of the delivery (encoding, blank rows).
    unused_columns : tuple of str
        Columns of the supplier's table that become nothing, as written there.
    seconds : dict of str to float
        Time taken by `read`, `reshape`, `convert`, `check`, `refuse`.
    shaped : Shaped, optional
        The rows in the supplier's words, for `original`.
    """

    frame: pl.DataFrame
    refused: pl.DataFrame
    rows_in: int
    format: str = ""
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    shaped: Shaped | None = field(default=None, repr=False, compare=False)
    unused_columns: tuple[str, ...] = ()

    def original(self, row_numbers: pl.Series) -> list[str]:
        """JSON of the values as they came, for rows of `frame` that a later step refuses."""
        if self.shaped is None:
            raise ValueError("these rows were not prepared from a delivery")
        places = pl.DataFrame({ROW: self.shaped.frame[ROW]}).with_row_index("_i")
        rows = pl.DataFrame({ROW: row_numbers}).join(places, on=ROW, how="left", maintain_order="left")
        return self.shaped.originals(rows["_i"])


def prepare(
    path: Path, contract: Contract, mapping: Mapping | None, tz: ZoneInfo, *, filename: str, now_utc: datetime,
    bbox: BBox | None = None, beside: Sequence[Path] = (), limits: ReadOptions | None = None,
) -> Prepared:  # fmt: skip
    """Read, reshape, convert and check one delivery.

    Parameters
    ----------
    path : Path
        The bytes.
    contract : Contract
        What a record is.
    mapping : Mapping or None
        How the supplier's table becomes records; None: its columns carry the contract's names.
    tz : ZoneInfo
        The city's time zone, for times without offset unless the mapping names another.
    filename : str
        The name the supplier gave.
    now_utc : datetime
        Naive UTC; future and overdue times are measured against it.
    bbox : (west, south, east, north), optional
        Around the city, to tell swapped coordinates.
    beside : sequence of Path
        Folders or zips to look in for a file the mapping joins, after the delivery itself.
    limits : ReadOptions, optional
        Limits of size other than the usual; its shape is overridden by the mapping's.

    Raises
    ------
    DeliveryError
        Nothing can be taken: unreadable, a required column is missing, an expression does not fit.
    UsageError
        The mapping is for another dataset.
    """
    if mapping is not None and mapping.dataset != contract.id:
        raise UsageError(f"the mapping is for dataset {mapping.dataset!r}, not {contract.id!r}")
    seconds: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[step], clock = now - clock, now

    options = _options(path, mapping, limits)
    raw = read(path, filename=filename, fmt=mapping.format if mapping else None, options=options)
    lap("read")
    shaped = reshape(raw, contract, mapping, tz, filename=filename, path=path, beside=beside)
    lap("reshape")
    refusals = Refusals(shaped.frame.height)
    for mask, column, rule, reason in shaped.excluded:
        refusals.add(mask, column, rule, reason)
    typed = convert(shaped, contract, mapping, tz, refusals, bbox)
    lap("convert")
    late = mapping.allowed_lateness if mapping and mapping.allowed_lateness else contract.allowed_lateness
    check(typed, contract, refusals, now_utc, duration(late))
    lap("check")
    frame, refused = _parted(typed, shaped, refusals)
    lap("refuse")
    return Prepared(frame, refused, shaped.rows_in, raw.format, tuple(shaped.notes), seconds, shaped, tuple(shaped.unused))


def _options(path: Path, mapping: Mapping | None, limits: ReadOptions | None) -> ReadOptions:
    options = mapping.read_options() if mapping else ReadOptions()
    if limits is not None:
        options = replace(
            options, max_bytes=limits.max_bytes, max_text_bytes=limits.max_text_bytes,
            max_line_bytes=limits.max_line_bytes, max_ratio=limits.max_ratio, max_cells=limits.max_cells,
        )  # fmt: skip
    return replace(options, exclude=excluded(path, mapping))


def convert(
    shaped: Shaped,
    contract: Contract,
    mapping: Mapping | None,
    tz: ZoneInfo,
    refusals: Refusals,
    bbox: BBox | None = None,
) -> pl.DataFrame:
    """The contract's columns in its types and `row_number`; what cannot be converted is null and refused."""
    frame = shaped.frame
    done: dict[str, pl.Series] = {}
    if "lon" in contract.columns and "lat" in contract.columns:
        done["lon"], done["lat"] = to_lon_lat(frame, contract, mapping, shaped.crs, refusals.add, bbox)
    names = [name for name in contract.columns if name not in done]
    # times last: the repeated hour is told apart within the rest of the key
    names.sort(key=lambda name: contract.columns[name].type == "timestamp")
    for name in names:
        column = contract.columns[name]
        if name not in frame.columns:
            done[name] = pl.Series([None], dtype=POLARS_TYPES[column.type]).new_from_index(0, frame.height)
            continue
        groups = None
        if name == contract.event_time:
            groups = [done[key] for key in contract.key if key != name and key in done]
        converted = _column(frame[name], name, column, mapping, tz, groups)
        for mask, rule, template, shown in converted.broken:
            refusals.add(mask, name, rule, template, shown)
        done[name] = converted.values
    if "path" in contract.columns:
        given = frame["path"] if "path" in frame.columns else frame.get_column("geometry_wkt", default=None)
        if given is not None:
            done["path"] = to_path(given.cast(pl.String), mapping, shaped.crs, refusals.add)
    ordered = {name: done[name].cast(kind) for name, kind in contract.polars_schema().items()}
    return pl.DataFrame(ordered).with_columns(frame[ROW])


def _column(
    series: pl.Series, name: str, column: Column, mapping: Mapping | None, tz: ZoneInfo, groups: list[pl.Series] | None
) -> values.Converted:
    factor, offset = mapping.conversion_of(name) if mapping else (1.0, 0.0)
    sentinels = mapping.sentinels.get(name, []) if mapping else []
    comma = bool(mapping and mapping.decimal_comma)
    if column.type in ("timestamp", "date"):
        zone = tz
        if mapping and (given := mapping.timezones.get(name) or mapping.timezone):
            zone = ZoneInfo(given)
        formats = mapping.formats_of(name) if mapping else []
        if column.type == "date":
            return moments.to_date(series, zone, formats)
        return moments.to_utc(series, zone, formats, groups)
    if column.type == "boolean":
        return values.to_boolean(series, column)
    if column.type == "string":
        return values.to_text(series, column)
    if column.type == "integer" and not sentinels:
        return values.to_integer(series, column, factor, offset, decimal_comma=comma)
    done = values.to_float(series, column, decimal_comma=comma)
    done.values = values.without_sentinels(done.values, sentinels)
    if column.type == "integer":
        whole = values.to_integer(done.values, column, factor, offset)
        return values.Converted(whole.values, done.broken + whole.broken)
    return values.scaled(done, factor, offset)


def _parted(typed: pl.DataFrame, shaped: Shaped, refusals: Refusals) -> tuple[pl.DataFrame, pl.DataFrame]:
    table = refusals.table()
    if not table.height:
        return typed, shaped.refused
    rows = table["_i"]
    good = pl.Series([True]).new_from_index(0, typed.height).scatter(rows, False)
    refused = table.with_columns(
        typed[ROW].gather(rows).alias("row_number"), pl.Series("original", shaped.originals(rows), dtype=pl.String)
    ).select(pl.col(name).cast(kind) for name, kind in REFUSED_SCHEMA.items())
    return typed.filter(good), pl.concat([refused, shaped.refused]).sort("row_number")
