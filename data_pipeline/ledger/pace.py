"""Pace of a quantified target: pure arithmetic on values and days (standards.md 9.2).

A month is 30.436875 days (365.2425 / 12) wherever a rate per month meets days. All formulas hold for
"lower is better" as well: there the goal lies below the base and every difference turns its sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

Better = Literal["higher", "lower"]
DAYS_A_MONTH = 365.2425 / 12
ABOUT_SHARE = 0.05  # 约 / 左右: what lies within 5 % of the figure counts as reached
BEST_MONTHS, BEST_MONTHS_YOUNG, YOUNG_BELOW = 12, 3, 24
RECENT_MONTHS = 6
_FARTHEST = 200 * 12  # months ahead that still make a date
Points = Sequence[tuple[date, float]]


def expected_linear(base: float, goal: float, elapsed: float, total: float) -> float:
    """Where a target ought to stand when `elapsed` of `total` time has passed: a straight line, ends held."""
    return base + (goal - base) * min(max(elapsed / total, 0.0), 1.0)


def progress_share(base: float, goal: float, actual: float) -> float | None:
    """(actual - base) / (goal - base); None where the goal is the base. May be negative or above 1."""
    return None if goal == base else (actual - base) / (goal - base)


def run_rate(base: float, actual: float, elapsed: float, total: float) -> float | None:
    """Value at the end if the mean pace since the base goes on; None before any time has passed."""
    return None if elapsed <= 0 else base + (actual - base) / elapsed * total


def needed_pace(goal: float, actual: float, remaining: float) -> float | None:
    """Change per period that is needed from now on, in the target's own direction; None with no time left.

    0 where the goal is reached is for the caller: this is the plain (goal - actual) / remaining.
    """
    return None if remaining <= 0 else (goal - actual) / remaining


def seasonal_expected(goal: float, share: float) -> float:
    """goal × p, with p the mean cumulative share of past years at this point of the year."""
    return goal * share


def seasonal_forecast(actual: float, share: float) -> float | None:
    """actual / p; None where no part of a year's result usually stands by now."""
    return None if share <= 0 else actual / share


def months_between(first: date, last: date) -> float:
    """Months from `first` to `last`, negative where `last` is earlier."""
    return (last - first).days / DAYS_A_MONTH


def add_months(day: date, months: float) -> date | None:
    """`day` and so many months of 30.436875 days; None beyond the calendar or 200 years."""
    if abs(months) > _FARTHEST:
        return None
    try:
        return day + timedelta(days=round(months * DAYS_A_MONTH))
    except OverflowError:
        return None


def monthly(points: Points) -> list[tuple[int, float]]:
    """The last value of every month that has one: (year × 12 + month − 1, value), in order."""
    return sorted({day.year * 12 + day.month - 1: value for day, value in sorted(points)}.items())


def filled(series: Sequence[tuple[int, float]]) -> list[float]:
    """A monthly series without gaps: a month without a value keeps the one before it.

    For paces only: what came in the silent months counts in the month that reports it.
    """
    if not series:
        return []
    known = dict(series)
    values: list[float] = []
    for month in range(series[0][0], series[-1][0] + 1):
        values.append(known.get(month, values[-1] if values else series[0][1]))
    return values


def best_pace(points: Points, better: Better) -> tuple[float, int] | None:
    """The best mean change per month ever seen and the months it is a mean over.

    Over 12 consecutive months, over 3 while fewer than 24 monthly values exist. In the target's own
    direction: negative for "lower is better". None with too few months or where it never got better.
    """
    values = filled(monthly(points))
    window = BEST_MONTHS_YOUNG if len(values) < YOUNG_BELOW else BEST_MONTHS
    if len(values) <= window:
        return None
    sign = 1.0 if better == "higher" else -1.0
    best = max(sign * (values[k + window] - values[k]) / window for k in range(len(values) - window))
    return (sign * best, window) if best > 0 else None


def recent_pace(points: Points) -> float | None:
    """Mean change per month over the last 6 months that exist; None with a single month."""
    values = filled(monthly(points))
    window = min(RECENT_MONTHS, len(values) - 1)
    return (values[-1] - values[-1 - window]) / window if window > 0 else None


def months_at(pace_per_month: float | None, gap: float) -> float | None:
    """Months that `gap` takes at a pace of the same sign; 0 for no gap, None where the pace leads away."""
    if gap == 0:
        return 0.0
    if pace_per_month is None or pace_per_month * gap <= 0:
        return None
    return gap / pace_per_month


def season_shares(points: Points, before: date) -> list[float] | None:
    """p of months 1 to 12: mean cumulative share of a year's result, over complete calendar years before `before`.

    A year counts where the value at its end and at the end of the year before are known and differ.
    None without such a year; with a single one it is that year's.
    """
    series = dict(zip_months(points))
    years = sorted({month // 12 for month in series if month // 12 < before.year})
    shares = []
    for year in years:
        start, end = series.get(year * 12 - 1), series.get(year * 12 + 11)
        if start is None or end is None or start == end:
            continue
        shares.append([(series[year * 12 + k] - start) / (end - start) for k in range(12)])
    if not shares:
        return None
    return [sum(year[k] for year in shares) / len(shares) for k in range(12)]


def zip_months(points: Points) -> list[tuple[int, float]]:
    """The monthly series without gaps, with its months."""
    series = monthly(points)
    return list(zip(range(series[0][0], series[-1][0] + 1), filled(series), strict=True)) if series else []


def expected_seasonal(
    base: float, goal: float, start: date, deadline: date, on: date, shares: list[float]
) -> float | None:
    """Where a target ought to stand if every year of the plan brings the same and spreads it as past years did.

    Only for plans of whole calendar years, else None. Between the ends of months p runs straight.
    """
    if (start.month, start.day) != (1, 1) or (deadline.month, deadline.day) != (12, 31) or deadline < start:
        return None
    if on < start:
        return base
    if on >= deadline:
        return goal
    month_start, month_end = on.replace(day=1), add_month_end(on)
    before = 0.0 if on.month == 1 else shares[on.month - 2]
    share = before + (shares[on.month - 1] - before) * ((on - month_start).days + 1) / month_end.day
    years = deadline.year - start.year + 1
    return base + seasonal_expected(goal - base, (on.year - start.year + share) / years)


def add_month_end(day: date) -> date:
    """The last day of the month of `day`."""
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)


def is_reached(actual: float, goal: float, comparator: str, better: Better) -> bool:
    """Whether a value keeps the promise.

    `>` must be passed; `about` counts from 5 % below (for "lower is better" 5 % above); every other
    comparator, a bare figure too, must be met: at least, or at most where lower is better.
    """
    if better == "lower":
        return actual <= threshold(goal, comparator, better)
    if comparator == ">":
        return actual > goal
    return actual >= threshold(goal, comparator, better)


def threshold(goal: float, comparator: str, better: Better) -> float:
    """The value from which a promise counts as kept (see `is_reached`)."""
    if comparator != "about":
        return goal
    return goal - ABOUT_SHARE * abs(goal) if better == "higher" else goal + ABOUT_SHARE * abs(goal)


def reached_on(points: Points, goal: float, comparator: str, better: Better) -> date | None:
    """The day since which the promise has been kept without a break; None where the newest value does not."""
    since = None
    for day, value in sorted(points):
        if not is_reached(value, goal, comparator, better):
            since = None
        elif since is None:
            since = day
    return since


def value_at(points: Points, day: date) -> tuple[date, float] | None:
    """The newest point at or before a day; None where there is none."""
    return max((point for point in points if point[0] <= day), default=None, key=lambda point: point[0])
