"""Strips, maps and rankings: gaps stay gaps, classes cover every value, nothing is invented."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from test_formats import NOW, READING

from components import ranking, strip, svg, theme, trend
from components.maps import city_map
from data_pipeline.metrics import metric
from data_pipeline.queries.types import Band

TZ = ZoneInfo("Asia/Shanghai")
BASE = city_map.BaseMap(url=lambda layer: f"/geo/x/{layer}.geojson", layers=frozenset({"outline", "districts"}),
                        bbox=(114.5, 30.0, 115.1, 30.6))  # fmt: skip
PLACES = [city_map.Place("a", "甲区", 114.6, 30.2), city_map.Place("b", "乙区", 114.7, 30.3),
          city_map.Place("c", "丙区", 114.8, 30.4)]  # fmt: skip
READINGS = [replace(READING, area="a", value=1.2), replace(READING, area="b", value=1.8),
            replace(READING, area="c", value=None, status="missing")]  # fmt: skip


def texts(node: object) -> list[str]:
    """Every text in a Dash tree, in order."""
    if isinstance(node, str):
        return [node]
    if isinstance(node, (list, tuple)):
        return [x for child in node for x in texts(child)]
    children = getattr(node, "children", None)
    return texts(children) if children is not None else []


def test_a_line_breaks_where_values_are_missing() -> None:
    assert svg.runs([1, None, 2, 3, None]) == [[0], [2, 3]]
    assert svg.line_path([0, 1, 2, 3], [5.0, None, 6.0, 7.0]) == "M0.0 5.0h0M2.0 6.0L3.0 7.0"


def test_a_strip_without_any_value_draws_nothing() -> None:
    drawn = strip.strip([(NOW, None), (NOW, None)], None, None)
    assert drawn.parts == []


def test_a_strip_draws_no_dot_for_a_missing_value() -> None:
    drawn = strip.strip([(NOW, 1.0), (NOW, 2.0)], None, Band(1.0, 1.5, 2.0, 20))
    assert not [p for p in drawn.parts if p[1]["className"].startswith("now")]


@pytest.mark.parametrize(("value", "side"), [(0.9, -1), (1.0, 0), (2.0, 0), (2.1, 1), (None, 0)])
def test_deviation_counts_from_the_ends_of_the_band(value: float | None, side: int) -> None:
    assert strip.deviation(value, Band(1.0, 1.5, 2.0, 20)) == side


def test_only_the_bad_side_is_an_exception() -> None:
    assert strip.is_bad(1, "lower") and strip.is_bad(-1, "higher")
    assert not strip.is_bad(-1, "lower") and not strip.is_bad(1, "neither")


def test_classes_cover_every_value_and_leave_out_the_missing() -> None:
    m = metric("traffic.tti")
    scale = city_map.classes(m, READINGS, "dark", "zh")
    assert [city_map.class_of(r.value, scale) for r in READINGS] == [0, len(scale) - 1, -1]
    assert city_map.classes(m, READINGS[2:], "dark", "zh") == []


def test_values_that_read_the_same_stand_in_one_class() -> None:
    tti = metric("traffic.tti")  # two decimals
    values = (1.001, 1.0021, 1.0049, 1.0051, 1.0082, 1.4)
    given = [replace(READINGS[0], metric=tti.id, area=str(i), value=v) for i, v in enumerate(values)]
    scale = city_map.classes(tti, given, "dark", "zh")
    assert [c.label for c in scale] == ["1.00", "1.01", "1.40"]
    assert [city_map.class_of(v, scale) for v in values] == [0, 0, 0, 1, 1, 2]


def test_declared_thresholds_make_the_classes() -> None:
    # HJ 633: 51 is the first value of class 2, 100 the last
    m = metric("environment.aqi_daily")
    scale = city_map.classes(m, [], "light", "zh")
    assert [city_map.class_of(v, scale) for v in (50, 51, 100, 101, 301, 500)] == [0, 1, 1, 2, 5, 5]


@pytest.mark.parametrize("name", theme.THEMES)
def test_an_area_without_a_value_is_drawn_as_no_data_and_says_so(name: theme.Theme) -> None:
    figure = city_map.map_figure(BASE, "districts", PLACES, READINGS, metric("traffic.tti"), name, "zh")
    areas = figure["data"][0]
    assert areas["z"][2] == -1 and areas["text"][2] == "暂无数据"
    assert areas["colorscale"][0] == [0.0, theme.COLORS[name]["no-data"]]
    json.dumps(figure)  # plain values only


def test_the_map_asks_no_other_host() -> None:
    figure = city_map.map_figure(BASE, "districts", PLACES, READINGS, metric("traffic.tti"), "dark", "zh")
    assert "://" not in json.dumps(figure)
    assert "glyphs" not in figure["layout"]["map"]["style"]


def test_new_values_leave_style_and_geometry_untouched() -> None:
    m = metric("traffic.tti")
    first = city_map.map_figure(BASE, "districts", PLACES, READINGS, m, "dark", "zh")
    again = city_map.map_figure(BASE, "districts", PLACES, [replace(r, value=1.3) for r in READINGS], m, "dark", "zh")
    assert first["layout"] == again["layout"]
    assert first["data"][0]["geojson"] == again["data"][0]["geojson"] == "/geo/x/districts.geojson"
    assert len(first["data"]) == len(again["data"])


def test_a_box_fits_its_zoom() -> None:
    # the whole width of the world is 512 px at zoom 0 (MapLibre); each zoom doubles it
    assert city_map.zoom_for((-180, -10, 180, 10), 512, 512) == pytest.approx(0.0, abs=0.01)
    assert city_map.zoom_for((0, -1, 45, 1), 512, 512) == pytest.approx(3.0, abs=0.01)


def test_a_ranking_puts_the_missing_last_without_a_position() -> None:
    tree = ranking.ranking(READINGS, {"a": "甲区", "b": "乙区", "c": "丙区"}, metric("traffic.tti"),
                           lambda a: f"/district/{a}", TZ, "zh", NOW, id="r")  # fmt: skip
    assert texts(tree) == ["1", "乙区", "1.80", "2", "甲区", "1.20", "", "丙区", "暂无数据"]


def test_a_cut_ranking_says_how_many_there_are_and_keeps_the_current_one() -> None:
    tree = ranking.ranking(READINGS, {}, metric("traffic.tti"), str, TZ, "zh", NOW, id="r", limit=2, current="c")
    assert "共 3 个，显示前 2 个" in texts(tree)
    assert "c" in texts(tree)


def test_a_trend_never_connects_across_missing_data() -> None:
    series = [(NOW + timedelta(hours=i), None if i == 2 else float(i)) for i in range(5)]
    line = trend.trend_figure(series, metric("traffic.tti"), TZ, "zh", "light")["data"][-1]
    assert line["y"][2] is None and line["connectgaps"] is False
    assert line["x"][0] == "2026-11-22T10:15:00"


def test_a_trend_of_shares_stands_in_per_cent() -> None:
    figure = trend.trend_figure([(datetime(2026, 1, 1), 0.5)], metric("services.on_time_share"), TZ, "zh", "dark")
    assert figure["data"][-1]["y"] == [50.0]


def test_classes_of_whole_numbers_name_their_last_value() -> None:
    # HJ 633: 优 0–50, 良 51–100, 严重污染 above 300
    words = [c.label for c in city_map.classes(metric("environment.aqi_daily"), [], "light", "zh")]
    assert words[0] == "优 ≤50" and words[1] == "良 51–100" and words[-1] == "严重污染 ≥301"
