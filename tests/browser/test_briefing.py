"""A briefing made in the browser: the button, the progress, the file; and the shipped font where a machine has none."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.ledger import freeze as kept
from data_pipeline.ledger.verify import verify
from tests.browser.real import delay_pages

CITY = "420700"
LATIN = [Path("/usr/share/fonts/truetype/dejavu"), Path("/usr/share/fonts/truetype/liberation")]
SLOW_MS = 90_000  # a machine that runs other tests beside this one


@pytest.fixture()
def review(site: Any) -> Any:
    old = site.queries.ledger(CITY, date(2022, 6, 30))
    site.queries.kept.append(kept.make(old, "年中例会", "张三", False, datetime(2026, 7, 1)))
    return site


@pytest.mark.parametrize(("lang", "title"), [("zh", "鄂州市规划台账快报"), ("en", "Plan ledger of Ezhou")])
def test_a_click_makes_a_briefing_that_verifies(browser: Any, review: Any, lang: str, title: str, tmp_path: Path) -> None:
    page = browser.new_page(accept_downloads=True)
    page.set_default_timeout(SLOW_MS)
    page.goto(f"{review.url}/plan/review?city={CITY}&lang={lang}&before={review.queries.kept[0].freeze_id}")
    page.wait_for_selector(".change-table")
    with page.expect_download(timeout=SLOW_MS) as download:
        page.locator('.brief-list button[data-brief*=\'"of": "ledger"\'][data-brief*=\'"pdf"\']').click()
    download.value.save_as(tmp_path / "brief.pdf")
    found = verify(tmp_path / "brief.pdf")
    assert (found.problems, found.title) == ((), title)
    assert page.locator(".brief-progress progress").get_attribute("value") in ("1", None) or page.evaluate(
        "document.querySelector('.brief-progress progress').value") == 1
    page.close()


def requested_fonts(browser: Any, url: str) -> list[str]:
    page = browser.new_page()
    page.set_default_timeout(SLOW_MS)
    fonts: list[str] = []
    page.on("request", lambda request: fonts.append(request.url.rsplit("/", 1)[1]) if ".otf" in request.url else None)
    page.goto(url)
    page.wait_for_selector(".ledger-review, .overview")
    page.evaluate("document.fonts.ready.then(() => 1)")
    page.wait_for_timeout(1500)
    page.close()
    return fonts


def test_a_machine_with_a_chinese_font_fetches_none_of_ours(browser: Any, review: Any) -> None:
    if not Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists():
        pytest.skip("fonts-noto-cjk is not installed")
    assert requested_fonts(browser, f"{review.url}/plan/review?city={CITY}") == []


def test_a_machine_without_one_fetches_the_small_slices_first(review: Any, browser: Any, tmp_path: Path) -> None:
    # a font configuration that knows Latin letters only (a browser without any font does not start)
    latin = next((f for f in LATIN if f.is_dir()), None)
    if latin is None:
        pytest.skip("no folder with a Latin font only: " + ", ".join(map(str, LATIN)))
    config = tmp_path / "fonts.conf"
    config.write_text(f'<?xml version="1.0"?><fontconfig><dir>{latin}</dir><cachedir>{tmp_path}/cache</cachedir></fontconfig>')
    chromium = browser.browser_type.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-quic"], env={"FONTCONFIG_FILE": str(config)}
    )
    fonts = requested_fonts(chromium, f"{review.url}/plan/review?city={CITY}")
    chromium.close()
    assert "sans-regular-1.otf" in fonts
    assert not {"sans-regular-4.otf", "sans-bold-4.otf"} & set(fonts), "the rarest characters are fetched only where they stand"
    assert sum((Path("assets/fonts") / name).stat().st_size for name in set(fonts)) < 700_000, fonts


def test_a_briefing_asked_for_before_the_page_stands_is_made_when_it_does(browser: Any, review: Any) -> None:
    page = browser.new_page(accept_downloads=True)
    page.set_default_timeout(SLOW_MS)
    delay_pages(page)
    page.goto(f"{review.url}/plan/review?city={CITY}", wait_until="commit")
    page.locator('#first .brief-list button[data-brief*=\'"of": "ledger"\'][data-brief*=\'"pdf"\']').click()
    page.wait_for_selector("#page .brief-progress a[download$='.pdf']")
    assert page.evaluate("document.querySelector('#page .brief-progress progress').value") == 1
    page.close()
