"""What the desk adds to every page: watch list, comparison, search, files of figures, breadcrumbs."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from fake_queries import NOW
from fake_store import FakeStore
from fastapi import FastAPI
from openpyxl import load_workbook
from starlette.testclient import TestClient
from views import links, make, nodes, page, region, unfolded, words

from data_pipeline.metrics import metric
from data_pipeline.queries.compare import change_between, pair
from pages.serving.download import make_download_router
from pages.serving.live import Views
from pages.serving.search import make_search_router


@pytest.fixture(scope="module")
def store() -> FakeStore:
    return FakeStore(stale=("traffic.tti",))


@pytest.fixture(scope="module")
def views(store: FakeStore) -> Views:
    return make(store)


@pytest.fixture(scope="module")
def web(store: FakeStore, views: Views) -> TestClient:
    app = FastAPI()
    app.include_router(make_search_router(views))
    app.include_router(make_download_router(store, store.packs, lambda: store.clock))  # type: ignore[arg-type]
    return TestClient(app)


# ---------------------------------------------------------------------------- search


def test_the_search_answers_in_groups_with_the_page_of_each_hit(web: TestClient) -> None:
    body = web.get("/view/search", params={"q": "ecq", "path": "/plan", "search": "?city=420700&theme=light"}).json()
    first = body["groups"][0]
    assert first["name"] == "区域"
    assert first["hits"][0] == {"name": "鄂城区", "note": "区县 · 420704", "href": "/district/420704?city=420700&theme=light"}


def test_the_search_looks_in_the_city_of_the_page_and_speaks_its_language(web: TestClient) -> None:
    body = web.get("/view/search", params={"q": "travel time index", "path": "/district/511402", "search": "?lang=en"}).json()
    assert [group["name"] for group in body["groups"]] == ["Metrics"]
    assert body["groups"][0]["hits"][0]["href"].startswith("/domain/traffic?lang=en&city=511400&metric=traffic.tti")


def test_a_query_that_is_too_long_is_refused_with_its_length(web: TestClient) -> None:
    answer = web.get("/view/search", params={"q": "x" * 120})
    assert answer.status_code == 400 and "120 characters" in answer.json()["message"]


# ---------------------------------------------------------------------------- watch list


def test_an_empty_watch_list_says_how_to_fill_it(views: Views) -> None:
    assert "还没有关注的指标" in words(page(views, "/watch")["tree"])


def test_watched_figures_of_several_cities_stand_with_their_areas_and_one_that_is_gone_can_be_removed(views: Views) -> None:
    found = page(views, "/watch", "?figures=traffic.tti|420704|5min,charging.energy_kwh|511400|day,nothing.here|420700|day,broken")
    text, tree = words(found["tree"]), found["tree"]
    assert "鄂城区" in text and "眉山市" in text and "“nothing.here|420700|day”已不存在" in text and "“broken”已不存在" in text
    stars = [props["data-watch"] for props in nodes(tree) if props.get("data-do") == "star"]
    assert stars == ["traffic.tti|420704|5min", "charging.energy_kwh|511400|day", "nothing.here|420700|day", "broken"]
    assert "已迟 2 小时" in words(region(tree, "v-watch-420704-5min-traffic-tti")["children"])
    assert links(tree)["眉山市"] == "/?city=511400"


def test_every_watched_figure_is_a_live_region_of_its_own(views: Views) -> None:
    found = page(views, "/watch", "?figures=traffic.tti|420704|5min,traffic.tti|420700|5min")
    assert {"v-watch-420704-5min-traffic-tti", "v-watch-420700-5min-traffic-tti"} <= set(found["updates"])


# ---------------------------------------------------------------------------- compare


def test_areas_are_compared_in_the_order_of_the_address_and_unknown_ones_are_named(views: Views) -> None:
    found = page(views, "/compare", "?areas=420704,420703,nope&metric=charging.energy_kwh")
    heads = [words(p.get("children")) for p in nodes(region(found["tree"], "v-compare-figures")["children"]) if p.get("scope") == "col"]
    assert heads == ["指标", "鄂城区", "华容区"]
    assert "没有区域“nope”" in words(found["tree"])
    graph = region(found["tree"], "v-compare-course-graph")["figure"]
    assert [(trace["name"], trace["line"]["dash"]) for trace in graph["data"]] == [("鄂城区", "solid"), ("华容区", "dot")]
    assert len({trace["line"]["color"] for trace in graph["data"]}) == 2


def test_no_more_than_six_areas_and_no_fewer_than_two_are_compared(views: Views, store: FakeStore) -> None:
    towns = [a.id for a in store.packs["420700"].areas.values() if a.level == "township"][:8]
    many = page(views, "/compare", f"?areas={','.join(towns)}")
    assert len(region(many["tree"], "v-compare-course-graph")["figure"]["data"]) == 6
    one = page(views, "/compare", "?areas=420704")
    assert len(region(one["tree"], "v-compare-course-graph")["figure"]["data"]) == 2


def test_the_page_of_an_area_leads_to_its_comparison(views: Views) -> None:
    assert links(page(views, "/district/420704", "?metric=traffic.tti")["tree"])["对比"] == "/compare?city=420700&areas=420704&metric=traffic.tti"


def test_two_days_are_laid_over_each_other_hour_by_hour_and_their_change_is_told(views: Views, store: FakeStore) -> None:
    found = page(views, "/compare", "?show=periods&metric=energy.load_mw&a=2026-11-10&b=2026-11-17")
    traces = region(found["tree"], "v-compare-course-graph")["figure"]["data"]
    assert [len(trace["y"]) for trace in traces] == [24, 24] and traces[0]["x"] == list(range(1, 25))
    # midnight in Ezhou is 16:00 UTC of the day before
    first, second = datetime(2026, 11, 9, 16), datetime(2026, 11, 16, 16)
    assert traces[1]["y"][0] == pytest.approx(store._value("energy.load_mw", "420700", second))
    before, now = (store._value("energy.load_mw", "420700", at) for at in (first, second))
    told = words(region(found["tree"], "v-compare-figures")["children"])
    assert f"{abs(now - before) / before * 100:.1f}%" in told


def test_two_dates_are_drawn_in_one_scale_of_classes(views: Views) -> None:
    found = page(views, "/compare", "?show=dates&metric=energy.load_mw&grain=day&a=2026-11-10&b=2026-11-17")
    first, second = (region(found["tree"], f"v-compare-map-{which}")["figure"]["data"][0] for which in "ab")
    assert first["colorscale"] == second["colorscale"] and first["locations"] == second["locations"]
    assert first["text"] != second["text"]


def test_a_sum_of_a_period_that_is_not_over_is_not_said_to_have_fallen(store: FakeStore) -> None:
    from dataclasses import replace

    energy = metric("charging.energy_kwh")
    whole = store.reading(energy.id, "420700", "day", NOW - timedelta(days=2))
    assert change_between(energy, whole, replace(whole, value=1.0, is_open=True)) is None
    assert change_between(energy, replace(whole, value=0.0), whole).relative is None  # type: ignore[union-attr]
    found = pair(store, energy, "420700", "day", NOW - timedelta(days=2), NOW - timedelta(days=1))  # type: ignore[arg-type]
    assert found.change is not None and found.change.points == pytest.approx((found.second.value or 0) - (found.first.value or 0))


# ---------------------------------------------------------------------------- files


def test_a_csv_has_a_row_a_period_with_its_words_and_the_source_line_in_every_row(web: TestClient) -> None:
    answer = web.get("/act/figure.csv", params={"metric": "traffic.tti", "area": "420704", "grain": "hour", "from": "2026-11-22T08:00", "to": "2026-11-22T11:00"})
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 4 and lines[0].startswith("区域,区域编号,开始,结束,数值,单位,状态")
    assert lines[1].startswith("鄂城区,420704,2026-11-22T08:00:00+08:00,2026-11-22T09:00:00+08:00,")
    assert all("行程时间比 · 2026年11月22日 08:00 – 11月22日 11:00" in line and "已迟 2 小时" in line and "模拟 · 快照 7" in line for line in lines[1:])
    assert "%E8%A1%8C%E7%A8%8B" in answer.headers["content-disposition"]


def test_a_workbook_says_what_the_figure_is_before_its_rows_and_keeps_numbers_as_numbers(web: TestClient) -> None:
    answer = web.get("/act/figure.xlsx", params={"metric": "sensing.online_share", "area": "420700", "grain": "hour", "level": "district", "lang": "en"})
    sheet = load_workbook(io.BytesIO(answer.content)).active
    rows = list(sheet.iter_rows(values_only=True))  # type: ignore[union-attr]
    assert rows[0][0].endswith("· Ezhou") and "simulated" in rows[1][0] or "sim." in rows[1][0]
    assert rows[5][:5] == ("Area", "Area id", "Start", "End", "Value")
    assert len(rows) == 9 and all(isinstance(row[4], float) for row in rows[6:])
    assert sheet.cell(7, 5).number_format.endswith("%")  # type: ignore[union-attr]


def test_a_period_without_data_is_an_empty_cell_with_its_reason(views: Views) -> None:
    gone = FakeStore(missing=("traffic.tti",))
    app = FastAPI()
    app.include_router(make_download_router(gone, gone.packs, lambda: gone.clock))  # type: ignore[arg-type]
    answer = TestClient(app).get("/act/figure.csv", params={"metric": "traffic.tti", "area": "420704", "grain": "hour", "from": "2026-11-22", "to": "2026-11-22T01:00"})
    cells = answer.content.decode("utf-8-sig").splitlines()[1].split(",")
    assert cells[4] == "" and cells[6] == "本期无上报"


@pytest.mark.parametrize(("change", "status", "told"), [
    ({"metric": "traffic.tty"}, 404, "traffic.tti"), ({"area": "42070"}, 404, "42070"), ({"grain": "hours"}, 404, "hour"),
    ({"from": ""}, 400, "from and to"), ({"from": "yesterday"}, 400, "yesterday"), ({"level": "distrikt"}, 404, "district"),
])  # fmt: skip
def test_a_wrong_parameter_is_refused_by_name(web: TestClient, change: dict[str, str], status: int, told: str) -> None:
    asked = {"metric": "traffic.tti", "area": "420704", "grain": "hour", "from": "2026-11-22T08:00", "to": "2026-11-22T11:00", **change}
    answer = web.get("/act/figure.csv", params=asked)
    assert answer.status_code == status and told in answer.text


def test_the_drawer_offers_star_picture_and_file_with_the_source_line(views: Views) -> None:
    tree = unfolded(orjson.loads(views.figure("traffic.tti|420704|hour|2026-11-22T05:00:00", "")))["tree"]
    tools = next(p for p in nodes(tree) if p.get("className") == "drawer-tools")
    assert tools["data-title"] == "行程时间比 · 鄂城区"
    assert tools["data-line"].startswith("2026年11月22日 13:00–14:00 · 数据截至 11月22日 13:05，已迟 2 小时 · 来源 市公安局")
    assert [p["data-do"] for p in nodes(tools["children"]) if "data-do" in p] == ["star", "picture-png", "picture-svg"]
    assert sum("/act/figure." in p.get("href", "") for p in nodes(tools["children"])) == 2


def test_every_chart_of_a_page_has_its_source_line_and_a_table_behind_it(views: Views) -> None:
    for path in ("/", "/district/420704", "/domain/traffic", "/site/420704001-0?city=420700", "/compare"):
        where, _, search = path.partition("?")
        tree = page(views, where, search)["tree"]
        drawn = {p["id"] for p in nodes(tree) if "figure" in p and "id" in p and not p["id"].startswith("v-site-map")}
        behind = {p["data-graph"] for p in nodes(tree) if "data-graph" in p}
        assert drawn and drawn == behind, path


# ---------------------------------------------------------------------------- the frame


@pytest.mark.parametrize(("path", "search", "expected"), [
    ("/district/420704001", "", ["鄂州市", "鄂城区", "凤凰街道"]),
    ("/site/420704001-0", "?city=420700", ["鄂州市", "鄂城区", "凤凰街道", "凤凰街道1号点"]),
    ("/data", "", ["鄂州市", "数据"]), ("/events", "", ["鄂州市", "事件"]), ("/plan", "", ["鄂州市", "规划"]), ("/watch", "", ["鄂州市", "我的关注"]),
    ("/compare", "?lang=en", ["Ezhou", "Compare"]), ("/domain/traffic", "?lang=en", ["Ezhou"]),
])  # fmt: skip
def test_every_page_stands_in_one_breadcrumb_from_the_city_down(views: Views, path: str, search: str, expected: list[str]) -> None:
    found = page(views, path, search)["tree"]
    crumbs = next(p for p in nodes(found) if p.get("className") == "crumbs")
    told = [words(item) for item in crumbs["children"]["props"]["children"]]
    assert told[: len(expected)] == expected and len(told) >= 2


def test_the_frozen_link_holds_the_moment_of_the_snapshot_and_paper_says_the_source(views: Views) -> None:
    tree = page(views, "/data")["tree"]
    frozen: dict[str, Any] = next(p for p in nodes(tree) if p.get("data-do") == "share-frozen")
    assert frozen["data-as-of"] == "2026-11-22T14:20:00+08:00"
    assert words(region(tree, "v-print-line")["children"]).endswith("快照 7 · 模拟数据")
