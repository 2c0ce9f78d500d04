"""What changed between two ledgers: a list of changes, worst first, for the review meeting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from data_pipeline.ledger.types import STATUSES, Ledger, LedgerProject, LedgerSystem, LedgerTarget, Subject

if TYPE_CHECKING:
    from data_pipeline.queries.types import Target

ChangeKind = Literal[
    "status_worse", "removed", "goal", "deadline", "owner", "blocked", "stage_back", "report_overdue", "added",
    "status_other", "actual_down", "unblocked", "stage_on", "invested", "status_better", "actual_up",
]  # fmt: skip
# the order in which a meeting reads them: what got worse, what was rewritten, what is new, what got better
KINDS: tuple[ChangeKind, ...] = (
    "status_worse", "removed", "goal", "deadline", "owner", "blocked", "stage_back", "report_overdue", "added",
    "status_other", "actual_down", "unblocked", "stage_on", "invested", "status_better", "actual_up",
)  # fmt: skip
# these two say nothing of the pace: going to or from them is neither better nor worse
UNJUDGED = ("no_data", "not_measurable")
STAGE_ORDER = ("stopped", "reserve", "not_started", "new_start", "under_way", "under_construction", "building", "trial",
               "in_service", "done")  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One difference between two ledgers.

    `before` and `after` are the raw values (status and stage codes, figures in the unit of `target`, dates as ISO
    text, offices as printed); None where there was or is none. `target` is the promise as it stands later, for its
    unit; None for projects and systems. `weight` orders changes of one kind, larger first.
    """

    kind: ChangeKind
    subject: Subject
    subject_id: str
    name_zh: str
    name_en: str
    lead_zh: str
    before: str | float | None
    after: str | float | None
    is_simulated: bool
    weight: float = 0.0
    target: Target | None = None


def diff(before: Ledger, after: Ledger) -> list[Change]:
    """Changes from `before` to `after`, worst first (`KINDS`, then by weight and id).

    Raises
    ------
    ValueError
        The ledgers are of two cities.
    """
    if before.city != after.city:
        raise ValueError(f"ledgers of two cities: {before.city} and {after.city}")
    found = [
        *_targets({r.target.target_id: r for r in before.targets}, {r.target.target_id: r for r in after.targets}),
        *_projects({r.project.project_id: r for r in before.projects}, {r.project.project_id: r for r in after.projects}),
        *_systems({r.system.system_id: r for r in before.systems}, {r.system.system_id: r for r in after.systems}),
    ]
    return sorted(found, key=lambda c: (KINDS.index(c.kind), -c.weight, c.subject_id))


def by_kind(changes: Sequence[Change]) -> dict[ChangeKind, int]:
    """How many changes there are of each kind, in the order of `KINDS`, without kinds that do not occur."""
    found = {kind: sum(c.kind == kind for c in changes) for kind in KINDS}
    return {kind: n for kind, n in found.items() if n}


def _targets(old: dict[str, LedgerTarget], new: dict[str, LedgerTarget]) -> Iterable[Change]:
    for key, row in old.items():
        if key not in new:
            yield _of_target("removed", row, row.status, None)
    for key, row in new.items():
        was = old.get(key)
        if was is None:
            yield _of_target("added", row, None, row.status)
            continue
        if row.target.same_as:
            continue  # it restates another row, whose changes stand there
        if was.status != row.status:
            yield _of_target(_direction(was.status, row.status), row, was.status, row.status, float(-STATUSES.index(row.status)))
        a, b = was.target, row.target
        if (a.value, a.value_high, a.comparator) != (b.value, b.value_high, b.comparator):
            yield _of_target("goal", row, a.value, b.value)
        if a.deadline != b.deadline:
            yield _of_target("deadline", row, a.deadline or None, b.deadline or None)
        if a.lead_dept_zh != b.lead_dept_zh:
            yield _of_target("owner", row, a.lead_dept_zh or None, b.lead_dept_zh or None)
        late, was_late = row.report_overdue_days or 0, was.report_overdue_days or 0
        if late > 0 and was_late <= 0:
            yield _of_target("report_overdue", row, None, float(late), float(late))
        moved = _moved(was, row)
        if moved is not None:
            yield moved


def _moved(was: LedgerTarget, row: LedgerTarget) -> Change | None:
    """The step of the actual value; its size as a share of the way from base to promise is the weight."""
    x, y = (r.pace.actual if r.pace else None for r in (was, row))
    if y is None or x == y:
        return None
    if x is None or row.pace is None:
        return _of_target("actual_up", row, x, y)
    way = row.pace.goal - row.pace.base
    share = (y - x) / way if way else 0.0
    # towards the promise is up, also where less is better
    nearer = share > 0 if way else y > x
    return _of_target("actual_up" if nearer else "actual_down", row, x, y, abs(share))


def _direction(old: str, new: str) -> ChangeKind:
    if old in UNJUDGED or new in UNJUDGED:
        return "status_other"
    order = [status for status in STATUSES if status not in UNJUDGED]
    return "status_worse" if order.index(new) < order.index(old) else "status_better"  # type: ignore[arg-type]


def _projects(old: dict[str, LedgerProject], new: dict[str, LedgerProject]) -> Iterable[Change]:
    for key, row in old.items():
        if key not in new:
            yield _of_project("removed", row, row.stage or None, None)
    for key, row in new.items():
        was = old.get(key)
        if was is None:
            yield _of_project("added", row, None, row.stage or None)
            continue
        size = row.project.investment_yi_yuan or 0.0
        if was.stage != row.stage:
            yield _of_project(_stage_kind(was.stage, row.stage), row, was.stage or None, row.stage or None, size)
        if bool(was.blocked) != bool(row.blocked):
            kind: ChangeKind = "blocked" if row.blocked else "unblocked"
            cause = row.blocked_cause if row.blocked else was.blocked_cause
            yield _of_project(kind, row, None if row.blocked else cause or None, (cause or None) if row.blocked else None, size)
        if row.invested_yi_yuan is not None and was.invested_yi_yuan != row.invested_yi_yuan:
            yield _of_project("invested", row, was.invested_yi_yuan, row.invested_yi_yuan,
                              abs(row.invested_yi_yuan - (was.invested_yi_yuan or 0.0)))  # fmt: skip


def _systems(old: dict[str, LedgerSystem], new: dict[str, LedgerSystem]) -> Iterable[Change]:
    for key, row in old.items():
        if key not in new:
            yield _of_system("removed", row, row.stage or None, None)
    for key, row in new.items():
        was = old.get(key)
        if was is None:
            yield _of_system("added", row, None, row.stage or None)
        elif was.stage != row.stage:
            yield _of_system(_stage_kind(was.stage, row.stage), row, was.stage or None, row.stage or None)


def _stage_kind(old: str, new: str) -> ChangeKind:
    places = [STAGE_ORDER.index(stage) if stage in STAGE_ORDER else -1 for stage in (old, new)]
    return "stage_on" if places[1] > places[0] else "stage_back"


def _of_target(
    kind: ChangeKind, row: LedgerTarget, before: str | float | None, after: str | float | None, weight: float = 0.0
) -> Change:
    one = row.target
    return Change(kind, "target", one.target_id, one.indicator_zh, one.indicator_en, one.lead_dept_zh, before, after,
                  row.is_simulated, weight, one)  # fmt: skip


def _of_project(
    kind: ChangeKind, row: LedgerProject, before: str | float | None, after: str | float | None, weight: float = 0.0
) -> Change:
    one = row.project
    return Change(kind, "project", one.project_id, one.name_zh, one.name_en, ";".join(one.lead_depts_zh), before, after,
                  row.is_simulated, weight)  # fmt: skip


def _of_system(kind: ChangeKind, row: LedgerSystem, before: str | float | None, after: str | float | None) -> Change:
    one = row.system
    return Change(kind, "system", one.system_id, one.name_zh, one.name_en, ";".join(one.lead_depts_zh), before, after,
                  row.is_simulated)  # fmt: skip
