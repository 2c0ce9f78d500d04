"""A source's simulated records go when the real one starts; what is real is whole again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from data_pipeline.cities import load_pack
from data_pipeline.ingest import desk
from data_pipeline.ingest.remove import remove_simulated_records
from data_pipeline.store import inbox
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


def test_the_running_pipeline_does_it_through_its_inbox_after_reading_the_pack_anew(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        folder = tmp_path / "packs" / CITY
        shutil.copytree(s.pack.folder, folder)
        s.packs[CITY] = s.writer.packs[CITY] = load_pack(folder)
        s.deliver("charging_stations", [s.station(1)])
        row = {"site_id": "S1", "start_at": hour(8), "energy_kwh": 5}
        s.deliver("charging_hourly", [row], is_simulated=True)
        again = s.file([row])

        def ask() -> dict:
            number = inbox.hand_in(s.home, "remove_simulated", {"city": CITY, "dataset": "charging_hourly"})
            assert desk.serve(s.writer) == 1
            return json.loads((s.home.inbox / number / "answer.json").read_text())

        refused = ask()
        assert "still declared simulated" in refused["error"]["message"] and s.present("charging_hourly").height == 1
        path = folder / "city.toml"
        head, mark, tail = path.read_text(encoding="utf-8").partition("[sources.charging_hourly]")
        path.write_text(head + mark + tail.replace('state = "simulated"', 'state = "real"', 1), encoding="utf-8")
        assert ask()["ok"]["records_removed"] == 1
        assert s.present("charging_hourly").height == 0
        assert s.writer.packs[CITY].sources["charging_hourly"].state == "real", "so the simulator delivers it no more"
        # what had been taken as simulated may come again, as real
        assert s.writer.take(s.incoming("charging_hourly", again)).accepted == 1
