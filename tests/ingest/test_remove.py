"""A source's simulated records go when the real one starts; what is real is whole again."""

from __future__ import annotations

from pathlib import Path

from data_pipeline.ingest.remove import remove_simulated_records
from tests.ingest.stage import CITY, hour, stage


def test_real_records_that_simulated_ones_had_replaced_are_the_present_ones_again(tmp_path: Path) -> None:
    row = {"site_id": "S1", "start_at": hour(8), "energy_kwh": 5}
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1)])
        s.deliver("charging_hourly", [row])
        s.deliver("charging_hourly", [row | {"energy_kwh": 99}, row | {"start_at": hour(9)}], is_simulated=True)
        assert s.present("charging_hourly")["is_simulated"].to_list() == [True, True]
        seen = []
        s.writer.refresh = lambda lake, packs, touched, **more: seen.append(touched) or 0
        with s.writer.commit("remove") as commit:
            assert remove_simulated_records(commit, CITY, "charging_hourly") == 2
        assert s.present("charging_hourly").select("energy_kwh", "is_simulated").rows() == [(5.0, False)]
        assert {day.isoformat() for day in seen[0][(CITY, "charging_hourly")]} == {"2026-03-02"}


def test_a_site_known_to_the_real_register_stays_when_the_simulated_one_goes(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1, name="模拟"), s.station(2)], is_simulated=True)
        s.deliver("charging_stations", [s.station(1, name="真实")])
        with s.writer.commit("remove") as commit:
            remove_simulated_records(commit, CITY, "charging_stations")
        assert s.lake.frame("SELECT site_id, name, is_simulated FROM sites").rows() == [("S1", "真实", False)]


def test_nothing_simulated_is_nothing_removed(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1)])
        with s.writer.commit("remove") as commit:
            assert remove_simulated_records(commit, CITY, "charging_stations") == 0
        assert s.present("charging_stations").height == 1
