"""What the plan tables of a pack are made of: columns, allowed words, and one frozen value a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data_pipeline.queries.types import Target

# columns and allowed words of the plan tables; the pack check uses the same
DATED = ("year_end", "year", "two_years", "period_stated")
COMPARATORS = (">=", ">", "<=", "=", "about", "done")
KINDS = ("quantified", "completion", "direction")
STRENGTHS = ("firm", "strive")
ROLES = ("core", "feed", "track", "out")
ROW_TYPES = ("named", "programme", "group")

COLUMNS: dict[str, tuple[str, ...]] = {
    "plans": (
        "plan_id", "city_zh", "city_en", "adcode", "document_number", "issued_date", "issuer", "period_start",
        "period_end", "n_clauses", "title_zh", "title_en", "published_date", "note",
    ),
    "clauses": (
        "plan_id", "clause", "topic_zh", "topic_en", "lead_dept_zh", "responsible_depts_zh", "lead_basis", "counted",
        "note",
    ),
    "targets": (
        "target_id", "plan_id", "clause", "domain", "indicator_zh", "indicator_en", "value", "value_high", "comparator",
        "unit_zh", "unit_en", "deadline", "milestone", "scope_zh", "lead_dept_zh", "responsible_depts_zh", "note",
        "strength", "kind", "deadline_basis", "same_as",
    ),
    "systems": (
        "system_id", "plan_id", "clause", "name_zh", "name_en", "domain", "what_it_does_en", "inputs", "outputs",
        "lead_dept_zh", "deadline", "dashboard_role", "reason", "reason_zh", "io_basis",
    ),
    "departments": ("plan_id", "dept_zh", "dept_en", "n_targets_led", "n_targets_responsible", "note"),
    "projects": (
        "plan_id", "project_id", "name_zh", "name_en", "domain", "stage", "investment_yi_yuan", "clause",
        "lead_dept_zh", "row_type", "n_projects", "note",
    ),
}  # fmt: skip
# tables a plan may leave out: what measures a target, how it is judged, what an operator entered
OPTIONAL: dict[str, tuple[str, ...]] = {
    "system_metrics": ("system_id", "metric_ids", "view", "output", "how", "note"),
    "target_splits": ("target_id", "area_id", "value", "deadline", "source", "entered_by", "entered_at", "note"),
    "target_metrics": ("target_id", "metric_id", "area_id", "scale", "note"),
    "target_rules": ("target_id", "better", "cumulative", "each", "report_every", "due_day", "note"),
}
BASES = (*DATED, "plan_period", "standing", "none")
STAGES = ("", "unstated", "储备", "新开工", "在建", "建成", "停建")
BETTER = ("", "higher", "lower")
EACH = ("", "district")
EVERY = ("", "month", "quarter", "year")
DUE_DAY = 10  # a month's report is due on the 10th of the month after it, unless target_rules.csv says otherwise


@dataclass(frozen=True)
class Plan:
    """One plan document. `is_provincial`: a level above the city issued it for all its cities."""

    plan_id: str
    city: str
    city_zh: str
    city_en: str
    document_number: str
    issued_date: str
    issuer: str
    period_start: str
    period_end: str
    n_clauses: int
    title_zh: str
    title_en: str
    note: str
    is_provincial: bool


@dataclass(frozen=True)
class Clause:
    """One numbered clause and who owns it; `lead_basis` says how the lead is known."""

    plan_id: str
    clause: str
    topic_zh: str
    topic_en: str
    lead_depts_zh: tuple[str, ...]
    responsible_depts_zh: tuple[str, ...]
    lead_basis: str
    counted: bool


@dataclass(frozen=True)
class System:
    """One information system a plan names. `dashboard_role`: core, feed, track or out; `reason` for it, in English.

    `reason_zh` is given for what is out: there the screen shows it. `outputs`: what the system gives, as the plan names it.
    """

    system_id: str
    plan_id: str
    clause: str
    name_zh: str
    name_en: str
    domain: str
    what_it_does_en: str
    lead_depts_zh: tuple[str, ...]
    deadline: str
    dashboard_role: str
    reason: str = ""
    reason_zh: str = ""
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Department:
    """One office as a plan spells it."""

    plan_id: str
    dept_zh: str
    dept_en: str
    note: str


@dataclass(frozen=True)
class PlanProject:
    """One project row. `row_type`: named, programme or group (a total of several; never add it to its parts).

    `investment_yi_yuan` is in 亿元 (100 million yuan) for the whole project, None where none is printed.
    """

    project_id: str
    plan_id: str
    clause: str
    name_zh: str
    name_en: str
    domain: str
    stage: str
    investment_yi_yuan: float | None
    lead_depts_zh: tuple[str, ...]
    row_type: str
    n_projects: int | None


@dataclass(frozen=True)
class TargetMetric:
    """The live metric that measures a target: its reading in `area_id` times `scale` is the target's actual."""

    target_id: str
    metric_id: str
    area_id: str
    scale: float
    note: str


@dataclass(frozen=True)
class TargetRule:
    """How a target is judged and when its report is due, where that does not follow from the printed row.

    `each`: `district` where the plan promises the figure for every district. A report of a month
    (quarter, year) is due on `due_day` of the month after it.
    """

    target_id: str
    better: str
    cumulative: bool
    each: str = ""
    report_every: str = "month"
    due_day: int = DUE_DAY
    note: str = ""


@dataclass(frozen=True)
class TargetSplit:
    """A district's own figure of a target, entered by the operator; an empty deadline is the target's."""

    target_id: str
    area_id: str
    value: float
    deadline: str
    source: str
    entered_by: str
    entered_at: str
    note: str


@dataclass(frozen=True)
class SystemMetrics:
    """What a system's data feed here: metrics and the page that shows them; a system may have several rows."""

    system_id: str
    metric_ids: tuple[str, ...]
    view: str
    output: str
    how: str
    note: str


@dataclass(frozen=True)
class PlanFacts:
    """Everything a pack's `plan/` folder says, in the order of the files."""

    plans: tuple[Plan, ...]
    clauses: tuple[Clause, ...]
    targets: tuple[Target, ...]
    systems: tuple[System, ...]
    departments: tuple[Department, ...]
    projects: tuple[PlanProject, ...]
    metrics: tuple[TargetMetric, ...] = ()
    rules: tuple[TargetRule, ...] = ()
    splits: tuple[TargetSplit, ...] = ()
    system_metrics: tuple[SystemMetrics, ...] = ()

    @property
    def department_names(self) -> frozenset[str]:
        """Every department's name, as printed."""
        return frozenset(department.dept_zh for department in self.departments)

    def plan(self, plan_id: str) -> Plan:
        """One plan; KeyError where there is none (facts are checked when they are read)."""
        return self._plans[plan_id]

    def clause_of(self, target: Target) -> Clause:
        """The clause a target stands in."""
        return self._clauses[target.plan_id, target.clause]

    def rule_of(self, target: Target) -> TargetRule:
        """How a target is judged: its row of target_rules.csv, else what the printed row says.

        A promise "at most" is better lower, every other higher. A count that is better higher and has
        a deadline is cumulative (it never falls); a percentage is not.
        """
        found = self._rules.get(target.target_id)
        return found if found is not None else default_rule(target)

    def metric_of(self, target_id: str) -> TargetMetric | None:
        """The live metric of a target, None where departments report it."""
        return self._metrics.get(target_id)

    @cached_property
    def _plans(self) -> dict[str, Plan]:
        return {plan.plan_id: plan for plan in self.plans}

    @cached_property
    def _clauses(self) -> dict[tuple[str, str], Clause]:
        return {(clause.plan_id, clause.clause): clause for clause in self.clauses}

    @cached_property
    def _rules(self) -> dict[str, TargetRule]:
        return {rule.target_id: rule for rule in self.rules}

    @cached_property
    def _metrics(self) -> dict[str, TargetMetric]:
        return {link.target_id: link for link in self.metrics}


def default_rule(target: Target) -> TargetRule:
    """What the printed row of a target says of how it is judged; see `PlanFacts.rule_of`."""
    lower = target.comparator == "<="
    counts_up = not lower and target.unit_zh != "%" and bool(target.deadline)
    return TargetRule(target.target_id, "lower" if lower else "higher", counts_up)
