"""Small paths of targets on one time axis: from the plan's start over the deadline to the date of the ledger.

Upwards means nearer to the promise in every path: the vertical scale is the share of the way from
base to promised value, so a target that must fall rises here as well, and the promise lies at the
same height in every row unless it was passed by far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from components.svg import Part, Svg
from data_pipeline.ledger.types import LedgerTarget, PathPoint
from data_pipeline.plans import Plan

WIDTH, HEIGHT, PAD = 600, 36, 4
TOP_SHARE, BOTTOM_SHARE = 1.3, -0.1
# nothing is drawn higher or lower than this share of the way: one slip must not flatten a whole path
MOST_SHARE, LEAST_SHARE = 2.5, -1.0
LONGEST_STEP = 3.0
LEAST_BREAK_DAYS = 75
# a point this near (of `HEIGHT`) to the line between its neighbours is not sent
MOST_ERROR = 0.3


@dataclass(frozen=True)
class TimeAxis:
    """The days the paths of a page share; `on` is the ledger's date."""

    start: date
    end: date
    on: date

    def x(self, day: date) -> float:
        """Where a day lies, 0 to `WIDTH`."""
        share = (day - self.start).days / max((self.end - self.start).days, 1)
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    def years(self) -> list[tuple[int, float]]:
        """First days of the years on the axis, each with its place as a share 0–1."""
        found = []
        for year in range(self.start.year, self.end.year + 1):
            first = date(year, 1, 1)
            if self.start <= first <= self.end:
                found.append((year, self.x(first) / WIDTH))
        return found


def axis_of(rows: Sequence[LedgerTarget], on: date) -> TimeAxis:
    """The axis that holds every plan's period, every deadline, the ledger's date and the forecasts of `rows`."""
    starts = [start_of(row.plan) for row in rows] or [on]
    days = [on, *starts]
    days += [date.fromisoformat(row.plan.period_end) for row in rows if row.plan.period_end]
    days += [date.fromisoformat(row.target.deadline) for row in rows if row.target.deadline]
    days += [row.pace.forecast.on for row in rows if row.pace and row.pace.forecast]
    return TimeAxis(min(starts), max(days), on)


def start_of(plan: Plan) -> date:
    """First day of a plan: of its period, else (a guidance without one) the day it was issued."""
    return date.fromisoformat(plan.period_start or plan.issued_date)


def broken(points: Sequence[PathPoint]) -> list[list[PathPoint]]:
    """The points in unbroken pieces: a gap of more than three usual steps (at least 75 days) ends one."""
    steps = sorted((b.on - a.on).days for a, b in zip(points, points[1:], strict=False))
    usual = steps[len(steps) // 2] if steps else 0
    longest = max(usual * LONGEST_STEP, LEAST_BREAK_DAYS)
    found: list[list[PathPoint]] = []
    for point in points:
        if found and (point.on - found[-1][-1].on).days <= longest:
            found[-1].append(point)
        else:
            found.append([point])
    return found


def small_path(row: LedgerTarget, axis: TimeAxis) -> Svg:
    """The path of one target: years, promise, expected line, known values, forecast with its interval, the date itself."""
    parts: list[Part] = [("path", {"className": "grid", "d": "".join(f"M{_n(s * WIDTH)} 0V{HEIGHT}" for _, s in axis.years())})]
    if row.target.deadline:
        parts.append(("path", {"className": "due", "d": f"M{_n(axis.x(date.fromisoformat(row.target.deadline)))} 0V{HEIGHT}"}))
    parts.append(("path", {"className": "on", "d": f"M{_n(axis.x(axis.on))} 0V{HEIGHT}"}))
    parts += _valued(row, axis) if row.path else _ticked(row, axis)
    return Svg(parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", className="small-path", stretch=True)


def _valued(row: LedgerTarget, axis: TimeAxis) -> list[Part]:
    scale = _Height(row)
    parts: list[Part] = []
    pace = row.pace
    if pace is not None:
        parts.append(("path", {"className": "goal", "d": f"M0 {_n(scale.y(pace.goal))}H{WIDTH}"}))
        if row.target.deadline:
            due = date.fromisoformat(row.target.deadline)
            parts.append(("path", {"className": "expected", "d": f"M{_n(axis.x(pace.base_on))} {_n(scale.y(pace.base))}"
                                                                 f"L{_n(axis.x(due))} {_n(scale.y(pace.goal))}"}))  # fmt: skip
        if pace.forecast is not None:
            x0, y0 = _n(axis.x(pace.actual_on)), _n(scale.y(pace.actual))
            x1 = _n(axis.x(pace.forecast.on))
            low, mid, high = (_n(scale.y(v)) for v in (pace.forecast.low, pace.forecast.value, pace.forecast.high))
            parts.append(("path", {"className": "fan", "d": f"M{x0} {y0}L{x1} {low}V{high}z"}))
            parts.append(("path", {"className": "forecast", "d": f"M{x0} {y0}L{x1} {mid}"}))
    for source in ("report", "live"):
        line = "".join(_line(piece, axis, scale) for piece in broken([p for p in row.path if p.source == source]))
        if line:
            parts.append(("path", {"className": source, "d": line}))
    if pace is not None and row.done_on is not None:
        parts.append(("path", {"className": "reached", "d": f"M{_n(axis.x(row.done_on))} {_n(scale.y(pace.goal))}h0"}))
    last = row.path[-1]
    parts.append(("path", {"className": "now", "d": f"M{_n(axis.x(last.on))} {_n(scale.y(last.value))}h0"}))
    return parts


def _ticked(row: LedgerTarget, axis: TimeAxis) -> list[Part]:
    """A promise without a figure: from the plan's start to the day it was done, or to the day it is now expected."""
    if row.last_report is None:
        return []
    y, start, said = HEIGHT // 2, start_of(row.plan), row.last_report
    x0, x1 = _n(axis.x(start)), _n(axis.x(said.data_on))
    parts: list[Part] = [("path", {"className": "report", "d": f"M{x0} {y}H{x1}"})]
    if row.status in ("done", "done_late"):
        at = row.done_on or said.data_on
        return [("path", {"className": "report", "d": f"M{x0} {y}H{_n(axis.x(at))}"}),
                ("path", {"className": "reached", "d": f"M{_n(axis.x(at))} {y}h0"})]  # fmt: skip
    if said.expected_on is not None:
        parts.append(("path", {"className": "forecast", "d": f"M{x1} {y}H{_n(axis.x(said.expected_on))}"}))
    parts.append(("path", {"className": "now", "d": f"M{x1} {y}h0"}))
    return parts


class _Height:
    """Value → height, by the share of the way from base to promise."""

    def __init__(self, row: LedgerTarget) -> None:
        pace = row.pace
        self.base = pace.base if pace else 0.0
        self.way = (pace.goal - pace.base) if pace else 0.0
        values = [p.value for p in row.path]
        if pace and pace.forecast:
            values += [pace.forecast.low, pace.forecast.high]
        if not self.way:
            # no way to go: the values themselves
            self.base, self.way = min(values), (max(values) - min(values)) or 1.0
        shares = [(v - self.base) / self.way for v in values]
        self.high = min(max(TOP_SHARE, *shares), MOST_SHARE)
        self.low = max(min(BOTTOM_SHARE, *shares), LEAST_SHARE)

    def y(self, value: float) -> float:
        share = min(max((value - self.base) / self.way, self.low), self.high)
        return HEIGHT - PAD - (share - self.low) / (self.high - self.low) * (HEIGHT - 2 * PAD)


def _line(points: Sequence[PathPoint], axis: TimeAxis, scale: _Height) -> str:
    """One unbroken piece; a point is left out while one straight line passes all left out so far within `MOST_ERROR`."""
    at = [(axis.x(p.on), scale.y(p.value)) for p in points]
    kept = at[:1]
    low, high = -math.inf, math.inf
    for i in range(1, len(at)):
        x, y = at[i]
        slope = _slope(kept[-1], x, y)
        if not low <= slope <= high:
            kept.append(at[i - 1])
            low, high = -math.inf, math.inf
        low, high = max(low, _slope(kept[-1], x, y - MOST_ERROR)), min(high, _slope(kept[-1], x, y + MOST_ERROR))
    if len(at) > 1:
        kept.append(at[-1])
    head, *rest = [f"{_n(x)} {_n(y)}" for x, y in kept]
    return f"M{head}" + ("L" + " ".join(rest) if rest else "h0")


def _slope(start: tuple[float, float], x: float, y: float) -> float:
    return (y - start[1]) / max(x - start[0], 1e-6)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
