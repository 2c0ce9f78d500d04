"""The newest snapshot, asked often and cheaply.

The catalogue must never be opened by another copy of SQLite in the same process (Python's
`sqlite3` is one): on Linux, closing a file drops every lock the process holds on it, also those
of DuckDB's copy, and a reader then sees a write-ahead log that is rewritten under it. So the
question goes through DuckDB's own SQLite, and only when the files have changed.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import datetime
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import duckdb
from duckdb_extensions import import_extension

from data_pipeline.errors import StoreError
from data_pipeline.queries.types import Snapshot

LOOK_ANYWAY_S = 1.0  # file times have a coarse tick; ask at least this often
_NEWEST = "SELECT snapshot_id, snapshot_time FROM ducklake_snapshot WHERE snapshot_id > 0 ORDER BY snapshot_id DESC LIMIT 1"
_watches: dict[Path, _Watch] = {}
_guard = threading.Lock()


def extended_connection() -> duckdb.DuckDBPyConnection:
    """An in-memory connection with the extensions of the lake loaded. Nothing is downloaded."""
    # the extensions come as Python packages; DuckDB is told never to fetch one by itself
    with _guard:  # the package asks DuckDB's connection of the whole process, which one thread at a time may use
        import_extension("ducklake")
        import_extension("sqlite_scanner")
    con = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    con.execute("LOAD ducklake; LOAD sqlite_scanner")
    return con


class _Unseen(MetaPathFinder):
    """A library that cannot be imported though it is installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Refuses the library and its parts; others are looked for elsewhere."""
        if fullname.partition(".")[0] == self.name:
            raise ModuleNotFoundError(f"{fullname} is kept out of this process", name=fullname)


def without_pandas() -> None:
    """Keep pandas out of this process, where nothing of ours uses it.

    DuckDB's Python module loads it, where it is installed, with the first parameter of a statement: 46 MB and 0.3 s.
    For the web, which reads no file that needs it; to be called before the first statement.
    """
    if not any(isinstance(finder, _Unseen) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Unseen("pandas"))


def as_snapshot(row: tuple[Any, ...]) -> Snapshot:
    """A row (snapshot_id, snapshot_time as text) of the catalogue."""
    return Snapshot(int(row[0]), datetime.fromisoformat(str(row[1])).replace(tzinfo=None))


def watched(catalog: Path) -> Snapshot | None:
    """The newest snapshot of a catalogue; None where there is none but the bare catalogue.

    About 10 µs while nothing changes, about 2 ms after a commit.

    Raises
    ------
    StoreError
        The catalogue is there but cannot be read.
    """
    if not catalog.exists():
        return None
    with _guard:
        watch = _watches.setdefault(catalog, _Watch(catalog))
    return watch.newest()


class _Watch:
    """One catalogue: a connection of its own, and the last answer as long as the files stay the same."""

    def __init__(self, catalog: Path) -> None:
        self.catalog = catalog
        self._lock = threading.Lock()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._seen: tuple = ()
        self._asked = 0.0
        self._answer: Snapshot | None = None

    def newest(self) -> Snapshot | None:
        with self._lock:
            now = self._files()
            if now != self._seen or time.monotonic() - self._asked > LOOK_ANYWAY_S:
                if self._con is None or now[0] != (self._seen or now)[0]:
                    self._open()  # the first time, or the store was replaced by another
                self._answer, self._seen, self._asked = self._ask(), now, time.monotonic()
            return self._answer

    def _files(self) -> tuple:
        """Inode of the catalogue, then size and time of it and of its write-ahead log."""
        found: list[Any] = []
        for path in (self.catalog, Path(f"{self.catalog}-wal")):
            try:
                state = os.stat(path)
                found += [state.st_ino, state.st_size, state.st_mtime_ns]
            except FileNotFoundError:
                found += [0, 0, 0]
        return tuple(found)

    def _open(self) -> None:
        if self._con is not None:
            self._con.close()
        self._con = extended_connection()
        quoted = str(self.catalog).replace("'", "''")
        self._con.execute("SET threads = 1")
        self._con.execute(f"ATTACH '{quoted}' AS catalog_file (TYPE sqlite, READ_ONLY)")

    def _ask(self) -> Snapshot | None:
        assert self._con is not None
        try:
            row = self._con.execute("SELECT * FROM sqlite_query('catalog_file', ?)", [_NEWEST]).fetchone()
        except duckdb.Error as error:
            if "no such table" in str(error):
                return None  # a writer is just making the catalogue
            raise StoreError(f"the catalogue {self.catalog} cannot be read: {str(error).splitlines()[0]}") from error
        return as_snapshot(row) if row else None
