"""No page shows words of the other language: every text and every label that a reader or a screen reader meets."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from fake_store import FakeStore
from views import make, page, unfolded

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from data_pipeline.contracts import contracts
from data_pipeline.domains import domains
from pages.serving.live import Views
from tests.browser.lint import other_script

# what is read aloud or shown on pointing, beside the text itself
SPOKEN = ("title", "aria-label", "placeholder", "label", "data-title", "data-line", "data-done", "data-when", "alt")
PLACES = ("/", "/district/420704", "/district/420704001", "/site/420704001-0", "/site/420704001-3", "/data", "/events",
          "/plan", "/served", "/manual", "/manual/traffic.tti", "/watch", "/compare", "/nowhere")  # fmt: skip
SEARCHES = {"/data": ("", "show=deliveries", "show=layers"), "/compare": ("", "show=periods", "show=dates"),
            "/watch": ("", "figures=traffic.tti|420704|5min")}  # fmt: skip
ADDRESSES = [(path, search) for path in (*PLACES, *(f"/domain/{group}" for group in domains())) for search in SEARCHES.get(path, ("",))]
# a refusal quotes the values its column may have, a manual the names of the columns it is made of
# and what a person wrote or an office is called stays as it was written
WRITTEN = frozenset({"中文", "指挥中心", "已派人到场"})
PLACEHOLDER = re.compile(r"{\w+}")  # of a text the browser fills
QUOTED = frozenset(v for c in contracts().values() for column in c.columns.values() for v in column.values)


@pytest.fixture(scope="module")
def views() -> Views:
    return make(FakeStore(stale=("traffic.tti",), missing=("environment.pm25",)))


def said(node: Any, lang: str) -> Iterator[str]:
    """Texts and spoken labels of a tree, without what declares another language and what is quoted as code."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from said(item, lang)
    elif isinstance(node, dict) and "props" in node:
        props = node["props"]
        if props.get("lang", lang) != lang or props.get("hrefLang") or node["type"] in ("Code", "Pre"):
            return
        # the credits of a map name their sources as published, a delivery its hash
        cited = "show=layers" in str(props.get("href"))
        yield from (props[name] for name in SPOKEN if isinstance(props.get(name), str) and not cited and "SHA-256" not in props[name])
        yield from (words for _, words in props.get("options") or ())
        yield from said(props.get("children"), lang)


@pytest.mark.parametrize(("path", "search"), ADDRESSES, ids=[f"{p}?{s}" if s else p for p, s in ADDRESSES])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_page_speaks_one_language(views: Views, path: str, search: str, lang: str) -> None:
    found = page(views, path, f"?lang={lang}&city=420700&{search}")
    texts = dict.fromkeys([found["title"], *said(found["tree"], lang)])
    allowed = QUOTED if lang == "zh" else WRITTEN
    wrong = {text: foreign for text in texts if (foreign := other_script(PLACEHOLDER.sub(" ", text), lang, allowed))}
    assert wrong == {}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_drawer_of_a_figure_speaks_one_language(views: Views, lang: str) -> None:
    body = unfolded(orjson.loads(views.figure("traffic.tti|420704|hour|2026-11-22T05:00:00", f"?lang={lang}")))
    # SQL, formula and the columns of the records behind it are quoted as they are
    quoted = frozenset({"value"})
    texts = [text for text in said(body["tree"], lang) if not any(word in text.lower() for word in ("select", "/api/", "greatest"))]
    assert [text for text in texts if other_script(text, lang, quoted)] == []
