"""The ledger of a small town: facts, accepted reports and live readings put together as of a date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from data_pipeline.ledger.state import build
from data_pipeline.plans import PlanFacts, TargetRule, TargetSplit
from tests.ledger.known import counts, known, live, month_ends, report
from tests.ledger.known import facts as town_facts

ON = date(2027, 6, 30)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> PlanFacts:
    return town_facts(tmp_path_factory.mktemp("town"))


def masts(values: list[float], first: tuple[int, int] = (2026, 1), **more: object) -> list[dict]:
    return [
        report("masts", day, value=value, **more)
        for day, value in zip(month_ends(*first, len(values)), values, strict=True)
    ]  # type: ignore[arg-type]


def test_without_any_report_nothing_is_judged_and_nothing_is_zero(facts: PlanFacts) -> None:
    ledger = build("town", facts, known(ON, []))
    assert counts(ledger) == {
        "stalled": 0, "behind": 0, "at_risk": 0, "catching_up": 0, "no_data": 4, "on_track": 0, "ahead": 0, "done_late": 0,
        "done": 0, "not_measurable": 1,
    }  # fmt: skip
    row = ledger.target("masts")
    assert row is not None
    assert (row.reason, row.pace, row.path, row.actual_from, row.is_simulated) == ("no_report", None, (), None, False)
    assert ledger.target("better").reason == "direction"


def test_actual_and_pace_come_from_the_newest_report_and_say_that_they_are_simulated(facts: PlanFacts) -> None:
    ledger = build("town", facts, known(ON, masts([2.0 * k for k in range(1, 18)])))
    row = ledger.target("masts")
    assert row is not None and row.pace is not None
    assert (row.pace.actual, row.pace.actual_on) == (34, date(2027, 5, 31))
    assert (row.actual_from, row.is_simulated, row.last_report.author) == ("report", True, "甲")
    # by hand: base 2 on 2026-01-31 (first report); 515 of 1,795 days to the deadline
    assert (row.pace.base, row.pace.base_basis) == (2, "first_report")
    assert row.pace.expected_linear == pytest.approx(2 + 98 * 515 / 1795)
    assert row.pace.progress_share == pytest.approx(32 / 98)
    assert row.pace.needed_per_month == pytest.approx(66 / ((date(2030, 12, 31) - ON).days / 30.436875))
    assert row.pace.best_per_month == pytest.approx(2)
    # 2 a month for the 43 months that are left after May 2027 reach 34 + 86 = 120 of 100 without any error
    assert row.pace.forecast is not None and row.pace.forecast.low == pytest.approx(120)
    # ahead of the straight line by 3.9 of 98 only, less than 5 %
    assert row.status == "on_track"


def test_the_value_at_the_plans_start_is_the_base_where_there_is_one(facts: PlanFacts) -> None:
    ledger = build("town", facts, known(ON, masts([10.0 + k for k in range(20)], (2025, 11))))
    pace = ledger.target("masts").pace
    # the report of December 2025 is the newest at or before 2026-01-01
    assert (pace.base, pace.base_on, pace.base_basis) == (11, date(2026, 1, 1), "plan_start")


def test_what_was_reported_or_corrected_later_is_not_known_on_an_earlier_day(facts: PlanFacts) -> None:
    corrected = [
        report("masts", date(2026, 3, 31), value=30.0, until=datetime(2026, 8, 1)),
        report("masts", date(2026, 3, 31), value=20.0, known=datetime(2026, 8, 1)),
        report("masts", date(2026, 6, 30), value=40.0),
    ]
    before = build("town", facts, known(date(2026, 7, 5), corrected)).target("masts")
    after = build("town", facts, known(date(2026, 9, 1), corrected)).target("masts")
    assert [point.value for point in before.path] == [30]  # June is reported on 10 July
    assert [point.value for point in after.path] == [20, 40]


def test_a_live_metric_overrules_reports_from_the_day_it_begins_and_no_report_is_due(facts: PlanFacts) -> None:
    readings = live([(date(2026, 4, 30), 44.0), (date(2026, 5, 31), 45.0)])
    made = known(date(2026, 6, 20), masts([10, 20, 30, 40, 50]), live={("masts", "town"): readings})
    row = build("town", facts, made).target("masts")
    assert [(p.value, p.source) for p in row.path] == [
        (10, "report"),
        (20, "report"),
        (30, "report"),
        (44, "live"),
        (45, "live"),
    ]
    assert (row.actual_from, row.metric, row.pace.actual) == ("live", "coverage.stations_5g", 45)
    assert (row.report_due_on, row.report_overdue_days) == (None, None)


def test_a_restating_row_shows_its_original_and_is_not_counted(facts: PlanFacts) -> None:
    ledger = build("town", facts, known(ON, masts([50.0, 100.0])))
    again, original = ledger.target("masts-again"), ledger.target("masts")
    assert (again.status, again.pace, again.path) == (original.status, original.pace, original.path)
    assert again.reason == "same_as" and again.clause.clause == "二"
    assert len(ledger.targets) == 6 and len(ledger.distinct) == 5
    assert sum(counts(ledger).values()) == 5


def test_an_interim_step_hangs_on_its_final_target_and_is_judged_on_the_same_path(facts: PlanFacts) -> None:
    ledger = build("town", facts, known(date(2029, 2, 1), masts([60.0], (2028, 11))))
    assert [step.target_id for step in ledger.target("masts").milestones] == ["masts-2028"]
    step = ledger.target("masts-2028")
    assert (step.status, step.done_on) == ("done", date(2028, 11, 30))


def test_targets_come_worst_first(facts: PlanFacts) -> None:
    rows = masts([100.0]) + [report("online", day, value=10.0) for day in month_ends(2026, 1, 15)]
    ledger = build("town", facts, known(ON, rows))
    assert [row.status for row in ledger.distinct] == ["behind", "no_data", "done", "done", "not_measurable"]


def test_a_report_of_a_month_is_due_on_the_tenth_of_the_next_and_late_days_count(facts: PlanFacts) -> None:
    row = build("town", facts, known(date(2026, 5, 25), masts([1.0, 2.0, 3.0]))).target("masts")
    assert (row.report_due_on, row.report_overdue_days) == (date(2026, 5, 10), 15)
    fresh = build("town", facts, known(date(2026, 5, 9), masts([1.0, 2.0, 3.0]))).target("masts")
    assert (fresh.report_due_on, fresh.report_overdue_days) == (date(2026, 5, 10), 0)
    never = build("town", facts, known(date(2026, 2, 20), [])).target("masts")
    assert (never.report_due_on, never.report_overdue_days) == (date(2026, 2, 10), 10)


def test_a_rule_may_ask_for_quarters_and_another_day(facts: PlanFacts) -> None:
    rule = TargetRule("masts", "higher", True, report_every="quarter", due_day=20)
    ledger = build("town", replace(facts, rules=(rule,)), known(date(2026, 7, 25), masts([1.0, 2.0, 3.0])))
    # the first quarter is reported; the second is due on 20 July
    assert ledger.target("masts").report_due_on == date(2026, 7, 20)


def test_a_finished_promise_owes_no_report(facts: PlanFacts) -> None:
    row = build("town", facts, known(ON, masts([100.0]))).target("masts")
    assert (row.status, row.done_on, row.report_due_on) == ("done", date(2026, 1, 31), None)


def test_a_tick_is_judged_by_the_reported_stage(facts: PlanFacts) -> None:
    rows = [report("schools", date(2027, 5, 31), stage="under_way", expected_on=date(2031, 6, 30))]
    row = build("town", facts, known(ON, rows)).target("schools")
    assert (row.status, row.reason, row.pace, row.actual_from) == ("behind", "expected_after_deadline", None, "report")


def test_a_provincial_plan_is_never_judged_whatever_is_reported(facts: PlanFacts) -> None:
    provincial = replace(
        facts, plans=tuple(replace(p, is_provincial=True) for p in facts.plans),
        targets=tuple(replace(t, is_provincial=True) for t in facts.targets),
    )  # fmt: skip
    ledger = build("town", provincial, known(ON, masts([50.0, 60.0])))
    assert {(row.status, row.pace, row.path, row.last_report) for row in ledger.distinct} == {
        ("not_measurable", None, (), None)
    }
    assert {row.reason for row in ledger.distinct} == {"provincial"}


def test_lower_is_better_by_rule_is_mirrored_through_the_whole_row(facts: PlanFacts) -> None:
    rule = TargetRule("masts", "lower", False)
    values = [200.0 - 4 * k for k in range(12)]
    row = build("town", replace(facts, rules=(rule,)), known(date(2027, 1, 15), masts(values))).target("masts")
    assert row.pace.best_per_month == pytest.approx(-4) and row.pace.progress_share == pytest.approx(0.44)
    assert row.pace.needed_per_month < 0 and row.status == "ahead"


def test_districts_have_targets_only_by_a_split_or_where_the_plan_promises_each_of_them(facts: PlanFacts) -> None:
    plain = build("town", facts, known(ON, [], districts=("east", "west")))
    assert plain.splits == ()
    split = TargetSplit("masts", "east", 40.0, "", "经信局", "甲", "2026-02-01", "")
    rows = [report("masts@east", date(2026, 3, 31), value=44.0)]
    entered = build("town", replace(facts, splits=(split,)), known(ON, rows, districts=("east", "west")))
    (east,) = entered.splits
    assert (east.area, east.target.value, east.status) == ("east", 40, "done")
    assert entered.target("masts").target.value == 100
    each = replace(facts, rules=(TargetRule("online", "higher", False, each="district"),))
    promised = build("town", each, known(ON, [], districts=("east", "west")))
    assert [(row.area, row.target.value) for row in promised.splits] == [("east", 95), ("west", 95)]


def test_the_same_knowledge_gives_the_same_ledger(facts: PlanFacts) -> None:
    rows = masts([3.0, 5.0, 9.0, 12.0])
    assert build("town", facts, known(ON, rows)) == build("town", facts, known(ON, list(reversed(rows))))
