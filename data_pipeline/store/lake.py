"""The lake: DuckLake tables over Parquet files and a SQLite catalogue. One writer, many readers.

Only the modules of this folder import duckdb; everything else reads and writes through `Lake`.
Frames are Polars; times are naive UTC.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import duckdb
import polars as pl

from data_pipeline.contracts import contracts
from data_pipeline.errors import StoreError
from data_pipeline.home import Home
from data_pipeline.queries.types import Snapshot
from data_pipeline.store.faults import storage_errors
from data_pipeline.store.files import in_order, order_of
from data_pipeline.store.lock import WriterLock
from data_pipeline.store.newest import as_snapshot, extended_connection, watched
from data_pipeline.store.older import missing_columns, read_as_null, stored_tables
from data_pipeline.store.schema import TABLES, create_statement, records_columns

WRITER_MEMORY = "1.5GB"
READER_MEMORY = "300MB"
CATALOG = "__ducklake_metadata_lake"  # the catalogue's own tables, as DuckLake attaches them
INLINE_ROWS = 200  # batches up to this many rows stay in the catalogue until maintenance flushes them
MANY_ROWS = 200_000  # from here on two threads write faster than one
# DuckDB reserves room for so many rows in every column of an answer: a million by default, which the answers
# that the web keeps (sites, deliveries) then hold on to
BATCH_ROWS = 32_768
_BUSY_MS = 10_000
# as a setting and not as an option of the attached lake, so that it can be another for one statement
_INLINING = "ducklake_default_data_inlining_row_limit"
_AS_USUAL = f"SET {_INLINING} = {INLINE_ROWS}; SET preserve_insertion_order = true"


def all_tables() -> dict[str, dict[str, str]]:
    """Every table of the lake: name → column → DuckDB type (schema.TABLES and one a contract)."""
    return TABLES | {contract.table: records_columns(contract) for contract in contracts().values()}


class Lake:
    """One connection to the store. Make it with `Lake.writer` or `Lake.reader`; close it when done.

    Calls from several threads are taken one after the other (one connection, one lock).
    """

    def __init__(self, home: Home, connection: duckdb.DuckDBPyConnection, lock: WriterLock | None) -> None:
        self.home = home
        self._con = connection
        self._lock = lock
        self._guard = threading.RLock()
        self._in_transaction = False
        self._has_messages = True  # whether a commit keeps a word about itself
        self._lacking: frozenset[str] = frozenset()  # tables of an older version, of a reader
        self._looked: Snapshot | None = None  # the snapshot they were looked at in

    # ------------------------------------------------------------------ opening

    @classmethod
    def writer(cls, home: Home, command: str | None = None, *, answers_inbox: bool = False) -> Lake:
        """The one writer: takes the exclusive lock, then attaches and creates what is missing.

        `command` is what others are told who holds the lock; `answers_inbox` marks the pipeline.

        Raises
        ------
        StoreBusy
            Another process writes; the message says which.
        StoreError
            The folder cannot be written or the catalogue is not usable.
        """
        lock = WriterLock(home).acquire(command, answers_inbox=answers_inbox)
        try:
            home.lake.mkdir(parents=True, exist_ok=True)
            lake = cls(home, _attach(home, read_only=False), lock)
            lake._create()
        except OSError as error:
            lock.release()
            raise StoreError(f"the store {home.root} cannot be written: {error.strerror}") from None
        except BaseException:
            lock.release()
            raise
        return lake

    @classmethod
    def reader(cls, home: Home) -> Lake:
        """A read-only connection; it never creates anything.

        What an older version's store lacks reads as null until a writer has added it.

        Raises
        ------
        StoreError
            There is no store in this home, it cannot be opened, or a column has another type than in this version.
        """
        # snapshot 0 is the bare catalogue: a writer is just making the store
        if newest_snapshot(home) is None:
            raise StoreError(
                f"there is no store in {home.root}",
                hint="make one with `python -m data_pipeline build` or bring a file in with `import`",
            )
        lake = cls(home, _attach(home, read_only=True), None)
        try:
            lake._catch_up()
        except BaseException:
            lake.close()
            raise
        return lake

    @classmethod
    def in_memory(cls) -> Lake:
        """Empty plain tables in memory, for worked examples: no catalogue, no files, nothing kept.

        The same tables and the same SQL; planning a statement is some ten times quicker than over the catalogue.
        """
        con = extended_connection()
        con.execute("SET threads = 2; SET TimeZone = 'UTC'; ATTACH ':memory:' AS lake; USE lake")
        for table, columns in all_tables().items():
            con.execute(create_statement(table, columns))
        lake = cls(Home.of(), con, None)
        lake._has_messages = False
        return lake

    def close(self) -> None:
        """Close the connection and give the writer's lock back. Harmless twice."""
        with self._guard:
            self._con.close()
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reopen(self) -> None:
        """Attach anew after a failed commit left the connection unusable; the lock stays held."""
        with self._guard:
            self._con.close()
            self._con = _attach(self.home, read_only=self._lock is None)
            self._in_transaction = False

    # ------------------------------------------------------------------ reading

    def frame(self, sql: str, params: Sequence[Any] = ()) -> pl.DataFrame:
        """The answer of a query as a Polars frame; values are parameters (`?`), never text in `sql`."""
        with self._guard, storage_errors(self.home):
            self._catch_up_if_lacking()
            table = self._con.execute(sql, list(params)).to_arrow_table(BATCH_ROWS)
            found = pl.from_arrow(table)
        assert isinstance(found, pl.DataFrame)
        return found

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """First column of the first row, as Python value; None where there is no row."""
        with self._guard, storage_errors(self.home):
            self._catch_up_if_lacking()
            row = self._con.execute(sql, list(params)).fetchone()
        return None if row is None else row[0]

    def is_empty(self, table: str) -> bool:
        """Whether a table has no row. A full query of an empty table costs some ten milliseconds a column to plan."""
        return self.value(f'SELECT 1 FROM "{table}" LIMIT 1') is None

    def filled_tables(self) -> set[str]:
        """Tables that have or had rows, from the catalogue alone: a query of an empty table takes a tenth of a second."""
        found = self.frame(
            f"SELECT t.table_name FROM {CATALOG}.ducklake_table t JOIN {CATALOG}.ducklake_table_stats s USING (table_id) "
            "WHERE t.end_snapshot IS NULL AND s.record_count > 0"
        )
        return set(found["table_name"].to_list())

    def objection(self, sql: str, params: Sequence[Any] = ()) -> str:
        """What the database has against a query, without running it (EXPLAIN); empty where it would run."""
        with self._guard:
            try:
                self._con.execute(f"EXPLAIN {sql}", list(params)).fetchall()
            except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.ConversionException) as error:
                return " ".join(str(error).split("\n\nLINE")[0].split())
        return ""

    def snapshot(self) -> Snapshot | None:
        """Newest committed snapshot of this home; None in an empty store."""
        return newest_snapshot(self.home)

    @contextmanager
    def pinned(self) -> Iterator[Snapshot | None]:
        """Several reads of one snapshot: everything read inside belongs to the same commit (in memory there are none: None)."""
        with self._guard:
            self._catch_up_if_lacking()
            self._con.execute("BEGIN TRANSACTION")
            self._in_transaction = True
            try:
                row = None
                with storage_errors(self.home):
                    if self._has_messages:
                        row = self._con.execute(
                            f"SELECT snapshot_id, snapshot_time FROM {CATALOG}.ducklake_snapshot "
                            "WHERE snapshot_id = (SELECT id FROM lake.current_snapshot())"
                        ).fetchone()
                yield as_snapshot(row) if row else None
            finally:
                self._in_transaction = False
                self._con.execute("ROLLBACK")

    def _catch_up_if_lacking(self) -> None:
        """Look again at what an older store lacks, where a newer snapshot may have brought it."""
        if self._lacking and not self._in_transaction and newest_snapshot(self.home) != self._looked:
            self._catch_up()

    def _catch_up(self) -> None:
        with storage_errors(self.home):
            self._looked = newest_snapshot(self.home)
            self._lacking = read_as_null(self._con, all_tables(), self._lacking)

    def at(self, table: str, snapshot: int) -> str:
        """SQL source of `table` as it stood at a snapshot: `FROM {lake.at('readings', 7)}`.

        Raises
        ------
        StoreError
            The table is not one of the lake's.
        """
        if table not in all_tables():
            raise StoreError(f"the lake has no table {table!r}")
        return f'"{table}" AT (VERSION => {int(snapshot)})'

    def changes(self, table: str, since: int, until: int | None = None) -> pl.DataFrame:
        """Rows inserted into or deleted from `table` in snapshots after `since` up to `until` (newest).

        Columns `snapshot_id`, `rowid`, `change_type`, then the table's own.
        """
        if table not in all_tables():
            raise StoreError(f"the lake has no table {table!r}")
        newest = self.snapshot()
        last = until if until is not None else (newest.id if newest else since)
        if last <= since:
            return self.frame(f'SELECT 0::BIGINT AS snapshot_id, 0::BIGINT AS rowid, \'\' AS change_type, * FROM "{table}" LIMIT 0')
        return self.frame("SELECT * FROM ducklake_table_changes('lake', 'main', ?, ?, ?)", [table, since + 1, last])

    # ------------------------------------------------------------------ writing

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement whose answer is not wanted."""
        with self._guard, storage_errors(self.home):
            self._con.execute(sql, list(params))

    def append(self, table: str, frame: pl.DataFrame, constants: Mapping[str, Any] | None = None) -> int:
        """Append rows; columns absent from `frame` are null, unknown ones are refused. Returns the rows.

        `constants` gives columns that have one value in all rows; they cost nothing per row.

        Raises
        ------
        StoreError
            Unknown table or column, or the disk cannot take the rows.
        """
        columns = all_tables().get(table)
        if columns is None:
            raise StoreError(f"the lake has no table {table!r}")
        constants = constants or {}
        unknown = [name for name in (*frame.columns, *constants) if name not in columns]
        if unknown:
            raise StoreError(f"table {table} has no column {', '.join(unknown)}", hint="allowed: " + ", ".join(columns))
        if frame.is_empty():
            return 0
        # what is null throughout costs nothing when it is not named
        frame = in_order(frame.select(s for s in frame if s.null_count() < frame.height), table)
        names = ", ".join(f'"{name}"' for name in (*frame.columns, *constants))
        casts = [f'"{name}"::{columns[name]}' for name in frame.columns]
        casts += [f"?::{columns[name]}" for name in constants]
        with self.shown("incoming_rows", frame):
            sql = f'INSERT INTO "{table}" ({names}) SELECT {", ".join(casts)} FROM incoming_rows'
            with self._straight_to_file(frame.height) if frame.height > INLINE_ROWS else nullcontext():
                self.execute(sql, list(constants.values()))
        return frame.height

    @contextmanager
    def _straight_to_file(self, rows: int) -> Iterator[None]:
        """Write more rows than are inlined: without looking whether they are few, and without the sort that goes with it.

        Of very many rows several threads write row groups of one file; inside a row group the rows stay in order.
        """
        self.execute(f"SET {_INLINING} = 0; SET preserve_insertion_order = {rows < MANY_ROWS}")
        try:
            yield
        finally:
            with suppress(duckdb.TransactionException):  # an aborted one takes no setting: `_rollback` sets it then
                self._con.execute(_AS_USUAL)

    @contextmanager
    def shown(self, name: str, frame: pl.DataFrame) -> Iterator[None]:
        """`frame` as the view `name` (an identifier of ours) for the SQL run inside."""
        with self._guard:
            # the newest layout hands strings over without copying them
            # a filter DuckDB pushes into a join with a small table cannot be run on Arrow's string views; large ones have none
            level = pl.CompatLevel.newest() if frame.height >= MANY_ROWS else pl.CompatLevel.oldest()
            self._con.register(name, frame.to_arrow(compat_level=level))
            try:
                yield
            finally:
                self._con.unregister(name)

    @contextmanager
    def transaction(self, message: str) -> Iterator[None]:
        """One commit of the lake: everything inside appears at once, or not at all.

        `message` is kept with the snapshot. A disk that is full or a folder that cannot be
        written raises `StoreError`; everything is rolled back and the last snapshot stays readable.
        """
        with self._guard:
            if self._in_transaction:
                raise StoreError("a transaction is already open on this connection")
            with storage_errors(self.home):
                self._con.execute("BEGIN TRANSACTION")
            self._in_transaction = True
            try:
                with storage_errors(self.home):
                    if self._has_messages:
                        self._con.execute("CALL lake.set_commit_message(?, ?)", ["pipeline", message[:500]])
                    yield
                    self._con.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise
            finally:
                self._in_transaction = False

    @property
    def in_transaction(self) -> bool:
        """Whether a `transaction` is open on this connection."""
        return self._in_transaction

    def _rollback(self) -> None:
        try:
            with suppress(duckdb.TransactionException):  # a failed COMMIT has already rolled back
                self._con.execute("ROLLBACK")
            self._con.execute(_AS_USUAL)
        except duckdb.Error:
            self.reopen()  # the connection itself is broken; what was not committed is gone with it

    def _create(self) -> None:
        """Create missing tables and columns; refuse a column whose type has changed."""
        found, declared = stored_tables(self._con), all_tables()
        statements = []
        for table, missing in missing_columns(found, declared).items():
            if table in found:
                statements += [f'ALTER TABLE "{table}" ADD COLUMN "{name}" {declared[table][name]}' for name in missing]
                continue
            statements.append(create_statement(table, declared[table]))
            if order := order_of(table):
                statements.append(f'ALTER TABLE "{table}" SET SORTED BY ({order})')
        if not found:
            # `append` hands rows over in order: files mostly are in order of time, and looking is cheap
            statements.append("CALL lake.set_option('sort_on_insert', false)")
        if statements:
            with self.transaction("create tables"):
                for statement in statements:
                    self._con.execute(statement)


def newest_snapshot(home: Home) -> Snapshot | None:
    """The newest snapshot; None where there is no store yet. Cheap enough to be asked all the time."""
    return watched(home.catalog)


def _attach(home: Home, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection with the lake attached as `lake` and in use. Nothing is downloaded."""
    con = extended_connection()
    try:
        with storage_errors(home):
            memory = READER_MEMORY if read_only else WRITER_MEMORY  # what needs more goes to the home's own disk
            con.execute(f"SET threads = 2; SET memory_limit = '{memory}'; SET temp_directory = '{_quoted(str(home.root / '.tmp'))}'")
            if read_only:
                con.execute("SET enable_external_file_cache = false")  # the system caches these local files already
            con.execute(f"SET TimeZone = 'UTC'; {_AS_USUAL}")
            options = [
                f"DATA_PATH '{_quoted(str(home.lake))}'",
                "META_JOURNAL_MODE 'WAL'",
                f"META_BUSY_TIMEOUT {_BUSY_MS}",
                "OVERRIDE_DATA_PATH true",  # a home may be moved or restored elsewhere; file names are relative to it
            ]
            if read_only:
                options.append("READ_ONLY")
            con.execute(f"ATTACH 'ducklake:sqlite:{_quoted(str(home.catalog))}' AS lake ({', '.join(options)})")
            con.execute("USE lake")
    except BaseException:
        con.close()
        raise
    return con


def _quoted(text: str) -> str:
    return text.replace("'", "''")
