"""How long the main thread is held in each frame while a map with many places is dragged and zoomed, by the browser's own trace.

The trace tells every task of the page's main thread with its length; the page tells when each frame began
(`requestAnimationFrame`). What a frame costs is the time of the tasks that ran between its beginning and the next one's, told
twice: as the clock on the wall has it, and as processor time of the thread. A software renderer draws on the same cores, so on
the wall the thread also waits for its turn and for the drawing; the renderer is named, and with a graphics card the promise is judged.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import threading
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson

from data_pipeline.queries.types import Site as Place
from tests.browser.conftest import Site
from tests.soak.failing import FailingStore, store
from tests.soak.wall import renderer

PLACES, MOST_BLOCK_MS = 100_000, 16.0
SOFTWARE = ("SwiftShader", "llvmpipe")
ADDRESS = "/domain/coverage?sites=base_stations&city=420700"
SIZE = {"width": 1600, "height": 1000}
DRAGS, WHEELS = 16, 12
READY = """() => { const p = document.querySelector('.map-graph .js-plotly-plot'), s = p && p._fullLayout && p._fullLayout.map._subplot;
  return s && s.map && s.map.getLayer('places-tiles') && s.map.areTilesLoaded() && s.map.queryRenderedFeatures({ layers: ['places-tiles'] }).length > 100; }"""
# a mark in the trace where each frame begins
MARK = "() => { const tick = () => { performance.mark('frame'); window.frames_n = (window.frames_n || 0) + 1; requestAnimationFrame(tick); }; requestAnimationFrame(tick); }"


class ManyPlaces(FailingStore):
    """A stand-in store whose register of base stations holds `PLACES` places, spread over the city's box, always the same."""

    def sites(self, city: str, dataset: str | None = None, *narrowed: Any, **more: Any) -> list[Place]:
        """The many, made once; other registers as they are."""
        if dataset != "base_stations":
            return super().sites(city, dataset, *narrowed, **more)
        if not hasattr(self, "_many"):
            west, south, east, north = self.packs[city].bbox
            dice = random.Random(1)
            self._many = [
                Place(city, f"b{i}", "base_stations", f"站{i}", f"site {i}", dice.uniform(west, east), dice.uniform(south, north), None, None, (),
                      "point", {}, True, 1)
                for i in range(PLACES)
            ]  # fmt: skip
        return self._many


@dataclass(frozen=True)
class Frames:
    """Milliseconds of main-thread tasks in each frame, of processor time and on the wall; frames a second, and who drew."""

    renderer: str
    work_ms: list[float]
    wall_ms: list[float]
    per_second: float


def frames(browser: Any, drags: int = DRAGS, wheels: int = WHEELS) -> Frames:
    """Open the map, drag and zoom it with the mouse under trace, and reckon what each frame cost."""
    queries = ManyPlaces(now=store().clock, built=("420700",))
    site = Site(queries)
    page = browser.new_context(viewport=SIZE).new_page()
    try:
        page.set_default_timeout(180_000)
        page.goto(site.url + ADDRESS)
        page.wait_for_function(READY)
        page.wait_for_timeout(3000)  # what loading left to do is not the map's moving
        page.evaluate(MARK)
        name = renderer(page)
        events = _traced(browser, page, lambda: _move(page, drags, wheels))
        return Frames(name, *_reckon(events))
    finally:
        page.context.close()
        site.stop()


def _move(page: Any, drags: int, wheels: int) -> None:
    box = page.locator(".map-graph").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for i in range(drags):
        way = 1 if i % 2 else -1
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + way * 160, y + way * 60, steps=20)
        page.mouse.up()
    for i in range(wheels):
        page.mouse.wheel(0, -240 if i % 8 < 4 else 240)
        page.wait_for_timeout(250)


def _traced(browser: Any, page: Any, does: Any) -> list[dict[str, Any]]:
    """The trace of what happens in `does`, as the browser writes it."""
    tool = browser.new_browser_cdp_session()
    done, handle = threading.Event(), {}
    tool.on("Tracing.tracingComplete", lambda event: (handle.update(event), done.set()))
    tool.send("Tracing.start", {"transferMode": "ReturnAsStream", "traceConfig": {
        "includedCategories": ["toplevel", "disabled-by-default-devtools.timeline", "devtools.timeline", "blink.user_timing"]}})  # fmt: skip
    does()
    tool.send("Tracing.end")
    while not done.is_set():
        page.wait_for_timeout(100)
    with tempfile.TemporaryFile() as held:
        while True:
            part = tool.send("IO.read", {"handle": handle["stream"], "size": 1 << 20})
            held.write(part["data"].encode())
            if part["eof"]:
                break
        held.seek(0)
        return orjson.loads(held.read())["traceEvents"]


def _reckon(events: list[dict[str, Any]]) -> tuple[list[float], list[float], float]:
    """Processor time and time on the wall (ms) of each frame, and frames a second, from tasks and marks of the thread that set the marks.

    Processor time of a task that reaches into the next frame is shared by the clock.
    """
    marks = sorted((e["ts"], e["pid"], e["tid"]) for e in events if e.get("name") == "frame" and "user_timing" in e.get("cat", ""))
    assert len(marks) > 20, "the trace holds no frames"
    pid, tid = marks[0][1:]
    tasks = [(e["ts"], e["ts"] + e["dur"], e.get("tdur", e["dur"])) for e in events if e.get("name") in ("RunTask", "ThreadControllerImpl::RunTask") and e.get("ph") == "X"
             and (e["pid"], e["tid"]) == (pid, tid)]  # fmt: skip
    tasks = _outermost(tasks)
    starts = [ts for ts, _, _ in marks]
    work, wall, at = [], [], 0
    for begin, end in pairwise(starts):
        while at and tasks[at - 1][1] > begin:
            at -= 1
        spent = passed = 0.0
        while at < len(tasks) and tasks[at][0] < end:
            first, last, processor = tasks[at]
            inside = max(min(last, end) - max(first, begin), 0)
            passed += inside
            spent += processor * inside / max(last - first, 1)
            at += 1
        work.append(spent / 1000)
        wall.append(passed / 1000)
    return work, wall, (len(starts) - 1) / ((starts[-1] - starts[0]) / 1e6)


def _outermost(tasks: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Tasks (begin, end, processor time) that lie in no other: one told twice, or inside another, counts once."""
    found: list[tuple[float, float, float]] = []
    for task in sorted(tasks, key=lambda task: (task[0], -task[1])):
        if not found or task[0] >= found[-1][1]:
            found.append(task)
    return found


def report(found: Frames) -> list[str]:
    """What was measured, said; and the problems."""
    print(f"{PLACES} places, renderer {found.renderer}: {len(found.work_ms)} frames, {found.per_second:.1f} a second")
    for what, times in (("processor time", found.work_ms), ("on the wall", found.wall_ms)):
        print(f"main thread per frame, {what}: median {statistics.median(times):.1f} ms, p95 {_p95(times):.1f} ms, most {max(times):.1f} ms")
    p95 = _p95(found.work_ms)
    if any(word in found.renderer for word in SOFTWARE):
        print(f"a software renderer: frames are long and each holds the work of several; the {MOST_BLOCK_MS:g} ms are judged with a graphics card only")
        return []
    return [f"the main thread works {p95:.1f} ms a frame (p95), allowed {MOST_BLOCK_MS:g}"] if p95 > MOST_BLOCK_MS else []


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]

