"""New York's capital projects: thousands of dollars, zero for unknown, one point outside the city."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.town import Town, found


@pytest.fixture(scope="module")
def new_york(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("nycp"), "new_york", "America/New_York", "-74.3,40.4,-73.6,41.0")
    town.bring(shared_data / "gov_projects_nyc/projects.geojson.gz", "nyc_capital_projects")
    return town


@pytest.fixture(scope="module")
def projects(shared_data: Path) -> list[dict]:
    with gzip.open(shared_data / "gov_projects_nyc/projects.geojson.gz") as file:
        return [feature["properties"] for feature in json.load(file)["features"]]


def inside(project: dict) -> bool:
    return -74.3 <= project["longitude"] <= -73.6 and 40.4 <= project["latitude"] <= 41.0


def test_the_point_outside_the_city_is_quarantined_with_its_distance(new_york: Town, projects: list[dict]) -> None:
    assert sum(not inside(p) for p in projects) == 1
    assert new_york.refused() == {"outside_city": 1}
    reason = new_york.rows("SELECT reason FROM quarantine").item()
    assert "lies outside the city" in reason and " m from " in reason


def test_money_is_in_dollars_and_totals_agree(new_york: Town, projects: list[dict]) -> None:
    kept = [p for p in projects if inside(p)]
    records = new_york.records("investment_projects")
    assert records.height == len(kept) == 543
    assert records["budget"].sum() == 1000 * sum(p["combined_total"] for p in kept)
    assert records["spent"].sum() == 1000 * sum(p["combined_prior_actuals"] for p in kept)
    assert set(records["currency"]) == {"USD"}


def test_an_original_budget_of_zero_is_unknown(new_york: Town, projects: list[dict]) -> None:
    zeros = sum(p["original_budget"] == 0 for p in projects if inside(p))
    records = new_york.records("investment_projects")
    assert records["original_budget"].null_count() == zeros > 0


def test_one_project_shared_by_two_agencies_is_two_records(new_york: Town, projects: list[dict]) -> None:
    kept = [p for p in projects if inside(p)]
    shared = len(kept) - len({p["project_id"] for p in kept})
    records = new_york.records("investment_projects")
    assert records.height - records["project_id"].n_unique() == shared > 0


def test_share_spent_is_money_spent_over_money_planned(new_york: Town, projects: list[dict]) -> None:
    kept = [p for p in projects if inside(p) and p["combined_total"] > 0]
    reading = new_york.readings("plan.project_spend_share", "day").row(0, named=True)
    spent, total = sum(p["combined_prior_actuals"] for p in kept), sum(p["combined_total"] for p in kept)
    assert reading["value"] == pytest.approx(spent / total)
    assert reading["value"] == pytest.approx(0.6819, abs=5e-5)


def test_the_command_takes_the_file_as_a_process_of_its_own(tmp_path: Path, shared_data: Path) -> None:
    town = found(tmp_path, "new_york", "America/New_York", "-74.3,40.4,-73.6,41.0")
    file = shared_data / "gov_projects_nyc/projects.geojson.gz"
    command = [sys.executable, "-m", "data_pipeline", "import", file, "--mapping", "nyc_capital_projects", "--city", town.id]
    command += ["--home", town.home.root, "--packs", town.packs, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[2])
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    assert (receipt["rows_in"], receipt["accepted"], receipt["quarantined"]) == (544, 543, 1)
