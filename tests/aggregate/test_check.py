"""`metrics check`: a metric that cannot be right is told so before it gives a number."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.aggregate.check import (
    check_metrics,
    division_problems,
    explain,
    grain_problems,
    read_metrics,
    unit_problems,
)
from data_pipeline.metrics import Metric, metric, metrics
from data_pipeline.store.lake import Lake


def changed(metric_id: str, **changes: Any) -> Metric:
    return Metric.model_validate(metric(metric_id).model_dump() | {"id": "health.try_n", "examples": ()} | changes)


def test_the_database_accepts_the_sql_of_every_metric(empty_lake: Lake) -> None:
    assert explain(empty_lake, list(metrics().values())) == {}


def test_a_column_that_does_not_exist_is_told_with_near_ones_and_does_not_hide_the_good_beside_it(empty_lake: Lake) -> None:
    wrong = changed("health.visits_n", numerator="visitz_n")
    refused = explain(empty_lake, [metric("health.visits_n"), wrong])
    assert list(refused) == ["health.try_n"] and "visitz_n" in refused["health.try_n"] and "visits_n" in refused["health.try_n"]
    found = check_metrics(empty_lake, [wrong])
    assert found["health.try_n"][0].startswith("its SQL is refused")


def test_units_that_do_not_fit_are_refused() -> None:
    assert "scale must be 1" in unit_problems(changed("health.bed_occupancy", scale=100))[0]
    assert "cannot be told in 'kwh'" in unit_problems(changed("health.visits_n", unit="kwh"))[0]
    # a megawatt hour is a thousand kilowatt hours
    assert unit_problems(changed("charging.energy_kwh", unit="mwh", scale=0.001)) == []
    assert "scale must be 0.001" in unit_problems(changed("charging.energy_kwh", unit="mwh"))[0]
    assert "per_10k needs scale 10000" in unit_problems(changed("coverage.stations_5g", unit="per_10k", denominator="area.population"))[0]


def test_no_metric_of_the_product_has_a_unit_a_divisor_or_a_grain_that_does_not_fit() -> None:
    wrong = {m.id: p for m in metrics().values() if (p := unit_problems(m) + division_problems(m) + grain_problems(m))}
    assert wrong == {}


@pytest.mark.parametrize(
    ("numerator", "safe"),
    [
        ("visits_n / beds_n", False), ("visits_n / nullif(beds_n, 0)", True), ("visits_n / 60.0", True), ("visits_n / 0", False),
        ("visits_n / (beds_n - 1)", False), ("visits_n / greatest(beds_n, 1)", True),
    ],
)  # fmt: skip
def test_a_divisor_that_can_be_zero_is_refused(numerator: str, safe: bool) -> None:
    assert (division_problems(changed("health.visits_n", numerator=numerator)) == []) is safe


def test_a_grain_finer_than_its_data_is_refused() -> None:
    assert grain_problems(changed("health.visits_n")) == []
    assert "allowed: 'day' or coarser" in grain_problems(changed("health.visits_n", base_grain="hour"))[0]


def test_a_misspelt_key_is_named_with_the_one_that_was_meant_and_other_files_are_still_read(tmp_path: Path) -> None:
    good = Path(__file__).parents[2] / "data_pipeline/metrics/education.toml"
    bad = tmp_path / "bad.toml"
    bad.write_text(good.read_text(encoding="utf-8").replace("base_grain", "base_grian", 1), encoding="utf-8")
    found, files, problems = read_metrics([bad, good])
    assert set(files.values()) == {"education.toml"}
    assert set(found) == {m["id"] for m in tomllib.loads(good.read_text(encoding="utf-8"))["metric"]}
    assert any("did you mean 'base_grain'" in text for text in problems)


def test_a_metric_without_an_example_is_told_so(empty_lake: Lake) -> None:
    assert check_metrics(empty_lake, [changed("health.visits_n")]) == {"health.try_n": ["has no worked example"]}
    assert check_metrics(empty_lake, [metric("health.visits_n")]) == {"health.visits_n": []}
