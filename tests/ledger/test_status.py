"""A status follows from the interval of the forecast, never from its point."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.ledger.forecast import Outlook
from data_pipeline.ledger.status import Promise, StageReport, bounded, judge_quantified, judge_tick

DEADLINE = date(2022, 12, 31)
MID = date(2021, 6, 30)
PAST = date(2024, 6, 30)
UP = Promise(2000, ">=", "higher", DEADLINE)
DOWN = Promise(7, "<=", "lower", DEADLINE)


def outlook(low: float, high: float) -> Outlook:
    return Outlook((low + high) / 2, low, high, "ols", 12)


def points(*values: float, last: date = MID) -> list[tuple[date, float]]:
    """Values at month ends, the newest on `last`."""
    found = []
    for back, value in enumerate(reversed(values)):
        month = last.year * 12 + last.month - 1 - back
        found.append((date(month // 12, month % 12 + 1, 28) if back else last, value))
    return found[::-1]


@pytest.mark.parametrize(
    ("low", "high", "status", "reason"),
    [
        (2010, 2300, "on_track", "interval_reaches"),
        (1990, 2300, "at_risk", "interval_straddles"),
        (1700, 2010, "at_risk", "interval_straddles"),
        (1700, 1990, "behind", "interval_below"),
    ],
)
def test_before_the_deadline_the_interval_decides(low, high, status, reason) -> None:
    judged = judge_quantified(UP, points(900, 1000), MID, outlook(low, high), expected=1000, base=0)
    assert (judged.status, judged.reason) == (status, reason)


def test_the_same_point_with_a_wider_interval_is_only_at_risk() -> None:
    narrow = judge_quantified(UP, points(1000), MID, outlook(2050, 2150), expected=1000, base=0)
    wide = judge_quantified(UP, points(1000), MID, outlook(1500, 2700), expected=1000, base=0)
    assert (narrow.status, wide.status) == ("on_track", "at_risk")


def test_ahead_needs_a_safe_interval_and_five_percent_of_the_way_in_hand() -> None:
    safe = outlook(2100, 2300)
    assert judge_quantified(UP, points(1100), MID, safe, expected=1000, base=0).status == "ahead"
    assert judge_quantified(UP, points(1099), MID, safe, expected=1000, base=0).status == "on_track"
    assert judge_quantified(UP, points(1500), MID, outlook(1900, 2300), expected=1000, base=0).status == "at_risk"


@pytest.mark.parametrize(("low", "high", "status"), [(5, 6.9, "on_track"), (6, 8, "at_risk"), (7.5, 9, "behind")])
def test_lower_is_better_is_judged_in_the_mirror(low, high, status) -> None:
    assert judge_quantified(DOWN, points(12, 11), MID, outlook(low, high), expected=11, base=14).status == status


def test_a_kept_promise_is_done_in_time_or_late_by_the_day_it_was_first_kept() -> None:
    early = judge_quantified(UP, points(1900, 2000, 2100, last=DEADLINE), PAST, None, 2000, 0)
    assert (early.status, early.reached_on) == ("done", date(2022, 11, 28))
    late = judge_quantified(UP, points(1900, 2000, last=date(2023, 1, 31)), PAST, None, 2000, 0)
    assert (late.status, late.reached_on) == ("done_late", date(2023, 1, 31))


def test_what_must_be_passed_is_not_done_by_meeting_it() -> None:
    over = Promise(2000, ">", "higher", DEADLINE)
    assert (
        judge_quantified(over, points(1990, 2000, last=DEADLINE), DEADLINE, outlook(2000, 2000), 2000, 0).status
        == "behind"
    )
    assert judge_quantified(over, points(1990, 2001, last=DEADLINE), DEADLINE, None, 2000, 0).status == "done"


def test_after_the_deadline_a_forecast_that_reaches_catches_up_and_one_that_does_not_is_stalled() -> None:
    path = points(*range(1000, 1026), last=PAST)
    reaching = judge_quantified(UP, path, PAST, outlook(1800, 2001), 2000, 0)
    short = judge_quantified(UP, path, PAST, outlook(1800, 1999), 2000, 0)
    assert (reaching.status, reaching.reason) == ("catching_up", "forecast_reaches_after")
    assert (short.status, short.reason) == ("stalled", "no_forecast_reaches")


def test_twelve_months_without_an_increase_are_stalled_whatever_the_forecast() -> None:
    path = points(*([1500.0] * 20), last=PAST)
    judged = judge_quantified(UP, path, PAST, outlook(2100, 2200), 2000, 0)
    assert (judged.status, judged.reason) == ("stalled", "no_increase_12_months")


def test_twelve_months_without_a_report_are_stalled_and_say_so() -> None:
    judged = judge_quantified(UP, points(1400, 1500, last=date(2023, 5, 31)), PAST, outlook(2100, 2200), 2000, 0)
    assert (judged.status, judged.reason) == ("stalled", "no_report_12_months")


def test_nothing_reported_or_too_little_to_forecast_is_no_data_and_never_green() -> None:
    assert judge_quantified(UP, [], MID, None, None, None).status == "no_data"
    few = judge_quantified(UP, points(900, 1900), MID, None, 1000, 0)
    assert (few.status, few.reason) == ("no_data", "few_reports")
    assert judge_tick([], DEADLINE, MID).status == "no_data"


def test_a_standing_rule_is_kept_or_not_kept_without_a_forecast() -> None:
    rule = Promise(7, "<=", "lower", None)
    assert judge_quantified(rule, points(9, 7), MID, None, None, None).status == "on_track"
    assert judge_quantified(rule, points(7, 8), MID, None, None, None).status == "behind"


@given(st.floats(0, 4000), st.floats(0, 4000), st.floats(0, 1999))
def test_no_interval_that_misses_any_part_of_the_goal_is_on_track(a, b, actual) -> None:
    low, high = sorted((a, b))
    status = judge_quantified(UP, points(actual), MID, outlook(low, high), expected=1000, base=0).status
    assert (status in ("on_track", "ahead")) == (low >= 2000)
    assert (status == "behind") == (high < 2000)


def test_a_cumulative_count_cannot_fall_and_a_percentage_stays_below_100() -> None:
    made = bounded(outlook(80, 130), cumulative=True, percent=True, actual=90)
    assert (made.low, made.value, made.high) == (90, 100, 100)
    free = bounded(outlook(-5, 20), cumulative=False, percent=False, actual=90)
    assert (free.low, free.high) == (-5, 20)


# ---------------------------------------------------------------------- promises that are ticked off


def report(on: date, stage: str, expected: date | None = None, progress: float | None = None) -> StageReport:
    return StageReport(on, stage, expected, progress)


@pytest.mark.parametrize(
    ("expected", "status", "reason"),
    [
        (date(2022, 12, 31), "on_track", "expected_in_time"),
        (date(2023, 1, 31), "behind", "expected_after_deadline"),
        (date(2021, 5, 31), "at_risk", "expected_date_passed"),
        (None, "at_risk", "no_expected_date"),
    ],
)
def test_before_its_deadline_a_tick_is_judged_by_the_day_the_department_expects(expected, status, reason) -> None:
    judged = judge_tick([report(MID, "under_way", expected, 0.4)], DEADLINE, MID)
    assert (judged.status, judged.reason) == (status, reason)


def test_a_tick_is_done_on_the_day_the_report_names_or_the_first_report_of_it() -> None:
    reports = [report(date(2022, 11, 30), "under_way"), report(date(2023, 1, 31), "done", date(2022, 12, 20))]
    assert judge_tick(reports, DEADLINE, PAST).status == "done"
    late = [
        report(date(2022, 11, 30), "under_way"),
        report(date(2023, 1, 31), "done"),
        report(date(2023, 2, 28), "done"),
    ]
    judged = judge_tick(late, DEADLINE, PAST)
    assert (judged.status, judged.reached_on) == ("done_late", date(2023, 1, 31))


def test_a_tick_that_is_taken_back_is_not_done() -> None:
    reports = [report(date(2022, 11, 30), "done"), report(date(2024, 5, 31), "under_way", date(2024, 12, 31))]
    assert judge_tick(reports, DEADLINE, PAST).status == "catching_up"


def test_after_its_deadline_a_tick_needs_movement_and_a_later_day_to_be_catching_up() -> None:
    moving = [report(date(2023, 12, 31), "under_way", None, 0.6), report(PAST, "under_way", date(2024, 12, 31), 0.7)]
    day = date(2024, 12, 31)
    still = [report(date(2023, 5, 31), "under_way", day, 0.6), report(PAST, "under_way", day, 0.6)]
    moved_day = [report(date(2023, 5, 31), "under_way", date(2023, 12, 31)), report(PAST, "under_way", day)]
    undated = [report(date(2023, 12, 31), "under_way", None, 0.6), report(PAST, "under_way", None, 0.7)]
    assert judge_tick(moving, DEADLINE, PAST).status == "catching_up"
    assert judge_tick(still, DEADLINE, PAST).reason == "no_movement_12_months"
    assert judge_tick(moved_day, DEADLINE, PAST).status == "catching_up"
    assert judge_tick(undated, DEADLINE, PAST).reason == "no_later_date"
    assert judge_tick(still[:1], DEADLINE, PAST).reason == "no_report_12_months"
