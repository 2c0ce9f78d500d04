"""`/domain/<id>`: every figure the plans' systems are served by is on its page, and nothing is made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fake_store import FakeStore
from views import links, make, nodes, page, region, words

from components.domain import parts, weak
from components.domain.extrude import LEAST_SHARE, extruded
from data_pipeline.cities import load_packs
from data_pipeline.domains import domains
from data_pipeline.metrics import metric
from data_pipeline.plans import read_plan_facts
from data_pipeline.plans.served import served_systems
from data_pipeline.queries.types import Band, Card, Reading

PACKS = load_packs()
SERVED = [
    (pack.id, system.system_id, service.view, m)
    for pack in PACKS.values()
    for system in served_systems(read_plan_facts(pack.folder / "plan", pack.id))
    for service in system.services
    for m in service.metric_ids
    if service.view.startswith("/domain/")
]


def figures(tree: Any) -> set[str]:
    """Metrics of the figures on a page: what opens a provenance drawer."""
    return {props["data-figure"].split("|")[0] for props in nodes(tree) if "data-figure" in props}


@pytest.mark.parametrize("city", sorted(PACKS))
def test_every_figure_a_system_is_served_by_is_on_the_page_it_names(city: str) -> None:
    views = make(FakeStore(built=tuple(PACKS)))
    shown = {d: figures(page(views, f"/domain/{d}", f"?city={city}")["tree"]) for d in domains()}
    named = [(system, view, m) for c, system, view, m in SERVED if c == city]
    assert named and [row for row in named if row[2] not in shown[row[1].removeprefix("/domain/")]] == []


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("group", list(domains()))
def test_a_page_has_cards_map_ranking_course_make_up_and_what_is_unusual(group: str, lang: str) -> None:
    tree = page(make(), f"/domain/{group}", f"?lang={lang}")["tree"]
    ids = {str(props.get("id", "")) for props in nodes(tree)}
    for wanted in ("v-domain-map", "v-domain-ranking", "v-domain-course", "v-domain-unusual", "v-domain-parts", "v-domain-legend"):
        assert wanted in ids
    served = {m.id for m in make().queries.metrics_for("420700")}
    headline = [m for m in domains()[group].headline if m in served]
    assert headline and {f"v-domain-kpi-{m.replace('.', '-')}" for m in headline} <= ids


def test_the_menu_holds_the_nine_groups_and_each_leads_to_its_page() -> None:
    found = links(page(make(), "/", "")["tree"])
    for group in domains().values():
        assert found[group.zh] == f"/domain/{group.id}?city=420700"
    assert found["领域"] == "/domain"


def test_the_index_names_every_group_with_its_first_figures() -> None:
    tree = page(make(), "/domain")["tree"]
    assert all(group.zh in words(tree) and group.asks_zh in words(tree) for group in domains().values())
    assert {"traffic.tti", "coverage.stations_5g"} <= figures(tree)


def test_an_unknown_group_is_a_page_that_is_not_there() -> None:
    assert "没有这个页面" in words(page(make(), "/domain/trafic")["tree"])


def test_a_city_without_data_says_that_it_is_being_built() -> None:
    assert "v-empty" in {props.get("id") for props in nodes(page(make(), "/domain/energy", "?city=330600")["tree"])}


def test_the_figure_in_the_address_is_on_the_map_and_a_foreign_one_is_not() -> None:
    views = make()
    assert "平均行程速度" in words(region(page(views, "/domain/traffic", "?metric=traffic.speed_kmh")["tree"], "v-domain-rank-head"))
    assert "行程时间比" in words(region(page(views, "/domain/traffic", "?metric=energy.load_mw")["tree"], "v-domain-rank-head"))


def test_in_three_dimensions_the_areas_rise_and_no_dots_are_drawn() -> None:
    views = make()
    flat = region(page(views, "/domain/livelihood")["tree"], "v-domain-map")["figure"]["layout"]["map"]
    raised = region(page(views, "/domain/livelihood", "?view=3d")["tree"], "v-domain-map")["figure"]["layout"]["map"]
    assert "blocks" not in flat["style"]["sources"] and "pitch" not in flat
    assert raised["style"]["sources"]["blocks"]["data"] == "/geo/420700/over/areas-district.geojson" and raised["pitch"] > 0
    states = region(page(views, "/domain/livelihood", "?view=3d")["tree"], "v-domain-map")["figure"]["layout"]["meta"]["states"]["blocks"]["of"]
    assert len(states) == 3 and all(s["height"] > 0 for s in states.values())


def test_blocks_stand_in_proportion_and_an_area_without_a_value_stays_flat() -> None:
    base = FakeStore().latest("health.bed_occupancy", "420702")
    readings = [replace(base, area=a, value=v) for a, v in (("a", 40.0), ("b", 20.0), ("c", None), ("d", 0.0))]
    empty: dict[str, Any] = {"layout": {"meta": {"bbox": [114, 30, 115, 31]}, "map": {"style": {"sources": {}, "layers": []}}}}
    found = extruded(empty, "/areas.geojson", readings, metric("health.visits_n"), "dark", "zh")
    heights = {area: state["height"] for area, state in found["layout"]["meta"]["states"]["blocks"]["of"].items()}
    assert set(heights) == {"a", "b", "d"}
    assert heights["a"] == pytest.approx(2 * heights["b"], rel=1e-3)
    assert heights["d"] == pytest.approx(LEAST_SHARE * heights["a"], rel=1e-3)


def card(value: float | None, band: Band | None) -> Card:
    reading: Reading = replace(FakeStore().latest("traffic.tti", "420700"), value=value, status="ok" if value is not None else "missing")
    return Card(reading, None, None, band, ())


def test_unusual_is_what_lies_outside_its_range_on_either_side_and_can_be_judged() -> None:
    usual = Band(1.0, 1.2, 1.4, 40)
    assert parts.is_unusual(card(1.5, usual)) and parts.is_unusual(card(0.9, usual))
    assert not parts.is_unusual(card(1.4, usual))
    assert not parts.is_unusual(card(None, usual)) and not parts.is_unusual(card(9.0, None))


def test_shares_of_a_whole_leave_out_who_has_no_value_and_name_him() -> None:
    base = FakeStore().latest("coverage.stations_5g", "420702")
    readings = [replace(base, area=a, value=v) for a, v in (("a", 750.0), ("b", 250.0), ("c", None))]
    tree = parts.composition(readings, {"a": "甲", "b": "乙", "c": "丙"}, metric("coverage.stations_5g"), lambda a: f"/{a}", "zh", id="x")
    said = words(tree.to_plotly_json()["props"]["children"][1].to_plotly_json()) + str(tree)
    assert "75%" in said and "25%" in said and "无数据：丙" in said


def test_weak_coverage_leads_to_an_action_by_model_and_measurement() -> None:
    assert weak.action(None, 0.96) == "test"
    assert weak.action(0.60, 0.96) == "build"
    assert weak.action(0.96, 0.96) == "build"
    assert weak.action(0.99, 0.96) == "check"


def test_the_page_of_coverage_lists_patches_places_and_the_models_error() -> None:
    tree = page(make(), "/domain/coverage")["tree"]
    said = words(region(tree, "v-domain-weak"))
    town = next(a for a in PACKS["420700"].areas.values() if a.level == "township" and a.centroid)
    assert town.name_zh in said and "12.50" in said and any(w in said for w in ("补站", "先路测", "核对台账"))
    assert "无名铁路" in words(region(tree, "v-domain-places")) and "铁路" in words(region(tree, "v-domain-places"))
    assert "≥ −85 dBm" in words(region(tree, "v-domain-errors")) and "+9.4 dB" in words(region(tree, "v-domain-errors"))


def test_classes_of_the_level_are_told_as_people_write_them() -> None:
    assert weak.level_words("over_-85") == "≥ −85 dBm"
    assert weak.level_words("under_-115") == "< −115 dBm"
    assert weak.level_words("-95_to_-85") == "−95 … −85 dBm"


def test_the_neighbours_stand_beside_the_city_and_one_alone_says_so() -> None:
    beside = words(region(page(make(), "/domain/environment")["tree"], "v-domain-neighbours"))
    assert all(name in beside for name in ("鄂州市", "眉山市", "黔江区")) and "绍兴市" not in beside
    alone = words(page(make(FakeStore(built=("420700",))), "/domain/environment")["tree"])
    assert "没有邻市可比" in alone


def test_the_course_lies_over_the_same_days_of_the_year_before() -> None:
    figure = next(p["figure"] for p in nodes(page(make(), "/domain/services", "?metric=services.on_time_share")["tree"])
                  if p.get("id") == "v-domain-course-graph")  # fmt: skip
    names = [trace.get("name") for trace in figure["data"]]
    assert "去年同期" in names and "本期" in names
    before, own = (next(t for t in figure["data"] if t.get("name") == n) for n in ("去年同期", "本期"))
    assert before["x"] == own["x"] and before["y"] != own["y"]


def test_the_event_map_marks_what_waits_and_what_is_over() -> None:
    figure = region(page(make(), "/events")["tree"], "v-events-map")["figure"]
    over, _, waiting = figure["data"]
    assert over["text"] == ["暴雨蓝色预警"] and len(waiting["lon"]) == 2
