"""The status of a promise, judged from the forecast's interval and never from its point (docs/decisions/0006)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from data_pipeline.ledger.forecast import Outlook
from data_pipeline.ledger.pace import Better, Points, add_months, is_reached, reached_on, value_at
from data_pipeline.ledger.types import PaceStatus

HORIZON_MONTHS = 24  # after the deadline: a forecast that reaches the goal within these counts as catching up
STILL_MONTHS = 12  # without any movement for so long: stalled
AHEAD_MARGIN = 0.05  # of the way from base to goal above the straight line: ahead
DONE_STAGES = ("done", "in_service")


@dataclass(frozen=True)
class Judged:
    """A status and the text key of the reason for it; since when the promise is kept."""

    status: PaceStatus
    reason: str
    reached_on: date | None = None


@dataclass(frozen=True)
class Promise:
    """What is judged: the figure, how it is compared and by when; `deadline` None for a standing rule."""

    goal: float
    comparator: str
    better: Better
    deadline: date | None


def judge_quantified(
    promise: Promise, points: Points, on: date, outlook: Outlook | None, expected: float | None, base: float | None
) -> Judged:
    """Status of a promise with a figure.

    Parameters
    ----------
    points : known values up to `on`, by date
    outlook : forecast at the deadline, or `HORIZON_MONTHS` from `on` once the deadline has passed
    expected, base : linear expectation on `on` and the value it starts from; None where there is none
    """
    if not points:
        return Judged("no_data", "no_report")
    actual_on, actual = max(points, key=lambda point: point[0])
    met = is_reached(actual, promise.goal, promise.comparator, promise.better)
    since = reached_on(points, promise.goal, promise.comparator, promise.better)
    if promise.deadline is None:
        return Judged("on_track", "standing_met", since) if met else Judged("behind", "standing_missed")
    if met and since is not None:
        kept = since <= promise.deadline
        return Judged("done" if kept else "done_late", "reached" if kept else "reached_late", since)
    if on > promise.deadline:
        return _after_deadline(promise, points, on, actual_on, outlook)
    if outlook is None:
        return Judged("no_data", "few_reports")
    worst, best = _ends(outlook, promise.better)
    if not is_reached(best, promise.goal, promise.comparator, promise.better):
        return Judged("behind", "interval_below")
    if not is_reached(worst, promise.goal, promise.comparator, promise.better):
        return Judged("at_risk", "interval_straddles")
    if expected is not None and base is not None and promise.goal != base:
        lead = (actual - expected) / (promise.goal - base)
        if lead >= AHEAD_MARGIN:
            return Judged("ahead", "interval_reaches_ahead")
    return Judged("on_track", "interval_reaches")


def _after_deadline(promise: Promise, points: Points, on: date, actual_on: date, outlook: Outlook | None) -> Judged:
    year_ago = add_months(on, -STILL_MONTHS)
    assert year_ago is not None
    if actual_on <= year_ago:
        return Judged("stalled", "no_report_12_months")
    before = value_at(points, year_ago)
    if before is not None and not _moved(before[1], points, year_ago, promise.better):
        return Judged("stalled", "no_increase_12_months")
    if outlook is None:
        return Judged("no_data", "few_reports")
    _, best = _ends(outlook, promise.better)
    if is_reached(best, promise.goal, promise.comparator, promise.better):
        return Judged("catching_up", "forecast_reaches_after")
    return Judged("stalled", "no_forecast_reaches")


def _moved(before: float, points: Points, since: date, better: Better) -> bool:
    """Whether any value after `since` is better than the one before it."""
    later = [value for day, value in points if day > since]
    if better == "lower":
        return any(value < before for value in later)
    return any(value > before for value in later)


def _ends(outlook: Outlook, better: Better) -> tuple[float, float]:
    """The worse and the better end of the interval."""
    return (outlook.low, outlook.high) if better == "higher" else (outlook.high, outlook.low)


@dataclass(frozen=True)
class StageReport:
    """What one accepted report says of a promise that is ticked off."""

    on: date
    stage: str
    expected_on: date | None
    progress_share: float | None


def judge_tick(reports: Sequence[StageReport], deadline: date | None, on: date) -> Judged:
    """Status of a promise that is done or not, from the departments' stages and expected days.

    `reports` are known up to `on`, sorted by date. Once reported done it counts as done on the first
    day of the unbroken run of such reports (or on the earlier day the report itself names).
    """
    if not reports:
        return Judged("no_data", "no_report")
    last = reports[-1]
    if last.stage in DONE_STAGES:
        day = done_on(reports)
        kept = deadline is None or day <= deadline
        return Judged("done" if kept else "done_late", "reached" if kept else "reached_late", day)
    if not last.stage and last.expected_on is None and last.progress_share is None:
        return Judged("no_data", "no_stage")
    if deadline is not None and on > deadline:
        return _tick_after(reports, on)
    if last.expected_on is None:
        return Judged("at_risk", "no_expected_date")
    if last.expected_on < on:
        return Judged("at_risk", "expected_date_passed")
    if deadline is not None and last.expected_on > deadline:
        return Judged("behind", "expected_after_deadline")
    return Judged("on_track", "expected_in_time")


def done_on(reports: Sequence[StageReport]) -> date:
    """The day a finished promise counts as done; `reports` end with a finished one."""
    first = reports[-1]
    for report in reversed(reports):
        if report.stage not in DONE_STAGES:
            break
        first = report
    named = first.expected_on
    return named if named is not None and named <= first.on else first.on


def _tick_after(reports: Sequence[StageReport], on: date) -> Judged:
    year_ago = add_months(on, -STILL_MONTHS)
    assert year_ago is not None
    recent = [report for report in reports if report.on > year_ago]
    if not recent:
        return Judged("stalled", "no_report_12_months")
    if not moved_since(reports, year_ago):
        return Judged("stalled", "no_movement_12_months")
    expected = recent[-1].expected_on
    if expected is None or expected < on:
        return Judged("stalled", "no_later_date")
    return Judged("catching_up", "expected_after_deadline")


def moved_since(reports: Sequence[StageReport], since: date) -> bool:
    """Whether a report after `since` names another stage, another expected day or more progress than the one before."""
    for before, report in zip(reports, reports[1:], strict=False):
        if report.on <= since:
            continue
        if report.stage != before.stage or report.expected_on != before.expected_on:
            return True
        if (report.progress_share or 0.0) > (before.progress_share or 0.0):
            return True
    return len(reports) == 1 and reports[0].on > since


def bounded(outlook: Outlook, *, cumulative: bool, percent: bool, actual: float) -> Outlook:
    """The interval within what can be: a cumulative count never falls below today's, a percentage stays in 0–100."""
    low, value, high = outlook.low, outlook.value, outlook.high
    if cumulative:
        low, value, high = max(low, actual), max(value, actual), max(high, actual)
    if percent:
        low, value, high = (min(max(x, 0.0), 100.0) for x in (low, value, high))
    return replace(outlook, value=value, low=low, high=high)
