"""In which order rows stand in the files of a table."""

from __future__ import annotations

import polars as pl

# order of the rows inside every file, so that file and row-group statistics skip other cities and
# days; partitions by city did the same but made writing twice as slow (docs/decisions/0002-lake-layout.md)
RECORDS_ORDER = "city, local_day"
SORTED = {"readings": "city, metric, grain, period_start_utc"}


def order_of(table: str) -> str:
    """The columns a table's files are sorted by, as SQL; "" for none."""
    return SORTED.get(table, RECORDS_ORDER if table.startswith("rec_") else "")


def in_order(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """`frame` in the order of its table's files; as it is where it stands in that order already."""
    names = [name for name in order_of(table).split(", ") if name in frame.columns]
    falls, equal = pl.lit(False), pl.lit(True)
    for name in names:
        now, before = pl.col(name), pl.col(name).shift(1)
        falls |= equal & (now < before)
        equal &= now == before
    if not names or not frame.select(falls.slice(1).any()).item():
        return frame
    return frame.sort(names, maintain_order=True)
