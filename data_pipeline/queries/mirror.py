"""What answers come from: a copy in memory of one snapshot, replaced as a whole at every commit.

The follower asks the catalogue for its newest snapshot id (one row of SQLite) and reads only
what newer commits wrote. A `State` is never changed: a reader that holds one sees one snapshot.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from data_pipeline.cities import Pack
from data_pipeline.contracts import contract
from data_pipeline.home import Home
from data_pipeline.metrics import Metric
from data_pipeline.queries.kept import Mark, keep, kept
from data_pipeline.queries.kept import rest as kept_rest
from data_pipeline.queries.lookups import alerts_with_trail
from data_pipeline.queries.series import SELECT, Key, Series, split
from data_pipeline.queries.types import Delivery, Snapshot
from data_pipeline.store.lake import Lake, newest_snapshot
from data_pipeline.store.marks import BuildPart, under_way
from data_pipeline.times import SUB_DAY_SECONDS

RECENT = timedelta(hours=72)  # below a day so much is held in memory; older periods are read from the lake
EVENT_DAYS = 90
LOADED_TOGETHER = 100_000  # some so many readings of a city are read at a time when the store is opened: 15 MB
KEEP_EVERY_S = 900.0  # so often at most the file of a city is written for the next start
MOST_BEHIND = 0.25  # a file that lacks more than this share of its rows is not gone on from
_SUB_DAY = list(SUB_DAY_SECONDS)
log = logging.getLogger(__name__)
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # as malloc.h numbers them
_DELIVERY = (
    "delivery_id", "city", "dataset", "source", "filename", "format", "bytes", "sha256", "mapping", "operator",
    "is_simulated", "received_at_utc", "rows_in", "accepted", "duplicates", "quarantined", "corrections", "status", "message",
)  # fmt: skip
_KNOWN = ("city", "is_simulated", "delivery_id", "known_from_utc", "known_to_utc")
_DEFAULTS: dict[str, Any] = {
    "bytes": 0, "rows_in": 0, "accepted": 0, "duplicates": 0, "quarantined": 0, "corrections": 0, "is_simulated": False,
}  # fmt: skip


@dataclass(frozen=True)
class State:
    """One snapshot in memory. Dictionaries are replaced, never changed."""

    snapshot: Snapshot | None = None
    commit_seq: int = -1
    commit_at_utc: datetime | None = None
    series: dict[Key, Series] = field(default_factory=dict)
    # (metric, grain) → start of the newest period below a day, µs
    newest: dict[tuple[str, str], int] = field(default_factory=dict)
    cities: frozenset[str] = frozenset()
    # (city, dataset) → (newest event, newest arrival)
    sources: dict[tuple[str, str], tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    sites: dict[str, pl.DataFrame] = field(default_factory=dict)
    # city → newest first
    deliveries: dict[str, tuple[Delivery, ...]] = field(default_factory=dict)
    # (city, dataset) → (accepted, quarantined)
    accounts: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    alerts: dict[str, pl.DataFrame] = field(default_factory=dict)
    city_events: dict[str, pl.DataFrame] = field(default_factory=dict)
    # city → every revision of its accepted reports (填报)
    plan_reports: dict[str, pl.DataFrame] = field(default_factory=dict)
    # (city, dataset) → when its first delivery became known
    first_known: dict[tuple[str, str], datetime] = field(default_factory=dict)
    # city → the part of its build that is under way
    building: dict[str, BuildPart] = field(default_factory=dict)

    def is_coming(self, pack: Pack, metric: Metric) -> bool:
        """Whether a metric has no figure of the city yet because its history is still being delivered."""
        keys = [(metric.id, pack.city_area.id, grain) for grain in ("hour", "day", "month")]
        return pack.id in self.building and not any(key in self.series for key in keys)


class Mirror:
    """Keeps `state` at the newest snapshot of a home.

    With `areas` only the readings of these; with `keeps` the readings lie in files beside the store, from which the
    next start goes on (`data_pipeline.queries.kept`).
    """

    def __init__(self, home: Home, packs: dict[str, Pack], areas: Sequence[str] | None = None, keeps: bool = False) -> None:
        self.home, self.packs, self.areas, self._keeps = home, packs, areas, keeps
        self.state = State()
        self._kept: dict[str, tuple[int, float]] = {}  # city → newest commit in its file, when that was written
        spare_memory()
        self._lake: Lake | None = None
        self._city_of = {area: city for city, pack in packs.items() for area in pack.areas}
        self._guard = threading.Lock()

    def update(self) -> Snapshot | None:
        """Bring `state` to the newest snapshot; the snapshot where there was a newer one, else None."""
        with self._guard:
            newest = newest_snapshot(self.home)
            before = self.state
            if newest is None or (before.snapshot is not None and newest.id == before.snapshot.id):
                return None
            if self._lake is None:
                self._lake = Lake.reader(self.home)
            with self._lake.pinned() as pinned:
                self.state = self._next(self._lake, before, pinned or newest)
            if before.snapshot is None:
                rest()
            return self.state.snapshot

    def keep_one(self, every_s: float = KEEP_EVERY_S) -> bool:
        """Write the file of a city that has moved on since and whose turn it is; False where there is none."""
        with self._guard:
            for city in sorted(self.state.cities) if self._keeps else ():
                commit_seq, at = self._kept.get(city, (-1, -every_s))
                if commit_seq < self.state.commit_seq and time.monotonic() - at >= every_s:
                    mine = {key: one for key, one in self.state.series.items() if self._city_of.get(key[1]) == city}
                    self.state = replace(self.state, series={**self.state.series, **self._in_file(city, self.state, mine)})
                    rest()
                    return True
            return False

    def close(self) -> None:
        """Close the follower's connection; what it holds stays for the next start."""
        while self.keep_one(0.0):
            pass
        with self._guard:
            if self._lake is not None:
                self._lake.close()
                self._lake = None

    # ------------------------------------------------------------------ from one state to the next

    def _next(self, lake: Lake, old: State, snapshot: Snapshot) -> State:
        commits = lake.frame("SELECT commit_seq, at_utc, what, cities FROM commits WHERE commit_seq > ? ORDER BY commit_seq", [old.commit_seq])
        if commits.is_empty():
            return replace(old, snapshot=snapshot)  # maintenance, not data
        building = under_way(old.building, commits["what"].to_list())
        first = {city for city, part in building.items() if part == "first"}
        if set(",".join(commits["cities"].to_list()).split(",")) <= first:
            # nobody looks at it yet: what so many commits bring is read once, with the one that ends the part
            return replace(old, snapshot=snapshot, building=building)
        state = replace(old, snapshot=snapshot, commit_seq=int(commits["commit_seq"][-1]), commit_at_utc=commits["at_utc"][-1], building=building)
        state = self._first_readings(lake, state) if old.commit_seq < 0 else self._newer_readings(lake, old, state)
        state = self._sites(lake, old, state)
        state = self._plan_reports(lake, self._deliveries(lake, old, state), old)
        return self._events(lake, old, self._sources(lake, state))

    def _first_readings(self, lake: Lake, state: State) -> State:
        series: dict[Key, Series] = {}
        for city in self.packs:
            mine = self._from_file(lake, city)
            if mine is None:
                mine = {}
                for frame in self._first_load(lake, city):
                    _merge(mine, {}, frame)
                mine = self._in_file(city, state, mine) if mine else mine
            series.update(mine)
        return replace(state, series=series, newest=_newest(series), cities=self._with_data(series))

    def _newer_readings(self, lake: Lake, old: State, state: State) -> State:
        series, newest = dict(old.series), dict(old.newest)
        changed = lake.frame(f"{SELECT} FROM readings WHERE commit_seq > ? AND list_contains(?, city)", [old.commit_seq, list(self.packs)])
        keys = _merge(series, newest, changed)
        return replace(state, series=series, newest=newest, cities=old.cities | self._with_data(keys))

    def _with_data(self, keys: Iterable[Key]) -> frozenset[str]:
        return frozenset(self._city_of[area] for _, area, _ in keys if area in self._city_of)

    def _from_file(self, lake: Lake, city: str) -> dict[Key, Series] | None:
        """What the last start held of a city and all that came since; None where there is no file to go on from."""
        found = kept(self.home, city) if self._keeps else None
        if found is None:
            return None
        mark, series = found
        since: list[Any] = [mark.commit_seq, city]
        lacking = lake.value("SELECT count(*) FROM readings WHERE commit_seq > ? AND city = ?", since)
        is_ours = lake.value("SELECT max(at_utc) FROM commits WHERE commit_seq = ?", [mark.commit_seq]) == mark.at_utc
        if not is_ours or lacking > MOST_BEHIND * sum(len(one) for one in series.values()):
            return None
        if lacking:
            _merge(series, _newest(series), lake.frame(f"{SELECT} FROM readings WHERE commit_seq > ? AND city = ?", since))
        self._kept[city] = (mark.commit_seq, time.monotonic())
        return series

    def _in_file(self, city: str, state: State, series: dict[Key, Series]) -> dict[Key, Series]:
        """Series of a city written for the next start, their rows in that file from now on; themselves where none are kept."""
        if not self._keeps or state.commit_at_utc is None:
            return series
        self._kept[city] = (state.commit_seq, time.monotonic())
        mark = Mark(state.commit_seq, state.commit_at_utc)
        try:
            keep(self.home, city, mark, series)
        except OSError as error:
            log.warning("%s: what is held of %s cannot be kept for the next start: %s", self.home.held, city, error.strerror)
            return series
        found = kept(self.home, city)
        return series if found is None or found[0] != mark else found[1]

    def _first_load(self, lake: Lake, city: str) -> Iterator[pl.DataFrame]:
        """Everything of a day and longer, and the last 72 hours of what is shorter, as seen from its newest period.

        A few metrics at a time: what lies in memory beside the series themselves stays small.
        """
        newest = lake.frame(
            "SELECT metric, grain, max(period_start_utc) AS newest FROM readings"
            " WHERE city = ? AND list_contains(?, grain) AND n > 0 GROUP BY metric, grain",
            [city, _SUB_DAY],
        )
        counted = lake.frame(
            "SELECT metric, count(CASE WHEN NOT list_contains(?, grain) THEN 1 END) AS n FROM readings WHERE city = ?"
            " GROUP BY metric ORDER BY metric",
            [_SUB_DAY, city],
        )
        oldest = min(newest["newest"].to_list(), default=datetime(9000, 1, 1)) - RECENT
        part = pl.col("n").cum_sum() // LOADED_TOGETHER if self.areas is None else pl.lit(0)
        for _, found in counted.group_by(part.alias("part"), maintain_order=True):
            some = found["metric"].to_list()
            # the two bounds of `metric` let file statistics skip the others
            mine: list[Any] = [city, some[0], some[-1]]
            chosen = "" if self.areas is None else " AND list_contains(?, area_id)"
            own = [] if self.areas is None else [list(self.areas)]
            yield lake.frame(
                f"{SELECT} FROM readings WHERE city = ? AND metric BETWEEN ? AND ? AND NOT list_contains(?, grain){chosen}",
                [*mine, _SUB_DAY, *own],
            )
            with lake.shown("newest_periods", newest):
                yield lake.frame(
                    f"{SELECT.replace('SELECT metric', 'SELECT r.metric').replace(' grain,', ' r.grain,')} FROM readings AS r"
                    " JOIN newest_periods AS p ON p.metric = r.metric AND p.grain = r.grain"
                    " WHERE r.city = ? AND r.metric BETWEEN ? AND ? AND r.period_start_utc >= ?"
                    f" AND r.period_start_utc > p.newest - INTERVAL 72 HOUR{chosen}",
                    [*mine, oldest, *own],
                )

    def _sites(self, lake: Lake, old: State, state: State) -> State:
        changed = _cities(lake.frame("SELECT DISTINCT city FROM sites WHERE commit_seq > ?", [old.commit_seq]))
        if not changed:
            return state
        rows = lake.frame("SELECT * EXCLUDE (commit_seq) FROM sites WHERE list_contains(?, city) ORDER BY dataset, site_id", [changed])
        return replace(state, sites={**old.sites, **{city: _own(rows.filter(city=city).drop("city")) for city in changed}})

    def _sources(self, lake: Lake, state: State) -> State:
        rows = lake.frame("SELECT city, dataset, last_event_utc, last_received_utc FROM source_state")
        return replace(state, sources={(c, d): (event, received) for c, d, event, received in rows.iter_rows()})

    def _deliveries(self, lake: Lake, old: State, state: State) -> State:
        rows = lake.frame(
            f"SELECT {', '.join(_DELIVERY)}, known_from_utc FROM deliveries WHERE commit_seq > ? ORDER BY delivery_id DESC",
            [old.commit_seq],
        )
        fresh: dict[str, list[Delivery]] = {}
        accounts, first_known = dict(old.accounts), dict(old.first_known)
        for values in rows.iter_rows(named=True):
            known, place = values.pop("known_from_utc"), (values["city"], values["dataset"])
            if known is not None:
                first_known[place] = min(first_known.get(place, known), known)
            filled = {k: _DEFAULTS.get(k, "") if v is None else v for k, v in values.items()}
            delivery = Delivery(**filled)
            fresh.setdefault(delivery.city, []).append(delivery)
            accepted, quarantined = accounts.get((delivery.city, delivery.dataset), (0, 0))
            accounts[delivery.city, delivery.dataset] = (
                accepted + delivery.accepted,
                quarantined + delivery.quarantined,
            )
        deliveries = dict(old.deliveries)
        for city, found in fresh.items():
            deliveries[city] = (*found, *deliveries.get(city, ()))
        return replace(state, deliveries=deliveries, accounts=accounts, first_known=first_known)

    @staticmethod
    def _plan_reports(lake: Lake, state: State, old: State) -> State:
        """Reports anew for the cities that delivered some; a correction touches rows of older deliveries too."""
        declared = contract("plan_reports")
        changed = [city for (city, dataset), n in state.accounts.items()
                   if dataset == declared.id and old.accounts.get((city, dataset)) != n]  # fmt: skip
        reports = dict(old.plan_reports)
        names = ", ".join(f'"{name}"' for name in (*declared.columns, *_KNOWN))
        for city in changed:
            reports[city] = _own(lake.frame(f'SELECT {names} FROM "{declared.table}" WHERE city = ?', [city]))
        return replace(state, plan_reports=reports)

    def _events(self, lake: Lake, old: State, state: State) -> State:
        changed = _cities(lake.frame("SELECT DISTINCT city FROM alerts WHERE commit_seq > ?", [old.commit_seq]))
        alerts = old.alerts
        if changed:
            rows = lake.frame("SELECT * FROM alerts WHERE list_contains(?, city)", [changed])
            alerts = {**alerts, **{city: _own(alerts_with_trail(rows.filter(city=city))) for city in changed}}
        return replace(state, alerts=alerts, city_events={**old.city_events, **self._city_events(lake, old)})

    @staticmethod
    def _city_events(lake: Lake, old: State) -> dict[str, pl.DataFrame]:
        """Of each city that brought some the events of the `EVENT_DAYS` before its newest, with the place they count in."""
        table = contract("city_events").table
        fresh = lake.frame(f'SELECT city, max(local_day) AS newest FROM "{table}" WHERE commit_seq > ? GROUP BY city', [old.commit_seq])
        if fresh.is_empty():
            return {}
        cities = fresh["city"].to_list()
        rows = lake.frame(
            "SELECT city, local_day, event_id, started_at, ended_at, severity, title_zh, title_en, department, status, area_id,"
            f' lon, lat, locality_id, is_simulated, known_from_utc FROM "{table}" WHERE list_contains(?, city) AND known_to_utc IS NULL'
            " AND local_day >= ? ORDER BY started_at DESC",
            [cities, min(fresh["newest"].to_list()) - timedelta(days=EVENT_DAYS)],
        )
        places = lake.frame("SELECT locality_id, area_id AS counted_in FROM localities WHERE list_contains(?, city)", [cities])
        counted = places.group_by("locality_id").agg("counted_in")
        found = {}
        for city, newest in fresh.iter_rows():
            own = rows.filter(pl.col("city") == city, pl.col("local_day") >= newest - timedelta(days=EVENT_DAYS)).drop("city", "local_day")
            found[city] = _own(own.join(counted, on="locality_id", how="left", maintain_order="left"))
        return found


def _cities(frame: pl.DataFrame) -> list[str]:
    return frame["city"].to_list()


def _newest(series: dict[Key, Series]) -> dict[tuple[str, str], int]:
    """(metric, grain) → start of the newest period below a day of any area, µs."""
    newest: dict[tuple[str, str], int] = {}
    for (metric, _, grain), one in series.items():
        if grain in SUB_DAY_SECONDS:
            newest[metric, grain] = max(newest.get((metric, grain), 0), one.last_us)
    return newest


def _merge(series: dict[Key, Series], newest: dict[tuple[str, str], int], frame: pl.DataFrame) -> set[Key]:
    """Bring rows into `series`, and `newest` with them; the keys of the rows. What is older than 72 hours goes below a day."""
    keys = set()
    for key, part in split(frame):
        metric, _, grain = key
        keys.add(key)
        mine = series.get(key)
        merged = part if mine is None else mine.merged(part)
        if grain in SUB_DAY_SECONDS:
            last = newest[metric, grain] = max(newest.get((metric, grain), 0), part.last_us)
            # an hour more than promised, so that not every commit copies every series
            if merged.first_us < last - microseconds_of(RECENT) - 3_600_000_000:
                merged = merged.since(last - microseconds_of(RECENT))
        if len(merged):
            series[key] = merged
        else:  # all of it is older than what is held
            series.pop(key, None)
    return keys


def _own(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows in room of their own: an answer of the lake holds on to the room reserved for a longer one."""
    held = frame.write_ipc(None)
    held.seek(0)
    return pl.read_ipc(held)


def spare_memory() -> None:
    """Have large pieces of memory go back to the system when they are freed, where the C library knows how (glibc).

    Left to itself it keeps room for pieces of up to 32 MB once such have come and gone, for each thread its own: after
    reading the store that was a third of all the web process held.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_M_MMAP_THRESHOLD, 256 * 1024)
        library.mallopt(_M_ARENA_MAX, 2)


def rest() -> None:
    """Return to the system what has been freed, where the C library knows how (glibc), and what lies in files anyway."""
    kept_rest()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def microseconds_of(span: timedelta) -> int:
    """Microseconds of a span."""
    return span // timedelta(microseconds=1)
