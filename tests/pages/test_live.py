"""Views as bytes: built once for all viewers, announced, compressed, and only from this server."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from datetime import timedelta

import orjson
import pytest
from fake_queries import FakeQueries
from fastapi.testclient import TestClient

from app import create_app
from data_pipeline.cities import load_packs
from pages.serving.live import ViewCache

PACKS = load_packs()


@pytest.fixture()
def queries() -> FakeQueries:
    return FakeQueries()


@pytest.fixture()
def client(queries: FakeQueries) -> TestClient:
    app = create_app(queries, PACKS, now=lambda: queries.clock)  # type: ignore[arg-type]
    with TestClient(app.server, base_url="http://127.0.0.1") as client:
        yield client


def test_a_view_is_built_once_for_many_viewers(queries: FakeQueries, client: TestClient) -> None:
    first = client.get("/view", params={"path": "/"})
    cards = queries.cards
    assert first.status_code == 200 and cards > 0
    assert all(client.get("/view", params={"path": "/"}).content == first.content for _ in range(5))
    assert queries.cards == cards


def test_a_new_snapshot_and_a_new_minute_build_anew(queries: FakeQueries, client: TestClient) -> None:
    first = client.get("/view", params={"path": "/"}).json()
    queries.commit()
    second = client.get("/view", params={"path": "/"}).json()
    assert second["snapshot"] == first["snapshot"] + 1
    assert second["updates"]["v-kpi-traffic-tti"] != first["updates"]["v-kpi-traffic-tti"]
    cards = queries.cards
    queries.clock += timedelta(minutes=1)
    client.get("/view", params={"path": "/"})
    assert queries.cards > cards


def test_an_unchanged_view_is_not_sent_twice(client: TestClient) -> None:
    answer = client.get("/view", params={"path": "/"})
    again = client.get("/view", params={"path": "/"}, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304 and again.content == b""


def test_many_at_once_wait_for_one_build() -> None:
    cache, built, lock = ViewCache(), [], threading.Lock()

    def build() -> bytes:
        with lock:
            built.append(1)
        time.sleep(0.05)
        return b"view"

    async def run() -> list[bytes]:
        return await asyncio.gather(*(cache.get(("k",), build) for _ in range(50)))

    assert asyncio.run(run()) == [b"view"] * 50 and len(built) == 1


def test_a_failed_build_is_told_to_all_who_wait_and_tried_again() -> None:
    cache, tries = ViewCache(), []

    def build() -> bytes:
        tries.append(1)
        time.sleep(0.02)
        if len(tries) == 1:
            raise ValueError("no")
        return b"ok"

    async def run() -> list:
        first = await asyncio.gather(*(cache.get(("k",), build) for _ in range(3)), return_exceptions=True)
        return [*first, await cache.get(("k",), build)]

    *failed, ok = asyncio.run(run())
    assert all(isinstance(e, ValueError) for e in failed) and ok == b"ok"


def test_the_cache_keeps_a_bounded_number() -> None:
    cache = ViewCache(size=3)

    async def run() -> None:
        for i in range(10):
            await cache.get((i,), lambda i=i: str(i).encode())

    asyncio.run(run())
    assert len(cache._done) == 3


def test_the_cache_keeps_a_bounded_number_of_bytes_and_always_the_newest() -> None:
    cache = ViewCache(most_bytes=25)

    async def run() -> None:
        for n in range(5):
            await cache.get((n,), lambda: b"ten bytes!")
        assert list(cache._done) == [(3,), (4,)]
        await cache.get(("large",), lambda: b"x" * 100)
        assert list(cache._done) == [("large",)]

    asyncio.run(run())


def test_the_socket_tells_the_snapshot_at_once_and_each_new_one(queries: FakeQueries, client: TestClient) -> None:
    with client.websocket_connect("/live") as socket:
        assert socket.receive_json() == {"snapshot": 7}
        threading.Thread(target=queries.commit).start()
        assert socket.receive_json() == {"snapshot": 8}


def test_the_poll_says_the_same_as_the_socket(queries: FakeQueries, client: TestClient) -> None:
    answer = client.get("/live/poll")
    assert answer.json() == {"snapshot": 7}
    same = client.get("/live/poll", headers={"if-none-match": answer.headers["etag"]})
    assert same.status_code == 304
    queries.commit()
    assert client.get("/live/poll", headers={"if-none-match": answer.headers["etag"]}).json() == {"snapshot": 8}


def test_geometry_is_served_by_url_and_kept_by_the_browser(client: TestClient) -> None:
    answer = client.get("/geo/420700/districts.geojson")
    assert {f["id"] for f in answer.json()["features"]} == {"420702", "420703", "420704"}
    assert "max-age=86400" in answer.headers["cache-control"] and answer.headers["etag"]
    assert client.get("/geo/420700/nothing.geojson").status_code == 404
    assert client.get("/geo/1/districts.geojson").status_code == 404


def test_a_figure_tells_where_it_comes_from(client: TestClient) -> None:
    figure = "traffic.tti|420704|5min|2026-11-22T05:50:00"
    body = client.get("/view/figure", params={"figure": figure, "search": "?lang=zh"}).json()
    text = orjson.dumps(body["tree"]).decode()
    for words in ("鄂城区", "说明了什么", "不说明什么", "计算公式", "统计时段", "完整度", "来源文件", "全部为模拟数据",
                  "/api/v1/provenance?metric=traffic.tti"):  # fmt: skip
        assert words in text


@pytest.mark.parametrize(("figure", "status"), [("nonsense", 400), ("a|b|c|not-a-time", 400)])
def test_a_wrong_figure_is_refused_with_words(client: TestClient, figure: str, status: int) -> None:
    answer = client.get("/view/figure", params={"figure": figure})
    assert answer.status_code == status and figure in answer.json()["message"]


def test_every_answer_carries_the_policy_of_this_server_alone(client: TestClient) -> None:
    for path in ("/", "/view?path=/", "/assets/app.js", "/api/v1/health", "/geo/420700/water.geojson"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy and "http" not in policy and "unsafe-eval" not in policy


def test_any_address_opens_the_same_shell(client: TestClient) -> None:
    page = client.get("/district/420704")
    assert page.status_code == 200 and "_dash-config" in page.text


def test_text_answers_are_compressed_and_static_ones_once(client: TestClient) -> None:
    raw = client.get("/assets/app.js", headers={"accept-encoding": "identity"})
    packed = client.get("/assets/app.js", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.text == raw.text
    assert int(packed.headers["content-length"]) == len(gzip.compress(raw.content, 6, mtime=0))
