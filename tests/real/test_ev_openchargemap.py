"""Open Charge Map: nested JSON with absent keys; absent means unknown, never zero."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.real.town import found

PLACES = {
    "berlin": ("Europe/Berlin", "13.0,52.3,13.8,52.7"),
    "chicago": ("America/Chicago", "-88.0,41.6,-87.4,42.1"),
    "los_angeles": ("America/Los_Angeles", "-118.7,33.7,-118.0,34.4"),
}
STATES = {50: "AVAILABLE", 30: "INOPERATIVE", 100: "INOPERATIVE", 150: "PLANNED", 200: "REMOVED", 0: "UNKNOWN"}


@pytest.mark.parametrize("city", PLACES)
def test_sites_connectors_and_states_equal_the_answer_read_by_hand(city: str, tmp_path: Path, shared_data: Path) -> None:
    file = shared_data / f"ev_poi_openchargemap/{city}.json"
    town = found(tmp_path, city, *PLACES[city])
    receipt = town.bring(file, "openchargemap")
    assert (receipt["rows_in"], receipt["quarantined"]) == (100, 0)
    got = {row["site_id"]: row for row in town.records("charging_stations").iter_rows(named=True)}
    for poi in json.loads(file.read_text(encoding="utf-8")):
        row = got[f"ocm-{poi['ID']}"]
        connections = poi.get("Connections") or []
        guns = sum(c.get("Quantity") or 1 for c in connections) if connections else None
        fast = sum((c.get("Quantity") or 1) for c in connections if c.get("LevelID") == 3) if connections else None
        assert (row["guns"], row["fast_guns"]) == (guns, fast)
        assert row["status"] == STATES.get(poi.get("StatusTypeID"))
        powers = [c.get("PowerKW") for c in connections]
        if connections and all(p is not None for p in powers):
            total = sum(c["PowerKW"] * (c.get("Quantity") or 1) for c in connections)
            assert row["rated_power_kw"] == pytest.approx(total)
        else:
            assert row["rated_power_kw"] is None
        assert (row["lat"], row["lon"]) == (poi["AddressInfo"]["Latitude"], poi["AddressInfo"]["Longitude"])
    planned_or_gone = sum(STATES.get(p.get("StatusTypeID")) in ("PLANNED", "REMOVED") for p in json.loads(file.read_text()))
    assert town.readings("charging.stations_n", "day")["value"].to_list() == [100 - planned_or_gone]
