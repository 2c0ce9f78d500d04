"""The door at an earlier moment: what had happened by then, or what was known then.

`Queries.at` gives a door whose clock stands at T and whose readings end there. Without `known_at` a period tells
all that is known of it today (何时发生); with it, only what had arrived by `known_at` (当时所知). A reading that was
corrected since is computed again from the records known at that moment, by the same SQL.

Registers (sites), plans and deliveries are those of today: they carry no state of every hour.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from data_pipeline.cities import Pack
from data_pipeline.contracts import contract
from data_pipeline.ledger.types import Ledger
from data_pipeline.metrics import metrics
from data_pipeline.queries import lakeside
from data_pipeline.queries.answers import end_of
from data_pipeline.queries.ledger import Ledgers
from data_pipeline.queries.mirror import RECENT, Mirror, State
from data_pipeline.queries.series import (
    AS_OF,
    COLUMNS,
    DENOMINATOR,
    FROM_FIGURES,
    KNOWN,
    NUMERATOR,
    SELECT,
    SIMULATED,
    VALUE,
    Key,
    N,
    Series,
    microseconds,
    moment_of,
    split,
)
from data_pipeline.times import SUB_DAY_SECONDS, Grain, local_day, midnight_utc, period_start

if TYPE_CHECKING:
    from data_pipeline.queries.reading import ReadingLake

DAYS_KEPT = 3  # older days whose short periods are held
CORRECTED_DAYS = 2  # how far back corrected periods are worked out again; a course shows older ones as gaps
LONGEST_HELD_US = 32 * 86_400_000_000  # a month: longer periods are put together when asked for
_FINER: dict[str, Grain] = {"day": "hour", "month": "day"}
_WINDOW = RECENT + timedelta(days=1)


@dataclass(frozen=True)
class Moment:
    """When the clock stands, and up to when deliveries count (None: all that is here today). Naive UTC."""

    at_utc: datetime
    known_at_utc: datetime | None = None


class OldPeriods:
    """Periods below a day of past days, read from the lake once a city and day and kept for some days."""

    def __init__(self, reading: ReadingLake) -> None:
        self._reading = reading
        self._kept: OrderedDict[tuple[str, date, int], dict[Key, Series]] = OrderedDict()
        self._guard = threading.Lock()

    def around(self, pack: Pack, at_utc: datetime, commit_seq: int) -> dict[Key, Series]:
        """All series of a city below a day, from 72 hours before the local day of `at_utc` to its end."""
        day = local_day(at_utc, pack.tz)
        key = (pack.id, day, commit_seq)
        with self._guard:
            if key not in self._kept:
                self._kept[key] = self._read(pack, day)
                while len(self._kept) > DAYS_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _read(self, pack: Pack, day: date) -> dict[Key, Series]:
        lake = self._reading.get()
        if lake is None:
            return {}
        end = midnight_utc(day + timedelta(days=1), pack.tz)
        rows = lake.frame(
            f"{SELECT} FROM readings WHERE city = ? AND list_contains(?, grain) AND period_start_utc >= ? AND period_start_utc < ?",
            [pack.id, list(SUB_DAY_SECONDS), end - _WINDOW, end],
        )
        return dict(split(rows))


class PastSeries(Mapping[Key, Series]):
    """The series of a state as they were at a moment; each is cut when first asked for."""

    def __init__(
        self, held: Mapping[Key, Series], old: Mapping[Key, Series], pack: Pack, moment: Moment,
        exact: Callable[[Key, np.ndarray], list[tuple[int, np.ndarray]]],
    ) -> None:  # fmt: skip
        self._held, self._old, self._pack, self._moment, self._exact = held, old, pack, moment, exact
        self._at_us = microseconds(moment.at_utc)
        self._known_us = None if moment.known_at_utc is None else microseconds(moment.known_at_utc)
        self._cut: dict[Key, Series | None] = {}

    def __getitem__(self, key: Key) -> Series:
        if key not in self._cut:
            self._cut[key] = self._past(key)
        found = self._cut[key]
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[Key]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def _past(self, key: Key) -> Series | None:
        metric_id, area, grain = key
        held = self._old.get(key) if grain in SUB_DAY_SECONDS and self._old else self._held.get(key)
        metric = metrics().get(metric_id)
        if held is None or metric is None:
            return None
        starts, data = held.starts, held.data
        there = (starts < self._at_us) & (data[:, AS_OF] <= self._at_us)
        if self._known_us is None:
            # a register or a statement tells of its period whenever it came
            there |= self._over(starts, grain)
            starts, data = starts[there], data[there]
        else:
            known = data[:, KNOWN] <= self._known_us
            changed = there & ~known
            if contract(metric.dataset).kind == "observation":
                # told once: what is newer than all that was known had not come at all
                changed &= starts < (starts[there & known][-1] if (there & known).any() else 0)
            corrected = starts[changed]
            starts, data = starts[there & known], data[there & known]
            extra = self._exact(key, corrected) if len(corrected) else []
            if extra:
                kept = ~np.isin(starts, [s for s, _ in extra])
                starts, data = starts[kept], data[kept]
                order = np.argsort(np.concatenate([starts, [s for s, _ in extra]]), kind="stable")
                starts = np.concatenate([starts, np.array([s for s, _ in extra], dtype=np.int64)])[order]
                data = np.concatenate([data, np.array([row for _, row in extra])])[order]
        open_row = self._open(key, starts)
        if open_row is not None:
            start, row = open_row
            starts, data = np.append(starts, start), np.vstack([data, row])
        return Series(starts, data) if len(starts) else None

    def _over(self, starts: np.ndarray, grain: str) -> np.ndarray:
        """Which periods had ended by the moment."""
        if grain in SUB_DAY_SECONDS:
            return starts + SUB_DAY_SECONDS[grain] * 1_000_000 <= self._at_us
        over = starts + LONGEST_HELD_US <= self._at_us
        for i in np.flatnonzero(~over & (starts <= self._at_us)):
            over[i] = microseconds(end_of(moment_of(int(starts[i])), grain, self._pack.tz)) <= self._at_us  # type: ignore[arg-type]
        return over

    def _open(self, key: Key, starts: np.ndarray) -> tuple[int, np.ndarray] | None:
        """The period that holds the moment, put together from the shorter ones that are over: sums and ratios of sums."""
        metric_id, area, grain = key
        metric = metrics()[metric_id]
        if grain not in _FINER or metric.over_time != "sum" or metric.is_stock or metric.whole_periods_only:
            return None
        start = microseconds(period_start(self._moment.at_utc, grain, self._pack.tz))  # type: ignore[arg-type]
        if len(starts) and starts[-1] >= start:
            return None
        finer = self.get((metric_id, area, _FINER[grain]))
        part = finer.between(start, self._at_us + 1).data if finer is not None else np.empty((0, len(COLUMNS)))
        part = part[part[:, N] > 0]
        if not len(part):
            return None
        row = np.full(len(COLUMNS), np.nan)
        row[NUMERATOR], row[DENOMINATOR] = (_sum(part[:, i]) for i in (NUMERATOR, DENOMINATOR))
        value = metric.value_of(_or_none(row[NUMERATOR]), _or_none(row[DENOMINATOR]))
        row[VALUE] = np.nan if value is None else value
        row[N], row[SIMULATED] = part[:, N].sum(), np.nansum(part[:, SIMULATED])
        row[AS_OF], row[KNOWN], row[FROM_FIGURES] = part[:, AS_OF].max(), part[:, KNOWN].max(), part[:, FROM_FIGURES].min()
        return start, row


def _sum(values: np.ndarray) -> float:
    good = values[np.isfinite(values)]
    return float(good.sum()) if len(good) else float("nan")


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


class StillMirror(Mirror):
    """A mirror that stands: one state, never replaced."""

    def __init__(self, present: Mirror, state: State) -> None:
        self.__dict__.update(present.__dict__)
        self.state = state


class PastLedgers(Ledgers):
    """The ledgers of the present, none later than a day."""

    def __init__(self, present: Ledgers, day: date) -> None:
        self.__dict__.update(present.__dict__)
        self._present, self._day = present, day

    def ledger(self, city: str, on: date | None = None) -> Ledger:
        """The ledger of a city on the day of the moment, or an earlier one."""
        return self._present.ledger(city, self._day if on is None else min(on, self._day))


def past_state(state: State, packs: dict[str, Pack], city: str, moment: Moment, old: OldPeriods, reading: ReadingLake) -> State:
    """The state of one city as it was at a moment; other cities answer nothing."""
    pack = packs[city]
    at_us = microseconds(moment.at_utc)
    newest = max((us for (_, grain), us in state.newest.items() if grain == "hour"), default=at_us)
    # a course of a day stands beside every figure: memory must reach a day and a half further back than the moment
    is_old = at_us - 36 * 3_600_000_000 < newest - RECENT // timedelta(microseconds=1)
    held = old.around(pack, moment.at_utc, state.commit_seq) if is_old else {}

    series = PastSeries(state.series, held, pack, moment, _Corrections(pack, reading, moment).of)
    return replace(
        state,
        series=series,  # type: ignore[arg-type]
        newest={key: min(us, at_us) for key, us in state.newest.items()},
        sources=_sources(state, pack, series, moment),
        alerts={city: _alerts(state.alerts[city], moment)} if city in state.alerts else {},
        city_events={city: _city_events(state.city_events[city], moment)} if city in state.city_events else {},
    )


class _Corrections:
    """Readings as they stood at a moment where they have been corrected since: worked out a dataset at a time, for all areas at once."""

    def __init__(self, pack: Pack, reading: ReadingLake, moment: Moment) -> None:
        self._pack, self._reading, self._moment = pack, reading, moment
        self._found: dict[str, dict[Key, Series]] = {}

    def of(self, key: Key, starts: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Rows of the periods that start at `starts`; those more than `CORRECTED_DAYS` back stay open."""
        metric_id, area, grain = key
        lake, known_at = self._reading.get(), self._moment.known_at_utc
        if lake is None or known_at is None or not self._pack.has_area(area):
            return []
        after = local_day(self._moment.at_utc, self._pack.tz) + timedelta(days=1)
        first = after - timedelta(days=CORRECTED_DAYS)
        dataset, is_stock = metrics()[metric_id].dataset, metrics()[metric_id].is_stock
        if not is_stock and int(starts[-1]) < microseconds(midnight_utc(first, self._pack.tz)):
            return []
        if dataset not in self._found:
            group = [m for m in metrics().values() if m.dataset == dataset]
            self._found[dataset] = lakeside.known_then(lake, self._pack, group, first, after, known_at)
        series = self._found[dataset].get(key)
        if series is None:
            return []
        # of a stock every day it changed on as it looked then, which need not be one of those of today
        wanted = series.starts[series.starts < microseconds(self._moment.at_utc)] if is_stock else starts
        rows = [(int(s), series.find(int(s))) for s in wanted]
        return [(s, row) for s, row in rows if row is not None and row[N] > 0]


def _sources(state: State, pack: Pack, series: PastSeries, moment: Moment) -> dict[tuple[str, str], tuple[datetime | None, datetime | None]]:
    """Newest event and arrival of each source by what its figures rest on; one without figures keeps today's.

    Told by all that is known today nothing of the past is late.
    """
    found = dict(state.sources)
    if moment.known_at_utc is None:
        return found | {key: (moment.at_utc, moment.at_utc) for key, (event, _) in found.items() if event is not None}
    area = pack.city_area.id
    told: set[str] = set()
    for metric in metrics().values():
        if metric.dataset in told or (pack.id, metric.dataset) not in found:
            continue
        cut = series.get((metric.id, area, "hour" if "hour" in metric.grains else "day"))
        if cut is not None:
            told.add(metric.dataset)
            newest = cut.between(cut.last_us, cut.last_us + 1).data[-1]
            found[pack.id, metric.dataset] = (moment_of(newest[AS_OF]), moment_of(newest[KNOWN]))
    return found


def _alerts(frame: pl.DataFrame, moment: Moment) -> pl.DataFrame:
    """Alerts opened by then, in the state their trail gives them then."""
    rows: list[dict[str, Any]] = []
    for row in frame.filter(pl.col("opened_at_utc") <= moment.at_utc).iter_rows(named=True):
        trail = [step for step in row["trail"] if step["changed_at_utc"] <= moment.at_utc]
        if trail:
            now = trail[-1]
            rows.append(row | {"trail": trail, "state": now["state"], "changed_by": now["changed_by"], "note": now["note"]})
    return pl.DataFrame(rows, schema=frame.schema)


def _city_events(frame: pl.DataFrame, moment: Moment) -> pl.DataFrame:
    """Events begun by then (and, with `known_at`, told of by then); what had not ended yet was open."""
    begun = frame.filter(pl.col("started_at") <= moment.at_utc)
    if moment.known_at_utc is not None:
        begun = begun.filter(pl.col("known_from_utc") <= moment.known_at_utc)
    later = pl.col("ended_at") > moment.at_utc
    return begun.with_columns(
        pl.when(later).then(None).otherwise(pl.col("ended_at")).alias("ended_at"),
        pl.when(later).then(pl.lit("open")).otherwise(pl.col("status")).alias("status"),
    )


