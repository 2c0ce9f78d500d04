"""What answers come from: a copy in memory of one snapshot, replaced as a whole at every commit.

The follower asks the catalogue for its newest snapshot id (one row of SQLite) and reads only
what newer commits wrote. A `State` is never changed: a reader that holds one sees one snapshot.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from data_pipeline.cities import Pack
from data_pipeline.contracts import contract
from data_pipeline.home import Home
from data_pipeline.metrics import Metric
from data_pipeline.queries.lookups import alerts_with_trail
from data_pipeline.queries.series import SELECT, Key, Series, split
from data_pipeline.queries.types import Delivery, Snapshot
from data_pipeline.store.lake import Lake, newest_snapshot
from data_pipeline.store.marks import BuildPart, under_way
from data_pipeline.times import SUB_DAY_SECONDS

RECENT = timedelta(hours=72)  # below a day so much is held in memory; older periods are read from the lake
EVENT_DAYS = 90
LOADED_TOGETHER = 100_000  # some so many readings of a city are read at a time when the store is opened: 15 MB
_SUB_DAY = list(SUB_DAY_SECONDS)
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
    """Keeps `state` at the newest snapshot of a home; with `areas` only the readings of these."""

    def __init__(self, home: Home, packs: dict[str, Pack], areas: Sequence[str] | None = None) -> None:
        self.home, self.packs, self.areas = home, packs, areas
        self.state = State()
        spare_memory()
        self._lake: Lake | None = None
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
                _give_back()
            return self.state.snapshot

    def close(self) -> None:
        """Close the follower's connection."""
        with self._guard:
            if self._lake is not None:
                self._lake.close()
                self._lake = None

    # ------------------------------------------------------------------ from one state to the next

    def _next(self, lake: Lake, old: State, snapshot: Snapshot) -> State:
        commits = lake.frame("SELECT commit_seq, what, cities FROM commits WHERE commit_seq > ? ORDER BY commit_seq", [old.commit_seq])
        if commits.is_empty():
            return replace(old, snapshot=snapshot)  # maintenance, not data
        building = under_way(old.building, commits["what"].to_list())
        first = {city for city, part in building.items() if part == "first"}
        if set(",".join(commits["cities"].to_list()).split(",")) <= first:
            # nobody looks at it yet: what so many commits bring is read once, with the one that ends the part
            return replace(old, snapshot=snapshot, building=building)
        newest_commit = int(commits["commit_seq"].max())  # type: ignore[arg-type]
        state = replace(old, snapshot=snapshot, commit_seq=newest_commit, building=building)
        state = self._readings(lake, old, state)
        state = self._sites(lake, old, state)
        state = self._plan_reports(lake, self._deliveries(lake, old, state), old)
        return self._events(lake, old, self._sources(lake, state))

    def _readings(self, lake: Lake, old: State, state: State) -> State:
        if old.commit_seq < 0:
            frames = (frame for city in self.packs for frame in self._first_load(lake, city))
        else:
            cities = list(self.packs)
            changed = f"{SELECT} FROM readings WHERE commit_seq > ? AND list_contains(?, city)"
            frames = (lake.frame(changed, [old.commit_seq, cities]) for _ in range(1))
        series, newest = dict(old.series), dict(old.newest)
        found_cities = set(old.cities)
        area_city = {area: city for city, pack in self.packs.items() for area in pack.areas}
        for frame in frames:
            for key, part in split(frame):
                metric, area, grain = key
                found_cities.add(area_city.get(area, ""))
                mine = series.get(key)
                merged = part if mine is None else mine.merged(part)
                if grain in SUB_DAY_SECONDS:
                    last = max(newest.get((metric, grain), 0), part.last_us)
                    newest[metric, grain] = last
                    # an hour more than promised, so that not every commit copies every series
                    if merged.first_us < last - microseconds_of(RECENT) - 3_600_000_000:
                        merged = merged.since(last - microseconds_of(RECENT))
                series[key] = merged
        return replace(state, series=series, newest=newest, cities=frozenset(found_cities & set(self.packs)))

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
        changed = lake.frame("SELECT DISTINCT city FROM sites WHERE commit_seq > ?", [old.commit_seq])["city"].to_list()
        sites = dict(old.sites)
        for city in changed:
            sites[city] = _own(lake.frame(
                "SELECT * EXCLUDE (city, commit_seq) FROM sites WHERE city = ? ORDER BY dataset, site_id", [city]
            ))  # fmt: skip
        return replace(state, sites=sites)

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
        alerts, events = dict(old.alerts), dict(old.city_events)
        changed = lake.frame("SELECT DISTINCT city FROM alerts WHERE commit_seq > ?", [old.commit_seq])[
            "city"
        ].to_list()
        for city in changed:
            alerts[city] = _own(alerts_with_trail(lake.frame("SELECT * FROM alerts WHERE city = ?", [city])))
        table = contract("city_events").table
        fresh = lake.frame(
            f'SELECT city, max(local_day) AS newest FROM "{table}" WHERE commit_seq > ? GROUP BY city', [old.commit_seq]
        )
        for city, newest in fresh.iter_rows():
            events[city] = lake.frame(
                "SELECT event_id, started_at, ended_at, severity, title_zh, title_en, department, status, area_id,"
                f' lon, lat, locality_id, is_simulated, known_from_utc FROM "{table}" WHERE city = ? AND known_to_utc IS NULL'
                " AND local_day >= ? ORDER BY started_at DESC",
                [city, newest - timedelta(days=EVENT_DAYS)],
            )
            places = lake.frame("SELECT locality_id, area_id AS counted_in FROM localities WHERE city = ?", [city])
            events[city] = _own(events[city].join(
                places.group_by("locality_id").agg("counted_in"), on="locality_id", how="left", maintain_order="left"
            ))  # fmt: skip
        return replace(state, alerts=alerts, city_events=events)


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


def _give_back() -> None:
    """Return to the system what the first load has freed, where the C library knows how (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def microseconds_of(span: timedelta) -> int:
    """Microseconds of a span."""
    return span // timedelta(microseconds=1)
