"""The series of a state as they were at a moment: cut there, and what was corrected since as it stood then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from data_pipeline.cities import Pack
from data_pipeline.contracts import contract
from data_pipeline.metrics import Metric, metrics
from data_pipeline.queries.answers import Answers, end_of
from data_pipeline.queries.series import (
    AS_OF,
    COLUMNS,
    DENOMINATOR,
    FROM_FIGURES,
    KNOWN,
    NUMERATOR,
    SIMULATED,
    VALUE,
    Key,
    N,
    Series,
    microseconds,
    moment_of,
)
from data_pipeline.queries.types import Card
from data_pipeline.times import SUB_DAY_SECONDS, Grain, local_day, period_start

LONGEST_HELD_US = 32 * 86_400_000_000  # a month: longer periods are put together when asked for
_FINER: dict[str, Grain] = {"day": "hour", "month": "day"}
_REMEMBERED: tuple[Grain, ...] = ("day", "month")  # cards of these grains mostly stay the same for many moments of a day
Version = object  # equal for two moments where a series is the same at both


@dataclass(frozen=True)
class Moment:
    """When the clock stands, and up to when deliveries count (None: all that is here today). Naive UTC."""

    at_utc: datetime
    known_at_utc: datetime | None = None


@dataclass(frozen=True)
class KeptCard:
    """A card, the series it was made from as they were cut then, and how late its source was."""

    card: Card
    made_from: tuple[tuple[Key, Version], ...]
    late_s: int | None


class Shared(Protocol):
    """What the moments of one day share (`past_day.PastDay`)."""

    first_us: int
    cards: dict[tuple[Any, ...], KeptCard]

    def ended(self, key: Key, held: Series) -> Series:
        """A held series up to the end of the day."""
        ...


class PastSeries(Mapping[Key, Series]):
    """The series of a state as they were at a moment; each is cut when first asked for."""

    def __init__(
        self, held: Mapping[Key, Series], old: Mapping[Key, Series], pack: Pack, moment: Moment,
        exact: Callable[[Key, np.ndarray], list[tuple[int, np.ndarray]]], day: Shared | None = None,
    ) -> None:  # fmt: skip
        self._held, self._old, self._pack, self._moment, self._exact, self._day = held, old, pack, moment, exact, day
        self._at_us = microseconds(moment.at_utc)
        self._known_us = None if moment.known_at_utc is None else microseconds(moment.known_at_utc)
        self._cut: dict[Key, tuple[Series | None, Version]] = {}

    def cut(self, key: Key) -> tuple[Series | None, Version]:
        """A series as it was, None where there was none; and what tells it from that of another moment."""
        found = self._cut.get(key)
        if found is None:
            found = self._cut[key] = self._past(key)
        return found

    def reaches(self, start_us: int) -> bool:
        """Whether short periods that start at a moment are all here: one that is not has no data."""
        return bool(self._old) and self._day is not None and start_us >= self._day.first_us

    def __getitem__(self, key: Key) -> Series:
        found = self.cut(key)[0]
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[Key]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def remembered(self, answers: Answers, metric: Metric, area: str, grain: Grain, make: Callable[[Answers], Card]) -> Card:
        """A card; that of an earlier moment of the same day where all it was made from is the same.

        Only figures by the day or month without anything shorter behind them: what else a card rests on, the clock, then
        changes at midnight, by the source being late, or while reports of the period are still due.
        """
        if self._day is None or grain not in _REMEMBERED:
            return make(answers)
        what = (metric.id, area, grain, local_day(answers.now, answers.tz))
        late, kept = answers.lateness(metric), self._day.cards.get(what)
        if kept is not None and kept.late_s == late and all(self.cut(key)[1] == version for key, version in kept.made_from):
            return kept.card
        asked = _Asked(self)
        card = make(answers.over(asked))
        source = answers.pack.sources.get(metric.dataset)
        settled = card.reading.expected_n is None or answers.now >= card.reading.period_end_utc + timedelta(seconds=(source.grace_s or 0) if source else 0)
        if settled and not any(key[2] in SUB_DAY_SECONDS for key in asked.keys_asked):
            self._day.cards[what] = KeptCard(card, tuple((key, self.cut(key)[1]) for key in asked.keys_asked), late)
        return card

    def _past(self, key: Key) -> tuple[Series | None, Version]:
        metric_id, _, grain = key
        is_short = grain in SUB_DAY_SECONDS
        base = self._old.get(key) if is_short and self._old else self._held.get(key)
        metric = metrics().get(metric_id)
        if base is None or metric is None:
            return None, None
        if self._day is not None and not (is_short and self._old):
            base = self._day.ended(key, base)
        cut = base.before(self._at_us)
        version: Version = (id(base), len(cut))
        if self._known_us is None:
            # a register or a statement tells of its period whenever it came: only the period that holds the moment may lie ahead
            if len(cut) and not self._is_over(cut.last_us, grain) and not cut.last[AS_OF] <= self._at_us:
                cut = cut.before(cut.last_us)
                version = (id(base), len(cut))
        else:
            cut, of_today = self._known(key, metric, cut, self._known_us)
            version = (id(base), len(cut), float(cut.last[KNOWN]) if len(cut) else 0.0, 0 if of_today else hash(cut.data.tobytes()))
        open_row = self._open(key, metric, cut)
        if open_row is not None:
            start, row = open_row
            starts, data, fold = cut.open
            cut = Series(np.append(starts, start), np.vstack([data, row]), fold)
            version = (version, start, row.tobytes())
        return (cut if len(cut) else None), version

    def _known(self, key: Key, metric: Metric, cut: Series, known_us: int) -> tuple[Series, bool]:
        """What had arrived of a series; and whether nothing of it was corrected since."""
        starts, data, fold = cut.open
        if fold is not None and not fold.known_us <= known_us:
            starts, data, fold = cut.starts, cut.data, None
        there = data[:, AS_OF] <= self._at_us
        known = data[:, KNOWN] <= known_us
        kept = there & known
        if kept.all():
            return cut, True
        changed = there & ~known
        if contract(metric.dataset).kind == "observation":
            # told once: what is newer than all that was known had not come at all
            changed &= starts < (starts[kept][-1] if kept.any() else fold.last_us if fold is not None else 0)
        corrected = starts[changed]
        starts, data = starts[kept], data[kept]
        extra = self._exact(key, corrected) if len(corrected) else []
        if extra:
            own = ~np.isin(starts, [s for s, _ in extra])
            starts, data = starts[own], data[own]
            order = np.argsort(np.concatenate([starts, [s for s, _ in extra]]), kind="stable")
            starts = np.concatenate([starts, np.array([s for s, _ in extra], dtype=np.int64)])[order]
            data = np.concatenate([data, np.array([row for _, row in extra])])[order]
        return Series.after(fold, starts, data), not len(corrected)

    def _is_over(self, start_us: int, grain: str) -> bool:
        """Whether a period had ended by the moment."""
        if grain in SUB_DAY_SECONDS:
            return start_us + SUB_DAY_SECONDS[grain] * 1_000_000 <= self._at_us
        if start_us + LONGEST_HELD_US <= self._at_us:
            return True
        return microseconds(end_of(moment_of(start_us), grain, self._pack.tz)) <= self._at_us  # type: ignore[arg-type]

    def _open(self, key: Key, metric: Metric, cut: Series) -> tuple[int, np.ndarray] | None:
        """The period that holds the moment, put together from the shorter ones that are over: sums and ratios of sums."""
        metric_id, area, grain = key
        if grain not in _FINER or metric.over_time != "sum" or metric.is_stock or metric.whole_periods_only:
            return None
        start = microseconds(period_start(self._moment.at_utc, grain, self._pack.tz))  # type: ignore[arg-type]
        if len(cut) and cut.last_us >= start:
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


class _Asked(Mapping[Key, Series]):
    """The series of a moment that notes which of them are asked for, there or not."""

    def __init__(self, series: PastSeries) -> None:
        self._series = series
        self.keys_asked: set[Key] = set()

    def __getitem__(self, key: Key) -> Series:
        self.keys_asked.add(key)
        return self._series[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._series)

    def __len__(self) -> int:
        return len(self._series)


def _sum(values: np.ndarray) -> float:
    good = values[np.isfinite(values)]
    return float(good.sum()) if len(good) else float("nan")


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
