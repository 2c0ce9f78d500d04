"""The pages of the plan ledger: every promise once, the worst first, honest about what nobody reported."""

from __future__ import annotations

import csv
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import orjson
import pytest
from dash import html
from fake_queries import NOW, FakeQueries
from fake_store import FakeStore
from views import links, make, nodes, page, unfolded, words

from components.i18n import catalogue
from data_pipeline.cities import load_packs
from data_pipeline.ledger.types import STATUSES
from pages import View
from pages.plan import frame

PACKS = load_packs()
CITIES = ("420700", "330600", "511400", "500114", "510400")
# plans/README: distinct commitments of each city's plan
DISTINCT = {"420700": 78, "330600": 82, "511400": 62, "500114": 26, "510400": 10}
PAGES = ("/plan", "/plan/projects", "/plan/systems", "/plan/departments")


def store(**more: object) -> FakeStore:
    return FakeStore(built=CITIES, **more)  # type: ignore[arg-type]


def rows(view: dict) -> list[dict]:
    """The lines of the list of targets."""
    table = next(n for n in nodes(view["tree"]) if n.get("className") == "target-table")
    return [n for n in nodes(table["children"]) if str(n.get("className", "")).startswith("is-") and isinstance(n.get("children"), list)]


@pytest.fixture(scope="module")
def views():  # type: ignore[no-untyped-def]
    return make(store())


@pytest.mark.parametrize("city", CITIES)
def test_every_distinct_target_stands_on_the_page_once_and_the_worst_first(city: str, views) -> None:  # type: ignore[no-untyped-def]
    view = page(views, "/plan", f"?city={city}")
    listed = [n["className"].removeprefix("is-") for n in rows(view) if n["className"].removeprefix("is-") in STATUSES]
    assert len(listed) == DISTINCT[city]
    assert listed == sorted(listed, key=STATUSES.index)
    told = {h for h in links(view["tree"]).values() if h.startswith("/plan/target/")}
    assert 0 < len(told) <= DISTINCT[city]


def test_the_counts_add_up_to_all_and_nothing_is_averaged(views) -> None:  # type: ignore[no-untyped-def]
    view = page(views, "/plan")
    counts = next(n for n in nodes(view["tree"]) if n.get("className") == "status-counts")
    numbers = [int(words(n["children"])) for n in nodes(counts["children"]) if words(n.get("children")).isdecimal()]
    assert numbers[0] == sum(numbers[1:]) == 78
    assert "%" not in words(counts["children"])


@pytest.mark.parametrize(
    ("search", "test"),
    [
        ("?status=stalled", lambda r: r["className"] == "is-stalled"),
        ("?domain=coverage", lambda r: "网络覆盖" in words(r["children"])),
        ("?kind=direction", lambda r: r["className"] == "is-not_measurable"),
    ],
)
def test_a_filter_of_the_address_leaves_only_its_targets(search: str, test, views) -> None:  # type: ignore[no-untyped-def]
    found = [r for r in rows(page(views, "/plan", search)) if r["className"].removeprefix("is-") in STATUSES]
    assert 0 < len(found) < 78 and all(test(r) for r in found)


def test_a_departments_targets_are_those_it_leads_or_shares(views) -> None:  # type: ignore[no-untyped-def]
    office = "市科技局"
    told = {urlsplit(h).path.removeprefix("/plan/target/") for h in links(page(views, "/plan", f"?department={office}")["tree"]).values()
            if h.startswith("/plan/target/")}  # fmt: skip
    with (PACKS["420700"].folder / "plan" / "targets.csv").open(encoding="utf-8") as file:
        printed = {r["target_id"] for r in csv.DictReader(file) if not r["same_as"]
                   and office in f"{r['lead_dept_zh']};{r['responsible_depts_zh']}".split(";")}  # fmt: skip
    assert printed
    assert told == printed


def test_unknown_filters_and_dates_are_refused_in_words(views) -> None:  # type: ignore[no-untyped-def]
    assert "没有这个页面" in words(page(views, "/plan", "?status=late")["tree"])
    for on in ("2021-13-01", "yesterday", "2027-01-01"):
        said = words(page(views, "/plan", f"?on={on}")["tree"])
        assert on in said and "页面暂时无法显示" in said
        assert ("台账没有当日内容" if on == "2027-01-01" else "不是日期") in said


def test_filters_that_match_nothing_say_so_and_lead_back(views) -> None:  # type: ignore[no-untyped-def]
    view = page(views, "/plan", "?domain=coverage&department=市文旅局")
    assert "没有符合条件的目标" in words(view["tree"]) and links(view["tree"])["清除筛选"] == "/plan"


def test_the_date_stays_from_page_to_page_and_can_be_left_for_today(views) -> None:  # type: ignore[no-untyped-def]
    view = page(views, "/plan", "?on=2021-06-30&lang=en")
    told = links(view["tree"])
    for name in ("Projects", "Systems", "Departments"):
        assert parse_qs(urlsplit(told[name]).query)["on"] == ["2021-06-30"]
    target = next(h for h in told.values() if h.startswith("/plan/target/"))
    assert parse_qs(urlsplit(target).query) == {"city": ["420700"], "on": ["2021-06-30"], "lang": ["en"]}
    assert "on" not in parse_qs(urlsplit(told["Today"]).query)
    assert "as known then" in words(view["tree"])


def test_the_plans_own_period_can_be_browsed(views) -> None:  # type: ignore[no-untyped-def]
    before = {r["className"] for r in rows(page(views, "/plan", "?on=2021-06-30"))}
    after = {r["className"] for r in rows(page(views, "/plan"))}
    assert {"is-behind", "is-on_track", "is-at_risk", "is-ahead"} <= before
    assert not {"is-behind", "is-on_track"} & after and "is-stalled" in after


def test_without_reports_nothing_is_good_and_no_number_is_made_up() -> None:
    view = page(make(store(no_reports=True)), "/plan")
    kinds = {r["className"] for r in rows(view) if r["className"].removeprefix("is-") in STATUSES}
    assert kinds == {"is-no_data", "is-not_measurable"}
    assert "实时指标" not in words([r["children"] for r in rows(view)]) and "模拟" not in words([r["children"] for r in rows(view)])


def test_a_provincial_plan_is_shown_without_actual_pace_or_status(views) -> None:  # type: ignore[no-untyped-def]
    view = page(views, "/plan", "?city=510400")
    assert "省级指导意见：只列条文，不判断本市进度" in words(view["tree"])
    assert {r["className"] for r in rows(view) if r["className"].removeprefix("is-") in STATUSES} == {"is-not_measurable"}
    assert not [n for n in nodes(view["tree"]) if "data-figure" in n and n["data-figure"].startswith("target|")]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("path", [*PAGES, "/plan/target/ez-terminals", "/plan/department/市经信局"])
def test_a_page_keeps_one_language_to_its_end(path: str, lang: str, views) -> None:  # type: ignore[no-untyped-def]
    view = page(views, path, f"?lang={lang}")
    main = next(n for n in nodes(view["tree"]) if n.get("id") == "main")

    def told(tree: object) -> list[str]:
        if isinstance(tree, list):
            return [x for item in tree for x in told(item)]
        if isinstance(tree, dict):
            props = tree.get("props", tree)
            return [] if props.get("lang") else told(props.get("children"))
        return [tree] if isinstance(tree, str) else []

    chinese = [x for x in told(main["children"]) if any("一" <= c <= "鿿" for c in x)]
    if lang == "en":
        assert chinese == []
    else:
        assert len(chinese) > 20


def test_a_target_shows_pace_forecast_with_interval_owners_projects_and_reports(views) -> None:  # type: ignore[no-untyped-def]
    view = page(views, "/plan/target/ez-terminals")
    said = words(view["tree"])
    for name in ("目标值", "实际", "已走进度", "线性预期", "预测", "80% 区间", "牵头", "责任", "方案条款", "填报记录", "张三", "李四", "未认证"):
        assert name in said, name
    assert "已被更正" in words(page(views, "/plan/target/ez-terminals", "?from=72")["tree"])
    figure = next(n for n in nodes(view["tree"]) if n.get("id") == "plan-path")["figure"]
    assert figure["data"] and all(trace.get("connectgaps") is not True for trace in figure["data"])


def test_a_row_that_restates_another_leads_to_the_one_it_restates(views) -> None:  # type: ignore[no-untyped-def]
    assert page(views, "/plan/target/ez-5g-stations-1")["redirect"].startswith("/plan/target/ez-5g-stations?")


def test_an_unknown_target_and_department_are_not_found(views) -> None:  # type: ignore[no-untyped-def]
    for path in ("/plan/target/ez-5g-station", "/plan/department/市经信"):
        assert "没有这个页面" in words(page(views, path)["tree"])


def nested(tree: object, inside: bool = False) -> bool:
    """Whether a list stands in a list of children: the browser would draw neither."""
    if isinstance(tree, list):
        return inside or any(nested(item, True) for item in tree)
    return nested(tree.get("props", tree).get("children")) if isinstance(tree, dict) else False


@pytest.mark.parametrize("path", [*PAGES, "/plan/target/ez-terminals", "/plan/department/市经信局", "/district/420704", "/"])
def test_no_children_are_lost_in_nested_lists(path: str, views) -> None:  # type: ignore[no-untyped-def]
    assert not nested(page(views, path)["tree"])


def test_no_figures_explanation_is_lost_in_nested_lists(views) -> None:  # type: ignore[no-untyped-def]
    for target in ("ez-terminals", "ez-infra-system", "ez-5g-stations"):
        assert not nested(unfolded(orjson.loads(views.figure(f"target|420700|{target}|2026-11-22", "")))["tree"])


def test_a_figure_explains_itself_with_formula_author_reviewer_and_revisions(views) -> None:  # type: ignore[no-untyped-def]
    body = unfolded(orjson.loads(views.figure("target|420700|ez-terminals|2026-11-22", "")))
    said = words(body["tree"])
    for name in ("为什么是这个状态", "怎样得出", "已走进度 =（实际", "张三", "李四", "按此时所知", "/api/v1/ledger?city=420700&on=2026-11-22"):
        assert name in said, name


@pytest.mark.parametrize("key", ["target|420700|ez-terminals", "target|420700|ez-terminals|soon"])
def test_a_broken_figure_key_is_refused(key: str, views) -> None:  # type: ignore[no-untyped-def]
    from data_pipeline.errors import UsageError

    with pytest.raises(UsageError):
        views.figure(key, "")


def test_a_figure_of_an_unknown_city_is_refused(views) -> None:  # type: ignore[no-untyped-def]
    from data_pipeline.errors import UnknownId

    with pytest.raises(UnknownId):
        views.figure("target|999999|x|2026-11-22", "")


def test_the_projects_of_qianjiang_reconcile_by_stage(views) -> None:  # type: ignore[no-untyped-def]
    # plans/README: 18 + 12 + 28 = 58 and 9.31 + 61.59 + 83.23 = 154.13
    said = " ".join(words(page(views, "/plan/projects", "?city=500114")["tree"]).split())
    assert "文件总计 58 个、154.13 亿元；各阶段相加 58 个、154.13 亿元： 与总计相符" in said
    for stated in ("文件载明 28 个、83.23 亿元", "文件载明 12 个、61.59 亿元", "文件载明 18 个、9.31 亿元"):
        assert stated in said


def test_group_rows_stand_apart_from_the_projects_they_may_hold(views) -> None:  # type: ignore[no-untyped-def]
    view = page(views, "/plan/projects", "?city=500114")
    tables = [n for n in nodes(view["tree"]) if "project-table" in str(n.get("className", ""))]
    *named, groups = (words(table["children"]) for table in tables)  # what is done stands in a folded list of its own
    single = " ".join(named)
    assert 1 <= len(named) <= 2
    assert "储备项目" in groups and "储备项目" not in single
    assert "用地未批" in single and "由市自然资源和规划局协调" in single


def test_systems_stand_under_their_roles_with_the_count_of_what_works(views) -> None:  # type: ignore[no-untyped-def]
    # plans/README: Ezhou 31 track, 68 feed, 10 core, 5 out
    said = words(page(views, "/plan/systems")["tree"])
    for words_ in ("/ 31 已见效", "/ 68 已见效", "/ 10 已见效", "跟踪建设 31 个系统", "不进入本系统 5 个系统"):
        assert words_ in said, words_
    only = words(page(views, "/plan/systems", "?role=out")["tree"])
    assert "高层次专家智库" in only and "机构，没有数据" in only and "智慧乡村游" not in only


def test_departments_state_their_method_and_each_has_a_page(views) -> None:  # type: ignore[no-untyped-def]
    view = page(views, "/plan/departments")
    said = words(view["tree"])
    assert "Wilson 95% 区间下限" in said and "少于 3 项不排名" in said
    told = {h for h in links(view["tree"]).values() if h.startswith("/plan/department/")}
    # plans/README: 38 departments in Ezhou's plan
    assert len(told) == 38
    own = page(views, "/plan/department/" + "市科技局")
    assert "应报未报" in words(own["tree"]) and "牵头目标" in words(own["tree"])


def test_every_department_of_every_city_has_a_page(views) -> None:  # type: ignore[no-untyped-def]
    for city in CITIES:
        with (PACKS[city].folder / "plan" / "departments.csv").open(encoding="utf-8") as file:
            names = [row["dept_zh"] for row in csv.DictReader(file)]
        for name in names[:: max(len(names) // 4, 1)]:
            assert name in page(views, f"/plan/department/{name}", f"?city={city}")["title"]


def test_a_page_stays_light() -> None:
    views = make(store())
    for city in CITIES:
        assert len(views.page("/plan", f"?city={city}", "")) < 300_000


def test_nothing_is_sent_again_while_nothing_changed() -> None:
    queries = store()
    views = make(queries)
    first = page(views, "/plan")
    queries.clock = NOW + timedelta(minutes=3)
    again = orjson.loads(views.page("/plan", "", first["key"]))
    assert "tree" not in again
    other = orjson.loads(views.page("/plan", "?status=stalled", first["key"]))
    assert "tree" in other, "another filter is another page"


def test_a_city_that_is_being_built_says_so() -> None:
    view = page(make(FakeStore(built=("420700",))), "/plan", "?city=330600")
    assert [x for x in words(view["tree"]).split(" ") if "正在建立" in x]


def test_a_district_has_its_part_of_the_citys_actual_without_target_or_status(views) -> None:  # type: ignore[no-untyped-def]
    district = PACKS["420700"].children("420700", "district")[0]
    view = page(views, f"/district/{district.id}")
    panel = next(n for n in nodes(view["tree"]) if n.get("className") == "area-plan")
    said = words(panel["children"])
    assert "方案未给出区县目标" in said and "对全市实际值的贡献" in said
    assert not [word for key, word in catalogue("zh").items() if key.startswith("ledger.status.") and word in said and word != "暂无数据"]


def test_addresses_of_departments_are_quoted() -> None:
    view = page(make(store()), "/plan")
    told = [h for h in links(view["tree"]).values() if h.startswith("/plan/department/")]
    assert told and all(h == quote(h, safe="/:?=&%") for h in told)


def test_the_stand_in_serves_every_page_of_every_city() -> None:
    views = make(store())
    for city in CITIES:
        for path in PAGES:
            assert "state.error" not in page(views, path, f"?city={city}")["title"]
    assert isinstance(views.queries, FakeQueries)


def test_a_page_is_built_anew_only_when_the_ledger_has_changed() -> None:
    request, _ = make().request("/plan", "?city=420700&kind=direction")
    other, _ = make().request("/plan", "?city=420700&kind=completion")
    made: list[View] = []

    def build() -> View:
        made.append(View("t", html.Div(), key=str(len(made))))
        return made[-1]

    targets, projects = ["some"], ["others"]
    first = frame.once(request, (targets, projects), build)
    assert frame.once(request, (targets, projects), build) is first
    # the parts are told apart as objects: a ledger that was put together again may say something else
    assert frame.once(request, (list(targets), projects), build) is not first
    assert frame.once(other, (targets, projects), build).key == "2" and len(made) == 3
