"""Departments ranked fairly, projects that reconcile and are counted once, systems that say whether they work."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from data_pipeline.cities import load_packs
from data_pipeline.ledger import boards
from data_pipeline.ledger.known import MetricState
from data_pipeline.ledger.state import build
from data_pipeline.plans import PlanFacts, SystemMetrics, read_plan_facts
from tests.ledger.known import facts as town_facts
from tests.ledger.known import known, report

ON = date(2028, 6, 30)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> PlanFacts:
    return town_facts(tmp_path_factory.mktemp("town"))


def pack_facts(city: str) -> PlanFacts:
    return read_plan_facts(load_packs()[city].folder / "plan", city)


# Wilson's interval, 95 %: computed with scipy's binomtest(k, n).proportion_ci(method="wilson")
@pytest.mark.parametrize(
    ("good", "n", "low"), [(2, 2, 0.34238), (19, 20, 0.76387), (0, 5, 0.0), (5, 10, 0.23659), (30, 40, 0.59806)]
)
def test_the_score_is_the_lower_end_of_wilsons_interval(good: int, n: int, low: float) -> None:
    assert boards.wilson_low(good, n) == pytest.approx(low, abs=1e-4)
    assert boards.wilson_low(0, 0) is None


def test_few_good_targets_do_not_beat_many() -> None:
    assert boards.wilson_low(3, 3) < boards.wilson_low(19, 20)


def board(name: str, judged: int, on_pace: int, template: boards.DepartmentBoard) -> boards.DepartmentBoard:
    office = replace(template.department, dept_zh=name)
    return replace(
        template, department=office, judged=judged, on_pace=on_pace, score=boards.wilson_low(on_pace, judged)
    )


def test_equal_scores_share_a_rank_and_too_few_judged_have_none(facts: PlanFacts) -> None:
    plain = build("town", facts, known(ON, [])).departments[0]
    made = boards._ranked(
        [
            board("a", 4, 2, plain),
            board("b", 10, 9, plain),
            board("c", 4, 2, plain),
            board("d", 2, 2, plain),
            board("e", 9, 1, plain),
        ]
    )
    assert [(b.department.dept_zh, b.rank) for b in made] == [("b", 1), ("a", 2), ("c", 2), ("e", 4), ("d", None)]


def test_a_board_counts_distinct_led_targets_by_status_and_late_reports(facts: PlanFacts) -> None:
    rows = [report("masts", date(2028, 5, 31), value=100.0), report("online", date(2026, 1, 31), value=10.0)]
    (industry, schools) = build("town", facts, known(ON, rows)).departments
    assert industry.department.dept_zh == "市经信局"
    assert (industry.led, industry.judged, industry.on_pace, industry.rank) == (3, 2, 2, None)
    assert {k: n for k, n in industry.by_status.items() if n} == {"done": 2, "no_data": 1}
    assert industry.overdue_reports == 1 and industry.is_simulated
    # the schools' office leads nothing and shares the three targets of clause 一
    assert (schools.led, schools.shared, schools.score) == (0, 3, None)


# plans/README: 18 + 12 + 28 = 58 projects, 9.31 + 61.59 + 83.23 = 154.13 (亿元)
def test_qianjiangs_58_projects_and_15413_million_yuan_reconcile_by_stage() -> None:
    ledger = build("500114", pack_facts("500114"), known(ON, []))
    (found,) = boards.reconciled(ledger.projects)
    assert (found.total_n, found.stages_n) == (58, 58)
    assert found.total_yi_yuan == 154.13 and found.stages_yi_yuan == pytest.approx(154.13) and found.agrees
    stated = {
        row.stage: (row.stated_n, row.stated_yi_yuan) for row in boards.project_sums(ledger.projects) if row.stated_n
    }
    assert stated == {"under_construction": (18, 9.31), "new_start": (12, 61.59), "reserve": (28, 83.23)}


def test_groups_are_never_added_to_their_parts(facts: PlanFacts) -> None:
    rows = [
        report("p-1", date(2028, 5, 31), "project", stage="under_construction", invested_yi_yuan=0.5, blocked=True,
               blocked_cause="用地", blocked_owner="市经信局"),
        report("p-2", date(2028, 5, 31), "project", stage="under_construction", invested_yi_yuan=0.25),
    ]  # fmt: skip
    sums = {row.stage: row for row in boards.project_sums(build("town", facts, known(ON, rows)).projects)}
    running = sums["under_construction"]
    # one named project and a programme of four; the group's 2 projects and 2.5 stand apart
    assert (running.projects_n, running.planned_yi_yuan, running.invested_yi_yuan, running.blocked_n) == (
        5,
        1.5,
        0.75,
        1,
    )
    assert (running.stated_n, running.stated_yi_yuan) == (2, 2.5)
    assert (sums["reserve"].projects_n, sums["reserve"].planned_yi_yuan) == (0, None)


def test_a_project_keeps_what_the_document_does_not_give_empty(facts: PlanFacts) -> None:
    row = build("town", facts, known(ON, [])).projects[3]
    assert (row.stage, row.stage_from, row.invested_yi_yuan, row.blocked, row.delay_days) == ("", "", None, None, None)


def test_delay_is_counted_from_the_day_first_promised(facts: PlanFacts) -> None:
    rows = [report("p-1", date(2027, 1, 31), "project", stage="reserve", expected_on=date(2028, 1, 1)),
            report("p-1", date(2028, 1, 31), "project", stage="under_construction", expected_on=date(2028, 3, 1))]  # fmt: skip
    row = build("town", facts, known(ON, rows)).projects[3]
    assert (row.delay_days, row.stage, row.stage_from) == (60, "under_construction", "report")


def test_systems_work_by_report_by_fresh_data_or_by_being_a_page(facts: PlanFacts) -> None:
    linked = replace(facts, system_metrics=(
        SystemMetrics("s-feed", ("a", "b"), "", "", "", ""), SystemMetrics("s-core", (), "/", "", "", ""),
    ))  # fmt: skip
    fresh = {"a": MetricState(False, None, False), "b": MetricState(True, datetime(2028, 6, 30), True)}
    rows = [report("s-track", date(2028, 5, 31), "system", stage="trial")]
    found = {s.system.system_id: s for s in build("town", linked, known(ON, rows, metrics=fresh)).systems}
    assert {k: s.works for k, s in found.items()} == {"s-core": True, "s-feed": True, "s-track": False, "s-out": None}
    assert found["s-track"].is_overdue and found["s-feed"].is_simulated
    # on a past day nothing is known of how fresh a feed was
    past = {s.system.system_id: s for s in build("town", linked, known(ON, [])).systems}
    assert (past["s-feed"].works, past["s-track"].works) == (None, None)


# plans/README, row "systems": track, feed, core, out of each plan
@pytest.mark.parametrize(
    ("city", "roles"),
    [("511400", (25, 45, 7, 9)), ("330600", (32, 58, 7, 4)), ("500114", (22, 41, 6, 0)), ("420700", (31, 68, 10, 5))],
)
def test_every_system_of_a_plan_has_its_row(city: str, roles: tuple[int, ...]) -> None:
    ledger = build(city, pack_facts(city), known(ON, []))
    assert (
        tuple(sum(s.system.dashboard_role == role for s in ledger.systems) for role in ("track", "feed", "core", "out"))
        == roles
    )


# plans/README: distinct commitments and departments of each plan; 258 and 136 in all
def test_the_ledgers_of_the_five_packs_hold_258_distinct_targets_and_136_departments() -> None:
    ledgers = [
        build(city, pack_facts(city), known(ON, [])) for city in ("511400", "510400", "330600", "500114", "420700")
    ]
    assert [len(ledger.distinct) for ledger in ledgers] == [62, 10, 82, 26, 78]
    assert [len(ledger.departments) for ledger in ledgers] == [29, 3, 44, 22, 38]
    assert [len(ledger.projects) for ledger in ledgers] == [49, 24, 70, 45, 74]


def test_meishans_5g_stations_of_2021_are_a_step_of_those_of_2022() -> None:
    ledger = build("511400", pack_facts("511400"), known(ON, []))
    assert [step.target_id for step in ledger.target("ms-5g-stations-2022").milestones] == ["ms-5g-stations-2021"]


def test_a_target_lists_the_projects_of_its_clause(facts: PlanFacts) -> None:
    row = build("town", facts, known(ON, [])).target("masts")
    assert row.projects == ("p-all", "p-run", "p-res", "p-1", "p-2")


def test_shaoxings_elderly_homes_are_a_target_of_every_district() -> None:
    pack = load_packs()["330600"]
    districts = tuple(area.id for area in pack.children("330600", "district"))
    ledger = build("330600", pack_facts("330600"), known(ON, [], districts=districts))
    assert {row.area for row in ledger.splits} == set(districts) and len(districts) == 6
    assert {row.target.target_id for row in ledger.splits} == {"sx-smart-elderly"}


def test_no_department_of_a_plan_is_named_by_a_target_that_it_does_not_list(tmp_path: Path) -> None:
    for city in ("511400", "330600", "500114", "420700"):
        facts = pack_facts(city)
        ledger = build(city, facts, known(ON, []))
        assert sum(board.led for board in ledger.departments) == sum(len(row.leads) for row in ledger.distinct)
