"""The page as plain HTML before the scripts are there."""

from __future__ import annotations

import asyncio
import re
import subprocess
import threading
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from dash import dcc, html
from fake_store import FakeStore
from fastapi.testclient import TestClient
from plotly.offline import get_plotlyjs_version
from views import make, page, words

from app import PLOTLY_FILE, create_app
from components.svg import Svg
from pages.serving import first
from pages.serving.first import PLOTLY, html_of, picture
from pages.serving.tree import folded

VOID = {"meta", "link", "br", "img", "hr", "input", "col", "wbr"}


class Read(HTMLParser):
    """Text, and whether every element is closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.said.append(data)


def drawn(component: Any) -> str:
    return html_of(folded(component))


@pytest.fixture(scope="module")
def client() -> Any:
    queries = FakeStore()
    with TestClient(create_app(queries, queries.packs, now=lambda: queries.clock).server) as client:  # type: ignore[arg-type]
        yield client


@pytest.mark.parametrize("path", ["/", "/district/420704", "/domain/traffic", "/plan", "/data", "/scene/overview", "/site/420704001-0"])
def test_the_picture_says_what_the_page_says(path: str) -> None:
    views = make()
    read = Read(picture(views.page(path, "", "")))
    assert not read.open and not read.wrong
    assert "".join(" ".join(read.said).split()) == "".join(words(page(views, path)["tree"]).split())


def test_attributes_are_spelt_as_html_has_them_and_text_is_escaped() -> None:
    made = drawn(html.Label("<b> & 'so'", htmlFor="f", className='a "b"', hidden=True, tabIndex=-1, style={"backgroundColor": "red", "--w": 3, "width": 4},
                            **{"data-figure": "x|y", "aria-label": "名"}))  # fmt: skip
    attributes = ['for="f"', 'class="a &quot;b&quot;"', "hidden", 'tabindex="-1"', 'style="background-color:red;--w:3;width:4px"', 'data-figure="x|y"', 'aria-label="名"']
    head, _, text = made.removeprefix("<label ").partition(">")
    assert text == "&lt;b&gt; &amp; 'so'</label>"
    assert all(one in head for one in attributes) and len(head) == len(" ".join(attributes))


def test_false_and_nothing_are_not_written_and_ids_are_left_to_the_page() -> None:
    assert drawn(html.Details([None, html.Br(), 0], open=False, id="v-x")) == "<details><br>0</details>"


def test_a_drawing_is_the_same_as_the_scripts_and_a_graph_is_its_box() -> None:
    made = drawn(Svg(parts=[("path", {"d": "M0 0L1 1", "strokeWidth": 2, "className": "line"}), ("text", {"x": 1, "textAnchor": "end", "text": "5<6"})], viewBox="0 0 9 9", label="走势"))
    assert made == ('<svg viewBox="0 0 9 9" preserveAspectRatio="xMidYMid meet" role="img" aria-label="走势"><path d="M0 0L1 1" stroke-width="2" class="line"></path>'
                    '<text x="1" text-anchor="end">5&lt;6</text></svg>')  # fmt: skip
    assert drawn(html.Div(dcc.Graph(id="m", className="map-graph", style={"height": 200}))) == '<div><div class="dash-graph map-graph" style="height:200px"></div></div>'


def test_an_address_answers_its_page_in_its_language_before_any_script(client: TestClient) -> None:
    for search, lang, said in (("", "zh-CN", "鄂州市运行总体平稳"), ("?lang=en", "en", "Ezhou")):
        answer = client.get(f"/{search}")
        assert f'lang="{lang}"' in answer.text and 'id="first"' in answer.text and said in answer.text
        body = answer.text.partition("</head>")[2]
        assert body.index('id="first"') < body.index("react-entry-point") < body.index("<script src=")
        assert answer.headers["content-encoding"] == "gzip" and answer.headers["cache-control"] == "private, no-cache"


def test_the_theme_chosen_in_this_browser_is_known_before_the_scripts_unless_the_address_says(client: TestClient) -> None:
    def theme(address: str, cookie: str) -> str:
        found = re.search(r'<html [^>]*data-theme="(\w+)"', client.get(address, headers={"cookie": f"theme={cookie}"}).text)
        return found[1] if found else ""

    assert [theme("/", "light"), theme("/?theme=dark", "light"), theme("/", "dark"), theme("/", "nonsense"), theme("/scene/overview", "light")] == [
        "light", "dark", "dark", "dark", "dark"]  # fmt: skip


def test_the_scripts_are_told_of_before_the_page_and_plotly_where_something_is_drawn_with_it(client: TestClient) -> None:
    ahead = client.get("/").text.partition('id="first"')[0]
    assert f'href="{PLOTLY}"' in ahead and "/assets/early/start.js" in ahead and ahead.count('rel="preload"') > 10
    assert PLOTLY not in client.get("/data").text


def test_what_an_unknown_address_and_a_way_on_show(client: TestClient) -> None:
    assert 'id="first"' in client.get("/district/999999").text and "没有编号为“999999”的区域" in client.get("/district/999999").text
    assert picture(b'{"redirect":"/"}') == ""
    assert 'id="first"' not in client.get("/no/such/page").text


def test_plotly_is_the_build_of_lines_and_maps_of_the_very_version(client: TestClient) -> None:
    answer = client.get(PLOTLY)
    assert answer.status_code == 200 and answer.content == PLOTLY_FILE.read_bytes()
    head = answer.text[:200]
    assert f"plotly.js (map - minified) v{get_plotlyjs_version()}" in head and "MIT" in head


def test_every_kind_of_trace_we_draw_is_in_that_build() -> None:
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run(["grep", "-rhoE", r'"type": "(scatter\w*|choropleth\w*|bar|heatmap|pie|histogram\w*|box|density\w*)"', "components", "pages", "--include=*.py"],
                           cwd=root, capture_output=True, text=True, check=True).stdout  # fmt: skip
    assert set(re.findall(r'"type": "(\w+)"', found)) == {"scatter", "scattermap", "choroplethmap"}


def test_a_page_that_takes_long_says_so_in_its_language_and_comes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    views = make()
    monkeypatch.setattr(first, "PATIENCE_S", 0.01)
    built = threading.Event()
    whole = views.built

    def slow(path: str, search: str) -> Any:
        time.sleep(0.2)
        found = whole(path, search)
        built.set()
        return found

    monkeypatch.setattr(views, "built", slow)

    async def asked() -> tuple[str, bytes]:
        said = await first._within(views, "/", "?lang=en", "en")
        return said, (await views.current("/", "?lang=en")).whole

    said, came = asyncio.run(asked())
    assert "Reading" in said or "Loading" in said
    assert built.is_set() and b'"tree"' in came
