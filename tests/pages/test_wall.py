"""Scenes of the wall: what they say, what a failing tile does, and the stage that shows them in turn."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from fake_store import FakeStore
from fastapi.testclient import TestClient
from views import make, nodes, page, region, words

from app import create_app
from data_pipeline.cities import load_packs
from pages.serving import replay


class Breakable(FakeStore):
    """While `broken`, no two areas can be compared."""

    broken = False

    def by_area(self, *args: Any, **kwargs: Any) -> Any:
        if self.broken:
            raise RuntimeError("planted")
        return super().by_area(*args, **kwargs)


def tiles(built: dict[str, Any]) -> list[dict[str, Any]]:
    return [p for p in nodes(built["tree"]) if "wall-tile" in str(p.get("className", "")).split()]


@pytest.mark.parametrize("scene", [s.id for s in load_packs()["420700"].wall().scenes])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_scene_is_built_whole_in_both_languages(scene: str, lang: str) -> None:
    built = page(make(), f"/scene/{scene}", f"?lang={lang}")
    declared = next(s for s in load_packs()["420700"].wall().scenes if s.id == scene)
    assert {p["style"]["gridArea"] for p in tiles(built)} == {tile.id for tile in declared.tiles}
    said = words(built["tree"])
    assert {"zh": "暂时无法显示", "en": "cannot be shown"}[lang] not in said
    assert {"zh": "模拟数据", "en": "Simulated data"}[lang] in said
    assert built["root_size"] == "max(12px, 1.7315vh)"


def test_a_scene_has_no_header_of_the_desk_and_nothing_to_press() -> None:
    built = page(make(), "/scene/traffic")
    kinds = set(re.findall(r'"type":"(\w+)"', orjson.dumps(built["tree"]).decode()))
    assert not kinds & {"A", "Button", "Input", "Nav", "Summary"}
    assert "审图号：由部署单位填写" in words(built["tree"])


def test_the_grid_of_every_size_class_goes_along() -> None:
    grid = next(p for p in nodes(page(make(), "/scene/overview")["tree"]) if p.get("className") == "wall-grid")
    assert grid["style"]["--areas-standard"].startswith('"key key map map map watch" ')
    assert grid["style"]["--columns-ultra"] == "18" and grid["style"]["--rows-compact"] == "2"


def test_a_tile_that_cannot_be_built_shows_what_it_showed_last_and_the_others_go_on() -> None:
    queries = Breakable()
    views = make(queries)
    before = page(views, "/scene/coverage")
    queries.broken = True
    queries.number += 1
    queries.clock += timedelta(minutes=7)
    after = page(views, "/scene/coverage")
    old = words(region(after["tree"], "v-wall-coverage-ranks"))
    assert "此块更新失败，仍为 14:20 的内容" in old
    assert words(region(before["tree"], "v-wall-coverage-ranks")) in old
    assert region(after["tree"], "v-wall-coverage-map-map")["figure"] == region(before["tree"], "v-wall-coverage-map-map")["figure"]
    assert "仍为 14:20" in words(region(after["tree"], "v-wall-coverage-map-legend"))
    assert after["updates"].keys() == before["updates"].keys()
    assert words(region(after["tree"], "v-wall-coverage-key")) != words(region(before["tree"], "v-wall-coverage-key"))
    queries.broken = False
    assert "此块更新失败" not in words(page(views, "/scene/coverage")["tree"])


def test_a_tile_that_never_could_be_built_says_so_and_takes_no_other_along() -> None:
    queries = Breakable()
    queries.broken = True
    built = page(make(queries), "/scene/energy")
    assert "此块暂时无法显示" in words(built["tree"]) and "用电负荷" in words(built["tree"])
    queries.broken = False
    queries.number += 1
    mended = page(make(queries), "/scene/energy")
    assert mended["updates"].keys() == built["updates"].keys() and mended["key"] == built["key"]


def test_only_what_changed_is_told_in_regions_whose_names_stay() -> None:
    queries = FakeStore()
    views = make(queries)
    first = page(views, "/scene/energy")
    queries.number += 1
    second = orjson.loads(views.page("/scene/energy", "", first["key"]))
    assert "tree" not in second and second["updates"].keys() == first["updates"].keys()


def test_a_scene_of_the_last_hours_says_in_large_type_which_one_it_shows() -> None:
    views = make()
    now = page(views, "/scene/last_day")
    played = region(now["tree"], "v-wall-last_day-moment")
    assert "回放" in words(played) and "过去 24 小时" in words(played) and "--:--" in words(played)
    found = orjson.loads(orjson.dumps(replay.frames(lambda search, have: views.page("/scene/last_day", search, have), load_packs()["420700"], "zh", "?city=420700",
                                                    "hour", "happened", [datetime(2026, 11, 22, 4), datetime(2026, 11, 22, 6)], now["key"])))["frames"]  # fmt: skip
    first = found[0]["view"]["updates"]["v-wall-last_day-moment"]
    assert "tree" not in found[0]["view"], "the browser has the scene already"
    assert "回放" in words(first) and "12:00" in words(first) and "2 小时前" in words(first)
    marks = [p.get("className") for p in nodes(first["children"]) if p.get("className") in ("is-past", "is-current", "")]
    assert marks == [*["is-past"] * 21, "is-current", "", ""]
    root = next(p for p in nodes(now["tree"]) if "data-replay-hours" in p)
    assert (root["data-replay-hours"], root["data-hour-ms"]) == ("24", "3000")


def test_distance_and_pitch_of_the_address_set_the_root_size() -> None:
    assert page(make(), "/scene/overview", "?distance_m=20&pitch_mm=1.25")["root_size"] == "max(12px, 155.141px / var(--dpr, 1))"


def test_an_unknown_scene_is_not_found() -> None:
    assert "没有这个页面" in words(page(make(), "/scene/trafic")["tree"])


def test_a_late_figure_is_grey_and_says_how_late() -> None:
    built = page(make(FakeStore(stale=("energy.load_mw",))), "/scene/energy")
    figure = next(p for p in nodes(built["tree"]) if p.get("aria-label", "").startswith("用电负荷"))
    assert "is-stale" in figure["className"] and "已迟 2 小时" in words(figure)


@pytest.fixture(scope="module")
def client() -> TestClient:
    queries = FakeStore()
    return TestClient(create_app(queries, queries.packs).server, follow_redirects=False)  # type: ignore[arg-type]


def test_the_stage_names_every_scene_of_the_city_and_hands_the_address_on(client: TestClient) -> None:
    answer = client.get("/wall?city=511400&distance_m=15&theme=dark")
    assert answer.status_code == 200 and "/assets/wall.js" in answer.text
    listed = orjson.loads(re.search(r'data-scenes="([^"]+)"', answer.text)[1].replace("&quot;", '"').replace("&amp;", "&"))
    assert [s["id"] for s in listed] == [s.id for s in load_packs()["511400"].wall().scenes]
    assert all("city=511400" in s["href"] and "distance_m=15" in s["href"] and s["dwell_s"] >= 5 for s in listed)
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_one_scene_may_stand_alone_and_an_unknown_one_is_told(client: TestClient) -> None:
    assert '&quot;traffic&quot;' in client.get("/wall/traffic").text and '&quot;energy&quot;' not in client.get("/wall/traffic").text
    assert client.get("/wall/nothing").headers["location"].startswith("/scene/nothing")
    assert client.get("/wall?city=999999").headers["location"].startswith("/?city=999999")


def test_only_scenes_may_stand_in_a_frame_and_only_in_one_of_ours(client: TestClient) -> None:
    scene, desk = client.get("/scene/traffic").headers, client.get("/data").headers
    assert "frame-ancestors 'self'" in scene["Content-Security-Policy"] and scene["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'none'" in desk["Content-Security-Policy"] and desk["X-Frame-Options"] == "DENY"
