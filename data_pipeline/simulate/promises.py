"""How the simulated departments keep a plan's promises: a path for every target, stages for projects and systems.

Every path is a pure function of seed, city and the promise's id over months counted from January 2020, so a later
end of the history never changes an earlier month. What becomes of a promise (its fate) is dealt out within a city,
so that each kind occurs: reached early, in time, late, still creeping, stalled, never reported. Where a register of
the simulated city counts the same thing (masts, charging points) the report is that register's count.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np

from data_pipeline.simulate.rng import key_of, uniform

if TYPE_CHECKING:
    from data_pipeline.plans import PlanProject, System
    from data_pipeline.queries.types import Target
    from data_pipeline.simulate.sites import SiteMaker

FIRST_YEAR = 2020
MONTHS = 12 * 16
PLAN_END = 35  # December 2022, where a promise has no date of its own
Fate = Literal["early", "in_time", "late", "creeping", "stalled", "never"]
# parts of a city's promises; the rest keeps its date
FATES: tuple[tuple[Fate, float], ...] = (("stalled", 0.12), ("never", 0.06), ("late", 0.20), ("creeping", 0.08), ("early", 0.16))
# a year of public works: little before and at Spring Festival, most in June and December
SEASON = np.array([0.7, 0.45, 1.0, 0.95, 1.0, 1.25, 0.95, 0.9, 1.05, 0.95, 1.15, 1.65])
DISCRETE_UNITS = frozenset(["个", "家", "座", "户", "根", "部", "条", "项", "级", "位", "次", "个工作日"])
# not counted up: a rate of growth and ratios of planning go up and down
LEVEL_UNITS = frozenset({"%"})
CAUSES = ("用地指标未落实", "配套资金未到位", "管线迁改未完成", "电力接入容量不足", "招标流标，重新组织")


@dataclass(frozen=True)
class Step:
    """The state of a project or system in one month; `expected` is a month number, `day` that of completion."""

    stage: str
    expected: int | None
    progress_share: float
    blocked: bool = False


def month_number(day: date) -> int:
    """Months from January 2020 to the month of `day`."""
    return (day.year - FIRST_YEAR) * 12 + day.month - 1


def month_end(number: int) -> date:
    """Last day of a month counted from January 2020."""
    year, month = FIRST_YEAR + number // 12, number % 12 + 1
    return date(year, month, calendar.monthrange(year, month)[1])


def fates(ids: Sequence[str], key: int) -> dict[str, Fate]:
    """What becomes of each promise: `FATES` dealt out over a shuffled list, each kind at least once from eight on."""
    order = np.argsort(uniform(key, np.arange(len(ids))), kind="stable")
    dealt: dict[str, Fate] = {}
    at = 0
    for fate, part in FATES:
        n = max(round(part * len(ids)), 1 if len(ids) >= 8 else 0)
        dealt |= {ids[i]: fate for i in order[at : at + n]}
        at += n
    return {name: dealt.get(name, "in_time") for name in ids}


class Draws:
    """Random numbers of one promise, by purpose."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def share(self, what: str, low: float = 0.0, high: float = 1.0) -> float:
        """One number in [low, high)."""
        # a key is as random as what is drawn from it, and a single number needs no array
        return low + (high - low) * key_of(*self.parts, what) / 2**64

    def whole(self, what: str, low: int, high: int) -> int:
        """One whole number in [low, high]."""
        return math.floor(self.share(what, low, high + 1))

    def monthly(self, what: str) -> np.ndarray:
        """A number in [0, 1) for every month."""
        return uniform(key_of(*self.parts, what), np.arange(MONTHS))


def reached_month(fate: Fate, deadline: int, draw: Draws) -> int:
    """Month in which a promise of this fate is kept; beyond `MONTHS` for one that never is."""
    spans = {"early": (-17, -8), "in_time": (-5, 0), "late": (4, 30), "creeping": (55, 100)}
    if fate not in spans:
        return MONTHS + 1
    return max(deadline + draw.whole("reached", *spans[fate]), 6)


def target_path(target: Target, fate: Fate, draw: Draws, *, less: bool = False) -> np.ndarray:
    """Reported value at each month's end in the target's unit, shape (`MONTHS`,); counts never fall.

    A logistic path, its monthly steps weighted by season and chance, from a base towards the goal, which it
    passes in the month its fate gives; one that stalls levels off before the goal. `less`: smaller is better.
    """
    goal = float(target.value or 0.0)
    deadline = month_number(date.fromisoformat(target.deadline)) if target.deadline else PLAN_END
    if fate == "stalled":
        end, part = deadline + draw.whole("level", -8, 4), draw.share("part", 0.55, 0.93)
    else:
        end, part = reached_month(fate, deadline, draw), 1.0
    risen = np.minimum(_risen(end, draw), 1.0) * part
    if less:
        start = goal * draw.share("start", 1.5, 2.6) if goal else 3.0
        return _rounded(target, start - (start - goal) * risen, up=True)
    base = 0.0 if goal <= 5 else goal * draw.share("base", 0.04, 0.38)
    values = base + (_just_passed(target, goal) - base) * risen
    if fate != "stalled":
        values = values + _afterwards(target, goal, end, draw)
    if target.unit_zh in LEVEL_UNITS:
        wobble = (draw.monthly("wobble") - 0.5) * 0.012 * goal * (values < goal) * (np.arange(MONTHS) < end)
        values = np.clip(values + wobble, 0.0, 100.0)
    rounded = _rounded(target, values, up=False)
    return rounded if target.unit_zh in LEVEL_UNITS else np.maximum.accumulate(rounded)


def _risen(end: int, draw: Draws) -> np.ndarray:
    """Share of the way made by each month's end, 0–1 and 1 at `end`; grows on beyond it."""
    months = np.arange(MONTHS)
    steep = draw.share("steep", 4.5, 7.5)
    x = (months + 0.5) / (end + 1)
    pace = 1.0 / np.cosh(steep * (x - draw.share("middle", 0.45, 0.65)) / 2) ** 2
    steps = pace * SEASON[months % 12] * (0.35 + 1.3 * draw.monthly("steps"))
    total = np.cumsum(steps)
    risen = total / total[min(end, MONTHS - 1)]
    return risen if end < MONTHS else risen * (0.9 * MONTHS / end)


def _just_passed(target: Target, goal: float) -> float:
    if target.comparator == ">":
        return goal + 1.0 if target.unit_zh != "%" else min(goal + 0.5, 100.0)
    return goal


def _afterwards(target: Target, goal: float, end: int, draw: Draws) -> np.ndarray:
    """What comes on top once the goal is reached; nothing where the plan names an exact number."""
    past = np.clip(np.arange(MONTHS) - end, 0, None)
    if target.comparator == "=" or end >= MONTHS:
        return np.zeros(MONTHS)
    if target.unit_zh == "%":
        return np.minimum(past * 0.08, max(100.0 - goal - 1.0, 0.0) * draw.share("more", 0.1, 0.6))
    return goal * draw.share("more", 0.0, 0.35) * (1.0 - np.exp(-past / 30.0))


def _rounded(target: Target, values: np.ndarray, up: bool) -> np.ndarray:
    if target.unit_zh in DISCRETE_UNITS:
        return np.ceil(values - 1e-9) if up else np.floor(values + 1e-9)
    return np.round(values, 2 if abs(target.value or 0) < 10 else 1)


# registers of the simulated city behind the live metrics that measure targets: dataset, column to add up (none: sites)
REGISTERS = {
    "coverage.stations_5g": ("base_stations", ""), "charging.guns_n": ("charging_stations", "guns"),
    "charging.stations_n": ("charging_stations", ""), "sensing.terminals_n": ("sensing_terminals", ""),
}  # fmt: skip


def counted(metric_id: str, sites: SiteMaker) -> np.ndarray | None:
    """What a live metric counts in the simulated city's own register at each month's end; None where no register does."""
    dataset, column = REGISTERS.get(metric_id, ("", ""))
    if not dataset or not len(sites[dataset]):
        return None
    register = sites[dataset]
    weight = register.frame[column].to_numpy().astype(float) if column else np.ones(len(register))
    if dataset == "base_stations":
        weight = (register.frame["technology"] == "5G").to_numpy().astype(float)
    ends = np.array([month_end(m).toordinal() for m in range(MONTHS)])
    return _by_day(register.opened, weight, ends) - _by_day(register.closed, weight, ends)


def _by_day(days: np.ndarray, weight: np.ndarray, ends: np.ndarray) -> np.ndarray:
    order = np.argsort(days, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    return total[np.searchsorted(days[order], ends, side="right")]


# ---------------------------------------------------------------------- what is done or not done


def completion_steps(target: Target, fate: Fate, draw: Draws) -> list[Step]:
    """State of a target that is done or not, month by month, up to the month of completion."""
    deadline = month_number(date.fromisoformat(target.deadline)) if target.deadline else PLAN_END
    return _steps(("not_started", "under_way"), "done", fate, deadline, draw)


def system_steps(system: System, fate: Fate, draw: Draws) -> list[Step]:
    """State of a system under construction, month by month, up to the month it goes into service (or is given up)."""
    deadline = month_number(date.fromisoformat(system.deadline)) if system.deadline else PLAN_END
    return _steps(("not_started", "building", "trial"), "in_service", fate, deadline, draw)


def project_steps(project: PlanProject, fate: Fate, draw: Draws) -> list[Step]:
    """Stage of a project, month by month, up to completion (or the month it is stopped)."""
    return _steps(("reserve", "new_start", "under_construction"), "done", fate, PLAN_END, draw)


def _steps(stages: tuple[str, ...], last: str, fate: Fate, deadline: int, draw: Draws) -> list[Step]:
    end = reached_month(fate, deadline, draw)
    planned = deadline if fate != "early" else end
    begin = draw.whole("begin", 1, max(min(end, deadline) // 2, 2))
    stopped = fate == "stalled" and len(stages) > 2 and draw.share("stopped") < 0.4
    held = deadline - draw.whole("held", -6, 10) if fate == "stalled" else MONTHS
    held = max(held, begin + 2)
    block = range(held, MONTHS) if fate == "stalled" else _block(fate, begin, end, draw)
    notice = draw.whole("notice", 1, 5)
    found: list[Step] = []
    for month in range(MONTHS):
        if month >= end:
            return [*found, Step(last, end, 1.0)]
        if stopped and month >= held + 6:
            return [*found, Step("stopped", None, found[-1].progress_share)]
        way = 0.0 if month < begin else min((min(month, held) - begin + 1) / max(min(end, deadline + 24) - begin, 1), 0.97)
        expected = planned
        if fate not in ("in_time", "early") and month > planned - notice:
            # what cannot be kept is moved, half a year at a time, until it is kept
            late = 6 * ((max(month, planned) - planned) // 6 + 1)
            expected = min(planned + late, end) if end < MONTHS else planned + late
        found.append(Step(_stage(stages, way), expected, round(way, 2), month in block))
    return found


def _stage(stages: tuple[str, ...], way: float) -> str:
    if way <= 0:
        return stages[0]
    if len(stages) == 2:
        return stages[1]
    first = 0.15 if stages[0] == "reserve" else 0.75
    return stages[1] if way < first else stages[2]


def _block(fate: Fate, begin: int, end: int, draw: Draws) -> range:
    """Months in which the work is blocked; most of what is late was."""
    if draw.share("blocked") > (0.75 if fate in ("late", "creeping") else 0.12):
        return range(0)
    start = begin + draw.whole("block", 3, 14)
    return range(start, min(start + draw.whole("blocked for", 3, 11), end))
