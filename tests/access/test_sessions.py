"""Sessions: how long they last, what keeps them alive, and what ends them at once."""

from __future__ import annotations

import pytest
from starlette.websockets import WebSocketDisconnect

from data_pipeline.access import add_account, remove_account, set_password
from data_pipeline.home import Home
from tests.access.visits import ADMIN, GOOD, HTML, client, form_token, live_socket, log_lines, make_app, sign_in


@pytest.mark.parametrize(("name", "password", "idle_s"), [("wang", GOOD, 30 * 60), ("li", ADMIN, 15 * 60)])
def test_a_session_ends_after_standing_idle(protected: Home, name: str, password: str, idle_s: int) -> None:
    app, clock = make_app(protected)
    visitor = client(app)
    sign_in(visitor, name, password)
    for _ in range(3):  # somebody is there: the session lives on
        clock.now += idle_s - 1
        assert visitor.get("/", headers=HTML).status_code == 200
    clock.now += idle_s + 1
    assert visitor.get("/", headers=HTML).status_code == 303


def test_requests_a_page_makes_by_itself_do_not_keep_a_session_alive_but_a_touch_does(protected: Home) -> None:
    app, clock = make_app(protected)
    visitor = client(app)
    sign_in(visitor)
    for _ in range(2):
        clock.now += 14 * 60
        assert visitor.get("/api/v1/cities").status_code == 200
    clock.now += 3 * 60
    assert visitor.get("/api/v1/cities").status_code == 401
    sign_in(visitor)
    clock.now += 29 * 60
    assert visitor.post("/session/touch").json()["name"] == "wang"
    clock.now += 29 * 60
    assert visitor.get("/api/v1/cities").status_code == 200


def test_no_session_outlives_twelve_hours_except_a_wall_screens(protected: Home) -> None:
    add_account(protected, "hall", "view", "Screen-no-0001", wall=True)
    app, clock = make_app(protected)
    visitor, wall = client(app), client(app)
    sign_in(visitor)
    assert "Max-Age=34560000" in str(sign_in(wall, "hall", "Screen-no-0001").headers.get_list("set-cookie"))
    for _ in range(26):
        clock.now += 28 * 60
        visitor.post("/session/touch")
    assert visitor.get("/", headers=HTML).status_code == 303
    clock.now += 30 * 86400
    assert wall.get("/").json()[0] == "hall"


def test_signing_out_ends_the_session_even_for_a_copied_cookie(protected: Home) -> None:
    app, _ = make_app(protected)
    visitor = client(app)
    sign_in(visitor)
    copied = visitor.cookies["city_brain_session"]
    answer = visitor.post("/logout", data={"csrf": form_token(visitor, "/logout")})
    assert answer.status_code == 200 and "已退出登录" in answer.text
    thief = client(make_app(protected)[0])  # another web process of the same home
    thief.cookies.set("city_brain_session", copied)
    assert thief.get("/", headers=HTML).status_code == 303
    assert log_lines(protected)[-1]["reason"] == "signed out"


@pytest.mark.parametrize("change", ["remove", "password"])
def test_a_removed_account_or_a_new_password_ends_sessions_and_websockets_at_once(protected: Home, change: str) -> None:
    app, _ = make_app(protected)
    visitor = client(app)
    sign_in(visitor)
    with live_socket(visitor) as live:
        live.send_text("?")
        assert live.receive_text() == "report"
        remove_account(protected, "wang") if change == "remove" else set_password(protected, "wang", "Another-one-77")
        live.send_text("?")
        with pytest.raises(WebSocketDisconnect) as caught:
            live.receive_text()
        assert caught.value.code == 4401
    assert visitor.get("/", headers=HTML).status_code == 303
