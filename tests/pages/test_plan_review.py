"""`/plan/review`: freezes, changes since one, and buttons for briefings, in both languages."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Any

import pytest
from fake_queries import NOW, FakeQueries
from fastapi.testclient import TestClient

from app import create_app
from components.i18n import Lang
from data_pipeline.errors import UnknownId
from data_pipeline.ledger import freeze as kept
from data_pipeline.ledger.brief import printed
from data_pipeline.ledger.brief_jobs import SUBJECTS, Wanted
from data_pipeline.ledger.verify import verify
from pages import PageRequest
from pages.plan import briefing, department, departments, review, targets

CITY = "420700"


@pytest.fixture()
def queries() -> FakeQueries:
    fake = FakeQueries()
    old = fake.ledger(CITY, date(2022, 6, 30))
    fake.kept.append(kept.make(old, "年中例会", "张三", False, datetime(2026, 7, 1)))
    return fake


def body(queries: FakeQueries, lang: Lang = "zh", **params: str) -> str:
    request = PageRequest(queries, queries.packs, queries.packs[CITY], "/plan/review", {}, params, lang, "dark", NOW)  # type: ignore[arg-type]
    return json.dumps(review.build(request).body.to_plotly_json(), ensure_ascii=False, default=lambda c: c.to_plotly_json())


def test_a_freeze_is_listed_with_who_made_it_and_that_nobody_proved_it(queries: FakeQueries) -> None:
    text = body(queries)
    assert "年中例会" in text
    assert "张三" in text
    assert "未认证" in text
    assert queries.kept[0].sha256[:16] in text


def test_without_a_freeze_the_page_says_so() -> None:
    assert "还没有冻结过台账" in body(FakeQueries())


@pytest.mark.parametrize(("lang", "words"), [("zh", ("状态变差", "停滞", "实际值接近目标")), ("en", ("Status worse", "stalled", "Actual moved nearer"))])
def test_what_changed_since_a_freeze_is_told_in_words(queries: FakeQueries, lang: Lang, words: tuple[str, ...]) -> None:
    text = body(queries, lang, before=queries.kept[0].freeze_id)
    assert all(word in text for word in words)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("of", SUBJECTS)
def test_a_briefing_of_every_kind_can_be_composed(queries: FakeQueries, of: str, lang: str) -> None:
    target = next(r.target.target_id for r in queries.ledger(CITY).targets if r.pace is not None)
    brief = briefing.compose(queries, queries.packs, Wanted(of, CITY, lang, before="年中例会", target=target, department="市科技局"), NOW)  # type: ignore[arg-type]
    texts = [text for _, text in printed(brief)]
    assert brief.mark
    assert brief.sections
    assert all("{" not in text for text in texts)


def test_the_briefing_of_a_filtered_list_holds_its_targets_only_and_says_so(queries: FakeQueries) -> None:
    wanted = Wanted("targets", CITY, only={"status": "stalled"})
    brief = briefing.compose(queries, queries.packs, wanted, NOW)  # type: ignore[arg-type]
    table = next(table for table in brief.tables if table.id == "targets")
    assert {row[0].text for row in table.rows} == {"停滞"}
    assert "筛选：状态 停滞" in brief.facts


def test_the_briefing_of_a_department_holds_what_it_leads_and_nothing_of_others(queries: FakeQueries) -> None:
    brief = briefing.compose(queries, queries.packs, Wanted("department", CITY, department="市科技局"), NOW)  # type: ignore[arg-type]
    led = [r for r in queries.ledger(CITY).distinct if "市科技局" in r.leads and r.status != "not_measurable"]
    table = next(table for table in brief.tables if table.id == "targets")
    assert [row[1].text for row in table.rows] and {row[1].text for row in table.rows} == {r.target.indicator_zh for r in led}
    assert brief.title == "市科技局规划台账快报（鄂州市）"
    with pytest.raises(UnknownId, match="市科技局"):
        briefing.compose(queries, queries.packs, Wanted("department", CITY, department="市科技居"), NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(("build", "path", "args", "of"), [
    (targets.build, "/plan", {}, {"of": "targets", "only": {"status": "stalled"}}), (departments.build, "/plan/departments", {}, {"of": "departments"}),
    (department.build, "/plan/department/x", {"department": "市科技局"}, {"of": "department", "department": "市科技局"}),
])  # fmt: skip
def test_a_page_offers_the_briefing_of_what_it_shows(queries: FakeQueries, build: Any, path: str, args: dict[str, str], of: dict[str, Any]) -> None:
    params = {"on": "2022-06-30", "status": "stalled"} if path == "/plan" else {"on": "2022-06-30"}
    request = PageRequest(queries, queries.packs, queries.packs[CITY], path, args, params, "zh", "dark", NOW)  # type: ignore[arg-type]
    text = json.dumps(build(request).body.to_plotly_json(), ensure_ascii=False, default=lambda c: c.to_plotly_json())
    asked = [json.loads(json.loads(f'"{found}"')) for found in re.findall(r'"data-brief": "((?:[^"\\]|\\.)*)"', text)]
    assert asked == [{"city": CITY, "format": kind, "lang": "zh", "at": "2022-06-30", **of} for kind in ("pdf", "xlsx")]


def client(queries: FakeQueries) -> TestClient:
    return TestClient(create_app(queries, queries.packs).server)  # type: ignore[arg-type]


def made(web: TestClient, **wanted: str) -> dict[str, Any]:
    answer = web.post("/api/v1/ledger/briefs", json={"city": CITY, **wanted})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    for _ in range(6):
        if job["state"] != "working":
            break
        job = web.get(f"/api/v1/ledger/briefs/{job['id']}", params={"wait": 10}).json()
    return job


@pytest.mark.parametrize("kind", ["pdf", "xlsx"])
def test_the_api_makes_a_briefing_and_hands_over_a_file_that_verifies(queries: FakeQueries, kind: str, tmp_path: Any) -> None:
    web = client(queries)
    job = made(web, of="ledger", format=kind, at="年中例会")
    assert (job["state"], job["share"]) == ("done", 1.0)
    file = tmp_path / job["file"]
    file.write_bytes(web.get(f"/api/v1/ledger/briefs/{job['id']}/file").content)
    found = verify(file)
    assert found.problems == ()
    assert found.freeze_sha256 == queries.kept[0].sha256


def test_a_briefing_of_an_unknown_freeze_fails_in_words(queries: FakeQueries) -> None:
    job = made(client(queries), of="ledger", at="年末例会")
    assert job["state"] == "failed"
    assert "unknown freeze" in job["error"]
    assert (job["code"], job["facts"]["got"]) == ("unknown_freeze", "年末例会")


@pytest.mark.parametrize(("wanted", "said"), [
    ({"of": "wall"}, "of: 'wall' is none of"), ({"format": "docx"}, "format: 'docx'"), ({"of": "changes"}, "before"), ({"lang": "fr"}, "lang"),
])  # fmt: skip
def test_a_briefing_that_makes_no_sense_is_refused_at_once(queries: FakeQueries, wanted: dict[str, str], said: str) -> None:
    answer = client(queries).post("/api/v1/ledger/briefs", json={"city": CITY, **wanted})
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_the_api_gives_ledger_freezes_and_changes(queries: FakeQueries) -> None:
    web = client(queries)
    assert web.get("/api/v1/ledger/freezes", params={"city": CITY}).json()[0]["name"] == "年中例会"
    then = web.get("/api/v1/ledger", params={"city": CITY, "on": "2022-06-30"}).json()
    assert (then["on"], len(then["targets"])) == ("2022-06-30", len(queries.ledger(CITY).targets))
    changes = web.get("/api/v1/ledger/diff", params={"city": CITY, "before": "年中例会"}).json()
    assert changes[0]["kind"] == "status_worse"
    assert web.get("/api/v1/ledger/diff", params={"city": CITY, "before": "年中例会", "after": "2099-01-01"}).status_code == 400


def test_a_viewer_may_not_freeze(queries: FakeQueries) -> None:
    answer = client(queries).post("/api/v1/ledger/freezes", json={"city": CITY, "name": "例会"})
    assert answer.status_code in (401, 403)
