"""Every page, size and language over a real store: drawn, kept as a picture in build/screens, and looked over by `lint`.

`make test` takes a sample; `make screens` (CITY_BRAIN_SCREENS=all) the whole matrix.
"""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.cities import load_packs
from data_pipeline.contracts import contracts
from data_pipeline.home import Home
from data_pipeline.store.lake import Lake
from tests.browser.lint import lint, other_script
from tests.browser.real import Web

pytestmark = [pytest.mark.browser, pytest.mark.screens]

PICTURES = Path(__file__).resolve().parents[2] / "build/screens"
PHONE = (390, 844)
SIZES = ((3840, 2160), (1920, 1080), (1366, 768), PHONE)
PAGES = ("/", "/?metric=charging.energy_kwh", "/?metric=environment.pm25", "/?metric=coverage.composite_share",
         "/district/420703", "/district/420704101", "/district/420704401", "/site/{charging}", "/site/{air}",
         "/data", "/data?show=deliveries", "/data?show=quarantine", "/data?show=layers", "/events", "/login", "/api/docs",
         "/domain", "/domain/coverage", "/domain/traffic", "/domain/environment", "/domain/livelihood?view=3d",
         "/domain/services?heat=request_heat", "/domain/energy?heat=charging_heat", "/served", "/manual",
         "/manual/traffic.tti")  # fmt: skip
# scenes of the wall, at the sizes of walls; a wall has no daylight
WALL_SIZES = ((1920, 1080), (3840, 2160), (5760, 1080), (6656, 1792), (7680, 2160))
SCENES = tuple(f"/scene/{scene.id}" for scene in load_packs()["420700"].wall().scenes)
LIGHT = (((1920, 1080), "zh"), (PHONE, "en"))  # every page in daylight, once on a desk and once in the hand
# a refusal quotes the values its column may have
ALLOWED_VALUES = frozenset(v for c in contracts().values() for column in c.columns.values() for v in column.values)
BILINGUAL = ("/api/docs",)  # written for programmers, in both languages at once, one shot at every size


@dataclass(frozen=True)
class Shot:
    """One page at one size in one language and theme."""

    path: str
    size: tuple[int, int]
    lang: str
    theme: str = "dark"

    @property
    def name(self) -> str:
        """File name of the picture, without its ending."""
        words = re.sub(r"[^\w.]+", "-", self.path).strip("-") or "overview"
        return f"{words}_{self.size[0]}x{self.size[1]}_{self.lang}_{self.theme}"

    @property
    def address(self) -> str:
        """Path with language and theme, where the page takes them."""
        if self.path in BILINGUAL:
            return self.path
        return f"{self.path}{'&' if '?' in self.path else '?'}lang={self.lang}&theme={self.theme}"


def matrix() -> list[Shot]:
    """All shots, largest screen first."""
    shots = [Shot(path, size, lang) for size in SIZES for path in PAGES for lang in ("zh", "en")
             if lang == "zh" or path not in BILINGUAL]  # fmt: skip
    shots += [Shot(path, size, lang) for size in WALL_SIZES for path in SCENES for lang in ("zh", "en")]
    return shots + [Shot(path, size, lang, "light") for size, lang in LIGHT for path in PAGES if path not in BILINGUAL]


SAMPLE = [
    Shot("/", (1920, 1080), "zh"), Shot("/", (1366, 768), "en", "light"), Shot("/district/420703", (1366, 768), "zh"),
    Shot("/site/{charging}", (1920, 1080), "en"), Shot("/events", (390, 844), "zh"),
    Shot("/scene/overview", (1920, 1080), "zh"), Shot("/scene/environment", (1920, 1080), "en"),
    Shot("/domain/coverage", (390, 844), "zh"), Shot("/domain/livelihood?view=3d", (1366, 768), "en"),
]  # fmt: skip
SHOTS = matrix() if os.environ.get("CITY_BRAIN_SCREENS") == "all" else SAMPLE


@pytest.fixture(scope="module")
def web(real_home: Path) -> Iterator[Web]:
    running = Web(real_home)
    # the first answer of a new process takes longest; on a busy machine longer than a browser waits before it asks again
    with urllib.request.urlopen(f"{running.url}/view?path=/&search=%3Flang%3Dzh%26theme%3Ddark", timeout=300) as answer:
        assert answer.status == 200
    yield running
    running.stop()


@pytest.fixture(scope="module")
def places(real_home: Path) -> dict[str, str]:
    """Sites whose pages are looked at: a charging station and an air monitor."""
    with Lake.reader(Home.of(real_home)) as lake:
        frame = lake.frame("SELECT dataset, min(site_id) AS site FROM sites GROUP BY dataset")
    first = dict(frame.iter_rows())
    return {"charging": first["charging_stations"], "air": first["monitoring_stations"]}


@pytest.mark.parametrize("shot", SHOTS, ids=lambda s: s.name)
def test_a_page_is_whole_legible_translated_and_at_home(browser: Any, web: Web, places: dict[str, str], shot: Shot) -> None:
    context = browser.new_context(viewport={"width": shot.size[0], "height": shot.size[1]})
    named = ALLOWED_VALUES if shot.lang == "zh" else frozenset()
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        faults: list[str] = []
        page.on("pageerror", lambda e: faults.append(f"page error: {e}"))
        page.on("console", lambda m: faults.append(f"console: {m.text}") if m.type in ("error", "warning") and not of_the_driver(m.text) else None)
        page.on("response", lambda r: faults.append(f"failed: {r.status} {r.url}") if r.status >= 400 else None)
        page.on("requestfailed", lambda r: faults.append(f"failed: {r.failure} {r.url}"))
        page.on("request", lambda r: faults.append(f"other host: {r.url}") if abroad(r.url, web.port) else None)
        page.goto(web.url + shot.address.format(**places))
        page.wait_for_selector("#main > *, .login-box, .api-docs main")
        settle(page)
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(PICTURES / f"{shot.name}.png"), full_page=shot.size == PHONE)
        found = lint(page, shot.lang, named)
        if page.locator("#main > .empty").count():
            found.append(f"not the page: {page.inner_text('#main')}")
        if shot.size == PHONE and page.locator(".map-fold > summary").count():
            page.locator(".map-fold > summary").first.click()
            settle(page)
            # not the full page: it would give the map another box for the moment of the picture
            page.screenshot(path=str(PICTURES / f"{shot.name}_map.png"))
            found += lint(page, shot.lang, named)
        if shot.path in BILINGUAL:
            found = [f for f in found if not f.startswith("untranslated")]
        assert faults + found == []
    finally:
        context.close()


def settle(page: Any) -> None:
    """Until the page itself stands, the fonts and every map's geometry have come, the open maps stand still with their names, and a second has passed."""
    page.wait_for_function("() => !document.querySelector('#first')")
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.wait_for_function("""() => {
      const come = performance.getEntriesByType('resource').filter(r => r.responseEnd > 0).map(r => r.name);
      return [...document.querySelectorAll('.map-graph')].filter(box => !box.closest('.map-fold:not([open])')).every(box => {
        const g = box.querySelector('.js-plotly-plot') || box, s = g._fullLayout && g._fullLayout.map && g._fullLayout.map._subplot;
        const wanted = (g.data || []).map(trace => trace.geojson).filter(u => typeof u === 'string' && u.includes('.geojson'));
        if (!s || !s.map || !s.map.loaded() || !s.map.isStyleLoaded()) { return false; }
        // names are placed a moment after the areas are filled
        const named = (g.data || []).some(trace => trace.mode === 'text' && trace.text.length);
        const placed = () => s.map.queryRenderedFeatures().some(f => f.layer.type === 'symbol');
        return (!named || placed()) && wanted.every(u => come.some(name => decodeURI(name).endsWith(u)));
      });
    }""")
    page.evaluate("""() => Promise.all([...document.querySelectorAll('.map-graph .js-plotly-plot')].map(g => {
      const s = g._fullLayout && g._fullLayout.map && g._fullLayout.map._subplot;
      if (!s || !s.map || g.closest('.map-fold:not([open])')) { return true; }
      return new Promise(done => { s.map.once('idle', done); s.map.triggerRepaint(); setTimeout(done, 15000); });
    }))""")
    page.wait_for_timeout(1000)


def abroad(url: str, port: int) -> bool:
    """True where an address is not this server's."""
    return not url.startswith((f"http://127.0.0.1:{port}/", f"ws://127.0.0.1:{port}/", "blob:", "data:"))


def of_the_driver(text: str) -> bool:
    """Words of the software renderer of a machine without a graphics card."""
    return "GL Driver Message" in text or "swiftshader" in text.lower() or "Automatic fallback to software WebGL" in text


BAD = {
    "small": ('<p style="font-size:11px">small print</p>', "small: p"),
    "clipped": ('<p style="width:60px;overflow:hidden;white-space:nowrap">much longer than its box is</p>', "clipped: p"),
    "overlapping": ('<div style="position:relative"><p style="position:absolute;top:0">first line</p>'
                    '<p style="position:absolute;top:4px">other line</p></div>', "overlap: p"),
    "empty": ("<section><h2>heading</h2><div></div></section>", "empty: section"),
    "sideways": ('<div style="width:3000px">wide</div>', "sideways: "),
    "untranslated": ("<p>the text is 忘了</p>", "untranslated: p"),
    "hard to read": ('<p style="color:#777;background:#888">grey on grey</p>', "contrast: p 1.26"),
    "hard to read through a veil": ('<div style="background:#000"><p style="color:#fff;opacity:0.3">white, veiled</p></div>', "contrast: p"),
    "told by colour alone": ('<ul class="legend"><li><span class="swatch" style="display:block;width:9px;height:9px"></span></li></ul>',
                             "colour only: span.swatch"),
}  # fmt: skip


# faults that depend on the size of the screen
BAD_AT = {
    "small for a wall": ((3840, 2160), '<style>html{font-size:32px}</style><p style="font-size:16px">as on a desk</p>', "small: p 16 px, at least 24"),
    "small for a finger": (PHONE, '<button style="width:80px;height:30px">press</button>', "touch: button 80 × 30 px"),
}  # fmt: skip


@pytest.mark.parametrize(("size", "html", "expected"), BAD_AT.values(), ids=BAD_AT)
def test_the_lint_asks_more_of_a_wall_and_of_a_phone(browser: Any, size: tuple[int, int], html: str, expected: str) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.set_content(f'<body style="margin:0;font-size:32px">{html}</body>')
    found = lint(page, "en")
    assert len(found) == 1 and found[0].startswith(expected)
    page.set_viewport_size({"width": 1366, "height": 768})
    page.add_style_tag(content="html{font-size:16px !important}")
    assert lint(page, "en") == []
    context.close()


@pytest.mark.parametrize(("html", "expected"), BAD.values(), ids=BAD)
def test_the_lint_catches_a_page_known_to_be_bad(browser: Any, html: str, expected: str) -> None:
    context = browser.new_context(viewport={"width": 800, "height": 600})
    page = context.new_page()
    page.set_content(f'<body style="font-size:16px">{html}</body>')
    found = lint(page, "en")
    assert len(found) == 1 and found[0].startswith(expected)
    context.close()


def test_the_lint_lets_a_good_page_pass(browser: Any) -> None:
    context = browser.new_context(viewport={"width": 800, "height": 600})
    page = context.new_page()
    page.set_content('<body style="font-size:16px"><section><h2>空气</h2><p>PM2.5 35 µg/m³，执行 GB/T 33171</p></section>'
                     '<p title="the whole text" style="width:60px;overflow:hidden;white-space:nowrap">充电站的名称很长很长</p></body>')  # fmt: skip
    assert lint(page, "zh") == []
    page.set_content('<body style="font-size:16px;background:#10161a;color:#edf1f2"><p style="color:#93a2aa">较暗的字也读得清</p>'
                     '<ul class="legend"><li><span class="swatch"></span>1.2–1.3</li></ul></body>')  # fmt: skip
    assert lint(page, "zh") == []
    context.close()


def test_units_codes_and_file_names_may_stand_on_a_chinese_page_but_words_may_not() -> None:
    assert other_script("用电 35 kWh，按 GB/T 29316；文件 sim_420700.csv，点位 CS-420700-00001", "zh") == []
    assert other_script("数据 loading 中", "zh") == ["loading"]
    assert other_script("Ezhou 充电", "en") == ["充电"]
