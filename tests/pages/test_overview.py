"""The overview: built from readings alone, honest about what is absent, the same for every viewer."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from fake_queries import NOW, FakeQueries
from views import unfolded

from components import figures
from components.i18n import catalogue
from data_pipeline.cities import load_packs
from data_pipeline.ledger.types import STATUSES
from data_pipeline.metrics import metrics
from data_pipeline.queries.judged import Anomaly, Unusual
from pages import PageRequest, discover, find, overview
from pages.serving.live import Views
from pages.serving.tree import folded, updates

PACKS = load_packs()


def view(queries: FakeQueries, path: str = "/", search: str = "", have: str = "") -> dict:
    views = Views(queries, PACKS, discover(), "420700", now=lambda: queries.clock)  # type: ignore[arg-type]
    return unfolded(orjson.loads(views.page(path, search, have)))


def texts(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    if isinstance(node, list):
        return [x for child in node for x in texts(child)]
    if isinstance(node, dict):
        return texts(node.get("props", {}).get("children"))
    return []


def elements(node: object) -> list[dict]:
    if isinstance(node, list):
        return [x for child in node for x in elements(child)]
    if isinstance(node, dict) and "props" in node:
        return [node["props"], *elements(node["props"].get("children"))]
    return []


@pytest.fixture(scope="module")
def ezhou() -> dict:
    return view(FakeQueries())


def test_the_page_opens_with_a_sentence_on_the_city(ezhou: dict) -> None:
    sentence = "".join(texts(ezhou["updates"]["v-sentence"]["children"]))
    assert sentence.startswith("14:20，鄂州市") and sentence.endswith("。")
    assert "1 项告警处理中" in sentence and "1 个数据源迟到" in sentence


def test_the_strip_holds_eight_to_ten_figures_and_one_of_every_core_domain(ezhou: dict) -> None:
    ids = [i for i in ezhou["updates"] if i.startswith("v-kpi-")]
    assert 8 <= len(ids) <= 10
    by_id = {f"v-kpi-{m.id.replace('.', '-')}": m.domain for m in metrics().values()}
    assert {by_id[i] for i in ids} >= {"traffic", "charging", "energy", "services", "environment", "sensing", "coverage"}


def test_every_figure_opens_its_provenance(ezhou: dict) -> None:
    figures = [e for e in elements(ezhou["tree"]) if (e.get("id") or "").startswith(("v-kpi-", "v-row-", "v-map-city"))]
    assert len(figures) >= 25
    for item in figures:
        metric, area, _, period = item["data-figure"].split("|")
        assert metric in metrics() and area == "420700" and period.startswith("20")
        assert item["aria-label"]


def test_a_missing_figure_is_no_data_and_never_zero() -> None:
    shown = view(FakeQueries(missing=("traffic.tti",)))["updates"]["v-kpi-traffic-tti"]
    assert "暂无数据" in texts(shown["children"]) and "本期无上报" in texts(shown["children"])
    assert "is-missing" in shown["className"]
    assert not [x for x in texts(shown["children"]) if x.strip() in ("0", "0.00")]


def test_a_late_figure_is_grey_and_says_since_when() -> None:
    shown = view(FakeQueries(stale=("traffic.tti",)))["updates"]["v-kpi-traffic-tti"]
    assert "is-stale" in shown["className"]
    assert [x for x in texts(shown["children"]) if x.startswith("数据截至") and x.endswith("已迟 2 小时")]


def test_simulated_data_are_called_so_on_the_page_and_on_every_figure(ezhou: dict) -> None:
    assert ezhou["updates"]["v-badge"]["children"] == "模拟数据"
    assert "模拟" in texts(ezhou["updates"]["v-kpi-traffic-tti"]["children"])


def test_a_city_without_data_says_that_it_is_being_built() -> None:
    page = view(FakeQueries(), search="?city=330600")
    assert [x for x in texts(page["tree"]) if x.startswith("正在建立“绍兴市”")]


def test_an_empty_store_names_the_command_that_fills_it() -> None:
    page = view(FakeQueries(built=()), search="?city=330600")
    assert [x for x in texts(page["tree"]) if "python -m data_pipeline build --city 330600" in x]


def test_a_city_without_districts_compares_townships() -> None:
    page = view(FakeQueries(built=("500114",)), search="?city=500114")
    assert "乡镇街道排名" in texts(page["tree"]) and "乡镇、功能区为示意边界" in texts(page["tree"])
    figure = page["updates"]["v-map"]["figure"]
    assert figure["data"][0]["geojson"] == "/geo/500114/townships.geojson"
    assert len(figure["data"][0]["locations"]) == len(PACKS["500114"].children("500114"))


def test_functional_zones_stand_beside_the_ranking_and_are_not_ranked(ezhou: dict) -> None:
    shown = texts(ezhou["updates"]["v-ranking-zones"]["children"])
    assert {"葛店开发区", "临空经济区"} <= set(shown) and "1" not in shown


def test_the_map_says_source_approval_and_what_is_a_sketch(ezhou: dict) -> None:
    shown = texts(ezhou["tree"])
    assert "审图号：由部署单位填写" in shown and "底图来源：天地图" in shown and "水系、铁路为示意" in shown


def test_the_address_chooses_the_metric_of_the_map() -> None:
    page = view(FakeQueries(), search="?metric=environment.pm25")
    assert "PM2.5 浓度" in texts(page["updates"]["v-legend"]["children"])[0]
    other = view(FakeQueries())
    assert page["key"] == other["key"]  # switching refreshes in place


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_language_is_kept_to_the_end_of_the_page(lang: str) -> None:
    page = view(FakeQueries(), search=f"?lang={lang}")
    shown = texts(page["tree"])
    chinese = [x for x in shown if any("\u4e00" <= c <= "\u9fff" for c in x)]
    if lang == "en":
        assert [x for x in chinese if x != catalogue("en")["nav.other_lang"]] == []
    else:
        assert len(chinese) > 200
        assert "Ezhou" not in " ".join(shown)


def test_links_keep_city_language_and_theme_and_drop_the_rest() -> None:
    page = view(FakeQueries(), search="?city=511400&lang=en&theme=light&metric=traffic.tti")
    line = next(e for e in elements(page["updates"]["v-ranking"]["children"]) if (e.get("className") or "").startswith("ranking-line"))
    parts = urlsplit(line["href"])
    assert parts.path.startswith("/district/5114")
    assert parse_qs(parts.query) == {"city": ["511400"], "lang": ["en"], "theme": ["light"]}


def test_an_unknown_city_is_not_found_with_a_way_back() -> None:
    page = view(FakeQueries(), search="?city=999999")
    assert "没有这个页面" in texts(page["tree"])
    assert any(e.get("href") == "/" or str(e.get("href")).startswith("/?") for e in elements(page["tree"]))


def test_what_the_browser_has_is_not_sent_again(ezhou: dict) -> None:
    again = view(FakeQueries(), have=ezhou["key"])
    assert "tree" not in again and again["updates"] == ezhou["updates"]


def test_live_regions_are_not_nested_and_cover_every_figure(ezhou: dict) -> None:
    ids = [e["id"] for e in elements(ezhou["tree"]) if str(e.get("id", "")).startswith("v-")]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(ezhou["updates"])


def test_the_plan_shows_a_mark_a_target_and_no_percentage(ezhou: dict) -> None:
    # plans/README: Ezhou has 78 distinct targets, 43 of them quantified
    marks = [e for e in elements(ezhou["updates"]["v-plan-strip"]["children"]) if str(e.get("className", "")).startswith("plan-mark ")]
    assert len(marks) == 78 and len({e["href"] for e in marks}) == 78
    # the worst first, each with its status, promise, actual and owner in words
    assert marks[0]["title"].startswith("停滞：") and "牵头：" in marks[0]["title"]
    order = [e["className"].removeprefix("plan-mark is-") for e in marks]
    assert order == sorted(order, key=STATUSES.index)
    assert not [x for x in texts(ezhou["updates"]["v-plan-strip"]["children"]) if "%" in x]
    assert any("共 78 项目标，其中量化 43 项" in x for x in texts(ezhou["tree"]))


def test_targets_take_turns_so_that_a_wall_shows_them_all() -> None:
    from datetime import timedelta

    queries = FakeQueries()
    seen: set[str] = set()
    for minute in range(11):
        queries.clock = NOW + timedelta(minutes=minute)
        lines = elements(view(queries)["updates"]["v-plan-list"]["children"])
        seen |= {e["title"] for e in lines if str(e.get("href", "")).startswith("/plan/target/")}
    names = {t.indicator_zh for t in queries.targets("420700") if t.kind == "quantified" and not t.same_as}
    assert seen == names


def test_the_page_tree_gives_the_same_updates_as_its_parts() -> None:
    queries = FakeQueries()
    page, args = find(discover(), "/")
    request = PageRequest(queries, PACKS, PACKS["420700"], "/", args, {}, "zh", "dark", NOW)  # type: ignore[arg-type]
    assert "v-sentence" in updates(folded(overview.build(request).body)) and page.id == "overview"


def test_on_a_phone_what_chance_hardly_explains_comes_first_then_headlines_then_the_late() -> None:
    queries = FakeQueries(stale=("traffic.speed_kmh",))
    city = PACKS["420700"].city_area.id
    bad = [m for m in queries.metrics_for("420700") if figures.exception_rank(queries.card(m.id, city, "day"), m) == 0]
    last = [m for m in bad if not m.headline][-1]
    queries.unusual = lambda _: Unusual((Anomaly(queries.latest(last.id, city), 10.0, 2.0, 8.2, 1e-9, 40, "robust-z-bh/1"),), 900, 0.1)  # type: ignore[method-assign]
    shown = view(queries)["updates"]
    rows = [item["data-figure"].partition("|")[0] for item in elements(shown["v-exceptions"]["children"]) if "data-figure" in item]
    of = metrics()
    assert len(bad) > 2 and rows[0] == last.id
    assert [of[m].headline for m in rows[1:]] == sorted((of[m].headline for m in rows[1:]), reverse=True)
    assert any(f"偏离 {len(bad)} · 迟报 1" in text for text in texts(shown["v-exceptions-head"]["children"]))
