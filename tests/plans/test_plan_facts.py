"""Plan facts: every count equals the table in the facts' own README (literal numbers below)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_pipeline import plans
from data_pipeline.cities import load_packs
from data_pipeline.errors import DeclarationError

CITIES = ("511400", "510400", "330600", "500114", "420700")
PLAN_IDS = ("meishan-2021", "sichuan-2020", "shaoxing-2020", "qianjiang-2021", "ezhou-2020")
# the README's table: Meishan, Sichuan, Shaoxing, Qianjiang, Ezhou
PUBLISHED = {
    "targets": (63, 10, 82, 26, 89),
    "targets_restating": (1, 0, 0, 0, 11),
    "targets_distinct": (62, 10, 82, 26, 78),
    "targets_quantified": (16, 2, 38, 16, 48),
    "targets_quantified_distinct": (16, 2, 38, 16, 43),
    "targets_completion": (37, 4, 33, 5, 33),
    "targets_direction": (10, 4, 11, 5, 8),
    "targets_dated": (49, 8, 59, 9, 80),
    "targets_interim": (3, 0, 0, 0, 0),
    "targets_led": (33, 0, 69, 5, 70),
    "systems": (86, 99, 101, 69, 114),
    "systems_core": (7, 4, 7, 6, 10),
    "systems_feed": (45, 57, 58, 41, 68),
    "systems_track": (25, 29, 32, 22, 31),
    "systems_out": (9, 9, 4, 0, 5),
    "departments": (29, 3, 44, 22, 38),
    "projects": (49, 24, 70, 45, 74),
    "projects_named": (32, 16, 36, 37, 51),
    "projects_programme": (9, 6, 15, 4, 4),
    "projects_group": (8, 2, 19, 4, 19),
    "clauses_counted": (18, 23, 26, 31, 27),
}


def plan_folder(city: str) -> Path:
    return load_packs()[city].folder / "plan"


@pytest.mark.parametrize(("city", "plan_id", "column"), list(zip(CITIES, PLAN_IDS, range(5), strict=True)))
def test_counts_of_a_plan_equal_the_published_table(city: str, plan_id: str, column: int) -> None:
    facts = plans.read_plan_facts(plan_folder(city), city)
    expected = {name: row[column] for name, row in PUBLISHED.items()}
    assert plans.counts(facts) == {plan_id: expected}


def test_provincial_guidance_is_flagged_and_no_city_plan_is() -> None:
    flags = {city: {t.is_provincial for t in plans.targets(plan_folder(city), city)} for city in CITIES}
    assert flags == {city: {city == "510400"} for city in CITIES}


def test_a_target_reads_as_printed() -> None:
    found = {t.target_id: t for t in plans.targets(plan_folder("420700"), "420700")}
    terminals = [t for t in found.values() if t.indicator_zh == "智能感知终端数"]
    assert {t.value for t in terminals} == {20000.0}
    assert {t.clause for t in terminals} == {"一", "三(三)"}
    assert sum(bool(t.same_as) for t in terminals) == 1
    with_offices = next(t for t in terminals if t.clause == "三(三)")
    assert with_offices.responsible_depts_zh == ("各区人民政府", "葛店开发区管委会", "临空经济区管委会")


def test_completion_targets_have_no_value_rather_than_zero() -> None:
    ticks = [t for city in CITIES for t in plans.targets(plan_folder(city), city) if t.kind == "completion"]
    assert len(ticks) == 112
    assert all(t.value is None for t in ticks if t.comparator == "done")


def test_pack_without_a_plan_has_no_promises(tmp_path: Path) -> None:
    facts = plans.read_plan_facts(tmp_path / "plan", "somewhere")
    assert (facts.plans, facts.targets, facts.department_names) == ((), (), frozenset())


def test_all_faults_of_a_plan_folder_come_in_one_list(tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    shutil.copytree(plan_folder("500114"), folder)
    text = (folder / "targets.csv").read_text(encoding="utf-8")
    lines = text.splitlines()
    lines.append(lines[1])  # an id twice
    (folder / "targets.csv").write_text("\n".join(lines).replace("indicator_en", "indicator_eng", 1), encoding="utf-8")
    (folder / "departments.csv").unlink()
    problems = plans.plan_problems(folder)
    assert any("departments.csv: file does not exist" in p for p in problems)
    assert any("'indicator_en' is missing ('indicator_eng'?)" in p for p in problems)
    with pytest.raises(DeclarationError, match="departments.csv"):
        plans.read_plan_facts(folder, "500114")


def test_doubled_ids_bad_numbers_and_unknown_offices_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    shutil.copytree(plan_folder("420700"), folder)
    path = folder / "projects.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")
    path = folder / "targets.csv"
    path.write_text(
        path.read_text(encoding="utf-8").replace(",20000,", ",twenty thousand,").replace("市发改委", "市发改革"),
        encoding="utf-8",
    )
    problems = plans.plan_problems(folder)
    assert any("stands twice" in p for p in problems)
    assert any("value is 'twenty thousand', which is not a number" in p for p in problems)
    assert any("did you mean '市发改委'?" in p for p in problems)
