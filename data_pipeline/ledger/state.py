"""The ledger on one date: facts of the plans, accepted reports and live readings put together.

Everything here is arithmetic on values that were read elsewhere: `queries/ledger.py` fetches what was
known by the end of the day, `build` says what follows from it. Decisions: docs/decisions/0006.
"""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from data_pipeline.ledger import boards, forecast, pace, status
from data_pipeline.ledger.known import Known, LivePath
from data_pipeline.ledger.methods import LEVEL
from data_pipeline.ledger.reported import stage_reports
from data_pipeline.ledger.types import COUNTED_UNITS, STATUSES, Forecast, Ledger, LedgerTarget, Pace, PathPoint
from data_pipeline.plans import Clause, Plan, PlanFacts, TargetRule
from data_pipeline.times import day_floor, next_day_floor

if TYPE_CHECKING:
    from data_pipeline.queries.types import Target


def build(city: str, facts: PlanFacts, known: Known) -> Ledger:
    """The whole ledger of a city on `known.on`: targets worst first, projects, systems, departments."""
    rows = [_row(target, facts, known, city) for target in facts.targets if not target.same_as]
    by_id = {row.target.target_id: row for row in rows}
    for target in facts.targets:
        if target.same_as and target.same_as in by_id:
            original = by_id[target.same_as]
            rows.append(replace(original, target=target, clause=facts.clause_of(target), reason="same_as",
                                report_due_on=None, report_overdue_days=None, milestones=(), projects=()))  # fmt: skip
    order = {word: k for k, word in enumerate(STATUSES)}
    rows.sort(key=lambda row: (order[row.status], row.target.deadline or "9999"))
    targets = tuple(rows)
    return Ledger(
        city=city,
        on=known.on,
        known_at_utc=known.known_at_utc,
        snapshot=known.snapshot,
        targets=targets,
        projects=boards.projects(facts, known),
        systems=boards.systems(facts, known),
        departments=boards.departments(facts, targets),
        splits=tuple(_splits(facts, known)),
    )


def _splits(facts: PlanFacts, known: Known) -> list[LedgerTarget]:
    """Targets of districts: where the plan promises a figure to every district, or the operator entered one."""
    found = []
    by_id = {target.target_id: target for target in facts.targets if not target.same_as and not target.is_provincial}
    for target in by_id.values():
        if facts.rule_of(target).each == "district":
            found += [_row(target, facts, known, area) for area in known.districts]
    for split in facts.splits:
        if split.target_id in by_id:
            printed = by_id[split.target_id]
            own = replace(printed, value=split.value, value_high=None, deadline=split.deadline or printed.deadline)
            found.append(_row(own, facts, known, split.area_id))
    return found


def subject_of(target_id: str, city: str, area: str) -> str:
    """The `subject_id` under which a target's reports stand: `target@area` below the city."""
    return target_id if area == city else f"{target_id}@{area}"


def _row(target: Target, facts: PlanFacts, known: Known, area: str) -> LedgerTarget:
    plan, clause, rule = facts.plan(target.plan_id), facts.clause_of(target), facts.rule_of(target)
    milestones = tuple(t for t in facts.targets if _is_step(t, target))
    final = next((t for t in facts.targets if _is_step(target, t)), None)
    subject = subject_of(target.target_id, target.city, area)
    live = known.live.get((target.target_id, area))
    path = _path(known, subject, live)
    if not path and final is not None:
        path = _path(known, subject_of(final.target_id, target.city, area), known.live.get((final.target_id, area)))
    last = known.reports.last(subject)
    made: Pace | None = None
    if target.is_provincial:
        judged, path, last = status.Judged("not_measurable", "provincial"), (), None
    elif target.kind == "direction" or (target.kind == "quantified" and target.value is None):
        judged = status.Judged("not_measurable", "direction")
    elif target.kind == "quantified":
        judged, made = _quantified(target, plan, rule, path, known.on)
    else:
        judged = status.judge_tick(stage_reports(known.reports.of(subject)), _day(target.deadline), known.on)
    ends = live is None and judged.status not in ("done", "done_late", "not_measurable")
    due, late = _due(plan, rule, last.data_on if last else None, known.on) if ends else (None, None)
    return LedgerTarget(
        target=target, plan=plan, clause=clause, status=judged.status, reason=judged.reason,
        actual_from=path[-1].source if path else "report" if last is not None else None,
        metric=live.metric if live is not None else None, area=area, pace=made, path=path, milestones=milestones,
        projects=_projects(facts, plan, clause), last_report=last, report_due_on=due, report_overdue_days=late,
        is_simulated=any(point.is_simulated for point in path) or (last is not None and last.is_simulated),
        done_on=judged.reached_on if judged.status in ("done", "done_late") else None,
    )  # fmt: skip


def _is_step(step: Target, final: Target) -> bool:
    """Whether `step` is an interim step of `final`: same plan and indicator, marked so, due earlier."""
    return (
        step.is_milestone and not final.is_milestone and not final.same_as and step.plan_id == final.plan_id
        and step.indicator_zh == final.indicator_zh and step.scope_zh == final.scope_zh and step.deadline < final.deadline
    )  # fmt: skip


def _projects(facts: PlanFacts, plan: Plan, clause: Clause) -> tuple[str, ...]:
    return tuple(p.project_id for p in facts.projects if p.plan_id == plan.plan_id and p.clause == clause.clause)


def _path(known: Known, subject: str, live: LivePath | None) -> tuple[PathPoint, ...]:
    """Reported values before the live metric begins, then the metric's own: it overrules reports."""
    reported = known.reports.path(subject)
    if live is None or not live.points:
        return reported
    begins = live.points[0].on
    return tuple(point for point in reported if point.on < begins) + live.points


def _quantified(
    target: Target, plan: Plan, rule: TargetRule, path: tuple[PathPoint, ...], on: date
) -> tuple[status.Judged, Pace | None]:
    better: pace.Better = "lower" if rule.better == "lower" else "higher"
    deadline, goal = _day(target.deadline), target.value
    assert goal is not None
    points = [(point.on, point.value) for point in path]
    promise = status.Promise(goal, target.comparator, better, deadline)
    if not points:
        return status.judge_quantified(promise, points, on, None, None, None), None
    actual_on, actual = points[-1]
    start = _day(plan.period_start)
    at_start = pace.value_at(points, start) if start is not None else None
    if at_start is not None and start is not None:
        base_on, base, basis = start, at_start[1], "plan_start"
    else:
        base_on, base, basis = *points[0], "first_report"
    total = (deadline - base_on).days if deadline is not None else 0
    expected = pace.expected_linear(base, goal, (on - base_on).days, total) if total > 0 else None
    series = pace.monthly(points)
    reached = pace.reached_on(points, goal, target.comparator, better)
    looked_at, outlook = None, None
    if deadline is not None and reached is None:
        looked_at = deadline if on <= deadline else pace.add_months(on, status.HORIZON_MONTHS)
    if looked_at is not None:
        percent = target.unit_zh == "%"
        step = 1.0 if target.unit_zh in COUNTED_UNITS else None
        outlook = forecast.outlook(series, _month_number(looked_at), 100.0 if percent else None, step)
        if outlook is not None:
            outlook = status.bounded(outlook, cumulative=rule.cumulative, percent=percent, actual=actual)
    judged = status.judge_quantified(promise, points, on, outlook, expected, base)
    best = pace.best_pace(points, better)
    rate = best[0] if best else None
    months = None if reached is not None else pace.months_at(rate, goal - actual)
    left = pace.months_between(on, deadline) if deadline is not None else 0.0
    shares = pace.season_shares(points, on) if deadline is not None else None
    return judged, Pace(
        base=base, base_on=base_on, base_basis="plan_start" if basis == "plan_start" else "first_report", goal=goal,
        actual=actual, actual_on=actual_on, progress_share=pace.progress_share(base, goal, actual),
        expected_linear=expected,
        expected_seasonal=pace.expected_seasonal(base, goal, base_on, deadline, on, shares)
        if shares is not None and deadline is not None else None,
        gap=None if expected is None else actual - expected,
        needed_per_month=(0.0 if reached is not None else pace.needed_pace(goal, actual, left)) if left > 0 else None,
        recent_per_month=pace.recent_pace(points), best_per_month=rate, best_window_months=best[1] if best else None,
        earliest_reach=None if months is None else pace.add_months(on, months),
        latest_start=None if months is None or deadline is None else pace.add_months(deadline, -months),
        reached_on=reached,
        forecast=None if outlook is None or looked_at is None else Forecast(
            looked_at, outlook.value, outlook.low, outlook.high, LEVEL, outlook.method, outlook.n, outlook.trials),
    )  # fmt: skip


def _due(plan: Plan, rule: TargetRule, last: date | None, on: date) -> tuple[date | None, int | None]:
    """When the next report is due and how many days late it is: the first period that none was accepted for.

    Never reported: the first period of the plan, or of its issue where that came later.
    """
    if rule.report_every not in ("month", "quarter", "year"):
        return None, None
    every = rule.report_every
    begun = max(filter(None, (_day(plan.period_start), _day(plan.issued_date))), default=None)
    if last is None and begun is None:
        return None, None
    first = next_day_floor(last, every) if last is not None else day_floor(begun or on, every)  # type: ignore[arg-type]
    due = next_day_floor(first, every).replace(day=rule.due_day)  # type: ignore[arg-type]
    return due, max((on - due).days, 0)


def _month_number(day: date) -> float:
    """year × 12 + month − 1 at the end of a month; days before it are fractions less."""
    return day.year * 12 + day.month - 2 + day.day / calendar.monthrange(day.year, day.month)[1]


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
