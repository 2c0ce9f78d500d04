"""What the checks notice on an entry: errors refuse it, warnings must be confirmed."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from desk_scene import CITY, OFFICE, TARGET, draft, month_ends

from components.i18n import LANGS, catalogue, has
from data_pipeline.cities import built_in_packs
from data_pipeline.ledger import checks
from data_pipeline.ledger.says import SAYS, say
from data_pipeline.ledger.types import Finding, Past
from data_pipeline.plans import PlanFacts, read_plan_facts

TODAY = date(2022, 9, 15)


def facts_of(city: str = CITY) -> PlanFacts:
    return read_plan_facts(Path(built_in_packs()[city].folder) / "plan", city)


def past(*values: float) -> list[Past]:
    """Accepted values of the months up to July 2022."""
    days = month_ends(len(values), date(2022, 7, 31))
    return [Past(on, value, None, None, None, None, None, None) for on, value in zip(days, values, strict=True)]


def codes(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, finding.code) for finding in found]


def check(history: list[Past] | None = None, **values: Any) -> list[Finding]:
    return checks.check(draft(**values), facts_of(), history or [], [], TODAY)


def test_a_plausible_report_raises_nothing() -> None:
    assert check(past(20, 21, 23, 24, 26, 27, 28), value=30.0) == []


def test_a_misspelt_target_is_refused_with_the_right_one() -> None:
    found = check(subject_id="ez-spinofs")
    assert codes(found) == [("error", "unknown_subject")]
    assert "did you mean ez-spinoffs" in say(found[0])


def test_a_restating_row_and_a_direction_take_no_reports() -> None:
    facts = facts_of()
    restating = next(t.target_id for t in facts.targets if t.same_as)
    direction = next(t.target_id for t in facts.targets if t.kind == "direction")
    assert [f.args["why"] for f in check(subject_id=restating)] == ["same_as"]
    assert [f.args["why"] for f in check(subject_id=direction)] == ["direction"]


def test_nobody_reports_on_the_provinces_plan() -> None:
    facts = facts_of("510400")
    assert {checks.takes_no_reports(target, facts) for target in facts.targets} == {"provincial"}


@pytest.mark.parametrize(("values", "code"), [
    ({"value": None}, "nothing_said"), ({"value": -1.0}, "bounds"), ({"data_on": date(2022, 9, 16)}, "future"),
    ({"data_on": date(2012, 1, 1)}, "too_old"), ({"department": "市科技"}, "unknown_department"),
    ({"subject_id": "ez-online-rate", "department": "市行政审批局", "value": 100.5}, "bounds"),
    ({"progress_share": 1.2}, "bounds"), ({"stage": "don"}, "unknown_stage"),
    ({"subject_id": "ez-5g-key", "department": "市经信局", "value": None}, "nothing_said"),
    ({"subject_id": "ez-5g-key", "department": "市经信局", "value": None, "stage": "done", "expected_on": date(2022, 12, 1)}, "done_later"),
])  # fmt: skip
def test_what_cannot_be_is_refused(values: dict[str, Any], code: str) -> None:
    assert code in [finding.code for finding in check(**values) if finding.level == "error"]


def test_blocked_without_cause_or_owner_is_refused() -> None:
    project = next(p for p in facts_of().projects if p.row_type == "named")
    found = check(subject="project", subject_id=project.project_id, department=checks.reporting_office(project, facts_of()),
                  value=None, stage="under_construction", blocked=True)  # fmt: skip
    assert codes(found) == [("error", "blocked_who"), ("error", "blocked_who")]


def test_a_cumulative_count_that_falls_is_a_warning() -> None:
    assert codes(check(past(28, 29, 30), value=29.0)) == [("warning", "decrease")]


def test_a_late_old_figure_above_a_newer_one_is_a_warning_too() -> None:
    later = [Past(date(2022, 8, 31), 30.0, None, None, None, None, None, None)]
    assert codes(check(later, value=33.0, data_on=date(2022, 7, 31))) == [("warning", "decrease")]


def test_a_percentage_may_fall() -> None:
    found = check(past(60, 62, 64), subject_id="ez-online-rate", department="市行政审批局", value=63.5)
    assert found == []


def test_a_jump_is_measured_against_the_usual_step() -> None:
    # steps of 1 a month: median 1, spread 0, so the floor holds: 5 × max(2 % of 50, 1) = 5 around 1
    steady = past(20, 21, 22, 23, 24, 25, 26, 27)
    assert check(steady, value=32.0) == []
    jump = check(steady, value=40.0)
    assert codes(jump) == [("warning", "jump")]
    assert jump[0].args["before"] == "27"


def test_a_short_history_is_judged_by_size_alone() -> None:
    assert codes(check(past(4, 5), value=16.0)) == [("warning", "jump")]  # more than three times five, more than 10 % of 50
    assert check(past(4, 5), value=15.0) == []


def test_half_a_firm_is_a_warning() -> None:
    assert codes(check(past(29.0), value=30.5)) == [("warning", "not_whole")]


def test_another_office_of_the_plan_is_a_warning() -> None:
    assert codes(check(past(29), department="市文旅局")) == [("warning", "not_owner")]


def test_the_same_report_twice_is_refused_and_a_correction_is_not() -> None:
    known = [Past(date(2022, 8, 31), 30.0, None, None, None, None, None, None)]
    assert codes(check(known, value=30.0)) == [("error", "same_accepted")]
    assert check(known, value=31.0) == []


def test_every_finding_and_refusal_has_its_sentence_in_both_languages() -> None:
    assert [f"{lang}:{code}" for lang in LANGS for code in SAYS if not has(f"reports.find.{code}", lang)] == []


def test_a_sentence_on_screen_asks_for_nothing_the_refusal_does_not_say() -> None:
    asked = {code: set(re.findall(r"{(\w+)", text)) for code, text in SAYS.items()}
    more = {"file_program": {"allowed"}, "file_kind": {"allowed"}}  # said in the hint of the English sentence
    wrong = [
        f"{lang}:{code}:{name}"
        for lang in LANGS
        for code, known in asked.items()
        for name in re.findall(r"{(\w+)}", catalogue(lang)[f"reports.find.{code}"])
        if name not in known | more.get(code, set())
    ]
    assert wrong == []


def test_a_withdrawal_needs_a_report_and_a_reason_and_says_nothing_else() -> None:
    known = [Past(date(2022, 8, 31), 30.0, None, None, None, None, None, None)]
    assert check(known, value=None, stage="withdrawn", reason="重复报送") == []
    assert codes(check(known, value=None, stage="withdrawn")) == [("error", "withdraw_reason")]
    assert codes(check([], value=None, stage="withdrawn", reason="x")) == [("error", "not_accepted")]
    assert codes(check(known, value=30.0, stage="withdrawn", reason="x")) == [("error", "withdraw_only")]


def test_a_warning_is_kept_whole() -> None:
    finding = Finding("warning", "decrease", {"got": "29", "before": "30", "on": "2022-07-31"})
    assert Finding.unpacked(finding.packed()) == finding


def test_the_printed_lead_is_asked_and_without_one_the_issuer() -> None:
    facts = facts_of()
    by_id = {target.target_id: target for target in facts.targets}
    assert checks.reporting_office(by_id[TARGET], facts) == OFFICE
    assert checks.reporting_office(by_id["ez-major-facility"], facts) == "鄂州市人民政府办公室"
