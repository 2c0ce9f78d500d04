"""Incremental aggregation: only what new, late or corrected records touched is computed again.

A commit touches local days of datasets. The readings of those days, and of the months that hold
them, are computed from the records; only rows that differ from the stored ones are replaced, so that followers see
changes and nothing else. A reading that no record stands behind any more is kept as a row without
a value (`n = 0`): readers who follow by commit number learn that it is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl

from data_pipeline.aggregate.city import EVER, CityReadings
from data_pipeline.aggregate.clock import counted_day
from data_pipeline.aggregate.compose import LONGEST_CASE, grouped
from data_pipeline.aggregate.rollup import mapped, stored_grains
from data_pipeline.aggregate.status import statuses
from data_pipeline.cities import Pack
from data_pipeline.contracts import contract, contracts
from data_pipeline.metrics import Metric, metrics
from data_pipeline.store.lake import Lake
from data_pipeline.times import SUB_DAY_SECONDS, Grain, day_floor, midnight_utc, next_day_floor

Touched = dict[tuple[str, str], set[date]]
Progress = Callable[[str, int, int], None]

_DAY = timedelta(days=1)
APPENDED_TOGETHER = 250_000  # rows of a first refresh held back to be written in one file; about 40 MB
_GAP_DAYS = 3  # touched days this close are computed in one go
KEYS = ["metric", "area_id", "grain", "period_start_utc"]
_COMPARED = [
    "numerator", "denominator", "value", "n", "reported_n", "expected_n", "simulated_n", "origin",
    "data_as_of_utc", "known_from_utc",
]  # fmt: skip
READING_COLUMNS = [
    *KEYS, "period_end_utc", "numerator", "denominator", "value", "n", "reported_n", "expected_n", "simulated_n",
    "status", "origin", "data_as_of_utc", "known_from_utc",
]  # fmt: skip


def refresh(
    lake: Lake,
    packs: dict[str, Pack],
    touched: Touched,
    *,
    commit_seq: int,
    now: datetime,
    progress: Progress | None = None,
    only: set[str] | None = None,
) -> int:
    """Bring the readings up to date with the records of this transaction.

    Parameters
    ----------
    lake : Lake
        The writer, inside the transaction that appended the records.
    packs : dict of city id → Pack
    touched : dict of (city, dataset) → local days
        Days whose records were added, replaced or taken away. For `figures` the days on which
        the figures' periods start; for a register any days (they are not looked at).
    commit_seq : int
        Number of this commit; written to every row that changed.
    now : datetime
        Naive UTC; decides what is due in open periods.
    progress : callable, optional
        `progress(what, done, total)`.
    only : set of str, optional
        Only these metrics: where a definition was added or changed.

    Returns
    -------
    int
        Readings written. Datasets without metrics, and cities without a pack, write none.
    """
    written = 0
    for city in sorted({city for city, _ in touched if city in packs}):
        own = {dataset: days for (c, dataset), days in touched.items() if c == city}
        written += _Work(lake, packs[city], commit_seq, now, only).run(own, progress)
    return written


def rebuild(
    lake: Lake,
    packs: dict[str, Pack],
    city: str,
    *,
    commit_seq: int,
    now: datetime,
    progress: Progress | None = None,
    only: set[str] | None = None,
) -> int:
    """Compute all readings of a city from all its records, in the caller's transaction; rows written."""
    touched: Touched = {}
    behind = {m.dataset for m in metrics().values() if only is None or m.id in only} | {"figures"}
    for declared in (contracts()[name] for name in sorted(behind)):
        days = lake.frame(f'SELECT DISTINCT local_day FROM "{declared.table}" WHERE city = ?', [city])
        touched[(city, declared.id)] = set(days["local_day"].to_list())
    kept = {key: days for key, days in touched.items() if days}
    return refresh(lake, packs, kept, commit_seq=commit_seq, now=now, progress=progress, only=only)


class _Work:
    """One refresh of one city."""

    def __init__(self, lake: Lake, pack: Pack, commit_seq: int, now: datetime, only: set[str] | None = None) -> None:
        self.lake, self.pack, self.commit_seq, self.now, self.only = lake, pack, commit_seq, now, only
        self.readings = CityReadings(lake, pack)
        self._fresh: list[pl.DataFrame] = []
        self._before: list[pl.DataFrame] = []
        self._stored: pl.DataFrame | None = None
        self._new: list[pl.DataFrame] = []
        self._new_n = 0

    def run(self, touched: dict[str, set[date]], progress: Progress | None) -> int:
        """Compute and write everything the touched days change; rows written."""
        plan, stocks = self.plan(touched)
        ids = sorted({m.id for group, _ in plan for m in group})
        days = set().union(*(d for _, d in plan)) if plan else set()
        written = 0
        if days:
            first = day_floor(min(days), "month")
            after = next_day_floor(max(days), "month")
            self.readings.load_figures(ids, first, after)
            self._stored = self._load(ids, min(days), max(days) + _DAY, first, after)
        for done, (group, group_days) in enumerate(plan):
            written += self._group(group, group_days)
            if progress is not None:
                progress(f"{self.pack.id} {group[0].dataset}", done + 1, len(plan))
        written += self._flush()
        if stocks:
            ids = sorted({m.id for group in stocks for m in group})
            self.readings.load_figures(ids, *EVER)
            self._stored = self._load(ids, *EVER, *EVER)
            for group in stocks:
                for piece in self.readings.stock(group):
                    written += self._keep(*piece)
        return written + self._flush()

    # ------------------------------------------------------------------ what to compute

    def plan(self, touched: dict[str, set[date]]) -> tuple[list[tuple[list[Metric], set[date]]], list[list[Metric]]]:
        """Groups of metrics with the local days to compute, and groups of stocks (computed whole)."""
        days_of: dict[str, set[date]] = {}
        stocks: set[str] = set()
        for dataset, days in touched.items():
            if dataset not in contracts() or not days:
                continue
            declared = contract(dataset)
            if declared.kind == "figures":
                for metric_id, found in self._figure_days(days).items():
                    if metrics()[metric_id].is_stock:
                        stocks.add(metric_id)
                    else:
                        days_of.setdefault(metric_id, set()).update(found)
                continue
            stocks |= {m.id for m in metrics().values() if m.dataset == dataset and m.is_stock}
            self._add_days(days_of, dataset, days)
            if declared.kind == "register":
                # attributes of sites and the number of sites that ought to report reach back over all days
                for other in contracts().values():
                    if other.register_dataset == dataset:
                        self._add_days(days_of, other.id, self._all_days(other.table))
        by_days: dict[frozenset[date], list[Metric]] = {}
        for metric_id, found in days_of.items():
            if found and (self.only is None or metric_id in self.only):
                by_days.setdefault(frozenset(found), []).append(metrics()[metric_id])
        plan = [(group, set(days)) for days, members in by_days.items() for group in grouped(members)]
        wanted = stocks if self.only is None else stocks & self.only
        return plan, grouped([m for m in metrics().values() if m.id in wanted])

    def _add_days(self, days_of: dict[str, set[date]], dataset: str, days: set[date]) -> None:
        """Add the local days on which records of `days` count, for each metric of a dataset that is no stock."""
        counted: dict[str, set[date]] = {"": days}
        for metric in metrics().values():
            if metric.dataset == dataset and not metric.is_stock and days:
                if metric.period_on not in counted:
                    counted[metric.period_on] = self._period_days(metric, days)
                own = days_of.setdefault(metric.id, set())
                own.update(counted[metric.period_on])
                if metric.looks_back:
                    own.update(later for day in days for later in metric.looks_back.days_read_by(day))

    def _figure_days(self, days: set[date]) -> dict[str, set[date]]:
        rows = self.lake.frame(
            f'SELECT DISTINCT metric_id, local_day FROM "{contract("figures").table}"'
            " WHERE city = ? AND local_day >= ? AND local_day <= ?",
            [self.pack.id, min(days), max(days)],
        )
        found: dict[str, set[date]] = {}
        for metric_id, day in rows.iter_rows():
            if day in days and metric_id in metrics():
                found.setdefault(metric_id, set()).add(day)
        return found

    def _period_days(self, metric: Metric, days: set[date]) -> set[date]:
        """The local days on which records of `days` count, for metrics that count on another day than the event's."""
        counted = counted_day(metric.period_on, self.pack.tz, min(days), max(days) + LONGEST_CASE)
        # present and replaced revisions: the day a case counted on before must be computed again too
        rows = self.lake.frame(
            f"SELECT DISTINCT {counted} AS day, local_day"
            f' FROM "{contract(metric.dataset).table}" WHERE city = ? AND local_day >= ? AND local_day <= ?'
            f" AND {metric.period_on} IS NOT NULL",
            [self.pack.id, min(days), max(days)],
        )
        return set(rows.filter(pl.col("local_day").is_in(list(days)))["day"].to_list())

    def _all_days(self, table: str) -> set[date]:
        rows = self.lake.frame(f'SELECT DISTINCT local_day FROM "{table}" WHERE city = ?', [self.pack.id])
        return set(rows["local_day"].to_list())

    # ------------------------------------------------------------------ computing

    def _group(self, group: list[Metric], days: set[date]) -> int:
        """Compute the metrics of one group for some local days; rows written at once (the rest with `_flush`)."""
        written = 0
        fresh: dict[str, list[pl.DataFrame]] = {m.id: [] for m in group}
        runs = _runs(days)
        for from_day, to_day in runs:
            for piece in self.readings.window(group, from_day, to_day):
                if piece[1] == "day":
                    fresh[piece[0].id].append(piece[2])
                written += self._keep(*piece)
        if not any("month" in stored_grains(metric) for metric in group):
            return written
        for from_day, to_day in _runs({day_floor(d, "month") for d in days}, "month"):
            whole = [self._whole_days(m, pl.concat(fresh[m.id]), from_day, to_day, runs) for m in group]
            for metric, parts in zip(group, self.readings.longer(group, "month", whole, from_day, to_day), strict=True):
                if "month" in stored_grains(metric):
                    written += self._keep(metric, "month", parts, from_day, to_day)
        return written

    def _whole_days(
        self, metric: Metric, made: pl.DataFrame, from_day: date, to_day: date, runs: list[tuple[date, date]]
    ) -> pl.DataFrame:
        """Day parts of whole months: those just made, and the stored ones of the days not touched."""
        fresh = made.filter(pl.col("local_day").is_between(from_day, to_day, closed="left"))
        if self._stored is None or any(a <= from_day and to_day <= b for a, b in runs):
            return fresh
        tz = self.pack.tz
        rows = self._stored.filter((pl.col("metric") == metric.id) & (pl.col("grain") == "day") & (pl.col("n") > 0))
        days = {midnight_utc(d, tz): d for d in _each(from_day, to_day) if not any(a <= d < b for a, b in runs)}
        stored = rows.select(
            pl.col("area_id"),
            mapped("period_start_utc", days, pl.Date).alias("local_day"),
            pl.col("period_start_utc").alias("start"),
            pl.lit(None, pl.Int32).alias("offset_s"),
            "numerator", "denominator", "value", "n", "reported_n", "expected_n", "simulated_n",
            pl.col("data_as_of_utc").alias("as_of"), pl.col("known_from_utc").alias("known_from"), "origin",
        )  # fmt: skip
        return pl.concat([fresh, stored.filter(pl.col("local_day").is_not_null()).select(fresh.columns)])

    # ------------------------------------------------------------------ writing

    def _load(self, ids: list[str], from_day: date, to_day: date, first: date, after: date) -> pl.DataFrame | None:
        """Stored readings that may change: below a day those of the days, else those of the months around."""
        tz = self.pack.tz
        if self.lake.is_empty("readings"):
            return None
        found = self.lake.frame(
            f"SELECT {', '.join(READING_COLUMNS)} FROM readings WHERE city = ? AND list_contains(?, metric)"
            " AND period_start_utc >= ? AND period_start_utc < ?"
            " AND (list_contains(?, grain) OR (period_start_utc >= ? AND period_start_utc < ?))",
            [self.pack.id, ids, midnight_utc(first, tz), midnight_utc(after, tz), ["day", "month"],
             midnight_utc(from_day, tz), midnight_utc(to_day, tz)],
        )  # fmt: skip
        return found if found.height else None

    def _keep(self, metric: Metric, grain: Grain, parts: pl.DataFrame, from_day: date, to_day: date) -> int:
        """Note a piece and the stored rows it stands against; in a store without readings write many at a time."""
        rows = reading_rows(metric, grain, parts, self.pack, self.now)
        if self._stored is None:
            self._new.append(rows)
            self._new_n += rows.height
            return self._append_new() if self._new_n >= APPENDED_TOGETHER else 0
        tz = self.pack.tz
        within = pl.col("period_start_utc").is_between(
            midnight_utc(from_day, tz), midnight_utc(to_day, tz), closed="left"
        )
        stored = self._stored.filter((pl.col("metric") == metric.id) & (pl.col("grain") == grain) & within)
        self._fresh.append(rows)
        self._before.append(stored)
        return 0

    def _flush(self) -> int:
        """Take the rows out that differ and put the new ones in: one statement each."""
        written = self._append_new()
        if not self._fresh:
            return written
        stored = pl.concat(self._before)
        changed = _different(pl.concat(self._fresh), stored)
        self._fresh, self._before = [], []
        replaced = changed.select(KEYS).join(stored.select(KEYS), on=KEYS, how="semi")
        if replaced.height:
            first, last = replaced["period_start_utc"].min(), replaced["period_start_utc"].max()
            with self.lake.shown("replaced_keys", replaced):
                self.lake.execute(
                    "DELETE FROM readings WHERE city = ? AND period_start_utc >= ? AND period_start_utc <= ?"
                    " AND list_contains(?, metric) AND (metric, area_id, grain, period_start_utc) IN"
                    " (SELECT (metric, area_id, grain, period_start_utc) FROM replaced_keys)",
                    [self.pack.id, first, last, replaced["metric"].unique().to_list()],
                )
        return written + self._append(changed)

    def _append_new(self) -> int:
        """Write the pieces held back: few large files are written, and read, faster than many small ones."""
        pieces, self._new, self._new_n = self._new, [], 0
        # pieces in the order of the table's files, each sorted by time alone: numbers sort faster than names
        pieces = [piece.sort("period_start_utc") for piece in pieces if piece.height]
        pieces.sort(key=lambda piece: piece.select("metric", "grain", "period_start_utc").row(0))
        return self._append(pl.concat(pieces)) if pieces else 0

    def _append(self, rows: pl.DataFrame) -> int:
        return self.lake.append("readings", rows, constants={"city": self.pack.id, "commit_seq": self.commit_seq})


def _different(fresh: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Rows that are new or differ from the stored ones, and empty rows for those that are gone."""
    both = fresh.join(stored.select(*KEYS, *_COMPARED), on=KEYS, how="left", suffix="_before", maintain_order="left")
    same = pl.col("n_before").is_not_null()
    for name in _COMPARED:
        now, before = pl.col(name), pl.col(f"{name}_before")
        if fresh.schema[name] == pl.Float64:
            # the order in which a sum is taken moves its last digits
            close = (now - before).abs() <= 1e-12 * pl.max_horizontal(now.abs(), before.abs())
            same = same & (close.fill_null(False) | (now.is_null() & before.is_null()))
        else:
            same = same & now.eq_missing(before)
    changed = both.filter(~same).select(fresh.columns)
    gone = stored.filter(pl.col("n") > 0).join(fresh.select(KEYS), on=KEYS, how="anti")
    nothing = {name: pl.lit(None, pl.Float64) for name in ("numerator", "denominator", "value")}
    counts = {name: pl.lit(None, pl.Int64) for name in ("reported_n", "expected_n")}
    zero = pl.lit(0, pl.Int64)
    gone = gone.with_columns(**nothing, **counts, n=zero, simulated_n=zero, status=pl.lit("missing"))
    return pl.concat([changed, gone.select(changed.columns)])


def reading_rows(metric: Metric, grain: Grain, parts: pl.DataFrame, pack: Pack, now: datetime) -> pl.DataFrame:
    """Parts as rows of the table `readings` (without city and commit number)."""
    if "origin" not in parts.columns:
        parts = parts.with_columns(pl.lit("records").alias("origin"))
    tz = pack.tz
    if grain in SUB_DAY_SECONDS:
        end = pl.col("start") + pl.duration(seconds=SUB_DAY_SECONDS[grain])
    else:
        firsts = parts["local_day"].unique().to_list()
        ends = {day: midnight_utc(next_day_floor(day, grain), tz) for day in firsts}
        end = mapped("local_day", ends, pl.Datetime("us"))
    source = pack.sources.get(metric.dataset)
    grace_s = (source.grace_s or 0) if source else 0
    rows = parts.select(
        pl.lit(metric.id).alias("metric"), "area_id", pl.lit(grain).alias("grain"),
        pl.col("start").alias("period_start_utc"), end.alias("period_end_utc"),
        "numerator", "denominator", "value", "n", "reported_n", "expected_n", "simulated_n",
        "origin", pl.col("as_of").alias("data_as_of_utc"), pl.col("known_from").alias("known_from_utc"),
    )  # fmt: skip
    return rows.with_columns(statuses(metric, rows, grace_s, now).alias("status")).select(READING_COLUMNS)


def _runs(days: set[date], grain: Grain = "day") -> list[tuple[date, date]]:
    """Touched periods as runs (first day, day after the last), short gaps closed."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        stop = next_day_floor(day, grain)
        gap = _GAP_DAYS * _DAY if grain == "day" else timedelta(0)
        if runs and day - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], max(stop, runs[-1][1]))
        else:
            runs.append((day, stop))
    return runs


def _each(from_day: date, to_day: date) -> list[date]:
    return [date.fromordinal(n) for n in range(from_day.toordinal(), to_day.toordinal())]
