"""Plan facts of a city pack: what the plan documents promised, as printed.

Read from `plan/*.csv` of the pack, strictly: a missing column, a number that is none, a row that
points at nothing is a problem, and all problems come in one list. A plan whose `adcode` is not the
pack's city (四川省's guidance in the pack of 攀枝花) is provincial: its targets are shown as such and
never get a city's actual value.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_pipeline.errors import DeclarationError, did_you_mean

if TYPE_CHECKING:
    from data_pipeline.queries.types import Target

# columns and allowed words of the plan tables; the pack check uses the same
DATED = ("year_end", "year", "two_years", "period_stated")
COMPARATORS = ("", ">=", ">", "<=", "=", "about", "done")
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
        "lead_dept_zh", "deadline", "dashboard_role", "reason", "io_basis",
    ),
    "departments": ("plan_id", "dept_zh", "dept_en", "n_targets_led", "n_targets_responsible", "note"),
    "projects": (
        "plan_id", "project_id", "name_zh", "name_en", "domain", "stage", "investment_yi_yuan", "clause",
        "lead_dept_zh", "row_type", "n_projects", "note",
    ),
}  # fmt: skip


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
    """One information system a plan names. `dashboard_role`: core, feed, track or out."""

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
class PlanFacts:
    """Everything a pack's `plan/` folder says, in the order of the files."""

    plans: tuple[Plan, ...]
    clauses: tuple[Clause, ...]
    targets: tuple[Target, ...]
    systems: tuple[System, ...]
    departments: tuple[Department, ...]
    projects: tuple[PlanProject, ...]

    @property
    def department_names(self) -> frozenset[str]:
        """Every department's name, as printed."""
        return frozenset(department.dept_zh for department in self.departments)


def read_plan_facts(folder: Path, city: str) -> PlanFacts:
    """The plan facts in `folder` (a pack's `plan/`) for the city `city`.

    A folder that does not exist gives empty facts: a minimal pack has no plan.

    Raises
    ------
    DeclarationError
        Lists every problem of all files: absent file or column, a value that is not a number,
        an unknown plan, clause, department or `same_as`, an id used twice.
    """
    facts, problems = _read(folder, city)
    if problems:
        raise DeclarationError(str(folder), problems)
    return facts


def plan_problems(folder: Path, city: str) -> list[str]:
    """Every problem of a pack's `plan/` folder, one sentence each; empty where all is well."""
    return _read(folder, city)[1]


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


class _Reader:
    """Turns cells into values and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def rows(self, folder: Path, table: str) -> list[dict[str, str]]:
        path = folder / f"{table}.csv"
        if not path.is_file():
            self.problems.append(f"{path.name}: file does not exist")
            return []
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            header = tuple(reader.fieldnames or ())
            for name in COLUMNS[table]:
                if name not in header:
                    near = did_you_mean(name, header)
                    self.problems.append(f"{path.name}: column {name!r} is missing" + (f" ({near[0]!r}?)" if near else ""))
            self.problems += [f"{path.name}: unknown column {name!r}" for name in header if name not in COLUMNS[table]]
            if set(COLUMNS[table]) - set(header):
                return []
            return [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]

    def number(self, text: str, where: str, kind: Callable[[str], Any] = float) -> Any:
        if text == "":
            return None
        try:
            return kind(text)
        except ValueError:
            self.problems.append(f"{where}: {text!r} is not a number")
            return None

    def one_of(self, text: str, allowed: tuple[str, ...], where: str) -> str:
        if text not in allowed:
            self.problems.append(f"{where}: {text!r} is none of {', '.join(filter(None, allowed))}")
        return text

    def unique(self, ids: list, where: str) -> None:
        self.problems += [f"{where}: {key!r} stands twice" for key, n in Counter(ids).items() if n > 1]

    def known(self, value: str, known: set[str], where: str) -> None:
        if value not in known:
            near = did_you_mean(value, known)
            self.problems.append(f"{where}: unknown {value!r}" + (f", did you mean {near[0]!r}?" if near else ""))


def _list(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _read(folder: Path, city: str) -> tuple[PlanFacts, list[str]]:
    if not folder.is_dir():
        return PlanFacts((), (), (), (), (), ()), []
    read = _Reader()
    raw = {table: read.rows(folder, table) for table in COLUMNS}
    plans = tuple(_plan(row, city, read) for row in raw["plans"])
    provincial = {plan.plan_id for plan in plans if plan.is_provincial}
    facts = PlanFacts(
        plans=plans,
        clauses=tuple(_clause(row) for row in raw["clauses"]),
        targets=tuple(_target(row, city, row["plan_id"] in provincial, read) for row in raw["targets"]),
        systems=tuple(_system(row, read) for row in raw["systems"]),
        departments=tuple(
            Department(row["plan_id"], row["dept_zh"], row["dept_en"], row["note"]) for row in raw["departments"]
        ),
        projects=tuple(_project(row, read) for row in raw["projects"]),
    )
    _check_links(facts, raw, read)
    return facts, read.problems


def _plan(row: dict[str, str], city: str, read: _Reader) -> Plan:
    return Plan(
        plan_id=row["plan_id"], city=city, city_zh=row["city_zh"], city_en=row["city_en"],
        document_number=row["document_number"], issued_date=row["issued_date"], issuer=row["issuer"],
        period_start=row["period_start"], period_end=row["period_end"],
        n_clauses=read.number(row["n_clauses"], f"plans.csv {row['plan_id']} n_clauses", int) or 0,
        title_zh=row["title_zh"], title_en=row["title_en"], note=row["note"], is_provincial=row["adcode"] != city,
    )  # fmt: skip


def _clause(row: dict[str, str]) -> Clause:
    return Clause(
        plan_id=row["plan_id"], clause=row["clause"], topic_zh=row["topic_zh"], topic_en=row["topic_en"],
        lead_depts_zh=_list(row["lead_dept_zh"]), responsible_depts_zh=_list(row["responsible_depts_zh"]),
        lead_basis=row["lead_basis"], counted=row["counted"] == "1",
    )  # fmt: skip


def _target(row: dict[str, str], city: str, provincial: bool, read: _Reader) -> Target:
    # here, not above: the package `queries` reads plans, and checking a pack must not load the store
    from data_pipeline.queries.types import Target

    where = f"targets.csv {row['target_id']}"
    kind = read.one_of(row["kind"], KINDS, f"{where} kind")
    value = read.number(row["value"], f"{where} value")
    if kind == "quantified" and value is None:
        read.problems.append(f"{where}: kind is quantified but there is no value")
    return Target(
        target_id=row["target_id"], plan_id=row["plan_id"], city=city, clause=row["clause"], domain=row["domain"],
        indicator_zh=row["indicator_zh"], indicator_en=row["indicator_en"], value=value,
        value_high=read.number(row["value_high"], f"{where} value_high"),
        comparator=read.one_of(row["comparator"], COMPARATORS, f"{where} comparator"),
        unit_zh=row["unit_zh"], unit_en=row["unit_en"], deadline=row["deadline"], kind=kind,
        strength=read.one_of(row["strength"], STRENGTHS, f"{where} strength"), scope_zh=row["scope_zh"],
        lead_dept_zh=row["lead_dept_zh"], same_as=row["same_as"],
        responsible_depts_zh=_list(row["responsible_depts_zh"]), is_provincial=provincial,
        deadline_basis=row["deadline_basis"], is_milestone=row["milestone"] == "1", note=row["note"],
    )  # fmt: skip


def _system(row: dict[str, str], read: _Reader) -> System:
    return System(
        system_id=row["system_id"], plan_id=row["plan_id"], clause=row["clause"], name_zh=row["name_zh"],
        name_en=row["name_en"], domain=row["domain"], what_it_does_en=row["what_it_does_en"],
        lead_depts_zh=_list(row["lead_dept_zh"]), deadline=row["deadline"],
        dashboard_role=read.one_of(row["dashboard_role"], ROLES, f"systems.csv {row['system_id']} dashboard_role"),
    )  # fmt: skip


def _project(row: dict[str, str], read: _Reader) -> PlanProject:
    where = f"projects.csv {row['project_id']}"
    return PlanProject(
        project_id=row["project_id"], plan_id=row["plan_id"], clause=row["clause"], name_zh=row["name_zh"],
        name_en=row["name_en"], domain=row["domain"], stage=row["stage"],
        investment_yi_yuan=read.number(row["investment_yi_yuan"], f"{where} investment_yi_yuan"),
        lead_depts_zh=_list(row["lead_dept_zh"]), row_type=read.one_of(row["row_type"], ROW_TYPES, f"{where} row_type"),
        n_projects=read.number(row["n_projects"], f"{where} n_projects", int),
    )  # fmt: skip


def _check_links(facts: PlanFacts, raw: dict[str, list[dict[str, str]]], read: _Reader) -> None:
    """Rows must point at plans, clauses, departments and targets that exist."""
    plan_ids = {plan.plan_id for plan in facts.plans}
    clauses = {(clause.plan_id, clause.clause) for clause in facts.clauses}
    offices = {(department.plan_id, department.dept_zh) for department in facts.departments}
    for table, key in (("targets", "target_id"), ("systems", "system_id"), ("projects", "project_id")):
        read.unique([row[key] for row in raw[table]], f"{table}.csv {key}")
    for table, rows in raw.items():
        for number, row in enumerate(rows, start=2):
            where = f"{table}.csv line {number}"
            if row["plan_id"] not in plan_ids:
                read.known(row["plan_id"], plan_ids, f"{where} plan_id")
                continue
            if "clause" in row and (row["plan_id"], row["clause"]) not in clauses:
                read.known(row["clause"], {c for p, c in clauses if p == row["plan_id"]}, f"{where} clause")
            named = _list(row.get("lead_dept_zh", "")) + _list(row.get("responsible_depts_zh", ""))
            own = {office for plan, office in offices if plan == row["plan_id"]}
            for office in named:
                if office not in own:
                    read.known(office, own, f"{where} department")
    known = {target.target_id for target in facts.targets}
    for target in facts.targets:
        if target.same_as and target.same_as not in known:
            read.known(target.same_as, known, f"targets.csv {target.target_id} same_as")
