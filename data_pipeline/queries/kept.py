"""The readings of a city as the web last held them, kept in a file beside the store: a start goes on from there.

To read and fold the readings of a city takes seconds; to map this file takes a tenth of one, and rows that
nobody looks at take no memory. One Arrow file a city (`Home.held`), one row a series, the commit that was the newest
when it was written in its metadata: whoever opens it reads what newer commits wrote, as if he had followed all along.
A file of another store, of another layout or with faults is passed over; nothing is lost with it.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import sys
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data_pipeline.home import Home
from data_pipeline.queries.series import COLUMNS, HELD, Compressed, Key, Series

_FACTS = ("n", "first_us", "last_us", "known_us", "ratio")
_COLUMNS = pa.schema(
    [
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in ("metric", "area", "grain")),
        # many series have the same starts: they stand once, with the first of them
        ("starts_of", pa.int32()),
        ("starts", pa.list_(pa.int64())),
        # rows that are not folded: in little room, or where that would lose something as doubles
        ("rows", pa.list_(pa.binary(HELD.itemsize))),
        ("doubles", pa.list_(pa.float64())),
        ("fold", pa.large_binary()),
        ("fold_n", pa.int32()),
        *((f"fold_{name}", pa.int64()) for name in ("first_us", "last_us")),
        *((f"fold_{name}", pa.float64()) for name in ("known_us", "ratio")),
    ]
)


@dataclass(frozen=True)
class Mark:
    """The commit up to which a file holds everything: its number, and its moment (naive UTC), which no other store's has."""

    commit_seq: int
    at_utc: datetime


# raise it when a fold is compressed in another way; names and kinds of the columns speak for themselves
FORMAT = 1
_LAYOUT = hashlib.sha256(repr((FORMAT, COLUMNS, HELD, _COLUMNS.to_string())).encode()).hexdigest()


_mapped: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def _path(home: Home, city: str) -> Path:
    return home.held / f"{city}.arrow"


def keep(home: Home, city: str, mark: Mark, series: Mapping[Key, Series]) -> None:
    """Write the series of a city as of a commit, whole or not at all.

    Raises
    ------
    OSError
        The folder cannot be written, or is full; what was kept before stays.
    """
    path = _path(home, city)
    path.parent.mkdir(exist_ok=True)
    about = {"layout": _LAYOUT, "commit_seq": str(mark.commit_seq), "at_utc": mark.at_utc.isoformat()}
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            batch = _table(series).replace_schema_metadata(about)
            with pa.ipc.new_file(file, batch.schema) as writer:
                writer.write_batch(batch)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def kept(home: Home, city: str) -> tuple[Mark, dict[Key, Series]] | None:
    """What `keep` wrote last, its rows still in the file; None where there is nothing we can use."""
    try:
        with _path(home, city).open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        batch = pa.ipc.open_file(pa.py_buffer(mapped)).get_batch(0)
        about = batch.schema.metadata or {}
        if about.get(b"layout") != _LAYOUT.encode():
            return None
        mark = Mark(int(about[b"commit_seq"]), datetime.fromisoformat(about[b"at_utc"].decode()))
        found = _series(batch)
        mapped.madvise(mmap.MADV_RANDOM)  # who looks at a row needs no neighbours
        _mapped.add(mapped)
        return mark, found
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        return None


def rest() -> None:
    """Let go of what has been looked at in the files: whoever looks again finds it there, mostly still in the system's memory."""
    for mapped in list(_mapped):
        mapped.madvise(mmap.MADV_DONTNEED)


def _table(series: Mapping[Key, Series]) -> pa.RecordBatch:
    held = [one.held for one in series.values()]
    numbers: dict[int, int] = {}  # of an array of starts → of the first series that has it
    starts_of = [numbers.setdefault(id(starts), i) for i, (starts, _, _) in enumerate(held)]
    folds = [None if fold is None else fold.whole() for _, _, fold in held]
    columns: dict[str, pa.Array] = {
        name: pa.array([key[i] for key in series], pa.string()).dictionary_encode()
        for i, name in enumerate(("metric", "area", "grain"))
    }
    columns["starts_of"] = pa.array(starts_of, pa.int32())
    columns["starts"] = _lists([starts if starts_of[i] == i else starts[:0] for i, (starts, _, _) in enumerate(held)], np.int64)
    small = [rows if rows.dtype == HELD else np.empty(0, HELD) for _, rows, _ in held]
    raw = np.concatenate(small) if small else np.empty(0, HELD)
    values = pa.FixedSizeBinaryArray.from_buffers(pa.binary(HELD.itemsize), len(raw), [None, pa.py_buffer(raw.tobytes())])
    columns["rows"] = pa.ListArray.from_arrays(_offsets(small), values)
    columns["doubles"] = _lists([np.empty(0) if rows.dtype == HELD else rows.ravel() for _, rows, _ in held], np.float64)
    compressed = [b"" if fold is None else fold.compressed for fold in folds]
    ends = np.cumsum([0, *(len(part) for part in compressed)])
    columns["fold"] = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(held), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(compressed))])
    for name in _FACTS:
        column = f"fold_{name}"
        columns[column] = pa.array([None if fold is None else getattr(fold, name) for fold in folds], _COLUMNS.field(column).type)
    return pa.RecordBatch.from_arrays([columns[name] for name in _COLUMNS.names], schema=_COLUMNS)


def _offsets(parts: Iterable[np.ndarray]) -> pa.Array:
    return pa.array(np.cumsum([0, *(len(part) for part in parts)]), pa.int32())


def _lists(parts: list[np.ndarray], kind: type) -> pa.ListArray:
    return pa.ListArray.from_arrays(_offsets(parts), pa.array(np.concatenate([np.empty(0, kind), *parts])))


def _series(batch: pa.RecordBatch) -> dict[Key, Series]:
    """The series of a file; their arrays are views of it."""
    column = {name: batch.column(name) for name in _COLUMNS.names}
    names = [[sys.intern(name) for name in column[c].dictionary.to_pylist()] for c in ("metric", "area", "grain")]
    keys = zip(*(([words[i] for i in column[c].indices.to_pylist()]) for words, c in zip(names, ("metric", "area", "grain"), strict=True)), strict=True)
    starts = _slices(column["starts"], column["starts"].values.to_numpy())
    packed = column["rows"].values
    rows = _slices(column["rows"], np.frombuffer(packed.buffers()[1], HELD, len(packed)) if len(packed) else np.empty(0, HELD))
    doubles = _slices(column["doubles"], column["doubles"].values.to_numpy())
    folds = _Folds(column)
    has_fold = folds.facts["n"].tolist()
    found = {}
    for i, (key, first) in enumerate(zip(keys, column["starts_of"].to_pylist(), strict=True)):
        mine = rows[i] if len(rows[i]) else doubles[i].reshape(-1, len(COLUMNS))
        found[key] = Series(starts[first], mine, FoldInFile(folds, i) if has_fold[i] else None)
    return found


class _Folds:
    """What a file says of its folds, as arrays over the series; `n` is 0 where one has none."""

    def __init__(self, column: Mapping[str, pa.Array]) -> None:
        self.facts = {name: column[f"fold_{name}"].fill_null(0).to_numpy() for name in _FACTS}
        self.ends, self.compressed = np.frombuffer(column["fold"].buffers()[1], np.int64), column["fold"].buffers()[2]


class FoldInFile(Compressed):
    """A fold that stays in its file until somebody looks into it; only where it lies is held, for there are many."""

    __slots__ = ("_at", "_in")

    def __init__(self, folds: _Folds, at: int) -> None:
        self._in, self._at = folds, at

    def __getattr__(self, name: str) -> Any:
        """What `Compressed` declares, from the file."""
        if name in _FACTS:
            return self._in.facts[name][self._at].item()
        if name == "compressed":
            begin, end = self._in.ends[self._at : self._at + 2]
            return self._in.compressed.slice(begin, end - begin)
        raise AttributeError(name)


def _slices(lists: pa.ListArray, values: np.ndarray) -> list[np.ndarray]:
    bounds = lists.offsets.to_pylist()
    return [values[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]
