"""`/site/<id>`: what a place is, how it stands, what it has reported."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from fake_store import FakeStore
from views import links, make, page, region, words

from components import cells
from components.history import broken
from data_pipeline.contracts import contract
from data_pipeline.times import zone
from pages.site import nearest

AT = "?city=420700"
TZ = zone("Asia/Shanghai")


def test_a_site_says_what_it_is_in_the_words_of_its_contract() -> None:
    tree = page(make(), "/site/420704001-0", AT)["tree"]
    what = words(region(tree, "v-site-what")["children"])
    for part in ("充电枪数", "快充枪数", "480 千瓦", "运营状态 可用", "是否公用 是", "2024年5月1日"):
        assert part in what
    assert "模拟数据" in words(tree)


def test_breadcrumbs_end_at_the_site_under_its_township() -> None:
    found = page(make(), "/site/420704001-0", AT)
    trail = links(found["tree"])
    assert trail["凤凰街道"] == "/district/420704001?city=420700"
    assert trail["鄂城区"] == "/district/420704?city=420700"


def test_a_place_told_by_coordinates_says_that_the_township_is_approximate() -> None:
    said = words(page(make(), "/site/420704001-0", AT)["tree"])
    assert "区域由坐标判定" in said and "乡镇边界为示意" in said


def test_a_missing_hour_breaks_the_line() -> None:
    tree = page(make(), "/site/420704001-1", AT + "&column=energy_kwh")["tree"]
    graph = region(tree, "v-site-chart")["children"]["props"]
    line = graph["figure"]["data"][0]
    assert line["connectgaps"] is False
    assert line["y"].count(None) == 1  # two hours are missing in one place
    whole = page(make(), "/site/420704001-0", AT + "&column=energy_kwh")["tree"]
    assert None not in region(whole, "v-site-chart")["children"]["props"]["figure"]["data"][0]["y"]


def test_points_are_ordered_and_broken_where_a_step_is_missing() -> None:
    start = datetime(2026, 1, 1)
    hours = [0, 1, 2, 5, 6]
    points = [(start + timedelta(hours=h), float(h)) for h in reversed(hours)]
    found = broken(points, timedelta(hours=1))
    assert [value for _, value in found] == [0.0, 1.0, 2.0, None, 5.0, 6.0]
    assert found[3][0] == start + timedelta(hours=3, minutes=30)
    # without a cadence: the median step is an hour, three hours are not yet a gap, four are
    assert None not in [v for _, v in broken(points, None)]
    assert None in [v for _, v in broken([*points, (start + timedelta(hours=10), 10.0)], None)]
    assert broken([], None) == []


def test_the_newest_record_stands_on_top_and_a_silent_site_is_called_so() -> None:
    store = FakeStore()
    now = words(region(page(make(store), "/site/420704001-0", AT)["tree"], "v-site-now")["children"])
    assert "最新记录" in now and "100" in now and "无新记录" not in now
    columns, rows = store.site_records("420700", "420704001-0", "charging_hourly", 100)
    store.site_records = lambda *_: (columns, [(r[0] - timedelta(hours=9), *r[1:2], r[2] and r[2] - timedelta(hours=9), *r[3:]) for r in rows])
    at = contract("charging_hourly").event_time
    assert columns[2] == at
    silent = words(region(page(make(store), "/site/420704001-0", AT)["tree"], "v-site-now")["children"])
    assert "已 10 小时无新记录" in silent


def test_a_register_without_reports_says_so() -> None:
    said = words(page(make(), "/site/420704001-3", AT)["tree"])
    assert "这类点位只有登记信息，没有定期上报" in said


def test_records_name_the_delivery_they_came_in() -> None:
    tree = page(make(), "/site/420704001-0", AT)["tree"]
    assert links(region(tree, "v-site-records"))["12"] == "/data?city=420700&show=deliveries&dataset=charging_hourly"
    assert "充电站小时电量" in words(region(tree, "v-site-deliveries")["children"])


def test_deliveries_page_by_address_as_far_back_as_they_go() -> None:
    first = links(region(page(make(), "/site/420704001-0", AT)["tree"], "v-site-deliveries"))
    assert first["下一页"] == "/site/420704001-0?city=420700&deliveries=20" and "130" in first and "12" not in first
    last = links(region(page(make(), "/site/420704001-0", AT + "&deliveries=70")["tree"], "v-site-deliveries"))
    assert last["上一页"] == "/site/420704001-0?city=420700&deliveries=50" and "12" in last and "下一页" not in last


def test_neighbours_come_by_distance_along_the_earth() -> None:
    store = FakeStore()
    site = store.site("420700", "420704001-0")
    found = nearest(site, store.sites("420700"))
    assert [s.site_id for s, _ in found[:3]] == ["420704001-1", "420704001-2", "420704001-3"]
    # 0.004 degrees east and 0.003 north at 30.38 N: sqrt((0.004 * 96.1 km)^2 + (0.003 * 110.9 km)^2) = 508 m
    assert found[0][1] == pytest.approx(508, abs=3)


def test_an_unknown_site_is_a_page_that_says_so() -> None:
    assert "没有这个页面" in words(page(make(), "/site/nothing", AT)["tree"])


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (None, "guns", "—"), (0, "guns", "0"), (1234, "guns", "1,234"), (0.4125, "rated_power_kw", "0.413"),
        (True, "is_public", "是"), ("OUTOFORDER", "status", "故障"), ("2024-02-29", "opened_on", "2024年2月29日"),
        ("nonsense", "opened_on", "nonsense"),
    ],
)  # fmt: skip
def test_cells_are_words(value: object, column: str, text: str) -> None:
    assert cells.cell(value, contract("charging_stations").columns[column], TZ, "zh") == text


def test_moments_stand_on_the_citys_clock() -> None:
    column = contract("charging_hourly").columns["start_at"]
    assert cells.cell(datetime(2026, 11, 21, 16, 30), column, TZ, "zh") == "2026年11月22日 00:30:00"
