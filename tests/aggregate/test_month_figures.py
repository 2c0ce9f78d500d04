"""What is told by the month from the start is whole with its month: there are no days that could be missing."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from data_pipeline.aggregate.examples import CITY, _pack, example_store, records_frame
from data_pipeline.aggregate.refresh import refresh
from data_pipeline.contracts import contract


def test_a_class_computed_anew_from_one_monthly_statement_is_not_partial() -> None:
    with example_store() as lake:
        pack = _pack(None)
        row = {"area_id": CITY, "start_at": datetime(2026, 3, 1), "section": "A", "do_mg_l": 6.8, "nh3n_mg_l": 1.2, "tp_mg_l": 0.11}
        frame = records_frame(contract("water_quality_months"), [row], pack)
        lake.append("localities", pl.DataFrame({"locality_id": [1], "city": [CITY], "area_id": [CITY]}))
        lake.append("rec_water_quality_months", frame)
        touched = {(CITY, "water_quality_months"): set(frame["local_day"].to_list())}
        only = {"water.worst_class", "water.good_section_share"}
        refresh(lake, {CITY: pack}, touched, commit_seq=1, now=datetime(2030, 1, 1), only=only)
        found = lake.frame("SELECT metric, value, status FROM readings WHERE grain = 'month' ORDER BY metric").rows()
        assert found == [("water.good_section_share", 0.0, "ok"), ("water.worst_class", 4.0, "ok")]
