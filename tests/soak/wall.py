"""A wall that runs for weeks, accelerated: refresh after refresh of one scene in one document, with faults on the way.

The web is the product's own on figures of a stand-in that change with every refresh. The heap is measured after a
collection of garbage, so growth is what is held, not what has not been swept yet. The engine goes on compiling for
thousands of refreshes what runs often, and that machine code stands in the same heap: snapshots at the first and the last
time say how much of the growth it is. The promise is kept or not by the whole.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.browser.conftest import Site

# below this share of dark picture elements a frame counts as white: the wall is a dark sheet
DARK, LEAST_DARK_SHARE = 96, 0.6
# the promise, after the first 500 of 10,000 refreshes
GROWTH_ALLOWED = 0.05
SETTLED = "html[data-drawn=yes]"
VIEWPORT = {"width": 1280, "height": 720}


@dataclass(frozen=True)
class Heap:
    """One heap of JavaScript after a collection, in MB: what the page holds (objects, strings, functions), and compiled code."""

    held_mb: float
    code_mb: float


@dataclass
class Report:
    """What a run measured. `heap_mb`: (refreshes, MB after a collection); growth is against the first sample after settling.

    `first`, `last`: the heap told apart after settling and at the end.
    """

    renderer: str
    heap_mb: list[tuple[int, float]] = field(default_factory=list)
    frames: int = 0
    white: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    first: Heap | None = None
    last: Heap | None = None

    @property
    def growth_share(self) -> float:
        """Growth of the heap from the first sample to the mean of the last two."""
        first, last = self.heap_mb[0][1], [mb for _, mb in self.heap_mb[-2:]]
        return sum(last) / len(last) / first - 1

    @property
    def parts(self) -> str:
        """What grew between settling and the end, in words."""
        assert self.first is not None and self.last is not None
        held, code = self.last.held_mb - self.first.held_mb, self.last.code_mb - self.first.code_mb
        return f"held by the page {held:+.2f} MB of {self.first.held_mb:.2f}, compiled code {code:+.2f} MB of {self.first.code_mb:.2f}"


def soak(browser: Any, queries: Any, refreshes: int, *, settle: int, every: int, allowed: float = GROWTH_ALLOWED,
         scene: str = "overview", say: Callable[[str], None] = print) -> Report:
    """Refresh one scene `refreshes` times in one document; heap every `every` after the first `settle`.

    A third of the way in one tile fails for some refreshes, two thirds in the server stops and comes back; the same
    document must go on by itself. `allowed`: growth of the heap, as a share. `Report.problems` is empty for a wall that held.
    """
    site = Site(queries)
    context = browser.new_context(viewport=VIEWPORT)
    try:
        return _run(context, site, refreshes, settle, every, allowed, scene, say)
    finally:
        context.close()
        site.stop()


def _run(context: Any, site: Site, refreshes: int, settle: int, every: int, allowed: float,
         scene: str, say: Callable[[str], None]) -> Report:
    page = context.new_page()
    # the spread of viewers over a quarter of a second would be most of an accelerated run; small, yet never the same:
    # the map tells the requests to its workers apart by random numbers
    page.add_init_script("let drawnNumbers = 0; Math.random = () => (drawnNumbers = (drawnNumbers + 1) % 1e6) / 1e9")
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda e: errors.append(f"page error: {e}"))
    page.goto(f"{site.url}/scene/{scene}")
    page.wait_for_selector(SETTLED, state="attached")
    page.evaluate("() => { window.sameDocument = true; }")
    report = Report(renderer(page))
    say(f"renderer: {report.renderer}")
    tool = context.new_cdp_session(page)
    queries, began = site.queries, time.monotonic()
    failing = range(refreshes // 3, refreshes // 3 + 5)
    for n in range(1, refreshes + 1):
        queries.failing = n in failing
        if n == 2 * refreshes // 3:
            _outage(page, site, report)
        refresh(page, queries)
        if n == failing[-1]:
            old = page.locator(".wall-tile-old").count()
            if not old or page.locator(".wall-number").count() < 4:
                report.problems.append(f"refresh {n}: a tile that cannot be built must show what it showed last, and take no other along ({old} say so)")
            report.faults.append(f"tile failed in refreshes {failing[0]}–{failing[-1]}, {old} said so")
        if n >= settle and (n - settle) % every == 0:
            report.heap_mb.append((n, heap_mb(tool)))
            report.first = report.first or heap(tool)
            _frame(page, n, report)
            say(f"{n:6d} refreshes  heap {report.heap_mb[-1][1]:6.2f} MB  {(time.monotonic() - began) / n * 1000:5.0f} ms each")
    report.seconds = time.monotonic() - began
    report.last = heap(tool)
    if page.evaluate("() => window.sameDocument !== true"):
        report.problems.append("the document was loaded anew on the way")
    report.problems += errors + report.white
    if report.growth_share >= allowed:
        report.problems.append(f"the heap grew by {report.growth_share:.1%}, allowed {allowed:.0%}")
    return report


def refresh(page: Any, queries: Any) -> None:
    """One new snapshot, until the page stands on it."""
    queries.commit()
    page.wait_for_selector(f'html[data-snapshot="{queries.number}"]', state="attached")


def _outage(page: Any, site: Site, report: Report) -> None:
    """The server goes and comes back: the last picture stays, says since when, and goes on by itself."""
    before = page.inner_text(".wall-grid")
    site.stop()
    page.wait_for_selector("#connection.is-lost", state="attached")
    said = page.inner_text("#connection")
    if page.inner_text(".wall-grid") != before:
        report.problems.append("the picture changed when the server went")
    _frame(page, 0, report)
    site.start()
    page.wait_for_selector("#connection.is-connected", state="attached")
    report.faults.append(f"server stopped and started; meanwhile: {said}")


def _frame(page: Any, n: int, report: Report) -> None:
    report.frames += 1
    share = dark_share(page.context, page.screenshot())
    if share < LEAST_DARK_SHARE:
        report.white.append(f"refresh {n}: only {share:.0%} of the picture is dark")


def dark_share(context: Any, png: bytes) -> float:
    """Share 0–1 of picture elements darker than `DARK` of 255; the browser itself reads the picture, on an empty page."""
    reader = context.new_page()
    share = reader.evaluate("""async ([picture, dark]) => {
      const image = new Image();
      image.src = 'data:image/png;base64,' + picture;
      await image.decode();
      const paper = document.createElement('canvas');
      paper.width = 320; paper.height = 180;
      const pen = paper.getContext('2d');
      pen.drawImage(image, 0, 0, 320, 180);
      const dots = pen.getImageData(0, 0, 320, 180).data;
      let below = 0;
      for (let i = 0; i < dots.length; i += 4) { below += (0.3 * dots[i] + 0.59 * dots[i + 1] + 0.11 * dots[i + 2]) < dark ? 1 : 0; }
      return below / (320 * 180);
    }""", [base64.b64encode(png).decode(), DARK])
    reader.close()
    return share


def heap_mb(tool: Any) -> float:
    """Used JavaScript heap in MB after a collection (`tool`: CDP session of the page)."""
    tool.send("HeapProfiler.collectGarbage")
    return tool.send("Runtime.getHeapUsage")["usedSize"] / 1e6


def heap(tool: Any) -> Heap:
    """The heap told apart by a snapshot (the engine collects garbage before); memory of the document itself is not JavaScript's."""
    chunks: list[str] = []

    def take(event: dict[str, str]) -> None:
        chunks.append(event["chunk"])

    tool.on("HeapProfiler.addHeapSnapshotChunk", take)
    tool.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    tool.remove_listener("HeapProfiler.addHeapSnapshotChunk", take)
    found = orjson.loads("".join(chunks))
    meta, nodes = found["snapshot"]["meta"], found["nodes"]
    fields = meta["node_fields"]
    kinds, step = meta["node_types"][fields.index("type")], len(fields)
    sizes = dict.fromkeys(kinds, 0)
    for kind, size in zip(nodes[fields.index("type") :: step], nodes[fields.index("self_size") :: step], strict=True):
        sizes[kinds[kind]] += size
    held = sum(size for kind, size in sizes.items() if kind not in ("code", "native"))
    return Heap(held / 1e6, sizes["code"] / 1e6)


def renderer(page: Any) -> str:
    """What draws the maps: the name WebGL gives."""
    return page.evaluate("""() => {
      const gl = document.createElement('canvas').getContext('webgl'), more = gl && gl.getExtension('WEBGL_debug_renderer_info');
      return gl ? gl.getParameter(more ? more.UNMASKED_RENDERER_WEBGL : gl.RENDERER) : 'no WebGL';
    }""")
