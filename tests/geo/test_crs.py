"""Tables 7.1, 7.2 and 7.3 of standards.md."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.crs import (
    UnknownDatum,
    canonical_datum,
    cgcs2000_zone_epsg,
    from_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    in_gcj02_box,
    metric_crs_for,
    to_wgs84,
    wgs84_to_gcj02,
)
from geo.distance import geodesic_m

# place: WGS84, GCJ-02, shift in m, BD-09
TABLE_7_1 = {
    "杭州": ((120.1551, 30.2741), (120.15979448, 30.27177122), 520.3, (120.16635835, 30.27759922)),
    "重庆": ((106.5516, 29.5630), (106.55531765, 29.56015127), 479.1, (106.56174823, 29.56646599)),
    "西安": ((108.9402, 34.3416), (108.94485670, 34.34004517), 461.9, (108.95130094, 34.34627975)),
    "昆明": ((102.7123, 25.0406), (102.71374163, 25.03762735), 360.0, (102.72015501, 25.04391532)),
    "北京": ((116.3910, 39.9070), (116.39724096, 39.90840111), 555.9, (116.40361442, 39.91474390)),
}
ZONES_7_2 = [(102.7, 4543), (104.07, 4544), (106.55, 4545), (108.94, 4545), (111.67, 4546), (113.65, 4547)]
ZONES_7_2 += [(117.2, 4548), (118.8, 4549), (120.16, 4549), (121.47, 4549)]


@pytest.mark.parametrize("place", TABLE_7_1)
def test_wgs84_becomes_gcj02_and_bd09_as_in_table_7_1(place):
    wgs, gcj, shift_m, bd = TABLE_7_1[place]
    got = wgs84_to_gcj02(*([v] for v in wgs))
    assert np.allclose(np.ravel(got), gcj, atol=1e-8, rtol=0)
    assert np.allclose(np.ravel(from_wgs84([wgs[0]], [wgs[1]], "BD-09")), bd, atol=1e-8, rtol=0)
    assert geodesic_m(wgs[0], wgs[1], got[0], got[1]) == pytest.approx(shift_m, abs=0.06)


@pytest.mark.parametrize("place", TABLE_7_1)
def test_gcj02_and_bd09_of_table_7_1_come_back_to_wgs84_within_the_rounding_of_the_table(place):
    wgs, gcj, _, bd = TABLE_7_1[place]
    assert np.allclose(np.ravel(to_wgs84([gcj[0]], [gcj[1]], "GCJ-02")), wgs, atol=1e-7, rtol=0)
    assert np.allclose(np.ravel(to_wgs84([bd[0]], [bd[1]], "BD-09")), wgs, atol=1e-7, rtol=0)


def test_points_outside_the_box_are_unchanged_by_every_obfuscation():
    tokyo = ([139.7], [35.68])
    for datum in ("GCJ-02", "BD-09"):
        assert np.ravel(from_wgs84(*tokyo, datum)).tolist() == [139.7, 35.68]
        assert np.ravel(to_wgs84(*tokyo, datum)).tolist() == [139.7, 35.68]


@given(st.floats(73, 136), st.floats(2, 54))
def test_the_inverse_returns_any_point_of_china_within_a_millimetre(lon, lat):
    for datum in ("GCJ-02", "BD-09"):
        back = to_wgs84(*from_wgs84([lon], [lat], datum), datum)
        assert geodesic_m(lon, lat, back[0], back[1]) < 1e-3


def test_nan_stays_nan_and_arrays_keep_their_length():
    lon, lat = gcj02_to_wgs84([np.nan, 114.8, 200.0], [30.0, np.nan, 30.0])
    assert np.isnan(lon[0]) and np.isnan(lat[1]) and lon[2] == 200.0
    assert gcj02_to_bd09([], [])[0].shape == (0,)
    assert in_gcj02_box([np.nan], [30.0]).tolist() == [False]


def test_projected_examples_of_table_7_2_agree_to_a_millimetre():
    cases = [
        (120.1551, 30.2741, "EPSG:4549", 514923.734, 3350508.870),
        (120.1551, 30.2741, "EPSG:4528", 40514923.734, 3350508.870),
        (106.5516, 29.5630, "EPSG:4545", 359633.316, 3272547.953),
        (106.5516, 29.5630, "EPSG:4544", 650369.178, 3272677.182),
    ]
    for lon, lat, epsg, east, north in cases:
        x, y = from_wgs84(lon, lat, epsg)
        assert (float(x), float(y)) == (pytest.approx(east, abs=0.001), pytest.approx(north, abs=0.001))
        back = to_wgs84(east, north, epsg)
        assert (float(back[0]), float(back[1])) == (pytest.approx(lon, abs=1e-7), pytest.approx(lat, abs=1e-7))


def test_three_degree_zones_are_those_of_section_7_2():
    for lon, epsg in ZONES_7_2:
        assert cgcs2000_zone_epsg(lon) == epsg
    prefixed = {102: 4522, 105: 4523, 108: 4524, 111: 4525, 114: 4526, 117: 4527, 120: 4528}
    for meridian, epsg in prefixed.items():
        assert cgcs2000_zone_epsg(meridian, prefixed=True) == epsg
    with pytest.raises(ValueError, match="no CGCS2000"):
        cgcs2000_zone_epsg(-122.4)


def test_a_place_abroad_gets_its_utm_zone():
    assert metric_crs_for(-122.4, 37.8, "America/Los_Angeles") == "EPSG:32610"
    assert metric_crs_for(145.0, -37.8, "Australia/Melbourne") == "EPSG:32755"
    assert metric_crs_for(114.88, 30.4, "Asia/Shanghai") == "EPSG:4547"
    assert metric_crs_for(0.0, 89.0) == "EPSG:32661"


def test_datum_names_have_one_spelling_and_unknown_ones_name_what_is_allowed():
    assert [canonical_datum(n) for n in ("wgs 84", "gcj02", "bd_09", "cgcs2000", "epsg:4547")] == [
        "WGS84", "GCJ-02", "BD-09", "CGCS2000", "EPSG:4547",
    ]  # fmt: skip
    with pytest.raises(UnknownDatum, match="allowed: WGS84"):
        canonical_datum("beijing54")
    with pytest.raises(UnknownDatum, match="no EPSG code 99999"):
        canonical_datum("EPSG:99999")
