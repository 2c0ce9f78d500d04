"""Projects, systems and departments of the ledger: sums by stage, what works, and a fair order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from data_pipeline.ledger.known import Known
from data_pipeline.ledger.reported import Row
from data_pipeline.ledger.types import STATUSES, DepartmentBoard, LedgerProject, LedgerSystem, LedgerTarget
from data_pipeline.plans import Plan, PlanFacts, PlanProject, System, SystemMetrics
from data_pipeline.statistics import wilson

STAGES_ZH = {"储备": "reserve", "新开工": "new_start", "在建": "under_construction", "建成": "done", "停建": "stopped"}
PROJECT_STAGES = ("reserve", "new_start", "under_construction", "done", "stopped", "")
JUDGED = ("stalled", "behind", "at_risk", "catching_up", "on_track", "ahead", "done_late", "done")
ON_PACE = ("on_track", "ahead", "done")
MISSED = ("stalled", "catching_up")
RANKED_FROM = 3  # targets that can be judged; a department with fewer has no rank


def printed_stage(text: str) -> str:
    """A document's stage as one of our words; empty where it gives none."""
    return STAGES_ZH.get(text, "")


def projects(facts: PlanFacts, known: Known) -> tuple[LedgerProject, ...]:
    """Every project row with its newest accepted report, in the order of the plans."""
    return tuple(_project(row, facts.plan(row.plan_id), known) for row in facts.projects)


def _project(project: PlanProject, plan: Plan, known: Known) -> LedgerProject:
    rows = [] if plan.is_provincial else list(known.reports.of(project.project_id))
    reported = _newest(rows, "stage")
    printed = printed_stage(project.stage)
    source: Literal["document", "report", ""] = "report" if reported else "document" if printed else ""
    expected = _newest(rows, "expected_on")
    promised = next((row["expected_on"] for row in rows if row["expected_on"] is not None), None)
    blocked = rows[-1]["blocked"] if rows else None
    last = known.reports.last(project.project_id) if rows else None
    return LedgerProject(
        project=project, plan=plan, stage=reported or printed, stage_from=source,
        invested_yi_yuan=_newest(rows, "invested_yi_yuan"), progress_share=_newest(rows, "progress_share"),
        expected_on=expected, delay_days=_delay(promised, expected), blocked=blocked,
        blocked_cause=(rows[-1]["blocked_cause"] or "") if blocked else "",
        blocked_owner=(rows[-1]["blocked_owner"] or "") if blocked else "",
        last_report=last, is_simulated=last is not None and last.is_simulated,
    )  # fmt: skip


def _newest(rows: Sequence[Row], column: str) -> Any:
    """The newest value a department gave for a column; None where it never gave one."""
    return next((row[column] for row in reversed(rows) if row[column] is not None), None)


def _delay(promised: date | None, expected: date | None) -> int | None:
    """Days by which the day of completion has moved since it was first named; negative where it came nearer."""
    return None if promised is None or expected is None else (expected - promised).days


@dataclass(frozen=True)
class StageSum:
    """Projects of one plan in one stage. Money in 亿元; None where no row gives any.

    `projects_n` counts named rows and the numbers that programmes state (a programme without a number
    counts as one row). `stated_n` / `stated_yi_yuan` are what the document prints as the total of the
    stage (group rows): never added to the parts. `is_simulated`: a part's report came from the simulator.
    """

    plan_id: str
    stage: str
    projects_n: int
    planned_yi_yuan: float | None
    invested_yi_yuan: float | None
    blocked_n: int
    stated_n: int | None
    stated_yi_yuan: float | None
    is_simulated: bool = False


def project_sums(rows: Sequence[LedgerProject]) -> tuple[StageSum, ...]:
    """Sums by plan and stage, stages in their order, empty ones left out."""
    found = []
    for plan_id in dict.fromkeys(row.plan.plan_id for row in rows):
        mine = [row for row in rows if row.plan.plan_id == plan_id]
        for stage in PROJECT_STAGES:
            parts = [r for r in mine if r.stage == stage and r.project.row_type != "group"]
            totals = [
                r for r in mine if r.project.row_type == "group" and stage and printed_stage(r.project.stage) == stage
            ]
            if parts or totals:
                found.append(
                    StageSum(
                        plan_id, stage, sum(_number(r) for r in parts),
                        _total(r.project.investment_yi_yuan for r in parts),
                        _total(r.invested_yi_yuan for r in parts), sum(bool(r.blocked) for r in parts),
                        _count(r.project.n_projects for r in totals),
                        _total(r.project.investment_yi_yuan for r in totals), any(r.is_simulated for r in parts),
                    )
                )  # fmt: skip
    return tuple(found)


@dataclass(frozen=True)
class Reconciled:
    """A document's total against the sum of the stages it prints; `agrees` within 0.005 亿元."""

    plan_id: str
    total_n: int
    total_yi_yuan: float
    stages_n: int
    stages_yi_yuan: float

    @property
    def agrees(self) -> bool:
        """Whether number and money of the stages add up to the printed total."""
        return self.total_n == self.stages_n and abs(self.total_yi_yuan - self.stages_yi_yuan) < 0.005


def reconciled(rows: Sequence[LedgerProject]) -> tuple[Reconciled, ...]:
    """For each plan that prints totals by stage and a total of all: do they agree (Qianjiang: 58 and 154.13)."""
    found = []
    for plan_id in dict.fromkeys(row.plan.plan_id for row in rows):
        groups = [r.project for r in rows if r.plan.plan_id == plan_id and r.project.row_type == "group"]
        staged = [p for p in groups if printed_stage(p.stage) and p.n_projects is not None]
        clauses = {p.clause for p in staged}
        whole = [p for p in groups if not printed_stage(p.stage) and p.clause in clauses and p.n_projects is not None]
        if staged and len(whole) == 1 and whole[0].n_projects is not None:
            found.append(
                Reconciled(
                    plan_id, whole[0].n_projects, whole[0].investment_yi_yuan or 0.0,
                    sum(p.n_projects or 0 for p in staged), math.fsum(p.investment_yi_yuan or 0.0 for p in staged),
                )
            )  # fmt: skip
    return tuple(found)


def _number(row: LedgerProject) -> int:
    return row.project.n_projects or 1


def _total(values: Iterable[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return math.fsum(given) if given else None


def _count(values: Iterable[int | None]) -> int | None:
    given = [value for value in values if value is not None]
    return sum(given) if given else None


def systems(facts: PlanFacts, known: Known) -> tuple[LedgerSystem, ...]:
    """Every system of the plans: the state of its construction, or whether its data reach this dashboard."""
    links: dict[str, list[SystemMetrics]] = {}
    for row in facts.system_metrics:
        links.setdefault(row.system_id, []).append(row)
    found = []
    for system in facts.systems:
        plan = facts.plan(system.plan_id)
        served = links.get(system.system_id, [])
        metrics = tuple(dict.fromkeys(m for row in served for m in row.metric_ids))
        views = tuple(dict.fromkeys(part.strip() for row in served for part in row.view.split(";") if part.strip()))
        rows = [] if plan.is_provincial else list(known.reports.of(system.system_id))
        last = known.reports.last(system.system_id) if rows else None
        stage = _newest(rows, "stage") or ""
        states = [known.metrics[m] for m in metrics if m in known.metrics]
        found.append(
            LedgerSystem(
                system=system, plan=plan, stage=stage, metrics=metrics, views=views,
                works=_works(system, stage, metrics, views, any(s.works for s in states) if states else None),
                data_as_of_utc=max((s.data_as_of_utc for s in states if s.data_as_of_utc), default=None),
                deadline=system.deadline,
                is_overdue=_is_overdue(system, stage, known.on) and not plan.is_provincial,
                last_report=last,
                is_simulated=any(s.is_simulated for s in states) or (last is not None and last.is_simulated),
            )
        )  # fmt: skip
    return tuple(found)


def _works(
    system: System, stage: str, metrics: tuple[str, ...], views: tuple[str, ...], fresh: bool | None
) -> bool | None:
    """Whether a system does what the plan asked of it; None where nothing says so.

    `track`: reported in service. `feed`, `core`: one of its metrics is fresh, or it has no metric and
    is itself a page here. `out`: not for this dashboard.
    """
    if system.dashboard_role == "out":
        return None
    if system.dashboard_role == "track":
        return None if not stage else stage in ("in_service", "done")
    if metrics:
        return fresh
    return True if views else None


def _is_overdue(system: System, stage: str, on: date) -> bool:
    if system.dashboard_role != "track" or not system.deadline:
        return False
    return date.fromisoformat(system.deadline) < on and stage not in ("in_service", "done")


def departments(facts: PlanFacts, targets: Sequence[LedgerTarget]) -> tuple[DepartmentBoard, ...]:
    """One board a department of each plan, best rank first, unranked ones after them in the plan's order.

    Ranked by the lower end of Wilson's 95 % interval of the share on pace (done in time, ahead, on
    track) among the led targets that can be judged: two of two does not beat nineteen of twenty.
    Fewer than `RANKED_FROM` judged: no rank. Equal scores share a rank.
    """
    counted = [row for row in targets if not row.target.same_as and not row.target.is_provincial]
    made = []
    for department in facts.departments:
        led = [r for r in counted if r.plan.plan_id == department.plan_id and department.dept_zh in r.leads]
        shared = sum(
            r.plan.plan_id == department.plan_id
            and department.dept_zh in r.shares
            and department.dept_zh not in r.leads
            for r in counted
        )
        by_status: dict[str, int] = dict.fromkeys(STATUSES, 0)
        for row in led:
            by_status[row.status] += 1
        judged = sum(by_status[word] for word in JUDGED)
        on_pace = sum(by_status[word] for word in ON_PACE)
        made.append(
            DepartmentBoard(
                department=department, led=len(led), shared=shared, by_status=by_status,
                overdue_targets=sum(by_status[word] for word in MISSED),
                overdue_reports=sum(bool(row.report_overdue_days) for row in led), judged=judged, on_pace=on_pace,
                score=wilson_low(on_pace, judged), rank=None, target_ids=tuple(row.target.target_id for row in led),
                is_simulated=any(row.is_simulated for row in led),
            )
        )  # fmt: skip
    return _ranked(made)


def _ranked(made: list[DepartmentBoard]) -> tuple[DepartmentBoard, ...]:
    able = sorted((b for b in made if b.judged >= RANKED_FROM), key=lambda b: -(b.score or 0.0))
    ranks: dict[int, int] = {}
    for place, board in enumerate(able, start=1):
        tied = place > 1 and math.isclose(board.score or 0.0, able[place - 2].score or 0.0, abs_tol=1e-12)
        ranks[id(board)] = ranks[id(able[place - 2])] if tied else place
    ordered = [replace(board, rank=ranks[id(board)]) for board in able]
    return (*ordered, *(board for board in made if id(board) not in ranks))


def wilson_low(good: int, n: int) -> float | None:
    """Lower end of Wilson's 95 % interval for a share of `good` in `n`; None for n = 0. 0 ≤ result ≤ good / n."""
    interval = wilson(good, n)
    return interval[0] if interval else None
