"""Checks of a department's entry before it is taken in: errors refuse it, warnings must be confirmed with a reason.

==================  =======  ======================================================================================
unknown_subject     error    no such target, project or system in the city's plans (did you mean)
not_reported        error    the subject takes no reports: a provincial plan, a direction, a row that restates another
nothing_said        error    neither the value nor the stage that this subject needs
unknown_stage       error    not a stage of this kind of subject (did you mean)
unknown_department  error    no office of the plan (did you mean)
future, too_old     error    data date after today, or more than ten years ago
bounds              error    a negative figure, a percentage or a progress outside 0–100 %
same_accepted       error    the same report was accepted already
same_waiting        error    a report of this data date waits for its reviewer
blocked_who         error    blocked without cause or without who has to act
not_accepted        error    a withdrawal of a data date nothing is accepted for
withdraw_reason     error    a withdrawal without a reason
withdraw_only       error    a withdrawal that reports something as well
done_later          error    done, with a day of completion after the data date
decrease            warning  a cumulative figure falls (or a later figure is below this one)
jump                warning  far beyond what the history makes likely, see `is_jump`
not_owner           warning  the office is neither lead nor responsible for it
went_back           warning  the stage goes back
overdue_day         warning  the expected day lies before the data date, and it is not done
not_whole           warning  a count that is not a whole number
above_planned       warning  more invested than planned, by a fifth or more
==================  =======  ======================================================================================
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from data_pipeline.errors import did_you_mean
from data_pipeline.ledger.draft import Draft
from data_pipeline.ledger.types import COUNTED_UNITS, STAGES, WITHDRAWN, Finding, Past, ReportEntry
from data_pipeline.plans import PlanFacts, PlanProject, System

if TYPE_CHECKING:
    from data_pipeline.queries.types import Target

STAGED_GROUPS = ("在建", "新开工", "储备")
OLDEST_DAYS = 3653
JUMP_SPREADS, JUMP_FLOOR_SHARE, JUMP_FROM = 5.0, 0.02, 6


def check(
    draft: Draft, facts: PlanFacts, past: Sequence[Past], waiting: Sequence[ReportEntry], today: date, districts: Sequence[str] = ()
) -> list[Finding]:
    """Everything the checks notice on a draft, errors first.

    Parameters
    ----------
    past : accepted reports on the subject, by data date
    waiting : entries on the subject that wait for their reviewer
    today : the city's calendar day
    districts : ids of the districts, for `target@district` subjects
    """
    found = _Findings()
    subject = find_subject(draft.subject, draft.subject_id, facts, districts)
    if subject is None:
        known = subject_ids(draft.subject, facts)
        found.error("unknown_subject", kind=draft.subject, got=draft.subject_id, near=_near(draft.subject_id, known))
        return found.listed
    why = takes_no_reports(subject, facts)
    if why:
        found.error("not_reported", got=draft.subject_id, why=why)
        return found.listed
    _check_department(draft, subject, facts, found)
    _check_day(draft, today, found)
    if draft.stage == WITHDRAWN:
        _check_withdrawal(draft, past, waiting, found)
        return sorted(found.listed, key=lambda finding: finding.level != "error")
    _check_stage(draft, subject, past, found)
    _check_numbers(draft, subject, past, found)
    if getattr(subject, "kind", "") == "quantified":
        _check_value(draft, subject, facts, past, found)  # type: ignore[arg-type]
    elif _is_group(subject) and draft.invested_yi_yuan is None and draft.progress_share is None:
        found.error("nothing_said", name="invested_yi_yuan", got=draft.subject_id)
    _check_twice(draft, past, waiting, found)
    return sorted(found.listed, key=lambda finding: finding.level != "error")


class _Findings:
    def __init__(self) -> None:
        self.listed: list[Finding] = []

    def error(self, code: str, **args: Any) -> None:
        self.listed.append(Finding("error", code, args))

    def warn(self, code: str, **args: Any) -> None:
        self.listed.append(Finding("warning", code, args))


# ---------------------------------------------------------------------- subjects


def find_subject(kind: str, subject_id: str, facts: PlanFacts, districts: Sequence[str] = ()) -> Target | PlanProject | System | None:
    """The target, project or system of an id; a target's district share is `target@district`. None: there is none."""
    if kind == "target":
        target_id, _, area = subject_id.partition("@")
        if area and area not in districts:
            return None
        return next((t for t in facts.targets if t.target_id == target_id), None)
    if kind == "project":
        return next((p for p in facts.projects if p.project_id == subject_id), None)
    return next((s for s in facts.systems if s.system_id == subject_id), None)


def subject_ids(kind: str, facts: PlanFacts) -> list[str]:
    """Ids of all subjects of a kind."""
    if kind == "target":
        return [t.target_id for t in facts.targets]
    return [p.project_id for p in facts.projects] if kind == "project" else [s.system_id for s in facts.systems]


def takes_no_reports(subject: Target | PlanProject | System, facts: PlanFacts) -> str:
    """Why nobody reports on a subject: provincial, direction, same_as, not_track, group; "" where departments do."""
    if facts.plan(subject.plan_id).is_provincial:
        return "provincial"
    if isinstance(subject, System):
        return "" if subject.dashboard_role == "track" else "not_track"
    if isinstance(subject, PlanProject):
        # a total of several: the projects in it are reported on; a group of one printed stage reports its money
        return "group" if _is_group(subject) and subject.stage not in STAGED_GROUPS else ""
    return "direction" if subject.kind == "direction" else "same_as" if subject.same_as else ""


def owners(subject: Target | PlanProject | System, facts: PlanFacts) -> tuple[str, ...]:
    """Offices that answer for a subject: printed with it, else with its clause, lead first; the issuer where none is named."""
    clause = next(c for c in facts.clauses if (c.plan_id, c.clause) == (subject.plan_id, subject.clause))
    if isinstance(subject, (PlanProject, System)):
        printed = subject.lead_depts_zh
    else:
        printed = (*(office for office in subject.lead_dept_zh.split(";") if office), *subject.responsible_depts_zh)
    named = tuple(dict.fromkeys((*printed, *clause.lead_depts_zh, *clause.responsible_depts_zh)))
    return named or (facts.plan(subject.plan_id).issuer,)


def reporting_office(subject: Target | PlanProject | System, facts: PlanFacts) -> str:
    """The one office that is asked for the report: the first of `owners`."""
    return owners(subject, facts)[0]


# ---------------------------------------------------------------------- the checks


def _check_department(draft: Draft, subject: Target | PlanProject | System, facts: PlanFacts, found: _Findings) -> None:
    allowed = owners(subject, facts)
    offices = {*facts.department_names, *(plan.issuer for plan in facts.plans)}
    if draft.department not in offices:
        found.error("unknown_department", got=draft.department, near=_near(draft.department, sorted(offices)))
    elif draft.department not in allowed:
        found.warn("not_owner", got=draft.department, owners=", ".join(allowed[:4]))


def _check_day(draft: Draft, today: date, found: _Findings) -> None:
    if draft.data_on > today:
        found.error("future", got=draft.data_on.isoformat(), today=today.isoformat())
    elif (today - draft.data_on).days > OLDEST_DAYS:
        found.error("too_old", got=draft.data_on.isoformat())


def _check_stage(draft: Draft, subject: Target | PlanProject | System, past: Sequence[Past], found: _Findings) -> None:
    allowed = STAGES[draft.subject]
    quantified = getattr(subject, "kind", "") == "quantified"
    if not draft.stage:
        if not quantified and not _is_group(subject):
            found.error("nothing_said", name="stage", got=draft.subject_id)
        return
    if draft.stage not in allowed:
        found.error("unknown_stage", got=draft.stage, allowed=", ".join(allowed), near=_near(draft.stage, allowed))
        return
    done = draft.stage in ("done", "in_service")
    if done and draft.expected_on is not None and draft.expected_on > draft.data_on:
        found.error("done_later", got=draft.expected_on.isoformat(), data_on=draft.data_on.isoformat())
    if not done and draft.expected_on is not None and draft.expected_on < draft.data_on:
        found.warn("overdue_day", got=draft.expected_on.isoformat(), data_on=draft.data_on.isoformat())
    before = next((p for p in reversed(past) if p.stage and p.data_on < draft.data_on), None)
    if before is not None and before.stage in allowed and allowed.index(draft.stage) < allowed.index(before.stage):
        found.warn("went_back", got=draft.stage, before=before.stage, on=before.data_on.isoformat())


def _is_group(subject: object) -> bool:
    return isinstance(subject, PlanProject) and subject.row_type == "group"


def _check_withdrawal(draft: Draft, past: Sequence[Past], waiting: Sequence[ReportEntry], found: _Findings) -> None:
    """A data date that was reported by mistake is taken back: it must have a report, and the withdrawal a reason."""
    if not any(p.data_on == draft.data_on for p in past):
        found.error("not_accepted", got=draft.data_on.isoformat())
    if not draft.reason:
        found.error("withdraw_reason")
    for name in _CONTENT:
        if name != "stage" and getattr(draft, name) not in (None, ""):
            found.error("withdraw_only", name=name)
    if any(entry.data_on == draft.data_on for entry in waiting):
        found.error("same_waiting", got=draft.data_on.isoformat())


def _check_numbers(draft: Draft, subject: Target | PlanProject | System, past: Sequence[Past], found: _Findings) -> None:
    if draft.progress_share is not None and not 0 <= draft.progress_share <= 1:
        found.error("bounds", name="progress_share", got=_plain(draft.progress_share), allowed="0–1")
    if draft.invested_yi_yuan is not None and draft.invested_yi_yuan < 0:
        found.error("bounds", name="invested_yi_yuan", got=_plain(draft.invested_yi_yuan), allowed="0 …")
    if draft.blocked:
        for name in ("blocked_cause", "blocked_owner"):
            if not getattr(draft, name):
                found.error("blocked_who", name=name)
    planned = subject.investment_yi_yuan if isinstance(subject, PlanProject) else None
    if planned and draft.invested_yi_yuan is not None and draft.invested_yi_yuan >= 1.2 * planned:
        found.warn("above_planned", got=_plain(draft.invested_yi_yuan), planned=_plain(planned))
    for name in ("progress_share", "invested_yi_yuan"):
        now, before = getattr(draft, name), [p for p in past if getattr(p, name) is not None and p.data_on < draft.data_on]
        if now is not None and before and now < getattr(before[-1], name):
            found.warn("decrease", got=_plain(now), before=_plain(getattr(before[-1], name)), on=before[-1].data_on.isoformat())


def _check_value(draft: Draft, target: Target, facts: PlanFacts, past: Sequence[Past], found: _Findings) -> None:
    value = draft.value
    if value is None:
        found.error("nothing_said", name="value", got=draft.subject_id)
        return
    if value < 0 or (target.unit_zh == "%" and value > 100):
        found.error("bounds", name="value", got=_plain(value), allowed="0–100 %" if target.unit_zh == "%" else "0 …")
        return
    if target.unit_zh in COUNTED_UNITS and not float(value).is_integer():
        found.warn("not_whole", got=_plain(value), unit=target.unit_zh)
    known = [p for p in past if p.value is not None]
    before = [p for p in known if p.data_on < draft.data_on]
    after = next((p for p in known if p.data_on > draft.data_on), None)
    if facts.rule_of(target).cumulative:
        for other, falls in ((before[-1] if before else None, True), (after, False)):
            if other is not None and (value < other.value if falls else value > other.value):  # type: ignore[operator]
                got, than = (value, other.value) if falls else (other.value, value)
                on = other.data_on if falls else draft.data_on
                found.warn("decrease", got=_plain(got), before=_plain(than), on=on.isoformat())
    jump = is_jump(value, draft.data_on, before, float(target.value or 0.0))
    if jump is not None:
        step, usual = jump
        found.warn("jump", got=_plain(value), before=_plain(before[-1].value), on=before[-1].data_on.isoformat(),
                   step=_rounded(step), usual=usual)  # fmt: skip


def is_jump(value: float, on: date, before: Sequence[Past], goal: float) -> tuple[float, str] | None:
    """Step per month and the usual range, where the step lies far outside what was seen; else None.

    With six steps or more: further from their median than five robust standard deviations (1.4826 × the median
    absolute deviation), which count at least as 2 % of the goal and as one unit. With fewer: more than three times
    the last value and more than a tenth of the goal.
    """
    if not before:
        return None
    last = before[-1]
    step = (value - last.value) / _months(last.data_on, on)  # type: ignore[operator]
    pairs = zip(before, before[1:], strict=False)
    steps = [(b.value - a.value) / _months(a.data_on, b.data_on) for a, b in pairs]  # type: ignore[operator]
    if len(steps) < JUMP_FROM:
        big = abs(value) > 3 * abs(last.value or 0.0) and abs(value - (last.value or 0.0)) > max(0.1 * goal, 1.0)
        return (step, f"≤ {_plain(3 * abs(last.value or 0.0))}") if last.value and big else None
    middle = statistics.median(steps)
    spread = 1.4826 * statistics.median(abs(s - middle) for s in steps)
    allowed = JUMP_SPREADS * max(spread, JUMP_FLOOR_SHARE * abs(goal), 0.4 if goal < 10 else 1.0)
    if abs(step - middle) <= allowed:
        return None
    return step, f"{_rounded(middle - allowed)} … {_rounded(middle + allowed)}"


def _months(first: date, last: date) -> float:
    return max((last - first).days / 30.4375, 0.5)


def _check_twice(draft: Draft, past: Sequence[Past], waiting: Sequence[ReportEntry], found: _Findings) -> None:
    same = next((p for p in past if p.data_on == draft.data_on), None)
    if same is not None and all(_same(getattr(same, name), getattr(draft, name)) for name in _CONTENT):
        found.error("same_accepted", got=draft.data_on.isoformat())
    if any(entry.data_on == draft.data_on for entry in waiting):
        found.error("same_waiting", got=draft.data_on.isoformat())


_CONTENT = ("value", "stage", "expected_on", "progress_share", "invested_yi_yuan", "blocked", "blocked_cause")


def _same(old: object, new: object) -> bool:
    return (old or None) == (new or None)


def _near(got: str, known: Sequence[str]) -> str:
    return ", ".join(did_you_mean(got, known))


def _plain(number: float | None) -> str:
    return "" if number is None else f"{number:.10g}"


def _rounded(number: float) -> str:
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:.0f}"
