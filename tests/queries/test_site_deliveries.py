"""The deliveries behind a site are found however many came since."""

from __future__ import annotations

from pathlib import Path

from data_pipeline.queries import Queries
from tests.ingest.stage import CITY, hour, stage


def test_a_delivery_is_listed_after_hundreds_of_others_and_pages_go_to_the_oldest(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        register = s.deliver("charging_stations", [s.station(1), s.station(2)]).delivery_id
        old = s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(0), "energy_kwh": 1}]).delivery_id
        with s.writer.commit("many") as commit:
            for n in range(1, 221):
                rows = [{"site_id": "S2", "start_at": hour(n), "energy_kwh": n}]
                commit.take(s.incoming("charging_hourly", s.file(rows)))
        corrected = s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(0), "energy_kwh": 2}]).delivery_id
        queries = Queries.open(s.home, s.packs, now=lambda: s.clock)
        try:
            ids = [d.delivery_id for d in queries.site_deliveries(CITY, "S1", "charging_hourly")]
            assert ids == [corrected, old, register], "also the one whose value a later one has replaced"
            assert [d.delivery_id for d in queries.site_deliveries(CITY, "S2", "charging_hourly", limit=50, offset=200)][-1] == register
        finally:
            queries.close()
