"""Refused rows are listed, exported, corrected and replayed; nothing is lost on the way."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest

from data_pipeline.errors import DeliveryError, UsageError
from data_pipeline.ingest.quarantine import Wanted, export, listed, replay
from data_pipeline.mappings import Mapping
from tests.ingest.stage import Stage, hour, stage

CHINESE = Mapping(
    dataset="charging_hourly",
    delimiter=";",
    rename={"站号": "site_id", "时间": "start_at", "电量": "energy_kwh"},
    units={"energy_kwh": "MWh"},
)


def bad_rows(s: Stage) -> int:
    """A register and a delivery with two good and three bad rows; the delivery's id."""
    s.deliver("charging_stations", [s.station(1), s.station(2)])
    receipt = s.deliver(
        "charging_hourly",
        [
            {"site_id": "S1", "start_at": hour(8), "energy_kwh": "5"},
            {"site_id": "S1", "start_at": hour(9), "energy_kwh": "-5"},
            {"site_id": "S7", "start_at": hour(9), "energy_kwh": "6"},
            {"site_id": "S2", "start_at": "31/02/2026", "energy_kwh": "7"},
            {"site_id": "S2", "start_at": hour(9), "energy_kwh": "8"},
        ],
    )
    assert receipt.quarantined == 3
    return receipt.delivery_id


def replayed(s: Stage, wanted: Wanted, file: Path | None = None):
    s.clock += timedelta(minutes=1)
    with s.writer.commit("replay") as commit:
        replay(commit, wanted, file)
    for receipt in commit.receipts:
        assert receipt.rows_in == receipt.accepted + receipt.duplicates + receipt.quarantined
    return commit.receipts


def corrected(path: Path, changes: dict[str, dict[str, str]]) -> None:
    """Change cells of an exported file: rule → column → new value."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= changes.get(row["quarantine_rule"], {})
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.DictWriter(file, fieldnames=list(rows[0]))
        out.writeheader()
        out.writerows(rows)


def test_refused_rows_are_listed_with_place_rule_reason_and_original(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        delivery = bad_rows(s)
        rows = listed(s.lake, Wanted(delivery_id=delivery))
        assert sorted(rows["row_number"].to_list()) == [2, 3, 4]
        one = rows.sort("row_number").row(1, named=True)
        assert (one["column_name"], one["rule"], one["state"]) == ("site_id", "unknown_site", "open")
        assert one["original"] == '{"site_id":"S7","start_at":"2026-03-02 09:00:00","energy_kwh":"6"}'
        assert listed(s.lake, Wanted(dataset="air_quality")).is_empty()


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_export_has_the_suppliers_columns_and_the_number_of_the_row(tmp_path: Path, ending: str) -> None:
    with stage(tmp_path) as s:
        bad_rows(s)
        path = tmp_path / f"out.{ending}"
        assert export(s.lake, Wanted(dataset="charging_hourly"), path) == 3
        if ending == "xlsx":
            header, first, *_ = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
        else:
            with path.open(encoding="utf-8-sig", newline="") as file:
                header, first, *_ = csv.reader(file)
        assert list(header)[-3:] == ["site_id", "start_at", "energy_kwh"]
        assert header[0] == "quarantine_id"
        assert list(first)[-3:] == ["S1", "2026-03-02 09:00:00", "-5"]


def test_a_corrected_export_is_replayed_and_accounted_for_as_a_delivery_of_its_own(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        delivery = bad_rows(s)
        path = tmp_path / "out.csv"
        export(s.lake, Wanted(delivery_id=delivery), path)
        corrected(path, {"out_of_range": {"energy_kwh": "5.5"}, "unknown_site": {"site_id": "S2"}})
        (receipt,) = replayed(s, Wanted(), path)
        # row 3 now says S2 at nine with 6 where the store says 8: a correction by hand
        assert (receipt.rows_in, receipt.accepted, receipt.quarantined, receipt.corrections) == (3, 2, 1, 1)
        states = s.lake.frame("SELECT delivery_id, state, replayed_as FROM quarantine ORDER BY quarantine_id").rows()
        assert states == [(delivery, "replayed", receipt.delivery_id)] * 3 + [(receipt.delivery_id, "open", None)]
        assert sorted(s.present("charging_hourly")["energy_kwh"].to_list()) == [5.0, 5.5, 6.0]


def test_a_replay_reads_rows_with_the_mapping_they_came_with(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1)])
        path = tmp_path / "电量.csv"
        path.write_bytes("站号;时间;电量\nS1;2026-03-02 08:00;0.012\nS9;2026-03-02 08:00;0.5\n".encode("gb18030"))
        s.writer.take(s.incoming("charging_hourly", path, mapping=CHINESE, mapping_name="chinese"))
        out = tmp_path / "out.csv"
        export(s.lake, Wanted(rule="unknown_site"), out)
        assert "站号,时间,电量" in out.read_text(encoding="utf-8-sig").splitlines()[0]
        corrected(out, {"unknown_site": {"站号": "S1", "时间": "2026-03-02 09:00"}})
        (receipt,) = replayed(s, Wanted(), out)
        assert receipt.accepted == 1
        assert s.present("charging_hourly").sort("start_at")["energy_kwh"].to_list() == [12.0, 500.0]
        assert s.lake.frame("SELECT mapping FROM deliveries")["mapping"].to_list() == ["", "chinese", "chinese"]


def test_rows_tried_again_unchanged_stay_in_quarantine_under_the_new_delivery(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        bad_rows(s)
        first = replayed(s, Wanted(rule="unknown_site"))[0]
        second = replayed(s, Wanted(rule="unknown_site"))[0]
        assert (first.accepted, first.quarantined, second.quarantined) == (0, 1, 1)
        still_open = listed(s.lake, Wanted(rule="unknown_site"))
        assert still_open["delivery_id"].to_list() == [second.delivery_id]


def test_a_row_is_replayed_once(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        bad_rows(s)
        path = tmp_path / "out.csv"
        export(s.lake, Wanted(rule="out_of_range"), path)
        corrected(path, {"out_of_range": {"energy_kwh": "5.5"}})
        replayed(s, Wanted(), path)
        with pytest.raises(UsageError, match="1 rows of the file are not open"):
            replayed(s, Wanted(), path)


def test_what_cannot_be_replayed_says_why(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        bad_rows(s)
        other = s.file([{"site_id": "S1", "energy_kwh": 5}])
        with pytest.raises(DeliveryError, match="no column 'quarantine_id'"):
            replayed(s, Wanted(), other)
        with pytest.raises(UsageError, match="no open row"):
            replayed(s, Wanted(rule="no_such_rule"))
        with pytest.raises(UsageError, match="several datasets|no row"):
            export(s.lake, Wanted(city="nowhere"), tmp_path / "x.csv")
        with pytest.raises(UsageError, match=r"\.csv or \.xlsx"):
            export(s.lake, Wanted(), tmp_path / "x.pdf")
