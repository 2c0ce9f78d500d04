"""What is wrong is told, never made into a number: each item of bad input, at the command or the door it comes in by.

Service days past 24:00 stand in tests/sources/test_gtfs_feeds.py, values beyond physics and other currencies in
tests/ingest/test_beyond_physics.py, gaps in a standard's table in test_standards.py.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_pipeline.cli import app
from data_pipeline.contracts import Contract, contract, contracts
from data_pipeline.metrics import FOLDER, metric
from tests.ingest.rows import run
from tests.ingest.stage import stage

START = datetime(2026, 11, 20, 8)
# moments nothing is measured from the event to: deadlines, forecasts, what a timetable may be ahead of, the day a report is handed in
FREE = {"due_at", "updated_at", "expected_at", "actual_at", "departs_at", "submitted_at"}


def checked(tmp_path: Path, *changes: tuple[str, str]) -> list[dict]:
    """What `metrics check` says of a file with the share of booked visits, changed."""
    text = (FOLDER / "health.toml").read_text(encoding="utf-8")
    block = text[text.index('[[metric]]\nid = "health.booked_share"') :]
    block = block[: block.index("[[metric]]", 5)]
    for old, new in changes:
        assert old in block
        block = block.replace(old, new, 1)
    path = tmp_path / "own.toml"
    path.write_text(block, encoding="utf-8")
    result = CliRunner().invoke(app, ["metrics", "check", str(path), "--format", "json"])
    rows = json.loads(result.stdout)
    assert result.exit_code == (0 if all(row["ok"] for row in rows) else 1)
    return rows


def test_a_metric_that_is_right_passes_the_check(tmp_path: Path) -> None:
    assert [(row["file"], row["metric"], row["ok"]) for row in checked(tmp_path)] == [("own.toml", "health.booked_share", True)]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ([('numerator = "booked_n"', 'numerator = "bookd_n"')], ["dataset hospital_days has no column 'bookd_n'", "did you mean 'booked_n'"]),
        ([('numerator = "booked_n"', 'numerator = "beds"')], ["dataset hospital_days has no column 'beds'", "beds_n"]),
        ([('numerator = "booked_n"\ndenominator = "visits_n"\nunit = "share"', 'numerator = "booked_n"\nunit = "kwh"')],
         ["column 'booked_n' is in 'count', which cannot be told in 'kwh'", "allowed: count"]),
        ([('unit = "share"', 'unit = "share"\nscale = 100')], ["unit share is 0–1, so scale must be 1, got 100"]),
        ([('numerator = "booked_n"', 'numerator = "booked_n / visits_n"')], ["divides by 'visits_n', which can be 0", "write nullif("]),
        ([('base_grain = "day"', 'base_grain = "hour"')], ["base_grain 'hour' is finer than its data", "allowed: 'day' or coarser"]),
        ([("value = 0.5", "value = 0.6")], ["value should be 0.6, got 0.5"]),
    ],
    ids=["column", "column far from any", "unit", "scale of a share", "divisor", "grain", "worked example"],
)  # fmt: skip
def test_a_wrong_metric_is_told_with_file_metric_and_what_to_do(tmp_path: Path, changes: list, says: list[str]) -> None:
    [row] = checked(tmp_path, *changes)
    assert (row["file"], row["metric"], row["ok"]) == ("own.toml", "health.booked_share", False)
    for text in says:
        assert any(text in problem for problem in row["problems"]), row["problems"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('base_grain = "day"', 'base_grian = "day"', "unknown key 'base_grian'; did you mean 'base_grain'?"),
        ('dataset = "hospital_days"', 'dataset = "hospital_day"', "unknown dataset 'hospital_day', did you mean 'hospital_days'?"),
        ('over_time = "sum"', 'over_time = "sum"\nlooks_back = { hours = 23 }', "looks_back needs a mart"),
        ('over_time = "sum"', 'over_time = "sum"\ngrades = "aqj"', "unknown grades 'aqj', did you mean 'aqi'?"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_metric_and_the_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    told = [problem for row in checked(tmp_path, (old, new)) for problem in row["problems"]]
    assert all(problem.startswith("own.toml: metric 'health.booked_share': ") for problem in told)
    assert any(says in problem for problem in told), told


def test_a_share_of_nothing_is_no_reading_and_not_zero() -> None:
    share = metric("health.booked_share")
    assert share.value_of(0.0, 0.0) is None and share.value_of(None, 5.0) is None
    assert share.value_of(0.0, 5.0) == 0.0


def test_two_stations_on_one_id_are_a_conflict_and_the_first_stands(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        receipt = s.deliver("charging_stations", [s.station(1, "420704"), s.station(1, "420703", name="另一站"), s.station(2)])
        assert (receipt.accepted, receipt.quarantined) == (2, 1)
        assert s.refused() == [(2, "conflicting_duplicate")]
        assert s.lake.frame("SELECT name FROM sites ORDER BY site_id")["name"].to_list() == ["站1", "站2"]


def plain(declared: Contract) -> dict[str, str]:
    """A row with everything a contract requires, and nothing else."""
    row = {}
    for name, column in declared.columns.items():
        if not column.required:
            continue
        if column.type == "timestamp":
            row[name] = START.isoformat(sep=" ")
        elif column.type in ("integer", "float"):
            row[name] = str(int(max(column.min or 0, 1)))
        elif column.type == "date":
            row[name] = START.date().isoformat()
        elif column.type == "boolean":
            row[name] = "true"
        else:
            row[name] = column.values[0] if column.values else name
    # a report on a promise says something
    return row | ({"value": "1"} if declared.id == "plan_reports" else {})


PAIRS = [
    (declared.id, name)
    for declared in contracts().values()
    for name, column in declared.columns.items()
    if column.type == "timestamp" and name not in FREE | {declared.event_time}
]


@pytest.mark.parametrize(("dataset", "later"), PAIRS, ids=[f"{dataset}-{later}" for dataset, later in PAIRS])
def test_what_ends_before_it_began_is_refused_so_no_duration_is_negative(tmp_path: Path, dataset: str, later: str) -> None:
    declared = contract(dataset)
    row = plain(declared)
    began = [name for name, column in declared.columns.items() if column.type == "timestamp" and name not in FREE]
    moments = {name: (START + timedelta(hours=began.index(name))).isoformat(sep=" ") for name in began}
    early = moments | {later: (START - timedelta(minutes=1)).isoformat(sep=" ")}
    rules = {}
    for what, given in (("in order", row | moments), ("too early", row | early)):
        done = run(tmp_path, ",".join(given) + "\n" + ",".join(given.values()) + "\n", dataset)
        rules[what] = done.refused["rule"].to_list()
    assert rules["in order"] == []
    assert len(rules["too early"]) == 1 and rules["too early"][0] in {check.name for check in declared.checks}


def test_a_length_of_time_below_zero_is_refused_in_every_dataset() -> None:
    open_below = [
        f"{declared.id}.{name}"
        for declared in contracts().values()
        for name, column in declared.columns.items()
        if column.unit in ("s", "min", "h", "d") and (column.min is None or column.min < 0)
    ]
    assert open_below == []
