"""`/events`: what waits, whose it is, and how a person takes it in hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_store import FakeStore
from fastapi import FastAPI
from fastapi.testclient import TestClient
from views import links, make, nodes, page, region, words

from data_pipeline.access.state import User, reset_current, set_current
from data_pipeline.errors import StoreBusy
from data_pipeline.home import Home
from pages.events import person_words
from pages.serving import actions


def test_each_line_says_what_where_whose_since_when_and_who_changed_it(tmp_path: Path) -> None:
    said = words(page(make(home=Home(tmp_path)), "/events")["tree"])
    for part in ("行程时间比 2.31", "责任单位：市公安局", "历时 47 分钟", "最近变更：指挥中心", "处理中"):
        assert part in said
    assert "待处理 1 件，处理中 1 件，已结束 1 件" in said


def test_the_address_narrows_by_state_kind_and_area(tmp_path: Path) -> None:
    views = make(home=Home(tmp_path))
    open_only = words(region(page(views, "/events", "?state=open")["tree"], "v-events-list")["children"])
    assert "道路养护占道施工" in open_only and "行程时间比" not in open_only
    alerts = words(region(page(views, "/events", "?kind=alert")["tree"], "v-events-list")["children"])
    assert "行程时间比" in alerts and "道路养护" not in alerts
    elsewhere = words(region(page(views, "/events", "?area=420703")["tree"], "v-events-list")["children"])
    assert "没有符合条件的事件或告警" in elsewhere
    assert "没有这个页面" in words(page(views, "/events", "?state=opened")["tree"])


def test_only_an_alert_that_is_not_closed_can_be_changed(tmp_path: Path) -> None:
    tree = page(make(home=Home(tmp_path)), "/events")["tree"]
    forms = [p for p in nodes(tree) if p.get("data-act") == "alert"]
    assert [p["data-alert"] for p in forms] == ["a1"]
    assert "退回待处理" in words(forms[0]["children"]) and "结束" in words(forms[0]["children"])
    assert "设为处理中" not in words(forms[0]["children"])


def test_without_a_running_pipeline_the_page_says_that_nothing_can_be_changed(tmp_path: Path) -> None:
    tree = page(make(home=Home(tmp_path)), "/events")["tree"]
    assert "数据管线未运行" in words(region(tree, "v-events-acting")["children"])


def test_places_lead_to_their_areas(tmp_path: Path) -> None:
    found = links(region(page(make(home=Home(tmp_path)), "/events")["tree"], "v-events-list"))
    assert found["梁子湖区"] == "/district/420702?city=420700"


def test_changes_of_the_system_are_told_as_such() -> None:
    assert person_words("system", "zh") == "系统自动" and person_words("王敏", "zh") == "王敏"


@pytest.fixture()
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    sent: list[tuple] = []
    monkeypatch.setattr(actions, "ask_alert_state", lambda *args: sent.append(args))
    store = FakeStore()
    server = FastAPI()
    server.include_router(actions.make_actions_router(store, store.packs, Home(tmp_path)))  # type: ignore[arg-type]
    found = TestClient(server)
    found.sent = sent  # type: ignore[attr-defined]
    yield found


def as_role(role: str, *, name: str = "", authenticated: bool = False) -> object:
    return set_current(User(name, role, "", authenticated))


def test_a_viewer_may_not_change_an_alert_and_is_told_which_roles_may(client: TestClient) -> None:
    answer = client.post("/act/alert", json={"alert": "a1", "state": "closed"})
    assert answer.status_code == 403 and "report" in answer.json()["message"]
    assert client.sent == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(("authenticated", "name", "by"), [(False, "", "report (未认证)"), (True, "wang", "wang")])
def test_a_change_carries_the_name_and_an_unproved_one_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, authenticated: bool, name: str, by: str
) -> None:
    monkeypatch.setattr(actions, "current_user", lambda request: User(name, "report", "", authenticated))
    answer = client.post("/act/alert", json={"alert": "a1", "state": "in_hand", "note": "已派人"})
    assert answer.json() == {"alert": "a1", "state": "in_hand", "by": by}
    assert [call[1:] for call in client.sent] == [("a1", "in_hand", by, "已派人")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"alert": "a1"}', b'{"alert": "a1", "state": 3}', b'{"alert": "a", "state": "open", "who": "x"}', b"x" * 9000]
)
def test_a_bad_body_is_refused_with_the_reason(client: TestClient, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(actions, "current_user", lambda request: User("", "admin", "", False))
    answer = client.post("/act/alert", content=body)
    assert answer.status_code == 400 and answer.json()["message"].startswith("body")
    assert client.sent == []  # type: ignore[attr-defined]


def test_without_a_pipeline_the_change_is_refused_and_the_hint_names_the_command(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*args: object) -> None:
        raise StoreBusy("no pipeline runs on this store", hint="start it with `python -m data_pipeline run`")

    monkeypatch.setattr(actions, "current_user", lambda request: User("", "admin", "", False))
    monkeypatch.setattr(actions, "ask_alert_state", busy)
    answer = client.post("/act/alert", json={"alert": "a1", "state": "closed"})
    assert answer.status_code == 503 and "data_pipeline run" in answer.json()["hint"]


def test_the_role_of_the_request_decides(client: TestClient) -> None:
    token = as_role("review", name="li", authenticated=True)
    try:
        assert actions.current_user().label == "li"
    finally:
        reset_current(token)


def test_an_alert_shows_since_when_it_is_in_hand_and_every_step_behind_one_word(tmp_path: Path) -> None:
    said = words(region(page(make(home=Home(tmp_path)), "/events")["tree"], "v-events-list")["children"])
    assert "最近变更：指挥中心 14:08" in said  # 06:08 UTC
    assert "全部 2 次变更" in said and "2026年11月22日 13:33:00" in said and "系统自动" in said and "备注：已派人到场" in said
