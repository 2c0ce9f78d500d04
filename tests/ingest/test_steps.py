"""Values no real thing could reach from the one before are quarantined, by a rule of the contract alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from components.refusal import rule_words
from data_pipeline.contracts import Contract, contract
from data_pipeline.declare import validate
from data_pipeline.errors import DeclarationError
from data_pipeline.ingest.steps import impossible_steps
from tests.ingest.stage import Stage, stage

T0 = datetime(2026, 3, 9, 2)
LON, LAT = 114.87, 30.36  # in 鄂城区; 0.01 degrees of latitude are 1.109 km there


def fix(minute: float, south: float, vehicle: str = "V1") -> dict[str, Any]:
    """A fix so many minutes after T0, so many hundredths of a degree to the south."""
    at = T0 + timedelta(minutes=minute)
    return {"vehicle_id": vehicle, "at": f"{at.isoformat()}Z", "lon": LON, "lat": round(LAT - south / 100, 6)}


def refused(s: Stage) -> list[tuple[int, str]]:
    return s.refused()


def test_a_fix_a_vehicle_cannot_have_driven_to_is_quarantined_and_the_next_one_is_judged_by_the_last_good_one(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        # 1.1 km in a minute is 67 km/h; 4.4 km in a minute is 266 km/h
        receipt = s.deliver("vehicle_positions", [fix(0, 0), fix(1, 1), fix(2, 5), fix(3, 2), fix(4, 3)])
        assert (receipt.accepted, receipt.quarantined) == (4, 1) and refused(s) == [(3, "impossible_move")]
        reason = s.lake.value("SELECT reason FROM quarantine")
    assert reason == "4.4 km from the row before in 60 s: 266 km an hour, at most 160 are possible"


def test_the_order_of_the_rows_in_the_file_and_other_vehicles_between_do_not_matter(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        rows = [fix(4, 3), fix(0, -3, "V2"), fix(2, 5), fix(1, 1), fix(1, -3, "V2"), fix(0, 0), fix(3, 2)]
        s.deliver("vehicle_positions", rows)
        assert refused(s) == [(3, "impossible_move")]


def test_a_live_fix_is_compared_with_the_last_one_in_the_store(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.deliver("vehicle_positions", [fix(0, 0)])
        assert s.deliver("vehicle_positions", [fix(5, 20)]).quarantined == 1  # 22 km in five minutes
        assert s.deliver("vehicle_positions", [fix(10, 5)]).accepted == 1  # 5.5 km in ten minutes since the good one


def test_a_wrong_first_fix_mends_itself_because_time_makes_distance_possible(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        # the first fix is 11 km off: by 160 km/h that is 4.2 minutes away
        receipt = s.deliver("vehicle_positions", [fix(0, 10), *(fix(n, 0) for n in range(1, 9))])
        assert [row for row, _ in refused(s)] == [2, 3, 4, 5] and receipt.accepted == 5


def test_noise_within_the_free_distance_and_doubled_moments_are_no_leaps(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        one_second = 1 / 60
        receipt = s.deliver("vehicle_positions", [fix(0, 0), fix(one_second, 0.4), fix(one_second, 0.4), fix(2 * one_second, 0)])
        assert (receipt.accepted, receipt.duplicates, receipt.quarantined) == (3, 1, 0)  # 443 m within a second


GAUGE = {
    "id": "toy_gauge", "name_zh": "水位", "name_en": "stage", "domain": "environment", "kind": "observation", "key": ["site_id", "at"],
    "event_time": "at", "place": ["area"],
    "columns": {
        "site_id": {"type": "string", "zh": "点", "en": "site"}, "at": {"type": "timestamp", "zh": "时", "en": "time"},
        "level_m": {"type": "float", "zh": "水位", "en": "level", "unit": "m"}, "area_id": {"type": "string", "zh": "区", "en": "area"},
    },
    "steps": [{"name": "level_leaps", "by": ["site_id"], "column": "level_m", "most_per_h": 2, "free": 0.1, "zh": "水位跳变", "en": "level leaps"}],
}  # fmt: skip


def test_the_same_rule_watches_any_number_of_any_dataset() -> None:
    rules = validate(Contract, GAUGE, "toy")
    levels = [10.0, 11.5, 16.0, None, 12.0, 12.09]
    rows = pl.DataFrame({
        "site_id": ["G"] * 6, "at": [T0 + timedelta(minutes=60 * n if n < 5 else 241) for n in range(6)], "level_m": levels,
        "area_id": [None] * 6, "row_number": [1, 2, 3, 4, 5, 6],
    }, schema_overrides={"area_id": pl.String})  # fmt: skip
    bad = impossible_steps(rows, rules, rows.head(0))
    assert bad.select("row_number", "column_name", "rule").rows() == [(3, "level_m", "level_leaps")]
    assert bad["reason"][0] == "4.5 m from the row before in 3,600 s: 4 m an hour, at most 2 are possible"
    assert rule_words("level_leaps", "zh", rules) == "水位跳变"


def test_a_step_over_a_column_that_is_not_declared_is_refused() -> None:
    wrong = GAUGE | {"steps": [GAUGE["steps"][0] | {"column": "levl_m"}]}  # type: ignore[index]
    with pytest.raises(DeclarationError, match="'levl_m' is not a declared column"):
        validate(Contract, wrong, "toy")


def test_vehicles_are_the_ones_declared() -> None:
    assert [(s.name, s.by, s.most_per_h, s.free) for s in contract("vehicle_positions").steps] == [("impossible_move", ("vehicle_id",), 160, 0.5)]
