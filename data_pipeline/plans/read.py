"""Reads the plan tables of a pack, strictly: all problems of all files in one list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.errors import DeclarationError
from data_pipeline.plans.check import listed, number_of, table_problems
from data_pipeline.plans.model import (
    DATED,
    DUE_DAY,
    KINDS,
    ROLES,
    ROW_TYPES,
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
    default_rule,
)
from data_pipeline.plans.tables import Row, Tables, read_tables

if TYPE_CHECKING:
    from data_pipeline.queries.types import Target


def read_plan_facts(folder: Path, city: str) -> PlanFacts:
    """The plan facts in `folder` (a pack's `plan/`) for the city `city`.

    A folder that does not exist gives empty facts: a minimal pack has no plan.

    Raises
    ------
    DeclarationError
        Lists every problem of all files: absent file or column, a value that is not a number,
        an unknown plan, clause, department or `same_as`, an id used twice, figures that make no sense.
    """
    tables, problems = read_tables(folder)
    problems += table_problems(tables)
    if problems:
        raise DeclarationError(str(folder), problems)
    return _facts(tables, city)


def plan_problems(folder: Path) -> list[str]:
    """Every problem of the plan tables in a folder, one sentence each; empty where all is well."""
    tables, problems = read_tables(folder)
    return problems + table_problems(tables)


def targets(folder: Path, city: str) -> list[Target]:
    """The promises in `folder/targets.csv`; see `read_plan_facts` for errors."""
    return list(read_plan_facts(folder, city).targets)


def counts(facts: PlanFacts) -> dict[str, dict[str, int]]:
    """For each plan id, how many of what: the table of counts a plan's reader checks against.

    `targets_distinct` leaves out rows that restate another one (`same_as`); `targets_dated` have a
    date printed in the document; `targets_led` name a lead department.
    """
    return {plan.plan_id: _counts_of(facts, plan.plan_id) for plan in facts.plans}


def _counts_of(facts: PlanFacts, plan_id: str) -> dict[str, int]:
    rows = [target for target in facts.targets if target.plan_id == plan_id]
    distinct = [target for target in rows if not target.same_as]
    systems = [system for system in facts.systems if system.plan_id == plan_id]
    projects = [project for project in facts.projects if project.plan_id == plan_id]
    found = {
        "targets": len(rows),
        "targets_restating": len(rows) - len(distinct),
        "targets_distinct": len(distinct),
        "targets_quantified_distinct": sum(target.kind == "quantified" for target in distinct),
        "targets_dated": sum(target.deadline_basis in DATED for target in rows),
        "targets_interim": sum(target.is_milestone for target in rows),
        "targets_led": sum(bool(target.lead_dept_zh) for target in rows),
        "systems": len(systems),
        "departments": sum(department.plan_id == plan_id for department in facts.departments),
        "projects": len(projects),
        "clauses_counted": sum(clause.plan_id == plan_id and clause.counted for clause in facts.clauses),
    }
    found |= {f"targets_{kind}": sum(target.kind == kind for target in rows) for kind in KINDS}
    found |= {f"systems_{role}": sum(system.dashboard_role == role for system in systems) for role in ROLES}
    found |= {f"projects_{kind}": sum(project.row_type == kind for project in projects) for kind in ROW_TYPES}
    return found


def _facts(tables: Tables, city: str) -> PlanFacts:
    plans = tuple(_plan(row, city) for row in tables["plans"])
    provincial = {plan.plan_id for plan in plans if plan.is_provincial}
    found = tuple(_target(row, city, row["plan_id"] in provincial) for row in tables["targets"])
    by_id = {target.target_id: target for target in found}
    return PlanFacts(
        plans=plans,
        clauses=tuple(_clause(row) for row in tables["clauses"]),
        targets=found,
        systems=tuple(_system(row) for row in tables["systems"]),
        departments=tuple(
            Department(row["plan_id"], row["dept_zh"], row["dept_en"], row["note"]) for row in tables["departments"]
        ),
        projects=tuple(_project(row) for row in tables["projects"]),
        metrics=tuple(_metric(row, city) for row in tables["target_metrics"]),
        rules=tuple(_rule(row, by_id[row["target_id"]]) for row in tables["target_rules"]),
        splits=tuple(_split(row) for row in tables["target_splits"]),
        system_metrics=tuple(
            SystemMetrics(
                row["system_id"], listed(row["metric_ids"]), row["view"], row["output"], row["how"], row["note"]
            )
            for row in tables["system_metrics"]
        ),
    )


def _whole(text: str) -> int | None:
    return int(text) if text else None


def _plan(row: Row, city: str) -> Plan:
    return Plan(
        plan_id=row["plan_id"], city=city, city_zh=row["city_zh"], city_en=row["city_en"],
        document_number=row["document_number"], issued_date=row["issued_date"], issuer=row["issuer"],
        period_start=row["period_start"], period_end=row["period_end"], n_clauses=_whole(row["n_clauses"]) or 0,
        title_zh=row["title_zh"], title_en=row["title_en"], note=row["note"], is_provincial=row["adcode"] != city,
    )  # fmt: skip


def _clause(row: Row) -> Clause:
    return Clause(
        plan_id=row["plan_id"], clause=row["clause"], topic_zh=row["topic_zh"], topic_en=row["topic_en"],
        lead_depts_zh=listed(row["lead_dept_zh"]), responsible_depts_zh=listed(row["responsible_depts_zh"]),
        lead_basis=row["lead_basis"], counted=row["counted"] == "1",
    )  # fmt: skip


def _target(row: Row, city: str, provincial: bool) -> Target:
    # here, not above: the package `queries` reads plans, and checking a pack must not load the store
    from data_pipeline.queries.types import Target

    return Target(
        target_id=row["target_id"], plan_id=row["plan_id"], city=city, clause=row["clause"], domain=row["domain"],
        indicator_zh=row["indicator_zh"], indicator_en=row["indicator_en"], value=number_of(row["value"]),
        value_high=number_of(row["value_high"]), comparator=row["comparator"], unit_zh=row["unit_zh"],
        unit_en=row["unit_en"], deadline=row["deadline"], kind=row["kind"], strength=row["strength"],
        scope_zh=row["scope_zh"], lead_dept_zh=row["lead_dept_zh"], same_as=row["same_as"],
        responsible_depts_zh=listed(row["responsible_depts_zh"]), is_provincial=provincial,
        deadline_basis=row["deadline_basis"], is_milestone=row["milestone"] == "1", note=row["note"],
    )  # fmt: skip


def _system(row: Row) -> System:
    return System(
        system_id=row["system_id"], plan_id=row["plan_id"], clause=row["clause"], name_zh=row["name_zh"],
        name_en=row["name_en"], domain=row["domain"], what_it_does_en=row["what_it_does_en"],
        lead_depts_zh=listed(row["lead_dept_zh"]), deadline=row["deadline"], dashboard_role=row["dashboard_role"],
        reason=row["reason"], reason_zh=row["reason_zh"], outputs=listed(row["outputs"]),
    )  # fmt: skip


def _project(row: Row) -> PlanProject:
    return PlanProject(
        project_id=row["project_id"], plan_id=row["plan_id"], clause=row["clause"], name_zh=row["name_zh"],
        name_en=row["name_en"], domain=row["domain"], stage=row["stage"],
        investment_yi_yuan=number_of(row["investment_yi_yuan"]), lead_depts_zh=listed(row["lead_dept_zh"]),
        row_type=row["row_type"], n_projects=_whole(row["n_projects"]),
    )  # fmt: skip


def _metric(row: Row, city: str) -> TargetMetric:
    scale = number_of(row["scale"])
    return TargetMetric(
        row["target_id"], row["metric_id"], row["area_id"] or city, 1.0 if scale is None else scale, row["note"]
    )


def _rule(row: Row, target: Target) -> TargetRule:
    """A row of target_rules.csv; an empty cell leaves what the printed row of the target says."""
    printed = default_rule(target)
    better = row["better"] or printed.better
    return TargetRule(
        target_id=row["target_id"], better=better,
        cumulative=row["cumulative"] == "1" if row["cumulative"] else printed.cumulative and better == "higher",
        each=row["each"], report_every=row["report_every"] or "month", due_day=_whole(row["due_day"]) or DUE_DAY,
        note=row["note"],
    )  # fmt: skip


def _split(row: Row) -> TargetSplit:
    value = number_of(row["value"])
    assert value is not None  # the check has seen to it
    return TargetSplit(
        row["target_id"], row["area_id"], value, row["deadline"], row["source"], row["entered_by"], row["entered_at"],
        row["note"],
    )  # fmt: skip
