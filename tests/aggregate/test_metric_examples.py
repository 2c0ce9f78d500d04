"""Every worked example of every metric, through the composed SQL, the roll-up and the store."""

from __future__ import annotations

import pytest

from data_pipeline.aggregate.examples import run_example
from data_pipeline.metrics import Example, Metric, metrics
from data_pipeline.store.lake import Lake

CASES = [(metric, example) for metric in metrics().values() for example in metric.examples]


@pytest.mark.parametrize(("metric", "example"), CASES, ids=[f"{m.id}: {e.says}" for m, e in CASES])
def test_a_worked_example_comes_out_as_its_source_says(empty_lake: Lake, metric: Metric, example: Example) -> None:
    assert run_example(empty_lake, metric, example).problems(example) == []


def test_an_example_leaves_nothing_in_the_store(empty_lake: Lake) -> None:
    metric = metrics()["charging.energy_kwh"]
    run_example(empty_lake, metric, metric.examples[0])
    assert empty_lake.value("SELECT count(*) FROM readings") == 0
    assert empty_lake.value("SELECT count(*) FROM rec_charging_hourly") == 0
