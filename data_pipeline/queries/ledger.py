"""The plan ledger through the door: what was known by the end of a day, put together and remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from data_pipeline.cities import Pack
from data_pipeline.errors import UnknownId
from data_pipeline.ledger.reported import Reports
from data_pipeline.ledger.state import Known, LivePath, MetricState, build
from data_pipeline.ledger.types import Ledger, LedgerTarget, PathPoint
from data_pipeline.metrics import metrics
from data_pipeline.plans import PlanFacts, TargetMetric, read_plan_facts
from data_pipeline.queries.mirror import Mirror
from data_pipeline.queries.types import Reading, Snapshot
from data_pipeline.times import Grain, local_day, midnight_utc

KEPT = 64  # ledgers of different days that are remembered
FIRST_DAY = date(2019, 12, 1)  # live paths begin a month before the earliest plan


@dataclass(frozen=True)
class _Made:
    """A remembered ledger and what it rests on."""

    rests_on: tuple
    ledger: Ledger


class LedgerDoor:
    """The part of `Queries` that answers for the ledger. Needs packs, clock, mirror and readings from the rest."""

    packs: dict[str, Pack]
    now: Callable[[], datetime]
    _mirror: Mirror

    def _pack(self, city: str) -> Pack:
        raise NotImplementedError

    def snapshot(self) -> Snapshot | None:
        """The snapshot answers come from; None for an empty store."""
        raise NotImplementedError

    def latest(self, metric: str, area: str, grain: Grain | None = None) -> Reading:
        """The newest reading of a metric."""
        raise NotImplementedError

    def readings(
        self,
        metric: str,
        area: str,
        grain: Grain,
        start_utc: datetime,
        end_utc: datetime,
        as_of: datetime | None = None,
    ) -> list[Reading]:
        """One reading for every period that starts in [start, end)."""
        raise NotImplementedError

    # ------------------------------------------------------------------ what may be asked

    def plan_facts(self, city: str) -> PlanFacts:
        """Everything the plans of a city say, as printed; empty facts for a pack without a plan."""
        pack = self._pack(city)
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
        pack = self._pack(city)
        now = self.now()
        today = local_day(now, pack.tz)
        day = today if on is None or on > today else on
        state = self._mirror.state
        snapshot = state.snapshot.id if state.snapshot else None
        key = (pack.id, day)
        kept = self._ledgers.get(key)
        if kept is not None and kept.ledger.snapshot == snapshot:
            return kept.ledger
        live = self._live_state(pack, day == today)
        frame = state.plan_reports.get(pack.id)
        rests_on = (id(frame), live)
        if kept is not None and kept.rests_on == rests_on:
            ledger = replace(kept.ledger, snapshot=snapshot)
        else:
            as_of = None if day == today else midnight_utc(day + timedelta(days=1), pack.tz)
            ledger = self._made(pack, day, as_of or now, as_of, frame)
        while len(self._ledgers) >= KEPT:
            self._ledgers.pop(next(iter(self._ledgers)), None)
        self._ledgers[key] = _Made(rests_on, ledger)
        # the frame is kept with the ledger, so that its identity stays its own
        self._frames[key] = frame
        return ledger

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
        frame = self._mirror.state.plan_reports.get(self._pack(city).id)
        if frame is None:
            return pl.DataFrame()
        return frame.filter(pl.col("subject_id") == subject_id).sort("data_on", "known_from_utc")

    # ------------------------------------------------------------------ inside

    _facts_read: dict[str, PlanFacts]
    _ledgers: dict[tuple[str, date], _Made]
    _frames: dict[tuple[str, date], pl.DataFrame | None]

    def _start_ledger(self) -> None:
        self._facts_read, self._ledgers, self._frames = {}, {}, {}

    def _made(
        self, pack: Pack, day: date, known_at_utc: datetime, as_of: datetime | None, frame: pl.DataFrame | None
    ) -> Ledger:
        facts = self.plan_facts(pack.id)
        live = {}
        for link, area in self._links(pack, facts):
            path = self._live_path(pack, link, area, day, as_of)
            if path.points:
                live[link.target_id, area] = path
        # how fresh a feed was on a past day is not kept: nothing is said of it then
        wanted = {m for row in facts.system_metrics for m in row.metric_ids} if as_of is None else set()
        known = Known(
            on=day,
            known_at_utc=known_at_utc,
            snapshot=self._mirror.state.snapshot.id if self._mirror.state.snapshot else None,
            reports=Reports(known_reports(frame, day, known_at_utc)),
            live=live,
            metrics={m: self._metric_state(pack, m) for m in sorted(wanted)},
            districts=tuple(area.id for area in pack.children(pack.city_area.id, "district")),
        )
        return build(pack.id, facts, known)

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

    def _live_state(self, pack: Pack, is_today: bool) -> tuple:
        """What the live part of a ledger rests on: it changes when a linked metric does."""
        facts = self.plan_facts(pack.id)
        if not is_today:
            state = self._mirror.state
            names = {metrics()[link.metric_id].dataset for link in facts.metrics}
            return tuple(sorted((name, state.accounts.get((pack.id, name), (0, 0))) for name in names))
        found = []
        for link, area in self._links(pack, facts):
            reading = self.latest(link.metric_id, pack.city_area.id if area == pack.id else area)
            found.append((link.metric_id, area, reading.value, reading.period_start_utc, reading.status))
        wanted = sorted({m for row in facts.system_metrics for m in row.metric_ids})
        return (*found, *((m, self._metric_state(pack, m)) for m in wanted))

    def _metric_state(self, pack: Pack, metric: str) -> MetricState:
        reading = self.latest(metric, pack.city_area.id)
        works = reading.value is not None and reading.status in ("ok", "partial")
        return MetricState(works, reading.data_as_of_utc, reading.is_simulated)


def known_reports(frame: pl.DataFrame | None, day: date, known_at_utc: datetime) -> pl.DataFrame | None:
    """The reports of a city dated up to `day` in the revision that was known at a moment."""
    if frame is None:
        return None
    return frame.filter(
        (pl.col("data_on") <= day)
        & (pl.col("known_from_utc") <= known_at_utc)
        & (pl.col("known_to_utc").is_null() | (pl.col("known_to_utc") > known_at_utc))
    )
