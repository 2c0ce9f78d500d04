"""Maintenance: flush inlined rows, merge small files, expire old snapshots, remove what nobody reads.

Everything is cut into small steps (one table, one call) so that the pipeline can answer its inbox
between them. What a snapshot's expiry removes is only the way to look at the store as it was;
revisions of records stay (docs/architecture.md, "Two clocks").
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from data_pipeline.store import inbox
from data_pipeline.store.lake import CATALOG, Lake

FLUSH_FROM_ROWS = 1_000  # inlined rows of a table from which they are written to Parquet between whole rounds
MERGE_FROM_FILES = 8  # small files of a table from which they are merged
MERGE_BELOW_BYTES = 32 * 1024 * 1024
MERGE_AT_ONCE = 64  # files read in one step, so that memory and time of a step stay bounded
DELETED_SHARE = 0.3  # deleted rows of a file from which it is written anew
FILES_KEPT = timedelta(hours=2)  # no reader's transaction lasts that long
ORPHANS_KEPT = timedelta(days=1)
EXPIRE_AT_ONCE = 5_000


@dataclass(frozen=True)
class Retention:
    """How long snapshots are kept: all of the last `all_days`, then the last of each UTC day for `daily_days`."""

    all_days: int = 7
    daily_days: int = 180


@dataclass(frozen=True)
class Step:
    """One small piece of maintenance: what it is, and the call that does it (returns what was done)."""

    name: str
    run: Callable[[], str]


def small_steps(lake: Lake) -> Iterator[Step]:
    """What is worth doing every few minutes: tables with many inlined rows are flushed."""
    for table, rows in inlined_rows(lake).items():
        if rows >= FLUSH_FROM_ROWS:
            yield Step(f"flush {table}", partial(_flush, lake, table, rows))


def all_steps(lake: Lake, now: datetime, retention: Retention | None = None) -> Iterator[Step]:
    """A whole round: flush, merge, rewrite, expire, clean up."""
    for table, rows in inlined_rows(lake).items():
        yield Step(f"flush {table}", partial(_flush, lake, table, rows))
    for table in _tables(lake, _SMALL_FILES, (MERGE_BELOW_BYTES, MERGE_FROM_FILES)):
        yield Step(f"merge {table}", partial(_merge, lake, table))
    for table in _tables(lake, _DELETED, (DELETED_SHARE,)):
        yield Step(f"rewrite {table}", partial(_rewrite, lake, table))
    yield Step("expire snapshots", lambda: _expire(lake, now, retention or Retention()))
    yield Step("remove old files", lambda: _clean(lake, now))


def maintain(lake: Lake, now: datetime, retention: Retention | None = None) -> list[tuple[str, str, float]]:
    """Run a whole round at once. Returns (step, what was done, seconds)."""
    done = []
    for step in all_steps(lake, now, retention):
        started = time.perf_counter()
        said = step.run()
        done.append((step.name, said, time.perf_counter() - started))
    return done


def to_expire(snapshots: list[tuple[int, datetime]], now: datetime, retention: Retention) -> list[int]:
    """Ids of snapshots the rule does not keep. The newest is always kept.

    Parameters
    ----------
    snapshots : list of (id, commit time naive UTC)
    """
    newest = max((number for number, _ in snapshots), default=0)
    last_of_day: dict[str, int] = {}
    for number, moment in snapshots:
        day = moment.date().isoformat()
        last_of_day[day] = max(number, last_of_day.get(day, 0))
    gone = []
    for number, moment in snapshots:
        age = now - moment
        daily = age <= timedelta(days=retention.daily_days) and last_of_day[moment.date().isoformat()] == number
        if number != newest and age > timedelta(days=retention.all_days) and not daily:
            gone.append(number)
    return gone


def inlined_rows(lake: Lake) -> dict[str, int]:
    """Tables with rows still in the catalogue, and how many."""
    pairs = lake.frame(
        f"SELECT t.table_name AS name, i.table_name AS inlined FROM {CATALOG}.ducklake_inlined_data_tables i "
        f"JOIN {CATALOG}.ducklake_table t ON t.table_id = i.table_id AND t.end_snapshot IS NULL"
    ).rows()
    if not pairs:
        return {}
    # names of our own tables, as the catalogue lists them
    counts = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS n FROM {CATALOG}.\"{inlined}\"" for name, inlined in pairs)
    found = lake.frame(f"SELECT name, sum(n)::BIGINT AS n FROM ({counts}) GROUP BY 1 HAVING sum(n) > 0 ORDER BY 1")
    return dict(found.iter_rows())


_SMALL_FILES = (
    f"SELECT t.table_name FROM {CATALOG}.ducklake_data_file f JOIN {CATALOG}.ducklake_table t ON t.table_id = f.table_id "
    "WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL AND f.file_size_bytes < ? "
    "GROUP BY t.table_name HAVING count(*) >= ? ORDER BY 1"
)
_DELETED = (
    f"SELECT DISTINCT t.table_name FROM {CATALOG}.ducklake_delete_file d "
    f"JOIN {CATALOG}.ducklake_data_file f ON f.data_file_id = d.data_file_id AND f.end_snapshot IS NULL "
    f"JOIN {CATALOG}.ducklake_table t ON t.table_id = d.table_id AND t.end_snapshot IS NULL "
    "WHERE d.end_snapshot IS NULL AND d.delete_count > ? * f.record_count ORDER BY 1"
)


def _tables(lake: Lake, sql: str, params: tuple) -> list[str]:
    return lake.frame(sql, params)["table_name"].to_list()


def _flush(lake: Lake, table: str, rows: int) -> str:
    # table by table: one call for all tables looks at every file of the lake
    lake.execute("CALL ducklake_flush_inlined_data('lake', table_name => ?)", [table])
    return f"{rows} rows written to Parquet"


def _merge(lake: Lake, table: str) -> str:
    found = lake.frame(
        "SELECT coalesce(sum(files_processed), 0)::BIGINT, coalesce(sum(files_created), 0)::BIGINT "
        "FROM ducklake_merge_adjacent_files('lake', ?, max_compacted_files => ?, max_file_size => ?)",
        [table, MERGE_AT_ONCE, MERGE_BELOW_BYTES],
    ).row(0)
    return f"{found[0]} files became {found[1]}"


def _rewrite(lake: Lake, table: str) -> str:
    found = lake.frame(
        "SELECT coalesce(sum(files_processed), 0)::BIGINT FROM ducklake_rewrite_data_files('lake', ?, delete_threshold => ?)",
        [table, DELETED_SHARE],
    ).row(0)
    return f"{found[0]} files written anew without their deleted rows"


def _expire(lake: Lake, now: datetime, retention: Retention) -> str:
    rows = lake.frame(f"SELECT snapshot_id, snapshot_time::VARCHAR FROM {CATALOG}.ducklake_snapshot").rows()
    snapshots = [(int(number), datetime.fromisoformat(text).replace(tzinfo=None)) for number, text in rows]
    gone = to_expire(snapshots, now, retention)[:EXPIRE_AT_ONCE]
    if gone:
        lake.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{', '.join(str(int(n)) for n in gone)}])")
    return f"{len(gone)} of {len(snapshots)} snapshots expired"


def _clean(lake: Lake, now: datetime) -> str:
    """Remove files of merged or expired data, files a kill left behind, and unfetched answers."""
    scheduled = lake.frame("CALL ducklake_cleanup_old_files('lake', older_than => ?::TIMESTAMPTZ)", [now - FILES_KEPT])
    orphans = lake.frame("CALL ducklake_delete_orphaned_files('lake', older_than => ?::TIMESTAMPTZ)", [now - ORPHANS_KEPT])
    half = _half_copies(lake.home.deliveries, now)
    answers = inbox.clear(lake.home, now)
    return f"{scheduled.height} old files, {orphans.height} orphans, {half} half copies, {answers} answers removed"


def _half_copies(folder: Path, now: datetime) -> int:
    """Remove copies of deliveries that a kill interrupted."""
    removed = 0
    oldest = (now - ORPHANS_KEPT - datetime(1970, 1, 1)).total_seconds()
    for path in folder.glob(".incoming-*"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
