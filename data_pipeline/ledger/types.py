"""What the ledger says of a plan's promises: plain frozen values that queries, pages and exports share."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from data_pipeline.plans import Clause, Department, Plan, PlanProject, System

if TYPE_CHECKING:
    from data_pipeline.queries.types import Target

PaceStatus = Literal[
    "stalled", "behind", "at_risk", "catching_up", "no_data", "on_track", "ahead", "done_late", "done", "not_measurable"
]
# worst first: the order of every list of targets
STATUSES: tuple[PaceStatus, ...] = (
    "stalled", "behind", "at_risk", "catching_up", "no_data", "on_track", "ahead", "done_late", "done", "not_measurable",
)  # fmt: skip

Subject = Literal["target", "project", "system"]
EntryState = Literal["submitted", "accepted", "returned", "withdrawn"]
# states of a tickable target, a project and a system, in their order
STAGES: dict[str, tuple[str, ...]] = {
    "target": ("not_started", "under_way", "done"),
    "project": ("reserve", "new_start", "under_construction", "done", "stopped"),
    "system": ("not_started", "building", "trial", "in_service", "stopped"),
}
# units of what comes in whole ones only
COUNTED_UNITS = frozenset(["个", "家", "座", "户", "根", "部", "条", "项", "级", "位", "次"])
# instead of a stage: the accepted report of this data date is taken back, nothing is known of it any more
WITHDRAWN = "withdrawn"
# what an entry may hold
REASON_LENGTH, NOTE_LENGTH, MOST_EVIDENCE = 1000, 500, 10


@dataclass(frozen=True)
class PathPoint:
    """One known value of a target: the city's figure at the end of the local day `on`.

    `source`: `live` = reading of a metric, `report` = accepted report of a department.
    """

    on: date
    value: float
    source: Literal["live", "report"]
    is_simulated: bool
    known_from_utc: datetime
    delivery_id: int | None = None


@dataclass(frozen=True)
class Forecast:
    """Value expected at the deadline with the interval it lies in with probability `level` (0–1).

    `method`: one of `forecast.METHODS`; `trials`: past months it was tried at, whose errors the interval holds.
    """

    on: date
    value: float
    low: float
    high: float
    level: float
    method: str
    n: int
    trials: int = 0


@dataclass(frozen=True)
class Pace:
    """Where a quantified target stands between base and promised value on one date (standards.md 9.2).

    `base` is the value at or before the plan's start (`base_on` = that start), else the first known value
    on its own day. `gap` is actual - expected_linear, in the target's unit (negative = less than expected).
    Rates are per month. `needed_per_month` is None after the deadline. `best_per_month` is the best
    mean over `best_window_months` consecutive months ever seen; at that pace the target is reached
    on `earliest_reach`, and that pace must begin on `latest_start` to meet the deadline.
    `progress_share` is (actual - base) / (target - base): it may pass 1 and may be negative.
    """

    base: float
    base_on: date
    base_basis: Literal["plan_start", "first_report"]
    goal: float
    actual: float
    actual_on: date
    progress_share: float | None
    expected_linear: float | None
    expected_seasonal: float | None
    gap: float | None
    needed_per_month: float | None
    recent_per_month: float | None
    best_per_month: float | None
    best_window_months: int | None
    earliest_reach: date | None
    latest_start: date | None
    reached_on: date | None
    forecast: Forecast | None


@dataclass(frozen=True)
class ReportEntry:
    """One entry of a department (填报) in its present state.

    `value` in the target's unit; `stage` is the state of a tickable target, a project or a system
    (words of `reports.STAGES`); `expected_on` the day the department now expects it done.
    `author_known` / `reviewer_known`: False where the name was chosen on loopback without an access
    file (未认证). `warnings` are what the checks noticed and the author confirmed with a reason.
    """

    entry_id: str
    city: str
    subject: Subject
    subject_id: str
    data_on: date
    state: EntryState
    value: float | None
    stage: str
    expected_on: date | None
    invested_yi_yuan: float | None
    blocked: bool | None
    blocked_cause: str
    blocked_owner: str
    department: str
    reason: str
    evidence: tuple[str, ...]
    author: str
    author_known: bool
    submitted_at_utc: datetime
    reviewer: str
    reviewer_known: bool
    reviewed_at_utc: datetime | None
    review_note: str
    warnings: tuple[str, ...]
    is_simulated: bool
    replaces: str = ""
    delivery_id: int | None = None
    progress_share: float | None = None


@dataclass(frozen=True)
class LedgerTarget:
    """One promise with everything known of it on the ledger's date.

    `reason` is a text key that says why the status is what it is (`direction`, `no_report`,
    `provincial`, `interval_above`, …). `path` is sorted by date. `last_report` is the newest accepted
    entry. `area` is the city, or the district of a split. `done_on`: since when a promise that is done or
    done late has been kept. A row that restates another (`target.same_as`) has that one's status, pace and
    path and the reason `same_as`; it is never counted. `report_due_on`: when the next report is due;
    `report_overdue_days` > 0 when it is late.
    """

    target: Target
    plan: Plan
    clause: Clause
    status: PaceStatus
    reason: str
    actual_from: Literal["live", "report"] | None
    metric: str | None
    area: str
    pace: Pace | None
    path: tuple[PathPoint, ...]
    milestones: tuple[Target, ...]
    projects: tuple[str, ...]
    last_report: ReportEntry | None
    report_due_on: date | None
    report_overdue_days: int | None
    is_simulated: bool
    done_on: date | None = None

    @property
    def leads(self) -> tuple[str, ...]:
        """Departments that lead the target: its own, else its clause's."""
        own = tuple(part.strip() for part in self.target.lead_dept_zh.split(";") if part.strip())
        return own or self.clause.lead_depts_zh

    @property
    def shares(self) -> tuple[str, ...]:
        """Departments responsible with the lead: the target's own, else its clause's."""
        return self.target.responsible_depts_zh or self.clause.responsible_depts_zh


@dataclass(frozen=True)
class LedgerProject:
    """One project row and its newest accepted report, None where nothing was reported.

    `stage`: the reported one, else the printed one, else empty (the document does not give it).
    """

    project: PlanProject
    plan: Plan
    stage: str
    stage_from: Literal["document", "report", ""]
    invested_yi_yuan: float | None
    progress_share: float | None
    expected_on: date | None
    delay_days: int | None
    blocked: bool | None
    blocked_cause: str
    blocked_owner: str
    last_report: ReportEntry | None
    is_simulated: bool


@dataclass(frozen=True)
class LedgerSystem:
    """One system of a plan: `track` with its reported state, `feed` and `core` with their metrics and freshness."""

    system: System
    plan: Plan
    stage: str
    metrics: tuple[str, ...]
    views: tuple[str, ...]
    works: bool | None
    data_as_of_utc: datetime | None
    deadline: str
    is_overdue: bool
    last_report: ReportEntry | None
    is_simulated: bool


@dataclass(frozen=True)
class DepartmentBoard:
    """One department's targets by status; `led` counts distinct targets it leads, `shared` those it only shares.

    `rank` is None where fewer than the stated minimum of its targets can be judged.
    """

    department: Department
    led: int
    shared: int
    by_status: dict[str, int]
    overdue_targets: int
    overdue_reports: int
    judged: int
    on_pace: int
    score: float | None
    rank: int | None
    target_ids: tuple[str, ...]
    is_simulated: bool


@dataclass(frozen=True)
class Ledger:
    """The whole ledger of a city on one date, as known at `known_at_utc`."""

    city: str
    on: date
    known_at_utc: datetime
    snapshot: int | None
    targets: tuple[LedgerTarget, ...]
    projects: tuple[LedgerProject, ...]
    systems: tuple[LedgerSystem, ...]
    departments: tuple[DepartmentBoard, ...]
    # targets of districts: promised to each by the plan, or entered by the operator (target_splits.csv)
    splits: tuple[LedgerTarget, ...] = ()

    @property
    def distinct(self) -> tuple[LedgerTarget, ...]:
        """The targets without the rows that restate another one: what is counted."""
        return tuple(row for row in self.targets if not row.target.same_as)

    def target(self, target_id: str) -> LedgerTarget | None:
        """The row of one target, None where the city's plans have no such id."""
        return next((row for row in self.targets if row.target.target_id == target_id), None)


@dataclass(frozen=True)
class Finding:
    """One thing a check of an entry noticed; `args` fill the sentence of its code (`checks.SAYS`, the texts on screen)."""

    level: Literal["error", "warning"]
    code: str
    args: dict[str, Any] = field(default_factory=dict)

    def packed(self) -> str:
        """A warning as an entry keeps it: JSON of its code and what fills its sentence."""
        return json.dumps({"code": self.code, **self.args}, ensure_ascii=False)

    @classmethod
    def unpacked(cls, text: str) -> Finding:
        """The warning an entry kept; the reverse of `packed`."""
        args = json.loads(text)
        return cls("warning", args.pop("code"), args)


@dataclass(frozen=True)
class Past:
    """An accepted report on the same subject."""

    data_on: date
    value: float | None
    stage: str | None
    expected_on: date | None
    progress_share: float | None
    invested_yi_yuan: float | None
    blocked: bool | None
    blocked_cause: str | None


@dataclass(frozen=True)
class Due:
    """One thing a department reports on. `offices`: who answers for it, the one that is asked first.

    `data_on`: the data date the next report ought to have; `due_on` the day it is due, both None where none is due
    (completed, or measured by a live metric). `goal` and `unit_*` are those of a quantified target.
    """

    subject: Subject
    subject_id: str
    kind: str
    name_zh: str
    name_en: str
    offices: tuple[str, ...]
    deadline: str
    goal: float | None
    unit_zh: str
    unit_en: str
    comparator: str
    last: ReportEntry | None
    data_on: date | None
    due_on: date | None
    overdue_days: int
    is_simulated: bool

    @property
    def office(self) -> str:
        """The office that is asked for the report."""
        return self.offices[0]


@dataclass(frozen=True)
class Freeze:
    """A ledger kept under a name: `payload` is canonical JSON, `sha256` its hash."""

    freeze_id: str
    city: str
    name: str
    on: date
    frozen_at_utc: datetime
    by: str
    by_known: bool
    sha256: str
    payload: str
