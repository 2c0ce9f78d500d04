"""Suppliers' shapes: wide tables, change-only tables, second files, lists, files without a time column."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.contracts import contract
from data_pipeline.errors import DeliveryError
from data_pipeline.ingest.companions import with_companions
from data_pipeline.ingest.prepare import Prepared, prepare
from data_pipeline.mappings import Mapping

NOW = datetime(2026, 11, 22)
UTC = ZoneInfo("UTC")
WIDE = {"keep": ["at"], "name_into": "site_id", "value_into": "free_spaces"}


def run(path: Path, mapping: Mapping, **more: object) -> Prepared:
    done = prepare(path, mapping.contract, mapping, UTC, filename=path.name, now_utc=NOW, **more)  # type: ignore[arg-type]
    assert done.frame.height + done.refused.height == done.rows_in
    assert done.frame["row_number"].is_unique().all()
    return done


def test_a_wide_table_becomes_one_record_a_cell_and_empty_cells_are_no_records(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,A,B\n2026-11-20,1,\n2026-11-21,3,-4\n")
    done = run(tmp_path / "f.csv", Mapping(dataset="parking_counts", wide_to_long=WIDE))
    assert done.rows_in == 3
    assert done.frame.select("site_id", "free_spaces", "row_number").rows() == [("A", 1, 1), ("A", 3, 3)]
    assert done.refused.select("row_number", "rule").rows() == [(4, "out_of_range")]
    # the refused cell is kept in a form the same mapping reads again
    assert json.loads(done.refused["original"][0]) == {"at": "2026-11-21", "B": "-4"}


def test_a_ragged_row_of_a_wide_table_counts_once(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,A,B\n2026-11-20,1\n2026-11-21,3,4\n")
    done = run(tmp_path / "f.csv", Mapping(dataset="parking_counts", wide_to_long=WIDE))
    assert (done.rows_in, done.frame.height) == (3, 2)
    assert done.refused.select("row_number", "rule").rows() == [(1, "ragged_row")]


def test_a_change_only_table_is_filled_forward_within_its_limit(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,A,B\n2026-11-20 00:00,5,\n2026-11-20 00:05,,7\n2026-11-20 00:10,,\n")
    every = run(tmp_path / "f.csv", Mapping(dataset="parking_counts", wide_to_long=WIDE, forward_fill={}))
    assert every.frame.select("site_id", "free_spaces").rows() == [("A", 5), ("A", 5), ("B", 7), ("A", 5), ("B", 7)]
    short = run(tmp_path / "f.csv", Mapping(dataset="parking_counts", wide_to_long=WIDE, forward_fill={"limit": 1}))
    assert short.frame.select("site_id", "free_spaces").rows() == [("A", 5), ("A", 5), ("B", 7), ("B", 7)]


def test_times_are_made_for_a_table_that_has_none_and_a_broken_line_takes_its_time(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("A,B\n60,30\n1\n50,20\n")
    mapping = Mapping(
        dataset="road_speeds", generated_time={"into": "start_at", "start": "2026-11-01", "step": "5min"},
        wide_to_long={"name_into": "site_id", "value_into": "speed_kmh"}, units={"speed_kmh": "mph"},
        constants={"interval_s": 300}, timezone="America/Los_Angeles",
    )  # fmt: skip
    done = run(tmp_path / "f.csv", mapping)
    # 2026-11-01 00:00 PDT is 07:00 UTC
    assert done.frame["start_at"].unique().sort().to_list() == [
        datetime(2026, 11, 1, 7, 0),
        datetime(2026, 11, 1, 7, 10),
    ]
    assert done.frame["speed_kmh"][0] == pytest.approx(96.56064)  # 60 mph, 1 mile = 1.609344 km


def test_generated_times_may_follow_elapsed_time_or_the_local_clock(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("load_mw\n" + "1\n" * 5)
    base = {"dataset": "power_load", "constants": {"site_id": "Z", "interval_s": 3600}, "timezone": "America/New_York"}
    made = {"into": "start_at", "start": "2026-11-01T00:00", "step": "1h"}  # clocks go back at 2:00
    hours = [t.hour for t in run(tmp_path / "f.csv", Mapping(**base, generated_time=made)).frame["start_at"]]
    assert hours == [4, 5, 6, 7, 8]
    local = [
        t.hour
        for t in run(tmp_path / "f.csv", Mapping(**base, generated_time=made | {"clock": "local"})).frame["start_at"]
    ]
    assert local == [4, 5, 7, 8, 9]


def test_what_was_refused_of_a_table_without_times_carries_the_time_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("A\n60\n-1\n")
    mapping = Mapping(
        dataset="road_speeds", generated_time={"into": "start_at", "start": "2026-11-01T00:00Z", "step": "5min"},
        wide_to_long={"name_into": "site_id", "value_into": "speed_kmh"}, constants={"interval_s": 300},
    )  # fmt: skip
    original = json.loads(run(tmp_path / "f.csv", mapping).refused["original"][0])
    assert original == {"start_at": "2026-11-01T00:05:00+00:00", "A": "-1"}
    (tmp_path / "again.csv").write_text("start_at,A\n2026-11-01T00:05:00+00:00,55\n")
    again = run(tmp_path / "again.csv", mapping)
    assert again.frame.select("site_id", "start_at", "speed_kmh").row(0) == ("A", datetime(2026, 11, 1, 0, 5), 55.0)


def parking(**more: object) -> Mapping:
    join = {
        "file": "meta.csv",
        "on": ["site_id"],
        "rename": {"place": "site_id", "num_all": "capacity"},
        "columns": ["capacity"],
    }
    return Mapping(dataset="parking_counts", wide_to_long=WIDE, joins=[join | more])


def test_a_second_file_is_joined_from_beside_the_delivery_from_a_folder_or_from_one_zip(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,A,B\n2026-11-20,1,2\n")
    (tmp_path / "meta.csv").write_text("place,num_all\nA,10\n")
    beside = run(tmp_path / "f.csv", parking())
    whole = with_companions(tmp_path / "f.csv", parking(), tmp_path / "kept.zip")
    assert whole == tmp_path / "kept.zip"
    away = tmp_path / "away"
    away.mkdir()
    whole.rename(away / "kept")
    zipped = run(away / "kept", parking())
    (away / "f.csv").write_bytes((tmp_path / "f.csv").read_bytes())
    told = run(away / "f.csv", parking(), beside=[tmp_path])
    for done in (beside, zipped, told):
        assert done.frame.select("site_id", "capacity").rows() == [("A", 10), ("B", None)]


def test_a_second_file_that_is_nowhere_lacks_a_column_or_has_a_key_twice_refuses_the_delivery(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,A\n2026-11-20,1\n")
    for content, says in [(None, "'meta.csv', which is not in the delivery"), ("place,size\nA,1\n", "finds no capacity"),
                          ("place,num_all\nA,1\nA,2\n", "more than once")]:  # fmt: skip
        if content is not None:
            (tmp_path / "meta.csv").write_text(content)
        with pytest.raises(DeliveryError, match=says):
            run(tmp_path / "f.csv", parking())


def test_rows_without_a_required_partner_are_refused(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,A,B\n2026-11-20,1,2\n")
    (tmp_path / "meta.csv").write_text("place,num_all\nA,10\n")
    done = run(tmp_path / "f.csv", parking(required=True))
    assert done.refused.select("row_number", "column_name", "rule").rows() == [(2, "site_id", "no_partner")]


def test_two_wide_tables_are_joined_cell_by_cell(tmp_path: Path) -> None:
    (tmp_path / "volume.csv").write_text(",0,1\n2026-11-20 00:00,5,6\n2026-11-20 01:00,7,8\n")
    (tmp_path / "duration.csv").write_text(",1,0\n2026-11-20 01:00,.8,.7\n2026-11-20 00:00,.6,.5\n")
    other = {"keep": ["start_at"], "name_into": "site_id", "value_into": "charging_gun_hours"}
    mapping = Mapping(
        dataset="charging_hourly", rename={"column_1": "start_at"},
        wide_to_long={"keep": ["start_at"], "name_into": "site_id", "value_into": "energy_kwh"},
        joins=[{"file": "duration.csv", "rename": {"column_1": "start_at"}, "wide_to_long": other,
                "on": ["start_at", "site_id"], "columns": ["charging_gun_hours"]}],
    )  # fmt: skip
    frame = run(tmp_path / "volume.csv", mapping).frame
    assert (frame["energy_kwh"] == frame["charging_gun_hours"] * 10).all() and frame.height == 4


def test_numbers_come_out_of_lists_and_absent_keys_are_no_error(tmp_path: Path) -> None:
    sites = [
        {"ID": 1, "C": [{"Q": 2, "P": 50}, {"P": 7}]},
        {"ID": 2, "C": []},
        {"ID": 3},
    ]
    (tmp_path / "f.json").write_text(json.dumps(sites))
    totals = [
        {"column": "C", "into": "guns", "expression": "SUM(COALESCE(Q, 1))"},
        {"column": "C", "into": "rated_power_kw", "expression": "SUM(COALESCE(Q, 1) * P)"},
        {"column": "C", "into": "_never", "expression": "SUM(Nowhere)"},
    ]
    done = run(tmp_path / "f.json", Mapping(dataset="charging_stations", rename={"ID": "site_id"}, list_totals=totals))
    assert done.frame.select("site_id", "guns", "rated_power_kw").rows() == [
        ("1", 3, 107.0),
        ("2", None, None),
        ("3", None, None),
    ]


def test_one_row_becomes_several_by_the_words_in_it(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("ID,tech\n7,gen  2 3 5\n8,\n")
    mapping = Mapping(
        dataset="base_stations", split_rows={"column": "tech", "pattern": r"(\d)", "into": "_g"},
        expressions={"site_id": "ID || '-' || _g", "technology": "_g || 'G'"},
    )  # fmt: skip
    done = run(tmp_path / "f.csv", mapping)
    assert done.frame.select("site_id", "technology", "row_number").rows() == [
        ("7-2", "2G", 1),
        ("7-3", "3G", 2),
        ("7-5", "5G", 3),
    ]
    assert done.rows_in == 4 and done.refused["rule"].to_list() == ["missing_value"]


def test_rows_a_mapping_filters_out_are_accounted_for_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(
        "site_id,start_at,online_s,kind\nA,2026-11-20,1,lamp\nB,bad,2,test\nC,2026-11-20,3,\n"
    )
    rule = {"expression": "kind = 'lamp'", "says": "lamps only"}
    done = run(tmp_path / "f.csv", Mapping(dataset="terminal_status", filters=[rule]))
    assert done.frame["site_id"].to_list() == ["A"]
    assert done.refused["rule"].to_list() == ["filtered_by_mapping"] * 2
    assert "lamps only" in done.refused["reason"][0]


def test_null_words_sentinels_units_values_and_constants(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(
        "Id,Speed,Kind,at,lon,lat\n1,-, Bus ,2026-11-20,1,2\n2,113.9952,TRAM,2026-11-20,1,2\n3,10,,2026-11-20,1,2\n"
    )
    mapping = Mapping(
        dataset="vehicle_positions", rename={"Id": "vehicle_id", "Speed": "speed_kmh", "kind": "vehicle_kind"},
        null_values=["-"], sentinels={"speed_kmh": [113.9952]}, units={"speed_kmh": "m/s"},
        values={"vehicle_kind": {"Bus": "bus", "*": "municipal", "": "taxi"}}, constants={"occupied": True},
    )  # fmt: skip
    frame = run(tmp_path / "f.csv", mapping).frame
    assert frame["speed_kmh"].to_list() == [None, None, pytest.approx(36)]
    assert frame["vehicle_kind"].to_list() == ["bus", "municipal", "taxi"]
    assert frame["occupied"].all()


def test_a_value_map_works_on_a_column_that_only_differs_in_case(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("request_id,created_at,Status\n1,2026-11-20,待处理\n")
    done = run(tmp_path / "f.csv", Mapping(dataset="service_requests", values={"status": {"待处理": "open"}}))
    assert done.frame["status"].to_list() == ["open"]


def test_fields_come_from_the_file_name_and_a_name_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cab_x7.txt").write_text("1 2\n")
    mapping = Mapping(
        dataset="vehicle_positions", delimiter=" ", has_header=False, header=["lat", "lon"],
        file_pattern=r"cab_(?P<vehicle_id>\w+)\.txt$", constants={"at": "2026-11-20"},
    )  # fmt: skip
    assert run(tmp_path / "cab_x7.txt", mapping).frame["vehicle_id"].to_list() == ["x7"]
    (tmp_path / "cab_x7.txt").rename(tmp_path / "other.txt")
    with pytest.raises(DeliveryError, match="does not fit the mapping's file_pattern"):
        run(tmp_path / "other.txt", mapping)


def test_parts_of_a_text_become_columns(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text('vehicle_id,at,where\n1,2026-11-20,"POINT (114.9 30.4)"\n2,2026-11-20,nowhere\n')
    mapping = Mapping(
        dataset="vehicle_positions", extract=[{"column": "where", "pattern": r"POINT \((?P<lon>\S+) (?P<lat>\S+)\)"}]
    )
    assert run(tmp_path / "f.csv", mapping).frame.select("lon", "lat").rows() == [(114.9, 30.4), (None, None)]


def test_decimal_commas_are_read_where_they_are_declared(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(
        "site_id;start_at;energy_kwh\nA;2026-11-20;1.234,5\nB;2026-11-20;7\nC;2026-11-20;1.234\n"
    )
    done = run(tmp_path / "f.csv", Mapping(dataset="charging_hourly", decimal_comma=True))
    assert done.frame["energy_kwh"].to_list() == [1234.5, 7.0, 1234.0]


def test_an_expression_that_does_not_fit_the_table_names_itself_and_the_columns(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("site_id,start_at,online_s\nA,2026-11-20,x\n")
    for text, says in [("onlin_s || 'x'", "did you mean 'online_s'"), ("CAST(online_s AS DOUBLE)", "TRY_CAST")]:
        with pytest.raises(DeliveryError, match=says):
            run(tmp_path / "f.csv", Mapping(dataset="terminal_status", expressions={"messages_n": text}))


cell = st.sampled_from(["", "1", "2.5", "-3", "x", "１", "1,5", '"q', "NaN", " 7 ", "9e9", 'a"b'])


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.lists(cell, min_size=2, max_size=5), max_size=12))
def test_whatever_the_rows_every_one_is_accounted_for(
    rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("p") / "f.csv"
    lines = [",".join(["S", "2026-11-20", *row]) for row in rows]
    path.write_text("site_id,start_at,energy_kwh,guns\n" + "".join(f"{line}\n" for line in lines))
    done = prepare(path, contract("charging_hourly"), None, UTC, filename="f.csv", now_utc=NOW)
    assert done.frame.height + done.refused.height == done.rows_in == len(rows)
    assert sorted(pl.concat([done.frame["row_number"], done.refused["row_number"]]).to_list()) == list(
        range(1, len(rows) + 1)
    )
    assert all(done.refused["reason"].str.len_chars() > 5)
