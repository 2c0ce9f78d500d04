"""Where a record counts, and what is said of rows that count nowhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from data_pipeline.cities import Pack, Place, load_packs
from data_pipeline.contracts import contract
from data_pipeline.ingest.locate import areas_by_alias, locality_of, locate_rows, with_local_time
from geo.crs import from_wgs84
from tests.ingest.stage import CITY, hour, stage


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return load_packs()


def frame(dataset: str, rows: list[dict]) -> pl.DataFrame:
    schema = contract(dataset).polars_schema()
    full = [dict.fromkeys(schema) | row for row in rows]
    return pl.DataFrame(full, schema=schema, orient="row").with_columns(row_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))


def test_a_locality_is_the_same_number_everywhere_and_lists_every_area_it_counts_in(packs) -> None:
    pack = packs[CITY]
    township = pack.children("420704", "township")[0].id
    zone = next(a.id for a in pack.areas.values() if a.level == "zone")
    found = locality_of(pack, Place("420704", township, (zone,)))
    assert found == locality_of(pack, Place("420704", township, (zone,)))
    assert 0 <= found.id < 2**63
    assert set(found.areas) == {township, "420704", CITY, zone}
    assert found.id != locality_of(pack, Place("420704", township)).id


def test_the_register_decides_before_the_area_of_the_row(packs) -> None:
    sites = pl.DataFrame({"site_id": ["S1"], "locality_id": [77], "h3_r9": pl.Series([5], dtype=pl.UInt64)})
    rows = frame("charging_hourly", [{"site_id": "S1", "area_id": "420703"}, {"site_id": "S2", "area_id": "420703"}])
    found = locate_rows(rows, contract("charging_hourly"), packs[CITY], sites)
    assert found.frame.select("locality_id", "place_basis").rows()[0] == (77, "site")
    assert found.frame["place_basis"].to_list() == ["site", "area"]
    assert found.refused.is_empty()


def test_rows_keep_their_order_whatever_way_located_them(packs) -> None:
    sites = pl.DataFrame({"site_id": ["S2", "S4"], "locality_id": [1, 2], "h3_r9": pl.Series([5, 5], dtype=pl.UInt64)})
    rows = frame("charging_hourly", [{"site_id": f"S{n}", "area_id": CITY} for n in range(6)])
    found = locate_rows(rows, contract("charging_hourly"), packs[CITY], sites)
    assert found.frame["row_number"].to_list() == [1, 2, 3, 4, 5, 6]
    assert found.frame["place_basis"].to_list() == ["area", "area", "site", "area", "site", "area"]


def test_the_suppliers_township_code_wins_over_the_approximate_polygon(packs) -> None:
    pack = packs[CITY]
    here, other = pack.children("420704", "township")[:2]
    row = {"site_id": "S1", "lon": here.centroid[0], "lat": here.centroid[1], "township_code": other.id}
    found = locate_rows(frame("charging_stations", [row]), contract("charging_stations"), pack)
    assert found.frame["place_basis"].to_list() == ["township"]
    assert other.id in found.localities[found.frame["locality_id"][0]].areas


def test_an_area_may_be_given_by_any_of_its_codes_and_is_kept_by_its_id(packs) -> None:
    pack = packs[CITY]
    rows = frame("hotline_calls", [{"area_id": "420704000000"}, {"area_id": "420704"}, {"area_id": CITY}])
    found = locate_rows(rows, contract("hotline_calls"), pack)
    assert found.frame["area_id"].to_list() == ["420704", "420704", CITY]
    assert found.localities[found.frame["locality_id"][2]].areas == (CITY,)


def test_codes_of_several_townships_that_share_a_polygon_name_one_area(packs) -> None:
    pack = packs[CITY]
    combined = next((a for a in pack.areas.values() if a.level == "township" and len(a.codes) > 1), None)
    if combined is None:
        pytest.skip("no combined township in this pack")
    found = areas_by_alias(pack, combined.codes)
    assert {entry[0] for entry in found.values() if entry} == {combined.id}


def test_an_unknown_area_is_refused_with_the_nearest_one(packs) -> None:
    found = locate_rows(frame("hotline_calls", [{"area_id": "42070"}]), contract("hotline_calls"), packs[CITY])
    assert found.frame.is_empty()
    assert found.refused.select("column_name", "rule").row(0) == ("area_id", "unknown_area")
    assert "did you mean 4207" in found.refused["reason"][0]


def test_a_point_outside_is_refused_with_distance_and_nearest_area(packs) -> None:
    pack = packs[CITY]
    rows = frame("vehicle_positions", [{"vehicle_id": "V1", "lon": 114.305, "lat": 30.593}])  # Wuhan's centre
    found = locate_rows(rows, contract("vehicle_positions"), pack)
    reason = found.refused["reason"][0]
    assert found.refused["rule"][0] == "outside_city"
    distance_m = int(reason.split(" m from ")[0].split()[-1])
    assert 20_000 < distance_m < 60_000
    assert any(area.id in reason for area in pack.areas.values())


def test_a_row_that_says_no_place_is_refused(packs) -> None:
    found = locate_rows(frame("vehicle_positions", [{"vehicle_id": "V1"}]), contract("vehicle_positions"), packs[CITY])
    assert found.refused["rule"].to_list() == ["no_place"]
    assert "lon and lat is needed" in found.refused["reason"][0]


def test_a_file_with_many_points_outside_is_flagged(packs) -> None:
    pack = packs[CITY]
    lon, lat = pack.area("420704").centroid
    rows = [{"vehicle_id": f"V{n}", "lon": lon, "lat": lat} for n in range(100)]
    rows += [{"vehicle_id": f"W{n}", "lon": 114.305, "lat": 30.593} for n in range(25)]
    found = locate_rows(frame("vehicle_positions", rows), contract("vehicle_positions"), pack)
    assert found.warning.startswith("probable wrong")
    assert "25 of 125" in found.warning


def test_points_given_in_gcj_02_and_read_as_wgs84_are_recognised(packs) -> None:
    pack = packs[CITY]
    rng = np.random.default_rng(1)
    west, south, east, north = pack.bbox
    lon, lat = rng.uniform(west, east, 4000), rng.uniform(south, north, 4000)
    inside = pack.locator().locate(lon, lat).inside
    right = pl.DataFrame({"lon": lon[inside], "lat": lat[inside]})
    given_lon, given_lat = from_wgs84(right["lon"].to_numpy(), right["lat"].to_numpy(), "GCJ-02")
    rules = contract("vehicle_positions")
    shifted = frame("vehicle_positions", [{"vehicle_id": "V", "lon": x, "lat": y} for x, y in zip(given_lon, given_lat, strict=True)])
    found = locate_rows(shifted, rules, pack)
    assert found.warning.startswith("probable wrong datum")
    assert "read as GCJ-02 instead of WGS84" in found.warning
    good = frame("vehicle_positions", [{"vehicle_id": "V", **row} for row in right.to_dicts()])
    assert locate_rows(good, rules, pack).warning == ""


def test_a_township_counts_in_its_statistical_parent_wherever_the_line_is_drawn(packs) -> None:
    pack = packs["330600"]
    found = areas_by_alias(pack, ["330602017"])["330602017"]
    assert found is not None
    assert "330602" in found[1].areas and "330604" not in found[1].areas


def test_city_and_district_of_one_area_are_counted_once(packs) -> None:
    pack = packs["500114"]
    township = pack.children("500114", "township")[0]
    found = areas_by_alias(pack, [township.id])[township.id]
    assert found is not None
    assert sorted(found[1].areas) == sorted({township.id, "500114"})


@pytest.mark.parametrize(
    ("zone", "moments", "offsets_h"),
    [
        ("Asia/Shanghai", ["2026-03-01T00:00", "2026-07-01T00:00"], [8, 8]),
        # clocks of Berlin: forward on 2026-03-29 at 01:00 UTC, back on 2026-10-25 at 01:00 UTC
        ("Europe/Berlin", ["2026-03-29T00:59:59", "2026-03-29T01:00", "2026-10-25T00:59:59", "2026-10-25T01:00"], [1, 2, 2, 1]),
        ("America/St_Johns", ["2026-01-15T12:00", "2026-07-15T12:00"], [-3.5, -2.5]),
    ],
)
def test_offset_and_local_day_follow_the_clock_of_the_city(zone: str, moments: list[str], offsets_h: list[float]) -> None:
    tz = ZoneInfo(zone)
    event = pl.Series([datetime.fromisoformat(m) for m in moments], dtype=pl.Datetime("us"))
    found = with_local_time(pl.DataFrame({"n": range(len(moments))}), event, tz)
    assert found["utc_offset_s"].to_list() == [int(h * 3600) for h in offsets_h]
    days = [(m + timedelta(hours=h)).date() for m, h in zip(event.to_list(), offsets_h, strict=True)]
    assert found["local_day"].to_list() == days


def test_rows_of_unknown_sites_can_be_replayed_once_the_register_has_come(tmp_path: Path) -> None:
    from data_pipeline.ingest.quarantine import Wanted, replay

    with stage(tmp_path) as s:
        receipt = s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(8), "energy_kwh": 5}])
        assert s.refused() == [(1, "unknown_site")]
        s.deliver("charging_stations", [s.station(1)])
        s.clock += timedelta(minutes=1)
        with s.writer.commit("replay") as commit:
            replay(commit, Wanted(rule="unknown_site"))
        again = commit.receipts[0]
        assert (again.rows_in, again.accepted, again.quarantined) == (1, 1, 0)
        row = s.lake.frame("SELECT state, replayed_as, delivery_id FROM quarantine").row(0)
        assert row == ("replayed", again.delivery_id, receipt.delivery_id)
