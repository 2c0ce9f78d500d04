"""Every system of role core or feed is served, word for word by one of its own outputs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_pipeline.cities import Pack, load_packs
from data_pipeline.cities.check_plan import plan_problems
from data_pipeline.plans import SystemMetrics, read_plan_facts
from data_pipeline.plans.served import MANY_SYSTEMS, ServedSystem, heavy_metrics, served_systems

PACKS = load_packs()
# core and feed rows of systems.csv as counted there, plan by plan (303 in all)
COUNTED = {"420700": 78, "330600": 65, "500114": 47, "510400": 61, "511400": 52}


@pytest.mark.parametrize("city", sorted(COUNTED))
def test_every_core_and_feed_system_is_served(city: str) -> None:
    systems = served_systems(read_plan_facts(PACKS[city].folder / "plan", city))
    assert len(systems) == COUNTED[city]
    # a row that fails here needs a line in the pack's plan/system_metrics.csv
    assert [s.system_id for s in systems if not s.is_served] == []


@pytest.mark.parametrize("city", sorted(COUNTED))
def test_the_packs_mapping_holds(city: str) -> None:
    assert plan_problems(PACKS[city]) == []


def system(n: int, *services: SystemMetrics, plan: str = "p") -> ServedSystem:
    return ServedSystem(
        f"s{n}", plan, "一", "系统", "system", "health", "", (), "", "feed", outputs=("visits", "waits"), services=services
    )  # fmt: skip


def shown(output: str) -> SystemMetrics:
    return SystemMetrics("s", ("health.visits_n",), "/", output, "", "")


def test_an_output_in_other_words_does_not_serve() -> None:
    served, other = shown("visits"), shown("visit")
    assert system(1, served).is_served and system(1, served).missing == ("waits",)
    assert not system(1, other).is_served and not system(1).is_served


def test_a_figure_that_serves_more_than_ten_systems_of_one_plan_is_listed() -> None:
    service = shown("visits")
    assert heavy_metrics([system(n, service, service) for n in range(MANY_SYSTEMS)]) == []
    assert heavy_metrics([system(n, service) for n in range(MANY_SYSTEMS + 1)]) == [("p", "health.visits_n", MANY_SYSTEMS + 1)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("health.beds_n,/domain/livelihood,beds", "health.beds_n,/domain/livelihood,bed", "output 'bed' is none of its outputs: "),
        ("health.beds_n,/domain/livelihood", "health.bedz_n,/domain/livelihood", "did you mean 'health.beds_n'"),
        ("health.beds_n,/domain/livelihood", "health.beds_n,/domain/livelihod", "did you mean '/domain/livelihood'"),
        ("health.beds_n,/domain/livelihood", "health.beds_n,/domain/traffic", "is not shown on /domain/traffic"),
        (",/district/420704,", ",/district/999999,", "unknown area '999999'"),
        (",/plan/projects,", ",/plan/project,", "did you mean '/plan/projects'"),
    ],
)
def test_a_row_that_does_not_hold_is_told_with_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    folder = tmp_path / "420700"
    shutil.copytree(PACKS["420700"].folder, folder)
    table = folder / "plan" / "system_metrics.csv"
    text = table.read_text(encoding="utf-8-sig")
    assert old in text
    table.write_text(text.replace(old, new), encoding="utf-8")
    pack = Pack(folder, PACKS["420700"].declared, PACKS["420700"].areas)
    assert any(said in problem for problem in plan_problems(pack)), plan_problems(pack)
