"""What a commit holds back: rows and ends of revisions, so that a table is written once for many deliveries."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from data_pipeline.contracts import Contract
from data_pipeline.ingest.account import ends
from data_pipeline.ingest.revise import CLOSING_SCHEMA, EXISTING
from data_pipeline.store.lake import Lake

FLUSH_ROWS = 100_000  # rows held back to be written together; the memory they take stays small
MANY_DAYS = 40  # up to here a look-up names its days, beyond it only the first and the last
_REVISION = ["delivery_id", "row_number"]  # names one revision of one table
_CONSTANTS: dict[str, pl.DataType] = {
    "delivery_id": pl.Int64(), "commit_seq": pl.Int64(), "known_from_utc": pl.Datetime("us"), "city": pl.String(),
}  # fmt: skip


class Pending:
    """Rows to append and revisions to close, by table; `flush` writes them, `revisions` sees them before."""

    def __init__(self, lake: Lake, filled: set[str], commit_seq: int) -> None:
        """`filled`: tables of the store that may have rows; those written here join them."""
        self.lake, self.filled, self.commit_seq = lake, filled, commit_seq
        self._rows: dict[str, list[pl.DataFrame]] = {}
        self._rows_n = 0
        self._ends: dict[tuple[str, str], list[pl.DataFrame]] = {}

    def append(self, table: str, frame: pl.DataFrame, constants: Mapping[str, object] | None = None) -> None:
        """Write large frames at once; hold small ones back. `constants` have one value in all rows."""
        if frame.height >= FLUSH_ROWS:
            self.flush(table)
            self.lake.append(table, frame, constants)
            self.filled.add(table)
            return
        if constants:
            frame = frame.with_columns(pl.lit(v, dtype=_CONSTANTS[k]).alias(k) for k, v in constants.items())
        self._rows.setdefault(table, []).append(frame)
        self._rows_n += frame.height
        if self._rows_n > FLUSH_ROWS:
            self.flush()

    def close(self, table: str, city: str, closing: pl.DataFrame) -> None:
        """Give revisions of a city another end (null: the present one). `closing` as in `Revised`."""
        self._ends.setdefault((table, city), []).append(closing.select(list(CLOSING_SCHEMA)))

    def revisions(self, rules: Contract, city: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Every revision, stored or held back, of the records in `rows`: the contract's columns and `EXISTING`.

        Where the event time is part of the key only the delivery's event range is looked at.
        """
        names = [*rules.columns, *EXISTING]
        keys = rows.select(rules.key).unique()
        found = []
        if rules.table in self.filled:
            found.append(self._stored(rules, city, rows, keys))
        if rules.table in self._rows:
            mine = pl.concat(self._rows[rules.table], how="diagonal_relaxed")
            self._rows[rules.table] = [mine]
            mine = mine.filter(pl.col("city") == city).select(names)
            found.append(mine.join(keys, on=list(rules.key), how="semi", nulls_equal=True))
        if not found:
            return no_revisions(rules, rows)
        ends_of = self._last_ends(rules.table, city)
        revisions = pl.concat(found)
        return revisions if ends_of is None else _with_ends(revisions, ends_of)

    def _stored(self, rules: Contract, city: str, rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
        where, params = "r.city = ?", [city]
        if rules.event_time in rules.key:
            where += " AND r.event_at_utc BETWEEN ? AND ?"
            params += [rows["event_at_utc"].min(), rows["event_at_utc"].max()]  # type: ignore[list-item]
            days = rows["local_day"].unique().to_list()
            if len(days) <= MANY_DAYS:
                where += f" AND r.local_day IN ({', '.join('?' * len(days))})"
                params += days
        names = ", ".join(f'r."{name}"' for name in (*rules.columns, *EXISTING))
        same = " AND ".join(f'r."{name}" IS NOT DISTINCT FROM k."{name}"' for name in rules.key)
        with self.lake.shown("wanted_keys", keys):
            return self.lake.frame(f'SELECT {names} FROM "{rules.table}" r SEMI JOIN wanted_keys k ON {same} WHERE {where}', params)

    def _last_ends(self, table: str, city: str) -> pl.DataFrame | None:
        """One row a revision whose end is held back; the last word counts."""
        held = self._ends.get((table, city))
        if not held:
            return None
        last = pl.concat(held).unique(_REVISION, keep="last", maintain_order=True)
        self._ends[table, city] = [last]
        return last

    def flush(self, table: str | None = None) -> None:
        """Write what is held back (of one table, or all), so that a query of this commit sees it."""
        for name in [table] if table else list(dict.fromkeys([*self._rows, *(t for t, _ in self._ends)])):
            frames = self._rows.pop(name, [])
            rows = pl.concat(frames, how="diagonal_relaxed") if frames else None
            closing = {city: last for t, city in list(self._ends) if t == name and (last := self._last_ends(t, city)) is not None}
            for city, last in closing.items():
                del self._ends[name, city]
                if rows is not None:  # no statement for what is not written yet
                    rows = _with_ends(rows, last)
                    last = last.join(rows, on=_REVISION, how="anti")
                if last.height:
                    self._close_stored(name, city, last)
            if rows is not None:
                self._rows_n -= rows.height
                self.lake.append(name, rows)
                self.filled.add(name)

    def _close_stored(self, table: str, city: str, closing: pl.DataFrame) -> None:
        first, last = ends(closing["local_day"])
        with self.lake.shown("closing_rows", closing):
            self.lake.execute(
                f'UPDATE "{table}" r SET known_to_utc = c.known_to_utc, commit_seq = ? FROM closing_rows c '
                "WHERE r.city = ? AND r.local_day BETWEEN ? AND ? "
                "AND r.delivery_id = c.delivery_id AND r.row_number = c.row_number",
                [self.commit_seq, city, first, last],
            )


def no_revisions(rules: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """The answer of `Pending.revisions` where there is none."""
    return rows.head(0).select(*rules.columns).with_columns(
        delivery_id=pl.lit(0, pl.Int64), row_number=pl.lit(0, pl.Int64), known_from_utc=pl.lit(None, pl.Datetime("us")),
        known_to_utc=pl.lit(None, pl.Datetime("us")), is_simulated=pl.lit(False), local_day=pl.lit(None, pl.Date),
    )  # fmt: skip


def _with_ends(rows: pl.DataFrame, closing: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the ends in `closing`; an end may be null, so a mark says which rows have a new one."""
    new = closing.select(*_REVISION, pl.col("known_to_utc").alias("_end"), pl.lit(True).alias("_ends"))
    joined = rows.join(new, on=_REVISION, how="left", maintain_order="left")
    end = pl.when(pl.col("_ends").fill_null(False)).then("_end").otherwise("known_to_utc")
    return joined.with_columns(end.alias("known_to_utc")).drop("_end", "_ends")
