"""Deliveries in, accounts out: nothing is lost, nothing is counted twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.errors import StoreError, UnknownId
from data_pipeline.ingest.account import Account
from data_pipeline.mappings import Mapping
from data_pipeline.store.lake import Lake
from tests.ingest.stage import CITY, hour, stage


def test_a_register_is_taken_located_and_listed_as_sites(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        receipt = s.deliver("charging_stations", [s.station(1), s.station(2, "420703")])
        assert (receipt.status, receipt.accepted, receipt.snapshot) == ("accepted", 2, s.lake.snapshot().id)
        sites = s.lake.frame("SELECT * FROM sites ORDER BY site_id")
        assert sites["site_id"].to_list() == ["S1", "S2"]
        assert sites["district_id"].to_list() == ["420704", "420703"]
        assert sites["attributes"][0] == '{"guns": 4}'
        areas = s.lake.frame("SELECT area_id FROM localities WHERE locality_id = ?", [sites["locality_id"][0]])
        assert {CITY, "420704"} <= set(areas["area_id"].to_list())


def test_rows_in_is_always_accepted_plus_duplicates_plus_quarantined(tmp_path: Path) -> None:
    rows = [
        {"site_id": "S1", "start_at": hour(8), "energy_kwh": "12.5"},
        {"site_id": "S1", "start_at": hour(8), "energy_kwh": "12.5"},  # the same again
        {"site_id": "S1", "start_at": hour(8), "energy_kwh": "13"},  # contradicts the first
        {"site_id": "S1", "start_at": hour(9), "energy_kwh": "-4"},  # impossible
        {"site_id": "S9", "start_at": hour(8), "energy_kwh": "1"},  # nobody knows this site
        {"site_id": "S1", "start_at": hour(10), "energy_kwh": "7"},
    ]
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1)])
        receipt = s.deliver("charging_hourly", rows)
        assert (receipt.rows_in, receipt.accepted, receipt.duplicates, receipt.quarantined) == (6, 2, 1, 3)
        assert s.refused(receipt.delivery_id) == [(3, "conflicting_duplicate"), (4, "out_of_range"), (5, "unknown_site")]
        kept = s.lake.frame("SELECT original FROM quarantine WHERE row_number = 5")["original"][0]
        assert kept == '{"site_id":"S9","start_at":"2026-03-02 08:00:00","energy_kwh":"1"}'
        assert s.rows("charging_hourly")["energy_kwh"].to_list() == [12.5, 7.0]


def test_times_days_and_places_are_written_once_for_all(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1)])
        s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(2), "energy_kwh": 1}])
        row = s.rows("charging_hourly").row(0, named=True)
        assert row["event_at_utc"] == datetime(2026, 3, 1, 18)  # 02:00 in 鄂州 is 18:00 UTC of the day before
        assert (row["utc_offset_s"], row["local_day"].isoformat()) == (28800, "2026-03-02")
        site = s.lake.frame("SELECT locality_id, h3_r9 FROM sites").row(0)
        assert (row["place_basis"], (row["locality_id"], row["h3_r9"])) == ("site", site)


def test_the_same_bytes_twice_are_taken_once(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        path = s.file([s.station(1), s.station(2)])
        s.writer.take(s.incoming("charging_stations", path))
        again = s.writer.take(s.incoming("charging_stations", path))
        assert (again.status, again.rows_in, again.duplicates, again.accepted) == ("duplicate_delivery", 2, 2, 0)
        assert "delivery 1" in again.message
        assert s.rows("charging_stations").height == 2
        assert s.lake.value("SELECT count(*) FROM deliveries") == 2


def test_the_same_bytes_are_still_known_after_a_restart(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        path = s.file([s.station(1)])
        s.writer.take(s.incoming("charging_stations", path))
    with stage(tmp_path) as s:
        receipt = s.writer.take(s.incoming("charging_stations", path))
        assert (receipt.delivery_id, receipt.status) == (2, "duplicate_delivery")


def test_the_same_bytes_read_with_another_mapping_are_another_delivery(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        path = s.file([s.station(1)])
        s.writer.take(s.incoming("charging_stations", path))
        mapping = Mapping(dataset="charging_stations", constants={"operator": "国网"})
        receipt = s.writer.take(s.incoming("charging_stations", path, mapping=mapping, mapping_name="m"))
        assert (receipt.status, receipt.accepted, receipt.corrections) == ("accepted", 1, 1)
        assert s.present("charging_stations")["operator"].to_list() == ["国网"]


def test_the_delivered_bytes_are_kept_as_they_came(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        path = s.file([s.station(1)])
        s.writer.take(s.incoming("charging_stations", path))
        digest = s.lake.value("SELECT sha256 FROM deliveries")
        kept = s.home.deliveries / digest[:2] / digest
        assert kept.read_bytes() == path.read_bytes()
        assert not list(s.home.deliveries.glob(".incoming-*"))


def test_an_unreadable_file_is_refused_as_a_whole_and_recorded(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        path = tmp_path / "broken.parquet"
        path.write_bytes(b"PAR1 this is no parquet file PAR1")
        receipt = s.writer.take(s.incoming("charging_stations", path))
        assert (receipt.status, receipt.rows_in, receipt.accepted) == ("refused", 0, 0)
        assert "broken.parquet" in receipt.message
        assert s.lake.frame("SELECT status FROM deliveries")["status"].to_list() == ["refused"]


def test_a_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        receipt = s.writer.take(s.incoming("charging_stations", tmp_path / "gone.csv"))
        assert receipt.status == "refused"
        assert "gone.csv: the file is not there" in receipt.message


def test_an_unknown_city_is_refused_before_anything_is_kept(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        path = s.file([s.station(1)])
        wrong = s.incoming("charging_stations", path, known_from_utc=None)
        object.__setattr__(wrong, "city", "420701")
        with pytest.raises(UnknownId, match="did you mean 420700"):
            s.writer.take(wrong)
        assert not s.home.deliveries.exists()


def test_several_deliveries_of_one_commit_appear_together(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        register, hours = s.file([s.station(1)]), s.file([{"site_id": "S1", "start_at": hour(8), "energy_kwh": 1}])
        with Lake.reader(s.home) as reader, s.writer.commit("both") as commit:
            commit.take(s.incoming("charging_stations", register))
            assert commit.take(s.incoming("charging_hourly", hours)).accepted == 1  # the register counts at once
            commit.flush()
            assert reader.value("SELECT count(*) FROM deliveries") == 0
        assert [r.snapshot for r in commit.receipts] == [s.lake.snapshot().id] * 2
        assert s.lake.frame("SELECT what, cities FROM commits").rows() == [("both", CITY)]


def test_a_commit_that_fails_leaves_nothing_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        path = s.file([s.station(1)])
        with pytest.raises(ZeroDivisionError), s.writer.commit("fails") as commit:
            commit.take(s.incoming("charging_stations", path))
            raise ZeroDivisionError
        assert s.lake.value("SELECT count(*) FROM deliveries") == 0
        receipt = s.writer.take(s.incoming("charging_stations", path))
        assert (receipt.delivery_id, receipt.status, receipt.accepted) == (1, "accepted", 1)
        assert s.lake.value("SELECT max(commit_seq) FROM commits") == 1


def test_an_account_that_does_not_add_up_stops_the_commit(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        account = Account(1, s.incoming("charging_stations", tmp_path / "x.csv"), s.clock, s.clock)
        account.rows_in, account.accepted = 3, 2
        with pytest.raises(StoreError, match="3 rows in, but 2 accepted"):
            account.check()


def test_aggregation_is_told_the_local_days_a_commit_touched(tmp_path: Path) -> None:
    seen: list[dict] = []
    with stage(tmp_path) as s:
        s.writer.refresh = lambda lake, packs, touched, **more: seen.append(touched) or 0
        s.deliver("charging_stations", [s.station(1)])
        s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(h), "energy_kwh": 1} for h in (1, 23, 24)])
    days = seen[1][(CITY, "charging_hourly")]
    assert {day.isoformat() for day in days} == {"2026-03-02", "2026-03-03"}


def test_a_bulk_file_takes_the_same_way_as_a_small_one(tmp_path: Path) -> None:
    n = 120_000  # more than is held back, so it is written at once
    hours = pl.DataFrame({"h": pl.int_range(n, eager=True)}).select(
        site_id=pl.lit("S1"),
        start_at=pl.lit(datetime(2010, 1, 1)) + pl.duration(hours=pl.col("h")),
        energy_kwh=pl.col("h") % 7 * 1.0,
    )
    with stage(tmp_path) as s:
        s.clock = datetime(2010, 1, 1) + timedelta(hours=n)
        s.deliver("charging_stations", [s.station(1)])
        hours.write_parquet(tmp_path / "bulk.parquet")
        mapping = Mapping(dataset="charging_hourly", allowed_lateness="9000d")
        receipt = s.writer.take(s.incoming("charging_hourly", tmp_path / "bulk.parquet", mapping=mapping))
        assert receipt.accepted == n
        assert s.lake.value("SELECT sum(energy_kwh) FROM rec_charging_hourly") == hours["energy_kwh"].sum()
        assert {"keep", "prepare", "locate", "revise", "append"} <= set(receipt.seconds)


def test_the_state_of_each_source_follows_its_deliveries(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1)])
        s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(8), "energy_kwh": 1}])
        s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(6), "energy_kwh": 1}])
        row = s.lake.frame("SELECT * FROM source_state WHERE dataset = 'charging_hourly'").row(0, named=True)
        assert (row["last_event_utc"], row["last_received_utc"]) == (datetime(2026, 3, 2, 0), s.clock)
