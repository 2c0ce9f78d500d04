"""How soon a wall stands and how soon it knows: first picture cold, tiles warm, from a message at the door to the number."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_pipeline.home import Home
from data_pipeline.ingest.types import Incoming
from data_pipeline.store.inbox import submit
from data_pipeline.store.lock import holder
from tests.browser.real import Child, Web, copy_of, corrected_hour
from tests.soak.wall import SETTLED, renderer

CITY = "420700"
SIZE = {"width": 1920, "height": 1080}
ADDED_KWH = 10_000.0
FIRST_PICTURE_S, COLD_MB, TILES_WARM_S, MESSAGE_S = 2.0, 2.5, 1.5, 2.0


def first_picture(browser: Any, url: str, scene: str = "overview") -> dict[str, float | str]:
    """A cold browser, then the same browser again: seconds to the first numbers, MB over the wire, seconds to all tiles."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.set_default_timeout(60_000)
    tool = context.new_cdp_session(page)
    tool.send("Network.enable")
    wire: list[float] = []
    tool.on("Network.loadingFinished", lambda event: wire.append(event["encodedDataLength"]))
    began = time.monotonic()
    page.goto(f"{url}/scene/{scene}?city={CITY}", wait_until="commit")
    page.wait_for_selector(".wall-number")
    first_s = time.monotonic() - began
    page.wait_for_selector(SETTLED, state="attached")
    drawn_s = time.monotonic() - began
    cold_mb = sum(wire) / 1e6
    began = time.monotonic()
    page.goto(f"{url}/scene/{scene}?city={CITY}&lang=zh", wait_until="commit")
    page.wait_for_selector(".wall-tile .wall-number")
    warm_s = time.monotonic() - began
    page.wait_for_selector(SETTLED, state="attached")
    warm_drawn_s, name = time.monotonic() - began, renderer(page)
    context.close()
    return {"renderer": name, "first_numbers_s": first_s, "map_drawn_s": drawn_s, "cold_mb": cold_mb, "warm_tiles_s": warm_s, "warm_map_drawn_s": warm_drawn_s}


def message_to_number(browser: Any, real_home: Path, folder: Path, messages: int, say: Callable[[str], None] = print) -> list[float]:
    """Seconds from handing a corrected hour to the running pipeline until the wall shows another number, message by message."""
    home = copy_of(real_home, folder / "home")
    pipeline = Child("-m", "data_pipeline", "run", "--no-simulator", "--home", home)
    found: list[float] = []
    try:
        pipeline.wait_until(lambda: (who := holder(Home.of(home))) is not None and who.answers_inbox)
        web = Web(home)
        context = browser.new_context(viewport=SIZE)
        try:
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.goto(f"{web.url}/scene/energy?city={CITY}")
            page.wait_for_selector(SETTLED, state="attached")
            page.wait_for_selector("#connection.is-connected", state="attached")
            for n in range(messages):
                file = corrected_hour(home, folder / f"message{n}.csv", ADDED_KWH * (n + 1))
                page.evaluate(WATCH)
                began = time.time()
                submit(Home.of(home), Incoming(path=file, city=CITY, dataset="charging_hourly", source="test", filename=file.name, is_simulated=True))
                changed = page.wait_for_function("() => window.changedAt", timeout=60_000).json_value()
                found.append(changed / 1000 - began)
                say(f"message {n + 1}: {found[-1]:.2f} s")
        finally:
            context.close()
            web.stop()
    finally:
        pipeline.stop()
    return found


# notes when the day's energy changes on the screen; clocks of browser and test are the same machine's
WATCH = """() => {
  const place = [...document.querySelectorAll('.wall-figure')].find(e => e.getAttribute('aria-label').startsWith('充电量'));
  const before = place.querySelector('.num').textContent;
  window.changedAt = 0;
  const look = new MutationObserver(() => {
    if (place.querySelector('.num').textContent !== before) { window.changedAt = Date.now(); look.disconnect(); }
  });
  look.observe(place, { childList: true, subtree: true, characterData: true });
}"""
