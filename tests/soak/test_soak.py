"""A sample of the soak: the wall holds its memory and its picture through refreshes, a failing tile and a server that goes."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.browser.conftest import browser  # noqa: F401  a fixture
from tests.soak.failing import store
from tests.soak.wall import dark_share, heap, soak

pytestmark = pytest.mark.browser
REFRESHES = int(os.environ.get("CITY_BRAIN_SOAK", "24"))
# a page is not yet at rest after so few refreshes (`make soak` waits for 500): what the first dozen still fill is not a leak,
# but a chart or a map kept at every refresh would be far above this
GROWTH_OF_A_SAMPLE = 0.15


def test_the_wall_holds_its_memory_and_its_picture_through_refreshes_and_faults(browser: Any) -> None:  # noqa: F811
    report = soak(browser, store(), REFRESHES, settle=REFRESHES // 3, every=REFRESHES // 6, allowed=GROWTH_OF_A_SAMPLE)
    assert len(report.heap_mb) >= 4 and report.frames >= 5 and len(report.faults) == 2
    assert "连接中断，画面为" in report.faults[1]
    assert report.problems == []


def test_what_a_page_keeps_is_told_from_compiled_code(browser: Any) -> None:  # noqa: F811
    context = browser.new_context()
    page = context.new_page()
    page.set_content("<p>42</p>")
    tool = context.new_cdp_session(page)
    before = heap(tool)
    page.evaluate("() => { window.kept = Array.from({length: 500000}, (_, i) => ({ at: i + 0.5 })); }")
    after = heap(tool)
    context.close()
    # an object and its number: 16 to 40 bytes, and 4 or 8 in the list
    assert 10 < after.held_mb - before.held_mb < 30
    assert abs(after.code_mb - before.code_mb) < 1


def test_a_white_picture_is_told_from_a_dark_one(browser: Any) -> None:  # noqa: F811
    context = browser.new_context(viewport={"width": 640, "height": 360})
    page = context.new_page()
    page.set_content('<body style="margin:0;background:#10161a"><p style="color:#fff">42</p></body>')
    assert dark_share(context, page.screenshot()) > 0.95
    page.set_content('<body style="margin:0;background:#ffffff"></body>')
    assert dark_share(context, page.screenshot()) == 0
    context.close()
