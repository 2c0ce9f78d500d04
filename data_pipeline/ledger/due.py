"""What each department has to report and by when: targets, projects and tracked systems, the most overdue first.

A target's rhythm is the ledger's own (`LedgerTarget.report_due_on`). Projects and systems are reported by the quarter,
due on the 10th after it, until they are completed or given up. The office that is asked is the first one the plan
makes answer for it (`checks.reporting_office`).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from data_pipeline.ledger.checks import owners, takes_no_reports
from data_pipeline.ledger.types import Due, Ledger, ReportEntry, Subject
from data_pipeline.plans import PlanFacts, PlanProject, System

if TYPE_CHECKING:
    from data_pipeline.queries.types import Target

ENDED = ("done", "in_service", "stopped")
DUE_DAY = 10


def due(ledger: Ledger, facts: PlanFacts, department: str | None = None) -> list[Due]:
    """Everything that is reported on (by one office, or all), the most overdue first, what is not due last."""
    found = [*_targets(ledger, facts), *_projects(ledger, facts), *_systems(ledger, facts)]
    own = [item for item in found if department is None or department in item.offices]
    # an office sees first what it is asked for itself
    return sorted(own, key=lambda i: (i.due_on is None, department is not None and i.office != department, -i.overdue_days, i.due_on or date.max))


def departments(ledger: Ledger, facts: PlanFacts) -> dict[str, tuple[int, int]]:
    """Office → (reports asked of it that are not completed, of these overdue), in order of what is overdue."""
    counts: dict[str, list[int]] = {}
    for item in due(ledger, facts):
        pair = counts.setdefault(item.office, [0, 0])
        pair[0] += item.due_on is not None
        pair[1] += item.overdue_days > 0
    return {office: (n, late) for office, (n, late) in sorted(counts.items(), key=lambda kv: (-kv[1][1], -kv[1][0], kv[0]))}


def _targets(ledger: Ledger, facts: PlanFacts) -> list[Due]:
    found = []
    for row in ledger.targets:
        target = row.target
        if takes_no_reports(target, facts):
            continue
        subject_id = target.target_id if row.area == ledger.city else f"{target.target_id}@{row.area}"
        due_on = row.report_due_on
        # the end of the period the report is about; who is behind is asked for the newest one
        data_on = max(due_on, ledger.on if row.report_overdue_days else due_on).replace(day=1) - timedelta(days=1) if due_on else None
        found.append(_due("target", subject_id, target.kind, target.indicator_zh, target.indicator_en, target, facts, row,
                          data_on, due_on, row.report_overdue_days or 0, target))  # fmt: skip
    return found


def _projects(ledger: Ledger, facts: PlanFacts) -> list[Due]:
    rows = [row for row in ledger.projects if not takes_no_reports(row.project, facts)]
    return [
        _due("project", row.project.project_id, row.project.row_type, row.project.name_zh, row.project.name_en, row.project, facts, row,
             *_quarter(row.stage, row.last_report, row.plan.issued_date, ledger.on))
        for row in rows
    ]  # fmt: skip


def _systems(ledger: Ledger, facts: PlanFacts) -> list[Due]:
    rows = [row for row in ledger.systems if not takes_no_reports(row.system, facts)]
    return [
        _due("system", row.system.system_id, "track", row.system.name_zh, row.system.name_en, row.system, facts, row,
             *_quarter(row.stage, row.last_report, row.plan.issued_date, ledger.on))
        for row in rows
    ]  # fmt: skip


def _due(
    subject: Subject, subject_id: str, kind: str, name_zh: str, name_en: str, fact: Target | PlanProject | System, facts: PlanFacts,
    row: Any, data_on: date | None, due_on: date | None, overdue_days: int, target: Target | None = None,
) -> Due:  # fmt: skip
    return Due(
        subject=subject, subject_id=subject_id, kind=kind, name_zh=name_zh, name_en=name_en, offices=owners(fact, facts),
        deadline=getattr(fact, "deadline", ""), goal=target.value if target else None, unit_zh=target.unit_zh if target else "",
        unit_en=target.unit_en if target else "", comparator=target.comparator if target else "", last=row.last_report,
        data_on=data_on, due_on=due_on, overdue_days=overdue_days, is_simulated=row.is_simulated,
    )  # fmt: skip


def _quarter(stage: str, last: ReportEntry | None, issued: str, on: date) -> tuple[date | None, date | None, int]:
    """Data date, due day and days overdue of the next quarterly report; (None, None, 0) once there is nothing to come."""
    if stage in ENDED and last is not None:
        return None, None, 0
    if last is None and not issued:
        return None, None, 0
    after = last.data_on if last is not None else date.fromisoformat(issued)
    first = date(after.year, (after.month - 1) // 3 * 3 + 1, 1)
    end = _quarters_on(first, 1) - timedelta(days=1)
    if last is not None and last.data_on >= end:
        end = _quarters_on(first, 2) - timedelta(days=1)
    due_on = (end + timedelta(days=1)).replace(day=DUE_DAY)
    # who is behind is asked for the newest quarter that is over
    newest = date(on.year, (on.month - 1) // 3 * 3 + 1, 1) - timedelta(days=1)
    return max(end, newest) if on > due_on else end, due_on, max((on - due_on).days, 0)


def _quarters_on(first: date, n: int) -> date:
    month = first.month - 1 + 3 * n
    return date(first.year + month // 12, month % 12 + 1, 1)
