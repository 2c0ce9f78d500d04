"""Road sections by state and cells by their sums: on which maps, in which classes, and what a browser fetches once."""

from __future__ import annotations

import pytest
from fake_store import FakeStore
from fastapi import FastAPI
from fastapi.testclient import TestClient
from views import make, nodes, page, region, words

from components.maps.overlays import WIDTHS_PX, heat_classes, road_classes
from data_pipeline.metrics import metric
from data_pipeline.queries.types import HeatMap, RoadState
from pages.serving.overlays import make_overlays_router

STATES = metric("traffic.delay_share")


@pytest.mark.parametrize(("speed", "rank"), [(45, 0), (42, 1), (30, 2), (24, 3), (18, 4), (15, 4), (70, 0)])
def test_a_section_is_in_the_state_of_the_worked_example(speed: float, rank: int) -> None:
    state = RoadState("a", speed, 60.0, max(round(1 - speed / 60, 9), 0.0), None)
    assert road_classes([state], STATES) == {"a": rank}  # standards 2.1, free flow 60 km/h


def test_a_section_without_a_speed_is_in_no_state() -> None:
    assert road_classes([RoadState("a", None, 60.0, None, None), RoadState("b", 30.0, None, None, None)], STATES) == {}


@pytest.mark.parametrize(("path", "map_id"), [("/domain/traffic", "v-domain-map"), ("/", "v-map"), ("/district/420704", "v-area-map")])
def test_a_map_of_traffic_carries_the_sections_by_address_and_their_states_by_number(path: str, map_id: str) -> None:
    figure = region(page(make(), path, "?metric=traffic.tti")["tree"], map_id)["figure"]
    style = figure["layout"]["map"]["style"]
    assert style["sources"]["roads"] == {"type": "geojson", "data": "/geo/420700/over/roads.geojson", "promoteId": "id"}
    assert {i: s["state"] for i, s in figure["layout"]["meta"]["states"]["roads"]["of"].items()} == dict(free=0, mostly=1, light=2, moderate=3, severe=4)
    assert figure["layout"]["meta"]["shown"]["roads"] is True


def test_a_map_of_something_else_carries_no_sections() -> None:
    figure = region(page(make(), "/", "?metric=energy.load_mw")["tree"], "v-map")["figure"]
    assert "roads" not in figure["layout"]["map"]["style"]["sources"] and "roads" not in figure["layout"]["meta"]["shown"]


def test_states_are_told_apart_without_colour() -> None:
    layers = {layer["id"]: layer for layer in region(page(make(), "/domain/traffic")["tree"], "v-domain-map")["figure"]["layout"]["map"]["style"]["layers"]}
    assert list(WIDTHS_PX) == sorted(set(WIDTHS_PX))
    opaque = {name: layers[name]["paint"]["line-opacity"][2:] for name in ("roads-dotted", "roads-dashed")}
    assert opaque == {"roads-dotted": [0, 0, 1, 0, 2, 0, 3, 1, 4, 0, 0], "roads-dashed": [0, 0, 1, 0, 2, 0, 3, 0, 4, 1, 0]}
    assert layers["roads-dotted"]["paint"]["line-dasharray"] != layers["roads-dashed"]["paint"]["line-dasharray"]


def test_the_switch_turns_the_sections_and_their_legend_off_and_the_address_keeps_it() -> None:
    tree = page(make(), "/domain/traffic", "?layers=roads")["tree"]
    figure = region(tree, "v-domain-map")["figure"]
    assert figure["layout"]["meta"]["shown"]["roads"] is False
    roads = [layer for layer in figure["layout"]["map"]["style"]["layers"] if layer["id"].startswith("roads")]
    assert {layer["layout"]["visibility"] for layer in roads} == {"none"}
    assert region(tree, "v-domain-road-legend")["hidden"] is True
    turn = next(n for n in nodes(tree) if n.get("data-group") == "roads")
    assert turn["aria-checked"] == "false" and "layers" not in turn["href"]


def test_the_legend_counts_the_sections_in_each_state_and_those_without_data() -> None:
    told = words(region(page(make(), "/domain/traffic")["tree"], "v-domain-road-legend"))
    assert "畅通 1" in told and "严重拥堵 1" in told and "无车速数据 1" in told and "GB/T 33171-2016" in told and "数据截至" in told


def test_heat_takes_the_place_of_the_areas_fill_and_says_what_is_not_told() -> None:
    tree = page(make(), "/domain/services", "?heat=request_heat")["tree"]
    figure = region(tree, "v-domain-map")["figure"]
    assert figure["layout"]["map"]["style"]["sources"]["cells"]["data"] == "/geo/420700/over/cells.geojson"
    assert figure["data"][0]["marker"]["opacity"] == 0
    told = words(region(tree, "v-domain-legend"))
    assert "诉求热力" in told and "近 30 天" in told and "3 个网格不足 3 条" in told and "12 条没有坐标" in told
    plain = region(page(make(), "/domain/services")["tree"], "v-domain-map")["figure"]
    assert "cells" not in plain["layout"]["map"]["style"]["sources"] and plain["data"][0]["marker"]["opacity"] == 1


def test_classes_of_cells_are_natural_breaks_of_their_sums() -> None:
    heat = HeatMap(8, {str(i): float(v) for i, v in enumerate((1, 2, 2, 9, 10, 30, 31, 80))}, 165, 0, 0)
    assert heat_classes(heat) == [1, 2, 9, 30, 80]  # Fisher 1958: {1} {2,2} {9,10} {30,31} {80} leaves 1.0, any other five groups more


def test_an_update_sends_no_geometry_of_an_overlay_again() -> None:
    queries = FakeStore()
    views = make(queries)
    for path, search in (("/domain/traffic", ""), ("/domain/coverage", ""), ("/domain/livelihood", "?view=3d"), ("/district/420704", "?metric=traffic.tti")):
        before = page(views, path, search)
        queries.commit()
        after = page(views, path, search)
        for id, props in after["updates"].items():
            if "figure" in props and "map" in props["figure"]["layout"]:
                style = props["figure"]["layout"]["map"]["style"]
                assert style == before["updates"][id]["figure"]["layout"]["map"]["style"]
                inline = [name for name, source in style["sources"].items() if isinstance(source.get("data"), dict)]
                assert set(inline) <= {"graticule", "names"}


def test_the_shapes_are_told_where_there_are_none() -> None:
    server, queries = FastAPI(), FakeStore()
    server.include_router(make_overlays_router(queries, queries.packs))
    client = TestClient(server)
    answer = client.get("/geo/420700/over/weak.geojson")
    assert answer.status_code == 200 and len(answer.json()["features"]) == 2
    assert client.get("/geo/420700/over/weak.geojson", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert client.get("/geo/420700/over/nothing.geojson").status_code == 404 and client.get("/geo/999999/over/weak.geojson").status_code == 404
