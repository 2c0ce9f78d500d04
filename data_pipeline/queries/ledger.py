"""The plan ledger through the door: what was known by the end of a day, put together and remembered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

import polars as pl

from data_pipeline.cities import Pack, find_pack
from data_pipeline.errors import UnknownId
from data_pipeline.ledger import boards
from data_pipeline.ledger.known import Known, LivePath, MetricState
from data_pipeline.ledger.reported import Reports
from data_pipeline.ledger.state import build
from data_pipeline.ledger.types import WITHDRAWN, Ledger, LedgerTarget, PathPoint
from data_pipeline.metrics import metrics
from data_pipeline.plans import PlanFacts, TargetMetric, read_plan_facts
from data_pipeline.queries.mirror import Mirror
from data_pipeline.queries.types import Reading
from data_pipeline.times import Grain, local_day, midnight_utc

KEPT = 64  # ledgers of different days that are remembered
FIRST_DAY = date(2019, 12, 1)  # live paths begin a month before the earliest plan


@dataclass(frozen=True)
class _Made:
    """A remembered ledger and what it rests on: reports, linked metrics, all that was known."""

    frame: pl.DataFrame | None
    measured: tuple
    known: Known
    ledger: Ledger


class Latest(Protocol):
    """The newest reading of a metric in an area (`Queries.latest`)."""

    def __call__(self, metric: str, area: str) -> Reading: ...  # noqa: D102


class Readings(Protocol):
    """The readings of a metric of every period that starts in [start, end) (`Queries.readings`)."""

    def __call__(  # noqa: D102
        self, metric: str, area: str, grain: Grain, start_utc: datetime, end_utc: datetime, as_of: datetime | None
    ) -> list[Reading]: ...


class Ledgers:
    """The ledgers of all cities, put together when asked for and remembered by city and day.

    Parameters
    ----------
    packs : city packs by id
    now : the clock, naive UTC
    mirror : accepted reports, and the accounts of what was delivered
    latest, readings : where readings of live metrics come from
    """

    def __init__(
        self, packs: dict[str, Pack], now: Callable[[], datetime], mirror: Mirror, latest: Latest, readings: Readings
    ) -> None:
        self.packs, self.now, self.latest, self.readings = packs, now, latest, readings
        self._mirror = mirror
        self._facts_read: dict[str, PlanFacts] = {}
        self._ledgers: dict[tuple[str, date], _Made] = {}
        self._ledger_guard = threading.Lock()

    # ------------------------------------------------------------------ what may be asked

    def plan_facts(self, city: str) -> PlanFacts:
        """Everything the plans of a city say, as printed; empty facts for a pack without a plan."""
        pack = find_pack(self.packs, city)
        known = self._facts_read
        if pack.id not in known:
            known[pack.id] = read_plan_facts(pack.folder / "plan", pack.id)
        return known[pack.id]

    def ledger(self, city: str, on: date | None = None) -> Ledger:
        """The ledger of a city on the local day `on`, as known by the end of that day.

        Without `on`, or with today: as known now. Data dated later, and reports accepted later, are
        left out, so that the past can be browsed as it looked then. A day still to come is today.

        Raises
        ------
        UnknownId
            There is no such city.
        """
        pack = find_pack(self.packs, city)
        now = self.now()
        today = local_day(now, pack.tz)
        day = today if on is None or on > today else on
        snapshot = self._snapshot_id()
        kept = self._ledgers.get((pack.id, day))
        if kept is not None and kept.ledger.snapshot == snapshot:
            return kept.ledger
        with self._ledger_guard:  # one thread puts it together, the others take what it made
            return self._renewed(pack, day, day == today, now)

    def ledger_target(self, city: str, target_id: str, on: date | None = None) -> LedgerTarget:
        """One promise of the ledger; `UnknownId` with "did you mean" where there is none of that id."""
        ledger = self.ledger(city, on)
        found = ledger.target(target_id)
        if found is None:
            raise UnknownId("target", target_id, [row.target.target_id for row in ledger.targets])
        return found

    def report_revisions(self, city: str, subject_id: str) -> pl.DataFrame:
        """Every revision of every accepted report on one subject, by data date and the time it became known.

        Columns of the contract `plan_reports` and the system columns; a replaced revision has a
        `known_to_utc`. No rows where nothing was reported.
        """
        frame = self._mirror.state.plan_reports.get(find_pack(self.packs, city).id)
        if frame is None:
            return pl.DataFrame()
        return frame.filter(pl.col("subject_id") == subject_id).sort("data_on", "known_from_utc")

    # ------------------------------------------------------------------ inside

    def _snapshot_id(self) -> int | None:
        snapshot = self._mirror.state.snapshot
        return snapshot.id if snapshot else None

    def _renewed(self, pack: Pack, day: date, is_today: bool, now: datetime) -> Ledger:
        """The ledger of the present snapshot; what a commit has not touched is not computed again."""
        key, snapshot = (pack.id, day), self._snapshot_id()
        kept = self._ledgers.pop(key, None)
        if kept is not None and kept.ledger.snapshot == snapshot:
            self._ledgers[key] = kept
            return kept.ledger
        facts, frame = self.plan_facts(pack.id), self._mirror.state.plan_reports.get(pack.id)
        measured = self._measured(pack, facts, is_today)
        fed = {m: self._metric_state(pack, m) for m in self._fed(facts)} if is_today else {}
        as_of = None if is_today else midnight_utc(day + timedelta(days=1), pack.tz)
        if kept is None or kept.frame is not frame or kept.measured != measured:
            known = self._known(pack, facts, day, as_of or now, as_of, frame, fed)
            made = _Made(frame, measured, known, build(pack.id, facts, known))
        elif kept.known.metrics != fed:
            known = replace(kept.known, metrics=fed)
            ledger = replace(kept.ledger, systems=boards.systems(facts, known), snapshot=snapshot, known_at_utc=now)
            made = replace(kept, known=known, ledger=ledger)
        else:
            at = now if is_today else kept.ledger.known_at_utc
            made = replace(kept, ledger=replace(kept.ledger, snapshot=snapshot, known_at_utc=at))
        self._ledgers[key] = made  # at the end: the day that was asked for longest ago goes first
        while len(self._ledgers) > KEPT:
            del self._ledgers[next(iter(self._ledgers))]
        return made.ledger

    def _known(
        self,
        pack: Pack,
        facts: PlanFacts,
        day: date,
        known_at_utc: datetime,
        as_of: datetime | None,
        frame: pl.DataFrame | None,
        fed: dict[str, MetricState],
    ) -> Known:
        live, read = {}, {}  # an interim step and its final target are measured by the same metric: read it once
        for link, area in self._links(pack, facts):
            same = (link.metric_id, area, link.scale)
            if same not in read:
                read[same] = self._live_path(pack, link, area, day, as_of)
            if read[same].points:
                live[link.target_id, area] = read[same]
        return Known(
            on=day,
            known_at_utc=known_at_utc,
            snapshot=self._snapshot_id(),
            reports=Reports(known_reports(frame, day, known_at_utc)),
            live=live,
            metrics=fed,  # how fresh a feed was on a past day is not kept: nothing is said of it then
            districts=tuple(area.id for area in pack.children(pack.city_area.id, "district")),
        )

    @staticmethod
    def _links(pack: Pack, facts: PlanFacts) -> list[tuple[TargetMetric, str]]:
        """Live metrics of targets with the area they are read in: the city's and those of district splits."""
        found = []
        for link in facts.metrics:
            found.append((link, link.area_id))
            found += [(link, split.area_id) for split in facts.splits if split.target_id == link.target_id]
        return found

    def _live_path(self, pack: Pack, link: TargetMetric, area: str, day: date, as_of: datetime | None) -> LivePath:
        """Month-end readings of a target's metric up to `day`, in the target's unit, as known at `as_of` (None: now)."""
        metric = metrics()[link.metric_id]
        asked = pack.city_area.id if area == pack.id else area
        start, end = midnight_utc(FIRST_DAY, pack.tz), midnight_utc(day + timedelta(days=1), pack.tz)
        if as_of is not None and not self._may_know(pack, metric.dataset, as_of):
            return LivePath(metric.id, ())
        points = []
        for reading in self.readings(metric.id, asked, "month", start, end, as_of):
            last = local_day(reading.period_end_utc - timedelta(microseconds=1), pack.tz)
            if reading.value is None or reading.status == "missing":
                continue
            points.append(
                PathPoint(
                    min(last, day), reading.value * link.scale, "live", reading.is_simulated,
                    reading.known_from_utc or as_of or self.now(),
                )
            )  # fmt: skip
        return LivePath(metric.id, tuple(points))

    def _may_know(self, pack: Pack, dataset: str, as_of: datetime) -> bool:
        """Whether anything of a dataset was known at a moment; spares computing figures nobody could have had."""
        first = self._mirror.state.first_known.get((pack.id, dataset))
        return first is not None and first <= as_of

    def _measured(self, pack: Pack, facts: PlanFacts, is_today: bool) -> tuple:
        """What the live part of a ledger rests on: it changes when a linked metric does."""
        if not is_today:
            accounts = self._mirror.state.accounts
            names = {metrics()[link.metric_id].dataset for link in facts.metrics}
            return tuple(sorted((name, accounts.get((pack.id, name), (0, 0))) for name in names))
        found = []
        for link, area in self._links(pack, facts):
            reading = self.latest(link.metric_id, pack.city_area.id if area == pack.id else area)
            found.append((link.metric_id, area, reading.value, reading.period_start_utc))
        return tuple(found)

    @staticmethod
    def _fed(facts: PlanFacts) -> list[str]:
        """The metrics that systems of the plans feed; the pack's check reports those that do not exist."""
        return sorted({m for row in facts.system_metrics for m in row.metric_ids if m in metrics()})

    def _metric_state(self, pack: Pack, metric: str) -> MetricState:
        reading = self.latest(metric, pack.city_area.id)
        works = reading.value is not None and reading.status in ("ok", "partial")
        return MetricState(works, reading.data_as_of_utc, reading.is_simulated)


class LedgerDoor:
    """The part of `Queries` that answers for the ledger: what its `Ledgers` know."""

    _ledgers: Ledgers

    def plan_facts(self, city: str) -> PlanFacts:
        """Everything the plans of a city say, as printed (`Ledgers.plan_facts`)."""
        return self._ledgers.plan_facts(city)

    def ledger(self, city: str, on: date | None = None) -> Ledger:
        """The ledger of a city on a local day, as known by the end of that day; now without one (`Ledgers.ledger`)."""
        return self._ledgers.ledger(city, on)

    def ledger_target(self, city: str, target_id: str, on: date | None = None) -> LedgerTarget:
        """One promise of the ledger; `UnknownId` with "did you mean" where there is none of that id."""
        return self._ledgers.ledger_target(city, target_id, on)

    def report_revisions(self, city: str, subject_id: str) -> pl.DataFrame:
        """Every revision of every accepted report on one subject (`Ledgers.report_revisions`)."""
        return self._ledgers.report_revisions(city, subject_id)


def known_reports(frame: pl.DataFrame | None, day: date, known_at_utc: datetime) -> pl.DataFrame | None:
    """The reports of a city dated up to `day` in the revision that was known at a moment, without what was withdrawn by then."""
    if frame is None:
        return None
    return frame.filter(
        (pl.col("data_on") <= day)
        & (pl.col("known_from_utc") <= known_at_utc)
        & (pl.col("known_to_utc").is_null() | (pl.col("known_to_utc") > known_at_utc))
        & (pl.col("stage").fill_null("") != WITHDRAWN)
    )
