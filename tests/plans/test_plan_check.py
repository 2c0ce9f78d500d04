"""check-plan names every planted fault, all of them at once, and says nothing of a sound plan."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data_pipeline import plans
from data_pipeline.cities import load_packs
from data_pipeline.cities.check_plan import plan_problems
from data_pipeline.errors import UsageError
from data_pipeline.plans.template import new_plan
from tests.plans.small_plan import Row, edit, make, target


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "town-2026")


def put(table: str, row: int, **cells: str) -> Callable[[Path], None]:
    """Change cells of one row (0 = the first)."""
    return lambda folder: edit(folder, table, lambda rows: rows[row].update(cells))


def add(table: str, *new: Row) -> Callable[[Path], None]:
    return lambda folder: edit(folder, table, lambda rows: rows.extend(new))


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "two bounds in one cell": (put("targets", 0, value="100-200"), "two bounds in one cell"),
    "a bound above that is below": (put("targets", 0, value_high="90"), "two bounds that contradict: value_high 90"),
    "two bounds where less is better": (put("targets", 0, comparator="<=", value_high="200"), "two bounds (100 and 200)"),
    "the same goal with two figures": (add("targets", target("masts-b", indicator_zh="基站数", value="120", clause="一")),
                                       "two bounds for 基站数"),
    "no unit": (put("targets", 0, unit_zh=""), "masts has a figure but no unit_zh"),
    "a deadline before the start": (put("targets", 0, deadline="2025-12-31"), "deadline 2025-12-31 is before the plan's start 2026-01-01"),
    "a clause that is not there": (put("targets", 0, clause="三"), "unknown clause '三' of plan 'town-2026'"),
    "a misspelt department": (put("targets", 0, lead_dept_zh="市经信委"), "unknown department '市经信委' of plan 'town-2026', did you mean '市经信局'?"),
    "a share above 100 %": (put("targets", 2, value="105"), "value is 105 %, a share lies between 0 and 100 %"),
    "an id twice": (add("targets", target("online")), "online stands twice, also in targets.csv line 4"),
    "a circle of restating rows": (put("targets", 0, same_as="masts-again"), "same_as runs in a circle: masts → masts-again → masts"),
    "a row that restates a restating row": (add("targets", target("third", same_as="masts-again")), "itself restates 'masts'"),
    "a row that restates nothing": (put("targets", 5, same_as="mast"), "unknown target in same_as 'mast', did you mean 'masts'?"),
    "an interim step that restates": (put("targets", 1, same_as="masts"), "an interim step (milestone = 1) cannot restate"),
    "an interim step after its final": (put("targets", 1, deadline="2031-12-31"), "the interim step is due 2031-12-31, not before"),
    "an interim step without a date": (put("targets", 1, deadline="", deadline_basis="none"), "(milestone = 1) needs a deadline"),
    "a figure to tick off": (put("targets", 0, comparator="done"), "cannot have the comparator 'done'"),
    "a tick with a figure": (put("targets", 3, value="3"), "kind is 'completion' but there is a value '3'"),
    "a figure that is missing": (put("targets", 0, value=""), "a quantified target needs a value"),
    "a figure that is none": (put("targets", 0, value="nan"), "value is 'nan', which is not a number"),
    "a day that does not exist": (put("targets", 0, deadline="2030-02-30"), "deadline is '2030-02-30', which is not an ISO date"),
    "a date without a day": (put("targets", 0, deadline="", deadline_basis="year_end"), "deadline is empty but deadline_basis says 'year_end'"),
    "a plan that ends before it starts": (put("plans", 0, period_end="2025-01-01"), "period_end 2025-01-01 is before period_start"),
    "an unknown plan": (put("projects", 0, plan_id="town-2062"), "unknown plan_id 'town-2062', did you mean 'town-2026'?"),
    "a word that is not allowed": (put("targets", 0, kind="quantify"), "kind is 'quantify', allowed: quantified"),
    "a wrong count of clauses": (put("plans", 0, n_clauses="3"), "n_clauses is 3, clauses.csv counts 2"),
    "a wrong count of targets": (put("departments", 0, n_targets_led="9"), "n_targets_led is 9, targets.csv gives 3"),
    "a rule for nothing": (add("target_rules", {"target_id": "mast"}), "unknown target_id 'mast', did you mean 'masts'?"),
    "a due day that not every month has": (add("target_rules", {"target_id": "masts", "due_day": "30"}), "due_day is 30, allowed: 1 to 28"),
    "a table that is missing": (lambda folder: (folder / "clauses.csv").unlink(), "clauses.csv: file does not exist"),
    "a column under another name": (lambda f: (f / "systems.csv").write_text(
        (f / "systems.csv").read_text(encoding="utf-8").replace("dashboard_role", "dashbord_role"), encoding="utf-8"),
        "column 'dashboard_role' is missing ('dashbord_role'?)"),
    "bytes that are not UTF-8": (lambda f: (f / "clauses.csv").write_bytes("条款".encode("gb18030")), "clauses.csv: not UTF-8 text"),
    "a row with too few cells": (lambda f: (f / "clauses.csv").open("a", encoding="utf-8").write("town-2026,三\n") and None,
                                 "clauses.csv line 4: not as many cells as the header"),
}  # fmt: skip


def test_a_sound_plan_has_no_problems(folder: Path) -> None:
    assert plans.plan_problems(folder) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(folder: Path, fault: str) -> None:
    plant, words = FAULTS[fault]
    plant(folder)
    found = plans.plan_problems(folder)
    assert any(words in text for text in found), found


def test_all_faults_come_in_one_list_with_their_lines(folder: Path) -> None:
    for fault in ("no unit", "a share above 100 %", "a misspelt department", "an unknown plan"):
        FAULTS[fault][0](folder)
    found = plans.plan_problems(folder)
    assert len([text for text in found if text.startswith("targets.csv line 2")]) == 2
    assert any(text.startswith("targets.csv line 4: value is 105 %") for text in found)
    assert any(text.startswith("projects.csv line 2: unknown plan_id") for text in found)


def test_a_growth_rate_may_pass_100_percent(folder: Path) -> None:
    put("targets", 2, value="150", indicator_zh="产值增幅")(folder)
    assert plans.plan_problems(folder) == []


def test_a_new_plan_is_empty_sound_and_never_written_over_another(tmp_path: Path) -> None:
    from datetime import date

    folder, days = tmp_path / "ezhou-2026", {"start": date(2026, 1, 1), "end": date(2030, 12, 31)}
    written = new_plan(folder, "ezhou-2026", adcode="420700", title_zh="鄂州", title_en="Ezhou", **days)
    assert {path.name for path in written} >= {"plans.csv", "targets.csv", "target_rules.csv"}
    assert plans.plan_problems(folder) == []
    with pytest.raises(UsageError, match="is not empty"):
        new_plan(folder, "ezhou-2026", adcode="420700", title_zh="", title_en="", **days)
    with pytest.raises(UsageError, match="before it starts"):
        new_plan(tmp_path / "x", "x1", adcode="1", title_zh="", title_en="", start=days["end"], end=days["start"])


def test_a_further_plan_stands_beside_the_old_one(tmp_path: Path) -> None:
    first = make(tmp_path / "plan")
    make(first / "town-2031", "town-2031", prefix="n-")
    facts = plans.read_plan_facts(first, "town")
    assert [plan.plan_id for plan in facts.plans] == ["town-2026", "town-2031"]
    assert {t.plan_id for t in facts.targets} == {"town-2026", "town-2031"}
    assert len(facts.targets) == 12 and len(plans.rows_of(first, "targets")) == 12
    make(first / "town-2036", "town-2036", prefix="n-")
    assert any("town-2036/targets.csv line 2: n-masts stands twice" in text for text in plans.plan_problems(first))


def test_a_citys_pack_says_which_areas_and_metrics_there_are(folder: Path) -> None:
    pack = load_packs()["420700"]
    add(
        "target_metrics", {"target_id": "masts", "metric_id": "coverage.station_5g", "area_id": "420799", "scale": "1"}
    )(folder)
    found = plan_problems(pack, folder)
    assert any("unknown metric 'coverage.station_5g', did you mean 'coverage.stations_5g'?" in text for text in found)
    assert any("unknown area_id '420799'" in text for text in found)


def test_the_command_ends_with_1_and_lists_the_problems(folder: Path) -> None:
    FAULTS["no unit"][0](folder)
    command = [sys.executable, "-m", "data_pipeline", "check-plan", str(folder), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "masts has a figure but no unit_zh" in done.stdout
