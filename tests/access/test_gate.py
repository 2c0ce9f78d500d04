"""The gate: sign-in page, roles, WebSockets, and requests that are not from here."""

from __future__ import annotations

import re
import stat

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from data_pipeline.access import add_account, check_bind, remove_account
from data_pipeline.access.gate import is_loopback
from data_pipeline.access.signin import local_target
from data_pipeline.errors import UsageError
from data_pipeline.home import Home
from tests.access.visits import ADMIN, GOOD, HTML, client, form_token, live_socket, log_lines, make_app, sign_in

# -- the address to listen on --------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_loopback_may_be_listened_on_without_accounts(home: Home, host: str) -> None:
    assert check_bind(host, home) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.example.org", "localhost.evil"])
def test_any_other_address_needs_an_access_file_and_the_refusal_names_the_command(home: Home, host: str) -> None:
    with pytest.raises(UsageError, match="access add NAME --role") as caught:
        check_bind(host, home)
    assert str(home.access) in str(caught.value) and caught.value.exit_code == 2


def test_with_accounts_any_address_may_be_listened_on_and_without_any_left_not(protected: Home) -> None:
    assert check_bind("0.0.0.0", protected) is None
    remove_account(protected, "wang")
    remove_account(protected, "li")
    with pytest.raises(UsageError, match="has no account"):
        check_bind("0.0.0.0", protected)


# -- without accounts, on this machine -----------------------------------------------------------------------


def test_on_this_machine_without_accounts_everybody_views_and_is_not_authenticated(home: Home) -> None:
    app, _ = make_app(home)
    assert client(app).get("/").json() == ["", "view", "", False]


def test_a_chosen_role_holds_and_is_marked_as_unproved(home: Home) -> None:
    app, _ = make_app(home)
    visitor = client(app)
    page = visitor.get("/login").text
    assert "未认证" in page and 'name="role"' in page and 'type="password"' not in page
    answer = visitor.post(
        "/login", data={"csrf": form_token(visitor), "role": "report", "department": "市教育局", "next": "/district/420704?lang=zh"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/district/420704?lang=zh")
    assert visitor.get("/").json() == ["", "report", "市教育局", False]
    assert visitor.post("/api/v1/deliveries").json() == "report (未认证)"
    assert visitor.get("/session").json()["zh"] == "填报 · 未认证"


def test_a_forged_role_cookie_counts_as_none(home: Home) -> None:
    app, _ = make_app(home)
    visitor = client(app)
    visitor.cookies.set("city_brain_role", 'WyJhZG1pbiIsIiJd.forged')
    assert visitor.get("/").json()[1] == "view"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8050", "192.168.1.5:8050", "127.0.0.1.evil.example"])
def test_a_name_rebound_to_this_machine_is_refused(home: Home, host: str) -> None:
    app, _ = make_app(home)
    answer = client(app, host=host).get("/")
    assert answer.status_code == 403
    assert host in answer.json()["error"] and "access add" in answer.json()["hint"]


@pytest.mark.parametrize("host", ["127.0.0.1:8050", "localhost:8050", "[::1]:8050", "localhost"])
def test_every_name_of_this_machine_is_answered(home: Home, host: str) -> None:
    app, _ = make_app(home)
    assert client(app, host=host).get("/").status_code == 200


def test_a_request_from_elsewhere_or_through_a_proxy_is_refused_without_accounts(home: Home) -> None:
    app, _ = make_app(home)
    assert client(app, address="192.168.1.9").get("/").status_code == 403
    assert client(app).get("/", headers={"x-forwarded-for": "10.0.0.1"}).status_code == 403


def test_a_websocket_from_another_site_or_name_is_refused(home: Home) -> None:
    app, _ = make_app(home)
    for host, origin in (("127.0.0.1:8050", "http://evil.example"), ("evil.example", "http://evil.example")):
        with pytest.raises(WebSocketDisconnect) as caught, client(app, host=host).websocket_connect(
            "/live", headers={"origin": origin, "host": host}
        ):
            pass
        assert caught.value.code == 4403
    with live_socket(client(app)) as live:
        live.send_text("?")
        assert live.receive_text() == "view"


def test_a_changing_request_from_another_site_is_refused(home: Home) -> None:
    app, _ = make_app(home)
    visitor = client(app)
    for headers in ({"origin": "http://evil.example"}, {"origin": "http://["}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert visitor.post("/api/v1/deliveries", headers=headers).status_code == 403, headers
    role_refused = visitor.post("/api/v1/deliveries", headers={"origin": "http://127.0.0.1:8050"})
    assert role_refused.json() == {"error": "role 'view' may not do this; it needs one of: report, admin"}


# -- with accounts -------------------------------------------------------------------------------------------


def test_without_a_sign_in_pages_redirect_the_api_says_401_and_websockets_close(protected: Home) -> None:
    app, _ = make_app(protected)
    visitor = client(app, host="brain.ezhou.example", address="10.1.2.3")
    answer = visitor.get("/district/420704?metric=traffic.tti&lang=en", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/district/420704%3Fmetric%3Dtraffic.tti%26lang%3Den"
    for path in ("/api/v1/cities", "/live/poll", "/_dash-layout", "/geo/420700/districts.geojson"):
        assert visitor.get(path, headers=HTML).status_code == 401, path
    assert visitor.get("/api/v1/cities").headers["www-authenticate"].startswith("Basic")
    assert "www-authenticate" not in visitor.get("/api/v1/cities", headers={"sec-fetch-mode": "cors"}).headers
    assert visitor.get("/assets/x.css").status_code == 200
    with pytest.raises(WebSocketDisconnect) as caught, visitor.websocket_connect("/live"):
        pass
    assert caught.value.code == 4401


def test_signing_in_gives_a_guarded_cookie_and_goes_where_one_wanted(protected: Home) -> None:
    app, _ = make_app(protected)
    visitor = client(app, host="brain.ezhou.example", address="10.1.2.3")
    answer = sign_in(visitor, target="/district/420704?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, "/district/420704?lang=en")
    cookie = next(v for v in answer.headers.get_list("set-cookie") if v.startswith("city_brain_session="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie and "Max-Age" not in cookie
    assert visitor.get("/").json() == ["wang", "report", "市发展和改革委员会", True]
    with live_socket(visitor) as live:
        live.send_text("?")
        assert live.receive_text() == "report"


def test_over_https_the_cookie_is_for_https_only(protected: Home) -> None:
    app, _ = make_app(protected)
    visitor = TestClient(app, base_url="https://brain.example", client=("10.1.2.3", 5), follow_redirects=False)
    cookies = sign_in(visitor).headers.get_list("set-cookie")
    assert all("Secure" in value for value in cookies)


def test_the_page_header_learns_who_looks_in_both_languages(home: Home) -> None:
    add_account(home, "王芳", "report", GOOD, department="市教育局")
    visitor = client(make_app(home)[0])
    assert visitor.get("/session").status_code == 401
    sign_in(visitor, "王芳")
    assert visitor.get("/session").json() == {
        "name": "王芳", "role": "report", "department": "市教育局", "authenticated": True,
        "zh": "王芳 · 填报", "en": "王芳 · Report",
    }  # fmt: skip
    page = visitor.get("/login").text  # who has signed in is told so, and how to leave
    assert "王芳 · 填报" in page and 'href="/logout"' in page


def test_a_wrong_password_and_an_unknown_name_look_the_same(protected: Home) -> None:
    app, _ = make_app(protected)
    first, second = sign_in(client(app), "wang", "Wrong-one-22"), sign_in(client(app), "nobody", "Wrong-one-22")
    assert (first.status_code, second.status_code) == (401, 401)
    strip = re.compile(r'name="csrf" value="[^"]+"')
    assert strip.sub("", first.text) == strip.sub("", second.text)
    assert "用户名或密码不正确" in first.text


def test_after_five_failures_a_name_is_locked_for_ten_minutes_even_for_the_right_password(protected: Home) -> None:
    app, clock = make_app(protected)
    visitor = client(app)
    for _ in range(5):
        assert sign_in(visitor, password="Wrong-one-22").status_code == 401
    locked = sign_in(visitor)
    assert locked.status_code == 429 and locked.headers["retry-after"] == "600" and "10 分钟" in locked.text
    assert sign_in(visitor, "li", ADMIN).status_code == 303
    clock.now += 601
    assert sign_in(visitor).status_code == 303


def test_every_try_is_logged_with_time_user_address_and_outcome_and_never_the_password(protected: Home) -> None:
    app, _ = make_app(protected)
    visitor = client(app, address="10.1.2.3", host="brain.example")
    sign_in(visitor, password="Wrong-one-22")
    sign_in(visitor)
    lines = log_lines(protected)
    assert [(e["user"], e["address"], e["success"]) for e in lines] == [("wang", "10.1.2.3", False), ("wang", "10.1.2.3", True)]
    assert lines[0]["at"] == "2026-11-18T11:06:40+00:00" and lines[0]["reason"] == "wrong name or password"
    raw = (protected.logs / "sign-ins.jsonl").read_text()
    assert "Wrong-one-22" not in raw and GOOD not in raw
    assert stat.S_IMODE((protected.logs / "sign-ins.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE((protected.root / "access.key").stat().st_mode) == 0o600


def test_a_form_without_its_token_or_with_another_visitors_token_is_refused(protected: Home) -> None:
    app, _ = make_app(protected)
    foreign = form_token(client(app))
    visitor = client(app)
    visitor.get("/login")
    for token in ("", "x", foreign):
        answer = visitor.post("/login", data={"csrf": token, "name": "wang", "password": GOOD})
        assert answer.status_code == 403 and "city_brain_session" not in answer.headers.get("set-cookie", "")


def test_a_lost_access_file_opens_nothing(protected: Home) -> None:
    app, _ = make_app(protected)
    visitor = client(app)
    sign_in(visitor)
    protected.access.unlink()
    assert visitor.get("/", headers=HTML).status_code == 303
    assert sign_in(visitor).status_code == 401


def test_an_access_file_made_while_the_web_runs_counts_at_once(home: Home) -> None:
    app, _ = make_app(home)
    visitor = client(app)
    assert visitor.get("/", headers=HTML).status_code == 200
    add_account(home, "wang", "report", GOOD)
    assert visitor.get("/", headers=HTML).status_code == 303


def test_a_program_may_send_name_and_password_to_the_api_only(protected: Home) -> None:
    app, _ = make_app(protected)
    visitor = client(app)
    assert visitor.get("/api/v1/cities", auth=("wang", GOOD)).status_code == 200
    assert visitor.post("/api/v1/deliveries", auth=("wang", GOOD)).json() == "wang"
    assert visitor.get("/", auth=("wang", GOOD), headers=HTML).status_code == 303
    assert len(log_lines(protected)) == 1  # checked once, then remembered for five minutes
    for _ in range(6):
        assert visitor.get("/api/v1/cities", auth=("li", "Wrong-one-22")).status_code == 401
    assert visitor.get("/api/v1/cities", auth=("li", ADMIN)).status_code == 401  # locked


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/login?next=/", "/a\r\nb", "//[", ""]
)
def test_signing_in_never_leads_to_another_site(target: str) -> None:
    assert local_target(target) == "/"


def test_the_page_escapes_what_the_address_brings(protected: Home) -> None:
    app, _ = make_app(protected)
    page = client(app).get("/login", params={"next": '/"><script>alert(1)</script>'})
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_page_speaks_both_languages(protected: Home) -> None:
    app, _ = make_app(protected)
    zh, en = client(app).get("/login").text, client(app).get("/login", params={"lang": "en"}).text
    assert "<h1>登录</h1>" in zh and 'lang="zh-CN"' in zh
    assert "<h1>Sign in</h1>" in en and not re.search(r"[一-鿿]", en.replace("中文", ""))


def test_an_oversized_form_is_refused(protected: Home) -> None:
    app, _ = make_app(protected)
    assert client(app).post("/login", data={"name": "x" * 20_000}).status_code == 413


@pytest.mark.parametrize(("host", "here"), [("127.0.0.1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False)])
def test_loopback_is_known(host: str, here: bool) -> None:
    assert is_loopback(host) is here
