"""Plan facts of a city pack: what the plan documents promised, as printed.

Read from `plan/*.csv` of the pack and, for every further plan, from `plan/<folder>/*.csv`, strictly:
a missing column, a number that is none, a row that points at nothing is a problem, and all problems
come in one list. A plan whose `adcode` is not the pack's city (四川省's guidance in the pack of 攀枝花)
is provincial: its targets are shown as such and never get a city's actual value.
"""

from data_pipeline.plans.model import (
    COLUMNS,
    OPTIONAL,
    Clause,
    Department,
    Plan,
    PlanFacts,
    PlanProject,
    System,
    SystemMetrics,
    TargetMetric,
    TargetRule,
    TargetSplit,
)
from data_pipeline.plans.read import counts, plan_problems, read_plan_facts, targets
from data_pipeline.plans.tables import plan_folders, rows_of

__all__ = [
    "COLUMNS", "OPTIONAL", "Clause", "Department",
    "Plan", "PlanFacts", "PlanProject", "System", "SystemMetrics", "TargetMetric", "TargetRule", "TargetSplit",
    "counts", "plan_folders", "plan_problems", "read_plan_facts", "rows_of", "targets",
]  # fmt: skip
