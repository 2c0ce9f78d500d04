"""Alert rules of a pack: `alerts.toml`, blocks `[[rule]]`, read strictly and checked as a whole."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from data_pipeline.aggregate.rollup import stored_grains
from data_pipeline.contracts import contracts, duration
from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.errors import DeclarationError, did_you_mean
from data_pipeline.metrics import metrics
from data_pipeline.plans import read_plan_facts
from data_pipeline.times import Grain

if TYPE_CHECKING:
    from data_pipeline.cities import Pack

FILE = "alerts.toml"
LEVELS = ("city", "district", "zone", "township")
Op = Literal[">", ">=", "<", "<="]
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


class Condition(Declared):
    """`value op bound`. `band` asks besides that the value lies beyond the usual range.

    `band = "high"` compares with the 90th, `"low"` with the 10th percentile of the same local time
    on days of the same kind over the eight weeks before; a figure without such a past never fires.
    In a freshness rule `value` is minutes past due (cadence and grace of the source are over).
    """

    op: Op
    value: float | None = None
    band: Literal["high", "low"] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if self.value is None and self.band is None:
            raise ValueError("give value, band, or both")
        return self

    def holds(self, value: float, band: tuple[float, float] | None) -> bool:
        """Whether `value` meets the condition; `band` is (low, high) or None where there is none."""
        meets = OPERATORS[self.op]
        if self.value is not None and not meets(value, self.value):
            return False
        if self.band is None:
            return True
        return band is not None and meets(value, band[1] if self.band == "high" else band[0])


class Rule(Declared):
    """One rule. It opens an alert for an area when `when` held for `hold_periods` whole periods.

    It closes it when `clear` (default: `when` no longer holds) held for `clear_periods` whole periods,
    so a value that wavers about the bound does not open and close alerts all day. A reading below
    `min_completeness` (never less than 0.75) or of a late source opens nothing. `areas` lists
    levels (`district`) or area ids. `department` is one of the city's plan departments; empty where
    the plan names none that would answer, and the screen says so.
    """

    id: str = Field(pattern=r"[a-z][a-z0-9_]*")
    name_zh: str
    name_en: str
    kind: Literal["metric", "freshness"]
    metric: str = ""
    areas: tuple[str, ...] = ("city",)
    grain: Grain | None = None
    datasets: tuple[str, ...] = ()
    when: Condition
    clear: Condition | None = None
    hold_periods: int = Field(default=1, ge=1, le=96)
    clear_periods: int = Field(default=1, ge=1, le=96)
    min_completeness: float = Field(default=0.75, ge=0.75, le=1)
    max_age: str = ""
    severity: Literal["Extreme", "Severe", "Moderate", "Minor"]
    department: str = ""
    enabled: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        problems = []
        if self.kind == "metric":
            if not self.metric:
                problems.append("a metric rule needs metric")
            if self.grain is None:
                problems.append("a metric rule needs grain")
            if self.datasets:
                problems.append("datasets belongs to freshness rules")
        else:
            problems += [f"{key} belongs to metric rules" for key in ("metric", "grain") if getattr(self, key)]
            if self.areas != ("city",):
                problems.append("a freshness rule is about the whole city; leave areas out")
            if self.when.op not in (">", ">=") or self.when.band or (self.clear is not None and self.clear.band):
                problems.append('a freshness rule compares minutes past due: when = { op = ">=", value = 60 }')
        if self.clear is not None and (self.clear.op[0] == self.when.op[0]):
            problems.append("clear must look the other way than when")
        if not self.areas:
            problems.append("areas is empty")
        if self.max_age:
            duration(self.max_age)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def oldest(self) -> timedelta | None:
        """Greatest age of a period's end at which it may still open an alert; None: by the source's due time."""
        return duration(self.max_age) if self.max_age else None


class RuleFile(Declared):
    """A pack's `alerts.toml`."""

    rule: tuple[Rule, ...] = ()


def load_rules(pack: Pack) -> tuple[Rule, ...]:
    """The enabled rules of a pack; none where it has no `alerts.toml`.

    Raises
    ------
    DeclarationError
        Lists everything wrong with the file, see `rule_problems`.
    """
    path = pack.folder / FILE
    if not path.is_file():
        return ()
    rules = _parsed(path, path.stat().st_mtime_ns)
    problems = _problems(rules, pack)
    if problems:
        raise DeclarationError(f"{pack.id}/{FILE}", problems)
    return tuple(rule for rule in rules if rule.enabled)


def rule_problems(pack: Pack) -> list[str]:
    """Every problem of a pack's rules, one sentence each; empty where all is well or there is no file."""
    path = pack.folder / FILE
    if not path.is_file():
        return []
    try:
        rules = _parsed(path, path.stat().st_mtime_ns)
    except DeclarationError as error:
        return [f"{FILE}: {problem}" for problem in error.problems]
    return [f"{FILE}: {problem}" for problem in _problems(rules, pack)]


@lru_cache(maxsize=64)
def _parsed(path: Path, mtime_ns: int) -> tuple[Rule, ...]:
    """Rules of a file; the time of its last change is part of the key, so an edit is seen."""
    return validate(RuleFile, read_toml(path), path.name).rule


def _problems(rules: tuple[Rule, ...], pack: Pack) -> list[str]:
    problems = [f"rule {key!r} stands twice" for key, n in Counter(rule.id for rule in rules).items() if n > 1]
    try:
        offices = read_plan_facts(pack.folder / "plan", pack.id).department_names
    except DeclarationError:
        offices = frozenset(rule.department for rule in rules)  # what is wrong with the plan is reported by its own check
    for rule in rules:
        where = f"rule {rule.id!r}"
        if rule.metric and rule.metric not in metrics():
            problems.append(f"{where}: unknown metric {rule.metric!r}{_near(rule.metric, metrics())}")
        elif rule.metric and metrics()[rule.metric].is_stock:
            problems.append(f"{where}: {rule.metric} is a stock, kept only for days on which it changed; rules need a rhythm")
        elif rule.metric and rule.grain not in stored_grains(metrics()[rule.metric]):
            allowed = ", ".join(stored_grains(metrics()[rule.metric]))
            problems.append(f"{where}: readings of {rule.metric} are not kept by {rule.grain!r} (kept: {allowed})")
        for dataset in rule.datasets:
            if dataset not in contracts():
                problems.append(f"{where}: unknown dataset {dataset!r}{_near(dataset, contracts())}")
        for area in rule.areas:
            if area not in LEVELS and area not in pack.areas:
                known = [*LEVELS, *pack.areas]
                problems.append(f"{where}: unknown area or level {area!r}{_near(area, known)}")
        # a pack without a plan lists no departments: any name is the operator's own
        if rule.department and offices and rule.department not in offices:
            problems.append(f"{where}: unknown department {rule.department!r}{_near(rule.department, offices)}")
    return problems


def _near(got: str, known: object) -> str:
    found = did_you_mean(got, known)  # type: ignore[arg-type]
    return f", did you mean {found[0]!r}?" if found else ""
