"""Queries: what pages, API, exports and the command line may ask. Thread-safe; answers from one snapshot."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from data_pipeline.cities import Area, Pack
from data_pipeline.contracts import contract
from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.home import Home
from data_pipeline.metrics import Metric, metrics
from data_pipeline.metrics import metric as metric_of
from data_pipeline.queries import lakeside, provenance
from data_pipeline.queries.answers import Answers, end_of, starts_between
from data_pipeline.queries.bands import Bands
from data_pipeline.queries.cards import card as make_card
from data_pipeline.queries.coverage import CoverageDoor
from data_pipeline.queries.following import Follower
from data_pipeline.queries.freezes import Freezes
from data_pipeline.queries.hidden import is_protected
from data_pipeline.queries.judged import Provenance, Unusual
from data_pipeline.queries.layers import LayersDoor
from data_pipeline.queries.ledger import LedgerDoor, Ledgers
from data_pipeline.queries.listings import Listings
from data_pipeline.queries.mirror import Mirror, State, rest
from data_pipeline.queries.past import PastLedgers, StillMirror, past_state
from data_pipeline.queries.past_day import OldPeriods
from data_pipeline.queries.past_series import Moment, PastSeries
from data_pipeline.queries.reading import ReadingLake
from data_pipeline.queries.reports import ReportEntries
from data_pipeline.queries.search import SearchDoor
from data_pipeline.queries.series import microseconds
from data_pipeline.queries.short import ShortPeriods
from data_pipeline.queries.types import (
    Band,
    Card,
    Reading,
    Site,
    Snapshot,
    Target,
)
from data_pipeline.queries.unusual import NOT_YET, Judge
from data_pipeline.store.lake import Lake
from data_pipeline.times import SUB_DAY_SECONDS, Grain, local_day, now_utc, period_start

MOST_PERIODS = 50_000


class Queries(Listings, LedgerDoor, ReportEntries, Freezes, CoverageDoor, LayersDoor, SearchDoor):
    """The door to everything the product knows. Open it with `Queries.open`; close it when done."""

    def __init__(
        self, home: Home, packs: dict[str, Pack], now: Callable[[], datetime], areas: Sequence[str] | None = None, keeps: bool = False
    ) -> None:
        self.home, self.packs, self.now = home, packs, now
        self._mirror = Mirror(home, packs, areas, keeps)
        self._bands = Bands()
        self._reading, self._short = ReadingLake(home), ShortPeriods()
        self._owner = {
            code: pack for pack in packs.values() for area in pack.areas.values() for code in (*area.codes, area.id)
        }
        self._callbacks: list[Callable[[Snapshot], None]] = []
        self._follower = Follower(self._follow_step, "follow-store")
        self._recomputed: dict[tuple[str, str, str, datetime], tuple[int, np.ndarray | None]] = {}
        self._site_lists: dict[tuple[int, str, str | None], list[Site]] = {}
        self._targets: dict[str, list[Target]] = {}
        self._modelled: dict[tuple[str, str, str | None], tuple[int, Any]] = {}
        self._layers: dict[tuple[Any, ...], Any] = {}
        self._ledgers = Ledgers(packs, now, self._mirror, self.latest, self.readings)
        self._start_search()
        self._judge = Judge()
        self._old = OldPeriods(self._reading, self._bands)
        self._moment: Moment | None = None  # set where this door stands at an earlier moment

    # ------------------------------------------------------------------ life

    @classmethod
    def open(
        cls, home: Home, packs: dict[str, Pack], *, now: Callable[[], datetime] = now_utc, areas: Sequence[str] | None = None,
        keeps: bool = False,
    ) -> Queries:
        """Read the newest snapshot of a home into memory. A home without a store answers "no data" until there is one.

        With `areas` only the readings of these: for a command that asks of no other and ends (it is not to be followed).
        With `keeps` what is held is kept in the home for the next start, which then takes a tenth of the time.
        """
        queries = cls(home, packs, now, areas, keeps)
        if keeps:  # the second connection is made beside what the first one reads
            threading.Thread(target=queries._reading.prepare, name="open-store", daemon=True).start()
        queries.refresh()
        return queries

    def refresh(self) -> Snapshot | None:
        """Follow to the newest snapshot now; the snapshot where there was a newer one, else None."""
        found = self._mirror.update()
        if found is not None:
            for callback in list(self._callbacks):
                callback(found)
        return found

    def follow(self, interval_s: float = 0.25) -> None:
        """Follow the store in a background thread until `close`."""
        if not self._follower.runs:
            self._follower.start(interval_s)
            self._judge.follow(self._look)

    def _follow_step(self) -> None:
        self.refresh()
        _ = self._warm_one() or self._mirror.keep_one()

    def _warm_one(self) -> bool:
        """Fetch one usual range that no page has asked for yet today, so that none has to wait; False where all are there."""
        state = self._mirror.state
        for city in state.cities:
            answers = Answers(state, self.packs[city], self.now())
            for metric in self.metrics_for(city):
                area = answers.pack.city_area.id
                if (metric.id, area, "hour") in state.series:
                    start = answers.newest_start(metric, area, "hour")
                    lake = self._reading.get()
                    if lake is not None and self._bands.warm(answers, lake, metric, start):
                        return True
        return False

    def _look(self, city: str | None = None) -> None:
        """Judge the newest figures of every city with data, or of one."""
        for one in self._mirror.state.cities if city is None else (city,):
            answers = Answers(self._mirror.state, self.packs[one], self.now(), self._recompute)
            self._judge.look(answers, self._reading.get(), self.metrics_for(one))

    def unusual(self, city: str) -> Unusual:
        """What is unusual in a city now: judged in the background while the store is followed, else on the spot.

        Of an earlier moment nothing is judged: what is unusual today would be told of another day.
        """
        pack = self._pack(city)
        if self._moment is not None:
            return NOT_YET
        if not self._follower.runs and self.has_data(pack.id):
            self._look(pack.id)
        return self._judge.found(pack.id)

    @staticmethod
    def rest() -> None:
        """Give memory back that only a moment needed: after much was asked at once."""
        rest()

    def close(self) -> None:
        """Stop following and close the store. Harmless twice."""
        self._follower.end()
        self._judge.join()
        self._mirror.close()
        self._reading.close()

    def on_snapshot(self, callback: Callable[[Snapshot], None]) -> None:
        """Call `callback(snapshot)` after every newer snapshot, in the follower's thread."""
        self._callbacks.append(callback)

    def snapshot(self) -> Snapshot | None:
        """The snapshot answers come from; None for an empty store."""
        return self._mirror.state.snapshot

    def at(self, city: str, at_utc: datetime, known_at_utc: datetime | None = None) -> Queries:
        """The door to one city at an earlier moment (naive UTC): what had happened by then, or, with `known_at_utc`, what was known then."""
        moment, pack = Moment(at_utc, known_at_utc), self._pack(city)
        state = past_state(self._mirror.state, self.packs, pack.id, moment, self._old)
        past = copy.copy(self)
        past._moment, past._recomputed, past._bands = moment, {}, self._old.bands
        past.now = lambda: at_utc
        past._mirror, past._ledgers = StillMirror(self._mirror, state), PastLedgers(self._ledgers, local_day(at_utc, pack.tz))
        return past

    # ------------------------------------------------------------------ what there is

    def cities(self) -> list[Pack]:
        """All packs, in their order."""
        return list(self.packs.values())

    def metrics_for(self, city: str) -> list[Metric]:
        """Metrics whose dataset, or the one it is worked out from, is a source of the city that is not off."""
        sources = self._pack(city).sources
        live = {dataset for dataset, source in sources.items() if source.state != "off"}
        return [m for m in metrics().values() if {m.dataset, contract(m.dataset).derived_from} & live]

    # ------------------------------------------------------------------ readings

    def latest(self, metric: str, area: str, grain: Grain | None = None) -> Reading:
        """The newest period with data; status `missing` where there never was any.

        Without `grain` the metric's base grain (for townships not below an hour). A period that is
        not over is marked `is_open`; late sources make the newest reading `stale`.
        """
        m, place, answers = self._ask(metric, area)
        grain = self._grain(m, grain or answers.default_grain(m, place))
        if not self._held(place, m, grain):
            grain_start = answers.newest_start(m, place.id, "hour")
            return self.reading(metric, area, grain, period_start(grain_start, grain, answers.tz))
        return answers.reading(m, place, grain, answers.newest_start(m, place.id, grain), children=True)

    def reading(
        self, metric: str, area: str, grain: Grain, period_start_utc: datetime, as_of: datetime | None = None
    ) -> Reading:
        """The reading of the period of `grain` that holds `period_start_utc`, as known now or at `as_of`."""
        m, place, answers = self._ask(metric, area)
        start = period_start(period_start_utc, self._grain(m, grain), answers.tz)
        if as_of is None and self._in_memory(answers, m, place, grain, start):
            return answers.reading(m, place, grain, start, children=True)
        return self.readings(metric, area, grain, start, end_of(start, grain, answers.tz), as_of)[0]

    def readings(
        self,
        metric: str,
        area: str,
        grain: Grain,
        start_utc: datetime,
        end_utc: datetime,
        as_of: datetime | None = None,
    ) -> list[Reading]:
        """One reading for every period that starts in [start, end); periods without data are `missing`.

        Raises
        ------
        UsageError
            The figure is not given for this grain, or more than `MOST_PERIODS` periods are asked for.
        """
        m, place, answers = self._ask(metric, area)
        grain = self._grain(m, grain)
        starts = self._starts(answers, grain, start_utc, end_utc)
        if not starts:
            return []
        if as_of is None and self._in_memory(answers, m, place, grain, starts[0]):
            return [answers.reading(m, place, grain, s) for s in starts]
        last = end_of(starts[-1], grain, answers.tz)
        lake = self._reading.get()
        if lake is None:
            series = None
        elif as_of is None and self._held(place, m, grain):
            series = lakeside.stored_series(lake, answers.pack, m, place.id, grain, starts[0], last)
        elif as_of is None and len(starts) == 1:
            series = self._short.of(lake, answers.pack, m, place.id, grain, starts[0], last, answers.state.commit_seq)
        else:
            series = lakeside.computed_series(lake, answers.pack, m, place, grain, starts[0], last, as_of)
        judged = answers if as_of is None else self._known_at(lake, answers, m, place, grain, starts[0], last, as_of)
        found = []
        for s in starts:
            if series is None:
                row = None
            elif m.is_stock:
                until = min(microseconds(end_of(s, grain, answers.tz)), microseconds(as_of or self.now()) + 1)
                held = series.last_before(until)
                row = None if held is None else held[1]
            else:
                row = series.find(microseconds(s))
            found.append(judged.made(m, place, grain, s, row))
        return found

    def series(
        self, metric: str, area: str, grain: Grain, start_utc: datetime, end_utc: datetime
    ) -> list[tuple[datetime, float | None]]:
        """Start and value of every period in [start, end), None where there is no data: for charts."""
        m, place, answers = self._ask(metric, area)
        grain = self._grain(m, grain)
        starts = self._starts(answers, grain, start_utc, end_utc)
        if starts and self._in_memory(answers, m, place, grain, starts[0]):
            return answers.values(m, place.id, grain, starts)
        return [(r.period_start_utc, r.value) for r in self.readings(metric, area, grain, start_utc, end_utc)]

    def by_area(
        self, metric: str, parent: str, grain: Grain, period_start_utc: datetime | None = None, level: str | None = None
    ) -> list[Reading]:
        """One reading for each area below `parent` (of `level`, else its children), of one period.

        Without a period the newest one that any of them, or the parent, has data for.
        """
        m, place, answers = self._ask(metric, parent)
        grain = self._grain(m, grain)
        areas = answers.pack.children(place.id, level)  # type: ignore[arg-type]
        if period_start_utc is None:
            found = [answers.newest_start(m, a.id, grain) for a in areas if self._has_any(answers, m, a.id, grain)]
            start = max(found, default=answers.newest_start(m, place.id, grain))
        else:
            start = period_start(period_start_utc, grain, answers.tz)
        out = []
        for area in areas:
            if self._in_memory(answers, m, area, grain, start):
                out.append(answers.reading(m, area, grain, start))
            else:
                out.append(self.reading(metric, area.id, grain, start))
        return out

    def card(self, metric: str, area: str, grain: Grain | None = None) -> Card:
        """A headline figure: newest reading, change to the period before and a year before, usual range, trend."""
        m, place, answers = self._ask(metric, area)
        if grain is not None:
            self._grain(m, grain)
        chosen = grain or answers.default_grain(m, place)
        if not self._held(place, m, chosen):
            chosen = "hour"
        make = partial(make_card, bands=self._bands, lake=self._reading.get(), metric=m, area=place, grain=chosen)
        held = answers.state.series
        return held.remembered(answers, m, place.id, chosen, make) if isinstance(held, PastSeries) else make(answers)

    def usual(self, metric: str, area: str, grain: Grain, start_utc: datetime, end_utc: datetime) -> list[tuple[datetime, Band]]:
        """Start and usual range of every period in [start, end) that has one: for charts beside `series`."""
        m, place, answers = self._ask(metric, area)
        starts, lake = self._starts(answers, self._grain(m, grain), start_utc, end_utc), self._reading.get()
        if lake is None:
            return []
        found = self._bands.along(answers, lake, m, place.id, grain, starts)
        return [(start, band) for start, band in zip(starts, found, strict=True) if band is not None]

    def provenance(
        self, metric: str, area: str, grain: Grain, period_start_utc: datetime, as_of: datetime | None = None
    ) -> Provenance:
        """Everything behind one reading: definition, formula, SQL, deliveries, number and sample of the records."""
        as_of = as_of or (self._moment.known_at_utc if self._moment else None)
        m, place, answers = self._ask(metric, area)
        reading = self.reading(metric, area, grain, period_start_utc, as_of)

        def known_at(moment: datetime) -> Reading:
            return self.reading(metric, area, grain, reading.period_start_utc, moment)

        return provenance.behind(answers, self._reading.get(), m, place, reading, known_at, as_of)

    # ------------------------------------------------------------------ inside

    def _ask(self, metric: str, area: str) -> tuple[Metric, Area, Answers]:
        found = metric_of(metric)
        pack = self._owner.get(area)
        if pack is None:
            raise UnknownId("area", area, self._owner)
        return found, pack.area(area), Answers(self._mirror.state, pack, self.now(), self._recompute)

    def _grain(self, metric: Metric, grain: Grain) -> Grain:
        if grain not in metric.grains:
            raise UsageError(f"{metric.id} is not given by {grain}", hint=f"allowed: {', '.join(metric.grains)}")
        return grain

    def _starts(self, answers: Answers, grain: Grain, start_utc: datetime, end_utc: datetime) -> tuple[datetime, ...]:
        if end_utc <= start_utc:
            raise UsageError(
                f"the period ends ({end_utc}) before it starts ({start_utc})", hint="--from must be before --to"
            )
        shortest = SUB_DAY_SECONDS.get(grain, 82_800)
        if (end_utc - start_utc).total_seconds() / shortest > MOST_PERIODS:
            raise UsageError(
                f"more than {MOST_PERIODS} periods of {grain}", hint="ask for a shorter time or a coarser grain"
            )
        return starts_between(start_utc, end_utc, grain, answers.tz)

    @staticmethod
    def _known_at(
        lake: Lake | None, answers: Answers, metric: Metric, area: Area, grain: Grain, from_utc: datetime, to_utc: datetime, as_of: datetime
    ) -> Answers:
        """Answers as of an earlier moment; with every area's figure where one may have to be withheld because of another's."""
        state = State()
        if lake is not None and is_protected(metric) and area.level != "city":
            state = State(series=lakeside.computed_everywhere(lake, answers.pack, metric, grain, from_utc, to_utc, as_of))
        return Answers(state, answers.pack, as_of)

    @staticmethod
    def _held(area: Area, metric: Metric, grain: Grain) -> bool:
        """Whether readings of this grain are kept for this area (townships: not below an hour)."""
        if grain == "15min" and metric.base_grain == "5min":
            return False
        return not (area.level == "township" and grain in ("5min", "15min"))

    def _in_memory(self, answers: Answers, metric: Metric, area: Area, grain: Grain, start_utc: datetime) -> bool:
        """Whether the periods from `start_utc` on can be answered from memory."""
        if not self._held(area, metric, grain):
            return False
        if grain not in SUB_DAY_SECONDS or metric.is_stock:
            return True
        held = answers.series_of(metric.id, area.id, grain)
        if len(held) and microseconds(start_utc) >= held.first_us:
            return True
        past = answers.state.series
        if isinstance(past, PastSeries) and past.reaches(microseconds(start_utc)):
            return True
        newest = answers.state.newest.get((metric.id, grain))
        return newest is None or microseconds(start_utc) > newest - 72 * 3_600_000_000

    @staticmethod
    def _has_any(answers: Answers, metric: Metric, area: str, grain: Grain) -> bool:
        kept = metric.is_stock or grain not in ("5min", "15min", "hour", "day", "month")
        return len(answers.series_of(metric.id, area, "day" if kept else grain)) > 0

    def _recompute(self, metric: Metric, area: str, grain: Grain, start_utc: datetime) -> np.ndarray | None:
        """A longer period of a recomputed figure, remembered until a day of it changes."""
        pack, lake = self._owner[area], self._reading.get()
        if self._moment is not None and end_of(start_utc, grain, pack.tz) > self._moment.at_utc:
            return None  # the records of a period that was not over lie partly after the moment
        if lake is None:
            return None
        end = end_of(start_utc, grain, pack.tz)
        days = self._mirror.state.series.get((metric.id, area, "day"))
        if days is None:
            return None
        part = days.between(microseconds(start_utc), microseconds(end))
        version = hash(part.data.tobytes())
        key = (metric.id, area, grain, start_utc)
        known = self._recomputed.get(key)
        if known is None or known[0] != version:
            row = lakeside.recomputed_row(lake, pack, metric, pack.area(area), grain, start_utc, end)
            self._recomputed[key] = known = (version, row)
        return known[1]
