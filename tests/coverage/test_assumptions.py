"""The assumptions are declared strictly, said in both languages, and apply where the register is silent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data_pipeline.coverage.assumptions import FILE, Assumptions, assumptions
from data_pipeline.coverage.ground import ground_of, township_people
from data_pipeline.coverage.register import network
from data_pipeline.declare import read_toml, validate
from data_pipeline.errors import DeclarationError
from geo.coverage.cells import SCENARIOS
from tests.coverage.village import LAKE, SEAT_EAST, SOUTH, WEST, station, village_pack


def test_every_assumption_is_said_in_both_languages_and_names_the_thresholds_as_our_own() -> None:
    said = assumptions().says
    assert len(said) >= 7 and all(s.zh.endswith("。") and s.en.endswith(".") for s in said)
    terms = assumptions().terms
    assert any("自定口径" in s.zh and f"−{-terms.rsrp_dbm:g}" in s.zh and f"−{-terms.sinr_db:g}" in s.zh for s in said)
    assert any("非实测" in s.zh and "not measured" in s.en for s in said)
    for figure in (f"{terms.load_share:.0%}", f"{-terms.floor_dbm:g}", f"{terms.place_radius_m:g}", f"{terms.place_share:.0%}", f"{terms.inside_m:g} 米"):
        assert any(figure in s.zh for s in said), figure


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("rsrp_dbm = -105", "rsrp_dmb = -105", "did you mean 'rsrp_dbm'"), ("floor_dbm = -117", "floor_dbm = -108", "at least 6 dB below"),
        ("load_share = 0.5", "load_share = 1.5", "load_share"), ('band = "n78"\nwide', 'band = "n99"\nwide', "is not among bands"),
        ("UMi = 10, ", "", "height_m lacks UMi"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_and_the_message_helps(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / FILE.name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DeclarationError, match=says):
        validate(Assumptions, read_toml(path), path.name)


@pytest.mark.parametrize(
    ("operator", "band", "carrier", "mhz"),
    [
        ("中国移动", "n41", "cm-n41", 2565), ("中国移动", "n28", "n28-shared", 773), ("中国广电", "n28", "n28-shared", 773),
        ("中国电信", "n78", "ct-n78", 3450), ("China Unicom", "n78", "cu-n78", 3550), ("פלאפון", "", "פלאפון/n78", 3500),
        ("", "n28", "unknown/n28", 773), ("中国联通", "n999", "中国联通/n78", 3500),
    ],
)  # fmt: skip
def test_carriers_are_those_of_the_operators_and_an_own_one_where_nobody_is_listed(operator: str, band: str, carrier: str, mhz: float) -> None:
    found = assumptions().carrier_of(operator, band)
    assert (found.id, found.centre_mhz) == (carrier, mhz)


def test_what_the_register_gives_is_used_and_what_it_lacks_is_assumed_and_counted(tmp_path: Path) -> None:
    ground = ground_of(village_pack(tmp_path / "p"), assumptions())
    rows = [
        station("town", 1_000, 1_000, height_m=None, band=None, operator=None), station("street", 6_000, 4_000, height_m=8.0),
        station("urban", 6_000, 4_100, height_m=31.2, azimuth_deg=120.0, beam_width_deg=33.0, downtilt_deg=6.0, eirp_dbm=71.0),
        station("zero", 1_000, 1_500, height_m=0.0, operator="中国电信", band="n1"),
    ]  # fmt: skip
    net = network(pl.DataFrame(rows, infer_schema_length=None), ground, assumptions())
    cells = net.cells
    assert [SCENARIOS[k] for k in cells.scenario] == ["RMa", "UMi", "UMa", "RMa"]
    assert cells.height_m.tolist() == [35, 8, 31, 35]
    assert cells.x_m == pytest.approx([WEST + 1_000, WEST + 6_000, WEST + 6_000, WEST + 1_000], abs=0.01)
    # standards 1.4: 200 W over 273 blocks is 17.86 dBm a resource element; 71 dBm EIRP spread over them is 35.85
    assert cells.eirp_dbm[:3] == pytest.approx([17.86 + 18, 17.86 + 18, 71 - 10 * np.log10(12 * 273)], abs=0.006)
    assert (cells.azimuth_deg[2], cells.beam_deg[2], cells.downtilt_deg[2]) == (120, 33, 6)
    assert np.isnan(cells.azimuth_deg[0]) and cells.beam_deg[0] == 65
    assert [net.carriers[k].id for k in cells.channel] == ["unknown/n78", "cm-n41", "cm-n41", "ct-n1"]
    assert net.assumed == {"height_m": 1, "azimuth_deg": 3, "downtilt_deg": 3, "eirp_dbm": 3, "band": 1, "operator": 1}


def test_people_keep_every_census_and_live_near_seats_and_on_land(tmp_path: Path) -> None:
    pack = village_pack(tmp_path / "p")
    assert township_people(pack, assumptions().people) == {"900000001": 10_000, "900000002": 20_000}
    ground = ground_of(pack, assumptions())
    assert ground.people is not None and ground.inside.sum() * ground.grid.cell_km2 == pytest.approx(48, rel=0.001)
    in_west = np.broadcast_to(ground.grid.x_m < WEST + 4_000, ground.people.shape)
    assert ground.people[in_west].sum() == pytest.approx(10_000, rel=1e-3)
    assert ground.people[~in_west].sum() == pytest.approx(20_000, rel=1e-3)
    assert ground.people[ground.grid.mask(LAKE.buffer(-100))].sum() == 0
    x, y = np.meshgrid(ground.grid.x_m, ground.grid.y_m)
    away = np.hypot(x - SEAT_EAST.x, y - SEAT_EAST.y)
    east = ~in_west & ground.inside
    near, far = (ground.people[east & (away > a) & (away < b)].mean() for a, b in ((0, 300), (2_500, 3_000)))
    # half evenly, half as exp(-d/1200 m): computed here from the rule alone
    weight = np.exp(-away / 1_200) * east
    expected = [0.5 / np.count_nonzero(east) + 0.5 * weight[east & (away > a) & (away < b)].mean() / weight.sum() for a, b in ((0, 300), (2_500, 3_000))]
    assert near / far == pytest.approx(expected[0] / expected[1], rel=0.005)


def test_pieces_are_what_the_locator_says_and_zones_cut_them(tmp_path: Path) -> None:
    pack = village_pack(tmp_path / "p")
    ground = ground_of(pack, assumptions())
    assert sorted(ground.piece_id(k) for k in range(len(ground.places))) == ["900000001", "900000002", "900000002+900000400"]
    sizes = {ground.piece_id(k): np.count_nonzero(ground.piece == k) * 0.0025 for k in range(len(ground.places))}
    assert sizes == pytest.approx({"900000001": 24, "900000002": 20, "900000002+900000400": 4}, rel=0.002)
    places = pack.locator().locate(ground.lon, ground.lat)
    assert [places.places[k] for k in places.place] == list(ground.places)
    assert ground.piece_at([ground.lon[0], 0.0, np.nan], [ground.lat[0], 0.0, 30.3]).tolist() == [0, -1, -1]
    assert SOUTH % 50 == 0


def test_without_any_census_there_are_no_people_not_zero(tmp_path: Path) -> None:
    pack = village_pack(tmp_path / "p")
    pack.areas = {k: a.model_copy(update={"population": None}) for k, a in pack.areas.items()}
    assert ground_of(pack, assumptions()).people is None
