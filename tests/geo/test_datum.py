"""A wrong datum is noticed on the real case of Shenzhen, and never guessed without evidence."""

import numpy as np
import polars as pl
import pyogrio
import pytest
from shapely import box

from geo.areas import AreaIndex, polygonal
from geo.crs import from_wgs84, to_wgs84
from geo.datum import SWAPPED, probable_datum


@pytest.fixture(scope="module")
def shenzhen(shared_data):
    folder = shared_data / "ev_sites_shenzhen"
    if not folder.is_dir():
        pytest.skip("ev_sites_shenzhen is not on this machine")
    stations = pl.read_csv(folder / "stations_stevcdp.csv")
    districts = pyogrio.read_dataframe(folder / "sz_districts_transbigdata.json")
    index = AreaIndex([polygonal(shape)[0] for shape in districts.geometry])
    lon, lat = stations["longitude"].to_numpy(), stations["latitude"].to_numpy()
    return lon, lat, lambda x, y: index.find(x, y) >= 0


def test_the_stations_of_shenzhen_are_found_to_be_gcj02_about_600_m_off(shenzhen):
    lon, lat, inside = shenzhen
    verdict = probable_datum(lon, lat, inside, "WGS84")
    assert verdict.probable == "GCJ-02" and verdict.n == 809
    assert verdict.shares["GCJ-02"] == 1.0 and verdict.shares["WGS84"] < 0.96
    assert 560 < verdict.shift_m < 640


def test_the_right_declaration_is_not_flagged(shenzhen):
    lon, lat, inside = shenzhen
    assert probable_datum(lon, lat, inside, "GCJ-02").probable is None
    assert probable_datum(*to_wgs84(lon, lat, "GCJ-02"), inside, "WGS84").probable is None
    assert probable_datum(lon, lat, inside, "BD-09").probable == "GCJ-02"


def test_latitude_before_longitude_is_named_as_swapped(shenzhen):
    lon, lat, inside = shenzhen
    assert probable_datum(lat, lon, inside, "GCJ-02").probable == SWAPPED


def test_few_points_far_from_any_border_give_no_verdict():
    middle = AreaIndex([box(113, 29, 116, 32)])
    lon, lat = np.full(500, 114.5), np.full(500, 30.5)
    assert probable_datum(lon, lat, lambda x, y: middle.find(x, y) >= 0).probable is None
    assert probable_datum([], [], lambda x, y: middle.find(x, y) >= 0).probable is None
    edge = from_wgs84([115.9999] * 10, [30.5] * 10, "GCJ-02")
    assert probable_datum(*edge, lambda x, y: middle.find(x, y) >= 0).probable is None
