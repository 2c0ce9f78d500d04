"""The real thing for browser tests: a small store made by the command line, pipeline and web as processes of their own."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from data_pipeline.home import Home
from data_pipeline.store.lake import Lake

ROOT = Path(__file__).resolve().parents[2]
CHARGING_COLUMNS = ("site_id", "start_at", "guns", "charging_gun_hours", "fault_gun_hours", "energy_kwh", "rated_power_kw", "area_id")
START_S = 150  # patience on a busy machine, no budget


def note_errors(page: Any, noted: list[str]) -> None:
    """Write a page's uncaught errors down, but those of a graph that was taken away while Dash or Plotly was still drawing it."""

    def left_behind(error: Any) -> bool:
        return "async-graph" in str(error.stack) or "_rangeSliderData" in str(error)

    page.on("pageerror", lambda e: noted.append(f"page error: {e}\n{e.stack}") if not left_behind(e) else None)


def delay_pages(page: Any, seconds: float = 0.7) -> None:
    """Let every page come later than its first picture."""

    def late(route: Any) -> None:
        time.sleep(seconds)
        route.continue_()

    page.route("**/view?*", late)


def command(*arguments: object) -> str:
    """Standard output of `python -m data_pipeline …` in a process of its own; fails the test where that fails."""
    done = subprocess.run([sys.executable, "-m", "data_pipeline", *map(str, arguments)], cwd=ROOT, env=environment(),
                          capture_output=True, text=True, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


def environment() -> dict[str, str]:
    """This process's environment without what would point to another home or other packs."""
    return {k: v for k, v in os.environ.items() if k not in ("CITY_BRAIN_HOME", "CITY_BRAIN_PACKS")}


class Child:
    """A process of the product; its words go to a file that a failing test quotes."""

    def __init__(self, *arguments: object) -> None:
        self.log = tempfile.TemporaryFile(mode="w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT, env=environment(),
                                        stdout=self.log, stderr=subprocess.STDOUT)  # fmt: skip

    def words(self) -> str:
        """Everything it said until now."""
        self.log.seek(0)
        return self.log.read()

    def wait_until(self, ready: Any, seconds: float = START_S) -> None:
        """Until `ready()`; fails with the process's words when it ends or takes longer."""
        until = time.monotonic() + seconds
        while not ready():
            assert self.process.poll() is None, f"the process ended: {self.words()}"
            assert time.monotonic() < until, f"not ready within {seconds} s: {self.words()}"
            time.sleep(0.1)

    def stop(self) -> None:
        """Ctrl-C, and the end of it after 15 s at the latest."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Web:
    """`python app.py` on a home; `start` after `stop` comes back under the same address."""

    def __init__(self, home: Path, packs: Path | None = None) -> None:
        self.home, self.packs, self.port = home, packs, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Serve, and wait for the first answer."""
        packs = ("--packs", self.packs) if self.packs else ()
        self.child = Child("app.py", "--home", self.home, "--port", self.port, *packs)
        self.child.wait_until(lambda: answers(self.url + "/live/poll"))

    def stop(self) -> None:
        """End the process."""
        self.child.stop()


def sampled(items: Sequence[Any], turn: int, turns: int) -> list[Any]:
    """Every `turns`-th item, from the `turn`-th on: the sizes of a screen share the pages. `make screens` takes all of them."""
    return list(items) if os.environ.get("CITY_BRAIN_SCREENS") == "all" else list(items[turn % turns :: turns])


def answers(url: str) -> bool:
    """True where something answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def copy_of(home: Path, target: Path) -> Path:
    """The same store for a test that writes."""
    return Path(shutil.copytree(home, target, ignore=shutil.ignore_patterns("*.lock")))


def corrected_hour(home: Path, target: Path, added_kwh: float) -> Path:
    """The newest charging hour of one station as its supplier would send it again, with more energy."""
    with Lake.reader(Home.of(home)) as lake:
        row = lake.frame(
            "SELECT * FROM rec_charging_hourly WHERE city = ? AND known_to_utc IS NULL ORDER BY start_at DESC, site_id LIMIT 1", ["420700"]
        ).row(0, named=True)
    row["energy_kwh"] += added_kwh
    row["start_at"] = (row["start_at"] + timedelta(hours=8)).isoformat(sep=" ")
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CHARGING_COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerow(row)
    return target
