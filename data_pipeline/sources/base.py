"""What every reader gets and gives: options with limits, and the table as it was found."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import orjson
import polars as pl

from data_pipeline.errors import DeliveryError

FORMATS = ("csv", "tsv", "excel", "parquet", "json", "ndjson", "geojson", "geopackage", "shapefile", "gtfs", "gtfs_rt")
ROW = "row_number"
FILE = "_file"
MIB = 1024 * 1024

REFUSED_SCHEMA: dict[str, pl.DataType] = {
    "row_number": pl.Int64(),
    "column_name": pl.String(),
    "rule": pl.String(),
    "reason": pl.String(),
    "original": pl.String(),
}


def gone(filename: str) -> DeliveryError:
    """The error for a file that is not there when it is to be read."""
    return DeliveryError(
        f"{filename}: the file is not there (or vanished while it was read)",
        hint="deliver it again, complete; write under another name and rename when done",
    )


@dataclass(frozen=True)
class ReadOptions:
    """How to read a delivery, and how much of it may be held at once.

    Everything about the shape is found out when left empty. Limits protect the pipeline's
    memory: a delivery beyond them is refused as a whole, before it is read to its end.

    Attributes
    ----------
    delimiter : str
        One or more characters, or `"whitespace"` for runs of blanks; "" = found out.
    encoding : str
        A Python codec name; "" = UTF-8, UTF-16 with a mark, or GB18030, in this order.
    has_header : bool
        Whether the first row holds column names.
    header : tuple of str
        Column names to use instead of (or in absence of) a header row.
    skip_rows : int
        Lines (rows of a sheet) before the header that are no part of the table.
    comment_prefix : str
        Lines that start so are skipped.
    sheet, layer, records : str
        Sheet of a workbook; layer of a GeoPackage; dotted path to the list of records in JSON; table of a
        GTFS feed or message.
    service_days : tuple of str
        First and last service day (ISO, inclusive) to take from a GTFS feed; empty: all of its calendar.
    member : str
        Glob over the names inside a zip; "" = every member of the main format.
    exclude : tuple of str
        Names inside a zip that are left aside (files a mapping joins).
    file_column : bool
        Add the column `_file` with the name of the file (inside a zip: of the member).
    max_bytes, max_text_bytes, max_line_bytes : int
        Largest file; largest text after unpacking; longest line.
    max_ratio : int
        A packed file may not grow by more than this factor (above 16 MiB).
    max_cells : int
        Rows times columns.
    """

    delimiter: str = ""
    encoding: str = ""
    has_header: bool = True
    header: tuple[str, ...] = ()
    skip_rows: int = 0
    comment_prefix: str = ""
    sheet: str = ""
    layer: str = ""
    records: str = ""
    service_days: tuple[str, ...] = ()
    member: str = ""
    exclude: tuple[str, ...] = ()
    file_column: bool = False
    max_bytes: int = 2048 * MIB
    max_text_bytes: int = 256 * MIB  # read and checked, a table takes about seven times its text
    max_line_bytes: int = 8 * MIB
    max_ratio: int = 250
    max_cells: int = 2_000_000_000


@dataclass(frozen=True)
class Raw:
    """A delivery as a table, before any mapping.

    Attributes
    ----------
    frame : polars.DataFrame
        Columns as found (text formats: all String; Parquet, Excel, JSON and geometry formats:
        native types) and `row_number` (Int64), which counts data rows from 1. Blank rows are
        no rows. Geometry formats add `geometry_x`, `geometry_y` (a point on the feature, in
        `crs`) and `geometry_wkt`.
    refused : polars.DataFrame
        `row_number, column_name, rule, reason, original`: rows that could not even be read.
    rows_in : int
        Data rows found: `len(frame) + len(refused)`.
    format : str
        One of `FORMATS`.
    notes : tuple of str
        What was found out or passed over (encoding, delimiter, blank rows), for people.
    crs : str
        Coordinate system the file declares for its geometry, "" where it declares none.
    """

    frame: pl.DataFrame
    refused: pl.DataFrame
    rows_in: int
    format: str
    notes: tuple[str, ...] = field(default=())
    crs: str = ""


def no_refusals() -> pl.DataFrame:
    """An empty table of refused rows."""
    return pl.DataFrame(schema=REFUSED_SCHEMA)


def refusals(rows: list[tuple[int, str, str, str, str]]) -> pl.DataFrame:
    """Refused rows from (row_number, column_name, rule, reason, original) tuples."""
    return pl.DataFrame(rows, schema=REFUSED_SCHEMA, orient="row") if rows else no_refusals()


def as_json(values: dict[str, Any]) -> str:
    """A row as JSON text that loses nothing a person wrote: NaN and infinities stay as words."""
    clean = {key: _word(value) for key, value in values.items()}
    return orjson.dumps(clean, default=_jsonable, option=orjson.OPT_NON_STR_KEYS).decode()


def _word(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    # orjson stops at 64 bits; a longer whole number is kept as its digits
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def _jsonable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (date, datetime, time, Decimal)):
        return str(value)
    return str(value)


def check_header(names: list[str], filename: str) -> list[str]:
    """Column names fit for a table: blanks around them off, unnamed ones called `column_<n>`.

    Raises
    ------
    DeliveryError
        The same name stands twice, or a name is kept for the system.
    """
    clean = [name.strip().strip("\ufeff") or f"column_{n}" for n, name in enumerate(names, 1)]
    doubled = sorted({name for name in clean if clean.count(name) > 1})
    if doubled:
        raise DeliveryError(
            f"{filename}: column name {', '.join(map(repr, doubled))} stands more than once in the header",
            hint="every column needs a name of its own; correct the header or give all names in the mapping's `header`",
        )
    # the system's own names would be taken for row numbers or file names
    return [f"{name}_given" if name in (ROW, FILE) else name for name in clean]


def number_rows(frame: pl.DataFrame, first: int = 1) -> pl.DataFrame:
    """`frame` with `row_number` counting from `first`, as the last column."""
    return frame.with_columns(pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias(ROW))


def check_cells(rows: int, columns: int, filename: str, options: ReadOptions) -> None:
    """`DeliveryError` where a table is larger than the limit of cells."""
    if rows * max(columns, 1) > options.max_cells:
        raise DeliveryError(
            f"{filename}: {rows:,} rows of {columns} columns are more than the {options.max_cells:,} cells allowed",
            hint="split the delivery into smaller files",
        )
