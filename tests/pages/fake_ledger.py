"""A ledger made by hand from the plan facts of a pack: every status occurs, every value follows from a row's place."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta

import polars as pl

from data_pipeline.cities import Pack
from data_pipeline.ledger.types import (
    STATUSES,
    DepartmentBoard,
    Forecast,
    Ledger,
    LedgerProject,
    LedgerSystem,
    LedgerTarget,
    Pace,
    PaceStatus,
    PathPoint,
    ReportEntry,
)
from data_pipeline.plans import PlanFacts, PlanProject, System, read_plan_facts
from data_pipeline.queries.types import Target

# how a quantified target fares, by its place in the file; "no_data" has no report at all
FATES: tuple[PaceStatus, ...] = ("done", "done_late", "stalled", "catching_up", "done", "no_data")
EARLY: tuple[PaceStatus, ...] = ("on_track", "behind", "at_risk", "ahead", "on_track", "no_data")
START, LIVE_FROM = date(2020, 1, 31), date(2026, 9, 1)
STAGE_OF = {"储备": "reserve", "新开工": "new_start", "在建": "under_construction"}
TOOK = {"done": 30, "done_late": 48, "stalled": 120, "catching_up": 90}


def ledger(pack: Pack, on: date, *, simulated: bool = True, empty: bool = False) -> Ledger:
    """The ledger of a pack on a date; `empty`: nobody has reported anything."""
    facts = read_plan_facts(pack.folder / "plan", pack.id)
    rows = tuple(_target(facts, target, i, on, simulated, empty, pack) for i, target in enumerate(facts.targets))
    return Ledger(
        city=pack.id, on=on, known_at_utc=datetime(on.year, on.month, on.day, 15, 59), snapshot=7, targets=rows,
        projects=tuple(_project(facts, p, i, on, simulated, empty) for i, p in enumerate(facts.projects)),
        systems=tuple(_system(facts, s, i, simulated, empty) for i, s in enumerate(facts.systems)),
        departments=_boards(facts, rows, simulated),
    )  # fmt: skip


def entry(subject: str, subject_id: str, on: date, value: float | None, stage: str = "", **more: object) -> ReportEntry:
    """An accepted report of 张三, looked through by 李四."""
    at = datetime(on.year, on.month, on.day, 2, 0)
    made = ReportEntry(
        entry_id=f"r-{subject_id}-{on}", city="", subject=subject, subject_id=subject_id, data_on=on,  # type: ignore[arg-type]
        state="accepted", value=value, stage=stage, expected_on=None, invested_yi_yuan=None, blocked=None, blocked_cause="",
        blocked_owner="", department="市经信局", reason="", evidence=("https://example.org/a.pdf",), author="张三",
        author_known=True, submitted_at_utc=at, reviewer="李四", reviewer_known=False, reviewed_at_utc=at + timedelta(hours=5),
        review_note="", warnings=(), is_simulated=True, delivery_id=3,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def month_ends(on: date) -> list[date]:
    """Last days of the months from 2020-01 up to `on`."""
    found, at = [], START
    while at <= on:
        found.append(at)
        first = at + timedelta(days=1)
        at = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return found


def _target(facts: PlanFacts, target: Target, i: int, on: date, simulated: bool, empty: bool, pack: Pack) -> LedgerTarget:
    plan = next(p for p in facts.plans if p.plan_id == target.plan_id)
    clause = next(c for c in facts.clauses if (c.plan_id, c.clause) == (target.plan_id, target.clause))
    row = LedgerTarget(
        target=target, plan=plan, clause=clause, status="no_data", reason="no_report", actual_from=None, metric=None,
        area=pack.city_area.id, pace=None, path=(), milestones=(), projects=tuple(
            p.project_id for p in facts.projects if (p.plan_id, p.clause) == (target.plan_id, target.clause)),
        last_report=None, report_due_on=date(on.year, on.month, 10), report_overdue_days=12, is_simulated=False,
    )  # fmt: skip
    if target.is_provincial or target.kind == "direction":
        reason = "provincial" if target.is_provincial else "direction"
        return replace(row, status="not_measurable", reason=reason, report_due_on=None, report_overdue_days=None)
    if empty:
        return row
    before = bool(target.deadline) and on <= date.fromisoformat(target.deadline)
    status = (EARLY if before else FATES)[i % 6]
    if status == "no_data":
        return row
    known = replace(row, status=status, reason=f"fake_{status}", is_simulated=simulated, report_overdue_days=None)
    kept = on - timedelta(days=300) if status.startswith("done") else None
    if target.kind == "completion" or target.value is None:
        stage = "done" if status.startswith("done") else "under_way"
        report = entry("target", target.target_id, on - timedelta(days=40), None, stage, is_simulated=simulated,
                       expected_on=None if stage == "done" else on + timedelta(days=200))  # fmt: skip
        return replace(known, actual_from="report", last_report=report, done_on=kept)
    path, live = _path(target.value, status, on, i, simulated), i % 12 == 1
    return replace(known, actual_from="live" if live else "report", metric="coverage.stations_5g" if live else None, path=path,
                   pace=(pace := _pace(target, path, status, on)), done_on=pace.reached_on,
                   last_report=entry("target", target.target_id, path[-1].on, path[-1].value, is_simulated=simulated))  # fmt: skip


def _path(goal: float, status: str, on: date, i: int, simulated: bool) -> tuple[PathPoint, ...]:
    took = TOOK.get(status, 36)
    points = []
    for n, day in enumerate(month_ends(on)):
        if i % 9 == 4 and 10 <= n <= 14:
            continue  # five months nobody reported
        reached = min(n / took, 0.6 if status == "stalled" else 1.02)
        source = "live" if i % 12 == 1 and day > LIVE_FROM else "report"
        points.append(PathPoint(day, round(goal * (0.12 + 0.88 * reached), 2), source, simulated,  # type: ignore[arg-type]
                                datetime(day.year, day.month, day.day, 8), 3))  # fmt: skip
    return tuple(points)


def _pace(target: Target, path: tuple[PathPoint, ...], status: str, on: date) -> Pace:
    first, last, goal = path[0], path[-1], target.value or 0.0
    due = date.fromisoformat(target.deadline) if target.deadline else None
    ahead = due is not None and on <= due
    reached = next((p.on for p in path if p.value >= goal), None)
    guess = None
    if reached is None:
        guess = Forecast(due if ahead and due else on + timedelta(days=365), last.value * 1.1, last.value * 1.04, last.value * 1.16,
                         0.8, "ols_levels", 24)  # fmt: skip
    return Pace(
        base=first.value, base_on=first.on, base_basis="first_report", goal=goal, actual=last.value, actual_on=last.on,
        progress_share=(last.value - first.value) / (goal - first.value) if goal != first.value else None, expected_linear=goal * 0.9, expected_seasonal=None,
        gap=last.value - goal * 0.9, needed_per_month=goal / 40 if ahead else None, recent_per_month=goal / 60,
        best_per_month=goal / 30, best_window_months=12, earliest_reach=None if reached else on + timedelta(days=150),
        latest_start=due - timedelta(days=120) if ahead and due else None, reached_on=reached, forecast=guess,
    )  # fmt: skip


def _project(facts: PlanFacts, project: PlanProject, i: int, on: date, simulated: bool, empty: bool) -> LedgerProject:
    plan = next(p for p in facts.plans if p.plan_id == project.plan_id)
    printed = STAGE_OF.get(project.stage, "")
    row = LedgerProject(project=project, plan=plan, stage=printed, stage_from="document" if printed else "", invested_yi_yuan=None,
                        progress_share=None, expected_on=None, delay_days=None, blocked=None, blocked_cause="", blocked_owner="",
                        last_report=None, is_simulated=False)  # fmt: skip
    if empty or project.row_type == "group" or i % 7 == 6:
        return row
    stage = ("done", "under_construction", "new_start", "done", "stopped", "reserve")[i % 6]
    blocked = i % 6 in (1, 4)
    report = entry("project", project.project_id, on - timedelta(days=20), None, stage, is_simulated=simulated)
    return replace(row, stage=stage, stage_from="report", invested_yi_yuan=1.5, progress_share=0.4 if stage != "done" else 1.0,
                   expected_on=None if stage == "done" else on + timedelta(days=90), delay_days=120 if blocked else None,
                   blocked=blocked, blocked_cause="用地未批" if blocked else "", blocked_owner="市自然资源和规划局" if blocked else "",
                   last_report=report, is_simulated=simulated)  # fmt: skip


def _system(facts: PlanFacts, system: System, i: int, simulated: bool, empty: bool) -> LedgerSystem:
    plan = next(p for p in facts.plans if p.plan_id == system.plan_id)
    feed = system.dashboard_role in ("feed", "core")
    works = None if system.dashboard_role == "out" else (i % 3 != 0 if feed else i % 2 == 0)
    stage = "" if feed or empty or system.dashboard_role == "out" else "in_service" if works else "building"
    return LedgerSystem(
        system=system, plan=plan, stage=stage, metrics=("traffic.tti",) if feed and works else (), views=(),
        works=None if empty and not feed else works, data_as_of_utc=datetime(2026, 11, 22, 6, 0) if feed and works else None,
        deadline=system.deadline, is_overdue=bool(system.deadline) and not works, last_report=None,
        is_simulated=simulated and not empty,
    )  # fmt: skip


def _boards(facts: PlanFacts, rows: tuple[LedgerTarget, ...], simulated: bool) -> tuple[DepartmentBoard, ...]:
    found, rank = [], 0
    for department in facts.departments:
        own = [r for r in rows if department.dept_zh in r.leads and not r.target.same_as
               and r.target.plan_id == department.plan_id]  # fmt: skip
        shared = [r for r in rows if department.dept_zh in r.shares and not r.target.same_as]
        by_status = {s: n for s, n in Counter(r.status for r in own).items()}
        judged = sum(n for s, n in by_status.items() if s not in ("no_data", "not_measurable"))
        on_pace = sum(by_status.get(s, 0) for s in ("done", "done_late", "on_track", "ahead"))
        ranked = judged >= 3
        rank += ranked
        found.append(DepartmentBoard(
            department=department, led=len(own), shared=len(shared), by_status={s: by_status.get(s, 0) for s in STATUSES},
            overdue_targets=by_status.get("stalled", 0) + by_status.get("catching_up", 0),
            overdue_reports=sum(bool(r.report_overdue_days) for r in own), judged=judged, on_pace=on_pace,
            score=on_pace / judged * 0.8 if ranked else None, rank=rank if ranked else None,
            target_ids=tuple(r.target.target_id for r in own), is_simulated=simulated and judged > 0,
        ))  # fmt: skip
    return tuple(found)


def revisions(ledger: Ledger, subject_id: str) -> pl.DataFrame:
    """The accepted reports behind one target's path, as `Queries.report_revisions` gives them; the fourth was corrected."""
    row = ledger.target(subject_id)
    if row is None or row.last_report is None:
        return pl.DataFrame()
    said = asdict(row.last_report) | {"submitted_at": row.last_report.submitted_at_utc, "reviewed_at": row.last_report.reviewed_at_utc,
                                      "evidence": ";".join(row.last_report.evidence)}  # fmt: skip
    points = [(p.on, p.value, p.known_from_utc) for p in row.path if p.source == "report"] or [
        (row.last_report.data_on, None, row.last_report.submitted_at_utc)]  # fmt: skip
    rows = [said | {"data_on": on, "value": value, "known_from_utc": at, "known_to_utc": None} for on, value, at in points]
    if len(rows) > 4:
        later = rows[3]["known_from_utc"] + timedelta(days=40)
        rows.append(rows[3] | {"value": rows[3]["value"] * 1.01, "known_from_utc": later, "reason": "更正"})
        rows[3] |= {"known_to_utc": later}
    return pl.DataFrame(rows, infer_schema_length=None)
