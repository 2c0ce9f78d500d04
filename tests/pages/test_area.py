"""`/district/<code>`: one area beside its city and its siblings."""

from __future__ import annotations

import pytest
from fake_store import FakeStore
from views import links, make, nodes, page, region, words

from components import compare
from components.maps.dots import padded
from data_pipeline.cities import load_packs


def test_a_district_shows_its_name_its_parts_and_its_place_in_the_city() -> None:
    tree = page(make(), "/district/420704")["tree"]
    said = words(tree)
    assert "鄂城区" in said and "示意边界" in said
    ranked = words(region(tree, "v-area-ranking"))
    townships = [a.name_zh for a in load_packs()["420700"].children("420704")]
    assert all(name in ranked for name in townships)
    assert len(townships) == 14


def test_breadcrumbs_lead_from_the_city_over_the_district_to_the_township() -> None:
    tree = page(make(), "/district/420704001", "?metric=traffic.tti&theme=light")["tree"]
    found = links(tree)
    assert found["鄂州市"] == "/?theme=light&city=420700"
    assert found["鄂城区"] == "/district/420704?theme=light&city=420700"


def test_the_city_itself_is_the_overview_and_an_alias_leads_to_the_areas_own_address() -> None:
    views = make(FakeStore(built=("420700", "500114", "510400")))
    assert page(views, "/district/420700") == {"redirect": "/?city=420700"}
    assert page(views, "/district/500114") == {"redirect": "/?city=500114"}
    # 东华街道 shares a polygon with 炳草岗街道, whose code is the area's id
    assert page(views, "/district/510402010") == {"redirect": "/district/510402002?city=510400"}


def test_units_that_share_a_polygon_are_shown_together() -> None:
    tree = page(make(FakeStore(built=("510400",))), "/district/510402002")["tree"]
    said = words(tree)
    assert "炳草岗街道·东华街道" in said and "510402002 / 510402010" in said and "2 个单位共用一个示意边界" in said


def test_a_zone_that_is_one_township_says_so_and_is_not_ranked() -> None:
    tree = page(make(), "/district/420703400")["tree"]
    assert "与葛店镇范围相同" in words(tree)
    comparisons = [p for p in nodes(tree) if str(p.get("id", "")).startswith("v-area-compare")]
    assert comparisons and not any("排名" in words(p["children"]) for p in comparisons)


def test_a_district_is_ranked_among_the_three_districts() -> None:
    tree = page(make(), "/district/420704")["tree"]
    line = words(region(tree, "v-area-compare-traffic-tti")["children"])
    assert "/3" in line and "鄂州市" in line


def test_a_township_of_a_city_without_districts_stands_among_its_siblings() -> None:
    tree = page(make(), "/district/500114001")["tree"]
    assert "同级乡镇街道" in words(tree)
    assert links(tree)["黔江区"] == "/?city=500114"
    assert "/30" in words(region(tree, "v-area-compare-traffic-tti")["children"])


def test_rank_is_counted_by_hand_with_shared_places_and_without_missing_values() -> None:
    q = FakeStore()
    readings = q.by_area("traffic.tti", "420700", "hour")
    values = dict(zip(["420702", "420703", "420704"], [3.0, 5.0, 5.0], strict=True))
    made = [type(r)(**{**vars(r), "value": values[r.area]}) for r in readings]
    assert compare.rank_of(made, "420702") == (3, 3)
    assert compare.rank_of(made, "420703") == (1, 3) == compare.rank_of(made, "420704")
    gone = [type(r)(**{**vars(r), "value": None if r.area == "420703" else r.value}) for r in made]
    assert compare.rank_of(gone, "420703") is None
    assert compare.rank_of(gone, "420702") == (2, 2)
    assert compare.rank_of(made[:1], made[0].area) is None


def test_metrics_without_a_value_are_named_and_not_shown_as_zero() -> None:
    tree = page(make(FakeStore(missing=("environment.pm25", "traffic.tti"))), "/district/420704")["tree"]
    note = words(region(tree, "v-area-missing"))
    assert "PM2.5" in note and "另有 2 项" in note
    assert not any(p.get("id") == "v-area-kpi-environment-pm25" for p in nodes(tree))


def test_the_plan_names_no_target_below_the_city_and_says_so() -> None:
    tree = page(make(), "/district/420704")["tree"]
    assert "方案未给出区县目标" in words(tree)


def test_sites_are_counted_listed_and_drawn_and_lead_to_their_pages() -> None:
    views = make()
    tree = page(views, "/district/420704", "?sites=charging_stations")["tree"]
    assert "共 56 个" in words(tree)  # 14 townships of 4 sites
    tiles = region(tree, "v-area-map")["figure"]["layout"]["meta"]["tiles"]
    assert tiles["url"] == "/tiles/420700/charging_stations/{z}/{x}/{y}.mvt?area=420704" and tiles["site"] == "/site/{id}?city=420700"
    second = page(views, "/district/420704", "?sites=charging_stations&from_site=12")["tree"]
    first_names = {t for t, h in links(region(tree, "v-area-sites")["children"]).items() if h.startswith("/site/")}
    second_names = {t for t, h in links(region(second, "v-area-sites")["children"]).items() if h.startswith("/site/")}
    assert len(first_names) == len(second_names) == 12 and not first_names & second_names


def test_the_boundary_of_an_approximate_area_is_dashed_and_that_of_a_district_is_not() -> None:
    views = make()
    for code, dashed in (("420704001", True), ("420704", False)):
        layers = region(page(views, f"/district/{code}")["tree"], "v-area-map")["figure"]["layout"]["map"]["style"]["layers"]
        focus = next(layer for layer in layers if layer["id"] == "focus")
        assert ("line-dasharray" in focus["paint"]) is dashed and focus["filter"] == ["==", ["get", "id"], code]


def test_switching_metric_or_grain_keeps_the_page_and_changes_its_regions() -> None:
    views = make()
    first = page(views, "/district/420704", "?metric=traffic.tti")
    second = page(views, "/district/420704", "?metric=charging.energy_kwh&grain=day")
    assert first["key"] == second["key"]
    assert first["updates"]["v-area-map"] != second["updates"]["v-area-map"]
    assert "充电量" in words(second["updates"]["v-area-course-head"]["children"])


def test_an_unknown_area_is_a_page_that_names_near_ones() -> None:
    found = page(make(), "/district/42070")
    assert "没有编号为“42070”的区域" in words(found["tree"])


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_level_builds_in_both_languages(lang: str) -> None:
    views = make()
    for code in ("420702", "420703400", "420702100"):
        found = page(views, f"/district/{code}", f"?lang={lang}")
        assert found["lang"] == lang and found["tree"]


def test_the_english_page_of_a_district_holds_no_chinese_beside_the_language_switch() -> None:
    tree = page(make(), "/district/420704", "?lang=en")["tree"]
    said = words(tree).replace("中文", "")
    assert [c for c in said if "\u4e00" <= c <= "\u9fff"] == []


def test_a_box_is_never_smaller_than_two_kilometres() -> None:
    west, south, east, north = padded((114.0, 30.0, 114.001, 30.001))
    assert east - west == pytest.approx(0.02) and north - south == pytest.approx(0.02)
    assert padded((0.0, 0.0, 1.0, 2.0), 0.1) == pytest.approx((-0.1, -0.2, 1.1, 2.2))
