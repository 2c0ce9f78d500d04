"""Tables of standards as data: breakpoints of indices, limits by class, grades. One TOML a standard.

A mart that speaks the id of a table (`hj633`, `gb3838`, `gb3096`) reads it as a relation; a metric takes the classes of a
grade by its id (`grades = "aqi"`). A table with a gap is refused when it is read, so no figure is made from it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.errors import DeclarationError

FOLDER = Path(__file__).parent
FIRST, LAST = date(1900, 1, 1), date(9999, 12, 31)
Number = int | float


class IndexItem(Declared):
    """Breakpoints of one item of an index, in force from `since` to `until` (exclusive; local days of the data).

    `breakpoints` stand beside the first `levels`; an item that has no figure at the higher levels has fewer.
    `beyond`: the index above the last breakpoint, None where there is none.
    """

    id: str
    unit: str
    step: Number = 1
    since: date = FIRST
    until: date = LAST
    breakpoints: tuple[Number, ...] = Field(min_length=2)
    beyond: int | None = None

    def whole(self) -> list[int]:
        """Breakpoints as whole numbers of steps; ValueError where one is no multiple of the step."""
        found = [Decimal(str(b)) / Decimal(str(self.step)) for b in self.breakpoints]
        for given, steps in zip(self.breakpoints, found, strict=True):
            if steps != steps.to_integral_value():
                raise ValueError(f"{self.id}: breakpoint {given:g} is no multiple of the step {self.step:g}")
        return [int(steps) for steps in found]


class Limit(Declared):
    """Limits of one item by class, best class first. `side`: the value must be at most or at least the limit."""

    id: str
    side: Literal["most", "least"]
    body: Literal["", "river", "lake"] = ""
    classes: tuple[Number, ...]


class NoiseArea(Declared):
    """Limits of one functional area by day and by night, dB(A). `verified`: read in the standard's text, or in a copy of it.

    A figure that carries the standard's name must not rest on limits that are not.
    """

    id: str
    day: Number
    night: Number
    verified: bool = True


class GradeClass(Declared):
    """One grade as printed, `from` to `to`, both inclusive; the last has no `to`. `level`: how it is drawn.

    `verified`: its bounds were read in the standard's text; a screen marks those that were not.
    """

    low: Number = Field(alias="from")
    high: Number | None = Field(default=None, alias="to")
    level: str
    zh: str
    en: str
    verified: bool = True


class Grade(Declared):
    """Grades of a figure, printed in steps: 9.9 is followed by 10.0."""

    id: str
    step: Number
    classes: tuple[GradeClass, ...] = Field(min_length=2)


class Standard(Declared):
    """The tables of one standard. Whatever of them leaves a gap is named."""

    id: str = Field(pattern=r"[a-z][a-z0-9]*")
    standard: str
    levels: tuple[int, ...] = ()
    item: tuple[IndexItem, ...] = ()
    limit: tuple[Limit, ...] = ()
    area: tuple[NoiseArea, ...] = ()
    grade: tuple[Grade, ...] = ()

    @model_validator(mode="after")
    def _without_gaps(self) -> Standard:
        problems = _index_problems(self) + _limit_problems(self) + [p for g in self.grade for p in _grade_problems(g)]
        if sum(map(bool, (self.item, self.limit, self.area))) > 1:
            problems.append("a standard has one table of items, limits or areas, not several")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def relation(self) -> str:
        """The table as SQL: a SELECT of its rows; "" where the standard has grades only.

        Items of an index: `item, since, until, i_lo, i_hi, bp_lo, bp_hi` (whole steps; the row beyond the last breakpoint
        has one index). Limits: `item, is_least, body, grade, bound`. Areas: `noise_area, day_db, night_db, is_verified`.
        """
        if self.item:
            names, rows = "item, since, until, i_lo, i_hi, bp_lo, bp_hi", [row for item in self.item for row in self._steps(item)]
        elif self.limit:
            names = "item, is_least, body, grade, bound"
            rows = [f"'{limit.id}', {str(limit.side == 'least').upper()}, '{limit.body}', {k}, CAST({bound} AS DOUBLE)"
                    for limit in self.limit for k, bound in enumerate(limit.classes, start=1)]  # fmt: skip
        elif self.area:
            names = "noise_area, day_db, night_db, is_verified"
            rows = [f"'{a.id}', CAST({a.day} AS DOUBLE), CAST({a.night} AS DOUBLE), {str(a.verified).upper()}" for a in self.area]
        else:
            return ""
        lines = ",\n    ".join(f"({row})" for row in rows)
        return f"  SELECT * FROM (VALUES\n    {lines}\n  ) AS t({names})"

    def _steps(self, item: IndexItem) -> list[str]:
        bounds = item.whole()
        force = f"'{item.id}', CAST('{item.since}' AS DATE), CAST('{item.until}' AS DATE)"
        rows = [f"{force}, {self.levels[k]}, {self.levels[k + 1]}, {bounds[k]}, {bounds[k + 1]}" for k in range(len(bounds) - 1)]
        if item.beyond is not None:
            rows.append(f"{force}, {item.beyond}, {item.beyond}, {bounds[-1]}, {10**9}")
        return rows


def _index_problems(standard: Standard) -> list[str]:
    problems = []
    if standard.item and (len(standard.levels) < 2 or list(standard.levels) != sorted(set(standard.levels))):
        problems.append(f"levels must rise, got {list(standard.levels)}")
    for item in standard.item:
        rising = list(item.breakpoints) == sorted(set(item.breakpoints))
        if not rising or item.breakpoints[0] != 0:
            problems.append(f"{item.id}: breakpoints must start at 0 and rise, got {list(item.breakpoints)}")
        if len(item.breakpoints) > len(standard.levels):
            problems.append(f"{item.id}: {len(item.breakpoints)} breakpoints for {len(standard.levels)} levels")
        if item.beyond is not None and item.beyond != standard.levels[min(len(item.breakpoints), len(standard.levels)) - 1]:
            problems.append(
                f"{item.id}: a gap between the last breakpoint (index {standard.levels[len(item.breakpoints) - 1]}) and beyond = {item.beyond}:"
                " a breakpoint is missing"
            )
        try:
            item.whole()
        except ValueError as error:
            problems.append(str(error))
    for name in dict.fromkeys(item.id for item in standard.item):
        spans = sorted((item.since, item.until) for item in standard.item if item.id == name)
        ends = [FIRST, *(until for _, until in spans)]
        for (since, _), before in zip(spans, ends, strict=False):
            if since != before:
                problems.append(f"{name}: {'a gap' if since > before else 'an overlap'} between {before} and {since}: one edition must follow the other")
        if ends[-1] != LAST:
            problems.append(f"{name}: nothing is in force from {ends[-1]} on")
    return problems


def _limit_problems(standard: Standard) -> list[str]:
    problems = []
    wanted = max((len(limit.classes) for limit in standard.limit), default=0)
    seen: set[tuple[str, str, str]] = set()
    for limit in standard.limit:
        if len(limit.classes) < wanted:
            problems.append(f"{limit.id}: a gap: {len(limit.classes)} limits for {wanted} classes")
        ordered = sorted(limit.classes, reverse=limit.side == "least")
        if list(limit.classes) != ordered:
            problems.append(f"{limit.id}: limits must {'fall' if limit.side == 'least' else 'rise'} from class to class, got {list(limit.classes)}")
        if (limit.id, limit.side, limit.body) in seen:
            problems.append(f"{limit.id}: limits stand twice")
        seen.add((limit.id, limit.side, limit.body))
    return problems


def _grade_problems(grade: Grade) -> list[str]:
    problems = []
    step = Decimal(str(grade.step))
    for lower, upper in zip(grade.classes, grade.classes[1:], strict=False):
        if lower.high is None:
            problems.append(f"{grade.id}: only the last grade may have no end, {lower.zh} has none")
            continue
        due = Decimal(str(lower.high)) + step
        if Decimal(str(upper.low)) != due:
            word = "a gap" if Decimal(str(upper.low)) > due else "an overlap"
            problems.append(f"{grade.id}: {word} between {lower.zh} (to {lower.high:g}) and {upper.zh} (from {upper.low:g}); it must begin at {due}")
    if grade.classes[-1].high is not None:
        problems.append(f"{grade.id}: the last grade must have no end, {grade.classes[-1].zh} ends at {grade.classes[-1].high:g}")
    return problems


def read_standard(path: Path) -> Standard:
    """The tables in a TOML file; `DeclarationError` names every gap, overlap and misspelt key."""
    return validate(Standard, read_toml(path), path.name)


@cache
def standards() -> dict[str, Standard]:
    """Every standard of the product by id.

    Raises
    ------
    DeclarationError
        A table is wrong, or two grades share an id.
    """
    found = {s.id: s for s in (read_standard(path) for path in sorted(FOLDER.glob("*.toml")))}
    names = [grade.id for standard in found.values() for grade in standard.grade]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DeclarationError(FOLDER.name, [f"grade {name!r} is declared twice" for name in twice])
    return found


@cache
def grades() -> dict[str, Grade]:
    """Every grade of every standard by id."""
    return {grade.id: grade for standard in standards().values() for grade in standard.grade}
