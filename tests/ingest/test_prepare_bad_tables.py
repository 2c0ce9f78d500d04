"""Bad input, table by table: missing and doubled columns, broken rows, native types, and what stays to be asked for."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.contracts import contract
from data_pipeline.errors import DeliveryError, UsageError
from data_pipeline.ingest.prepare import prepare
from data_pipeline.mappings import Mapping
from tests.ingest.rows import NOW, SHANGHAI, run


def test_columns_are_found_whatever_their_order_case_and_blanks(tmp_path: Path) -> None:
    done = run(tmp_path, "Online S, START_AT ,note,Site-ID\n60,2026-11-22,x,A\n", "terminal_status")
    assert done.frame.row(0, named=True)["online_s"] == 60
    assert done.unused_columns == ("note",)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("site_id,start_at", "missing column online_s"),
        ("site_id,start_at,online_sec", "is 'online_sec' what is called 'online_s' in the contract"),
        ("a,b,c", "missing columns site_id, start_at, online_s; not known: a, b, c"),
        ("site_id,Site ID,start_at,online_s", "missing"),
    ],
)
def test_a_missing_or_renamed_column_refuses_the_delivery_and_names_it(tmp_path: Path, header: str, says: str) -> None:
    if "Site ID" in header:
        assert run(tmp_path, header + "\nA,B,2026-11-22,1\n", "terminal_status").frame["site_id"][0] == "A"
        return
    with pytest.raises(DeliveryError) as error:
        run(tmp_path, header + "\n" + ",".join("1" * len(header.split(","))) + "\n", "terminal_status")
    assert says in str(error.value)


def test_two_columns_that_differ_in_case_only_are_not_guessed_between(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="several columns are called 'site_id'"):
        run(tmp_path, "SITE_ID,Site Id,start_at,online_s\nA,B,2026-11-22,1\n", "terminal_status")


def test_a_header_alone_is_a_delivery_of_no_rows(tmp_path: Path) -> None:
    done = run(tmp_path, "site_id,start_at,online_s\n", "terminal_status")
    assert (done.rows_in, done.frame.height) == (0, 0)


def test_ragged_and_broken_rows_stay_in_the_account(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        'site_id,start_at,online_s\nA,2026-11-22,1\nB,2026-11-22\n"C,2026-11-22,1\nD,2026-11-22,-1\n',
        "terminal_status",
    )
    assert done.rows_in == 4
    assert done.refused.select("row_number", "rule").rows() == [
        (2, "ragged_row"),
        (3, "broken_quotes"),
        (4, "out_of_range"),
    ]


def test_duplicate_keys_are_left_to_the_step_that_knows_the_store(tmp_path: Path) -> None:
    done = run(
        tmp_path, "site_id,start_at,online_s\nA,2026-11-22,1\nA,2026-11-22,1\nA,2026-11-22,2\n", "terminal_status"
    )
    assert done.frame["online_s"].to_list() == [1, 1, 2]


def test_a_mapping_of_another_dataset_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'power_load', not 'terminal_status'"):
        run(tmp_path, "a\n1\n", "terminal_status", Mapping(dataset="power_load"))


def test_an_old_case_is_not_late_when_it_changed_lately_and_an_archive_may_say_so(tmp_path: Path) -> None:
    text = (
        "request_id,created_at,updated_at,status,closed_at\n"
        "A,2024-01-01,2026-11-20,closed,2026-11-20\nB,2024-01-01,2024-02-01,open,\n"
    )
    done = run(tmp_path, text, "service_requests")
    assert done.frame["request_id"].to_list() == ["A"] and done.refused["rule"].to_list() == ["too_late"]
    archive = Mapping(dataset="service_requests", allowed_lateness="2000d")
    assert run(tmp_path, text, "service_requests", archive).frame.height == 2


def test_native_types_are_brought_to_the_contract(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "site_id": [330602, 330603],
            "name": ["甲 ", None],
            "opened_on": [datetime(2020, 1, 2, 23, 30), None],
            "guns": [4.0, 4.5],
            "is_public": [1, 0],
            "lon": pl.Series(["114.9", "114.8"]).cast(pl.Decimal(10, 4)),
            "lat": [30.4, 30.3],
        }
    ).write_parquet(tmp_path / "f")
    done = prepare(tmp_path / "f", contract("charging_stations"), None, SHANGHAI, filename="f.parquet", now_utc=NOW)
    row = done.frame.row(0, named=True)
    assert (row["site_id"], row["name"], row["guns"], row["is_public"], row["lon"]) == ("330602", "甲", 4, True, 114.9)
    assert row["opened_on"] == date(2020, 1, 2)
    assert done.refused.select("row_number", "rule").rows() == [(2, "not_an_integer")]


def test_times_of_parquet_without_zone_are_local_and_with_zone_are_exact(tmp_path: Path) -> None:
    for zone in (None, "UTC"):
        times = pl.Series([datetime(2026, 11, 21, 8)]).dt.replace_time_zone(zone)
        pl.DataFrame({"site_id": ["A"], "start_at": times, "online_s": [1]}).write_parquet(tmp_path / "f")
        done = prepare(tmp_path / "f", contract("terminal_status"), None, SHANGHAI, filename="f.parquet", now_utc=NOW)
        assert done.frame["start_at"][0] == datetime(2026, 11, 21, 0 if zone is None else 8)


def test_originals_can_be_asked_for_later(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "site_id,start_at,online_s,x\nA,2026-11-22,1,p\nB,2026-11-22,-1,q\nC,2026-11-22,3,r\n",
        "terminal_status",
    )
    assert [json.loads(t)["x"] for t in done.original(pl.Series([3, 1]))] == ["r", "p"]
