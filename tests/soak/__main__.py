"""`python -m tests.soak [--refreshes N] [--speed HOME] [--frames]`: the wall for weeks in minutes, how fast it is, what a moving map costs."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM_OPTIONS
from tests.browser.real import Web, command
from tests.soak import speed
from tests.soak.failing import store
from tests.soak.frames import frames, report
from tests.soak.wall import soak

REFRESHES, SETTLE, EVERY, MESSAGES = 10_000, 500, 500, 20


def main() -> int:
    """0 where every promise is kept, 1 where one is not, each said."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--refreshes", type=int, default=REFRESHES, help=f"refreshes of one document (default {REFRESHES})")
    parser.add_argument("--scene", default="overview", help="the scene that is refreshed")
    parser.add_argument("--speed", nargs="?", const="", metavar="HOME", help="measure speed instead, on a home (default: a small one is built)")
    parser.add_argument("--frames", action="store_true", help="trace a map with 100,000 places instead, dragged and zoomed")
    parser.add_argument("--messages", type=int, default=MESSAGES, help=f"messages for the time from door to wall (default {MESSAGES})")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=CHROMIUM_OPTIONS)
        if given.frames:
            problems = report(frames(browser))
        else:
            problems = _speed(browser, given) if given.speed is not None else _soak(browser, given)
        browser.close()
    for problem in problems:
        print(f"FAILED: {problem}")
    return 1 if problems else 0


def _soak(browser: object, given: argparse.Namespace) -> list[str]:
    n = given.refreshes
    settle, every = min(SETTLE, max(n // 4, 1)), min(EVERY, max(n // 8, 1))
    report = soak(browser, store(), n, settle=settle, every=every, scene=given.scene, say=lambda words: print(words, flush=True))
    for fault in report.faults:
        print(f"fault: {fault}")
    print(f"{n} refreshes in {report.seconds:.0f} s; heap {report.growth_share:+.1%} after the first {settle} ({report.parts}); {report.frames} pictures, {len(report.white)} white")
    return report.problems


def _speed(browser: object, given: argparse.Namespace) -> list[str]:
    problems = []
    with tempfile.TemporaryDirectory(prefix="city-brain-soak-") as folder:
        home = Path(given.speed or Path(folder) / "built")
        if not given.speed:
            command("build", "--city", speed.CITY, "--days", 3, "--home", home)
        web = Web(home)
        try:
            speed.first_picture(browser, web.url)  # the server's own first time is not the viewer's
            found = speed.first_picture(browser, web.url)
        finally:
            web.stop()
        print(", ".join(f"{name} {value:.2f}" if isinstance(value, float) else f"{name}: {value}" for name, value in found.items()))
        for name, most in (("first_numbers_s", speed.FIRST_PICTURE_S), ("cold_mb", speed.COLD_MB), ("warm_tiles_s", speed.TILES_WARM_S)):
            if float(found[name]) > most:
                problems.append(f"{name} is {found[name]:.2f}, allowed {most}")
        times = speed.message_to_number(browser, home, Path(folder), given.messages)
        p95 = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
        print(f"message to number: median {statistics.median(times):.2f} s, p95 {p95:.2f} s of {len(times)}")
        if p95 > speed.MESSAGE_S:
            problems.append(f"message to number p95 is {p95:.2f} s, allowed {speed.MESSAGE_S}")
    return problems


if __name__ == "__main__":
    sys.exit(main())
