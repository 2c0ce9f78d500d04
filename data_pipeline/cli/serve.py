"""`serve`: the whole product in one command — build what is missing, start pipeline and web, stop both cleanly."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from data_pipeline.cities import find_pack, load_packs
from data_pipeline.cli.common import HomeOption, PacksOption, SimulatedReportsOption
from data_pipeline.errors import CityBrainError
from data_pipeline.home import Home

app = typer.Typer()
ROOT = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 60  # the pipeline ends its present commit first; a kill would lose nothing but that commit
WEB_TIMEOUT_S = 300  # without what it held last time the web reads the whole store first
LONG_START_S = 15


@app.callback()
def _group() -> None:
    """Keeps `app` a group of commands."""


@app.command()
def serve(
    home: HomeOption = None,
    packs: PacksOption = None,
    first: Annotated[str, typer.Option(help="City that is built first and opens.")] = "420700",
    days: Annotated[int, typer.Option(min=1, help="Days of native records in the demo store.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed of the simulator.")] = 20260101,
    host: Annotated[str, typer.Option(help="Address to bind; anything but loopback needs an access file.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web.")] = 8050,
    simulated_reports: SimulatedReportsOption = True,
) -> None:
    """Build the first city if it is missing, start pipeline and web, print the address; Ctrl-C stops both."""
    place = Home.of(home).ready()
    find_pack(load_packs(packs), first)  # said now, not by a child later
    common = ["--home", str(place.root)] + (["--packs", str(packs)] if packs else [])
    how = ["--days", str(days), "--seed", str(seed), *([] if simulated_reports else ["--no-simulated-reports"]), *common]
    started = time.monotonic()
    address = f"http://{host}:{port}"
    children: dict[str, subprocess.Popen] = {}
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)

    def web_is_up() -> None:
        _wait_for_web(children, f"{address}/api/v1/health", stopping)
        if not stopping:
            print(f"\n  城市大脑  {address}/?city={first}    ({time.monotonic() - started:.0f} s)", flush=True)
            print("  cities are built in the background; the page says when each is ready. Ctrl-C stops everything.\n", flush=True)

    try:
        # the web comes up beside the build: a page opened early says that the city is being built, and fills by itself
        children["web"] = _start([str(ROOT / "app.py"), "--host", host, "--port", str(port), "--city", first, *common])
        was_there = place.catalog.exists()
        if was_there:  # who opens the page again waits for nothing else
            web_is_up()
        if not stopping and not _has_city(place, first):
            print(f"demo store: building {first} ({days} days of records, 25 months of figures) in {place.root}", flush=True)
            _build(children, ["-m", "data_pipeline", "build", "--first-screen", "--city", first, *how], stopping)
        if not stopping and not was_there:
            web_is_up()
        if not stopping:
            children["pipeline"] = _start(["-m", "data_pipeline", "run", "--build-missing", *how])
        while not stopping:
            _fail_if_one_ended(children)
            time.sleep(0.3)
    finally:
        print("stopping: the present commit ends first", flush=True)
        _stop_all(children)
    print("stopped", flush=True)


def _build(children: dict[str, subprocess.Popen], arguments: list[str], stopping: list[int]) -> None:
    """Run the build to its end, beside the web; a wish to stop takes its present commit back, the next start goes on."""
    build = _start(arguments)
    try:
        while build.poll() is None and not stopping:
            _fail_if_one_ended(children)
            time.sleep(0.3)
    finally:
        _stop_all({"build": build}, signal.SIGINT)
    if build.returncode and not stopping:
        raise typer.Exit(build.returncode)


def _start(arguments: list[str]) -> subprocess.Popen:
    # Own process group: Ctrl-C reaches this process only, which then stops the children in order.
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, start_new_session=True)


def _has_city(home: Home, city: str) -> bool:
    """Whether the store holds a finished build of `city`."""
    if not home.catalog.exists():
        return False
    from data_pipeline.simulate.build import built_cities
    from data_pipeline.store.lake import Lake

    with Lake.reader(home) as lake:
        return city in built_cities(lake)


def _wait_for_web(children: dict[str, subprocess.Popen], url: str, stopping: list[int]) -> None:
    began, told = time.monotonic(), False
    while time.monotonic() < began + WEB_TIMEOUT_S and not stopping:
        _fail_if_one_ended(children)
        if not told and time.monotonic() > began + LONG_START_S:
            told = True
            print("the web is reading the whole store; the next start goes on from what it holds then", flush=True)
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError:
            return  # it answers: a sign-in may be asked for
        except OSError:
            time.sleep(0.2)
    if not stopping:
        raise CityBrainError(f"the web did not answer at {url} within {WEB_TIMEOUT_S} s")


def _fail_if_one_ended(children: dict[str, subprocess.Popen]) -> None:
    for name, child in children.items():
        code = child.poll()
        if code is not None:
            moment = datetime.now(UTC).isoformat(timespec="seconds")
            raise CityBrainError(f"the {name} ended by itself with code {code} at {moment}", hint="its last lines stand above")


def _stop_all(children: dict[str, subprocess.Popen], how: signal.Signals = signal.SIGTERM) -> None:
    for child in children.values():
        if child.poll() is None:
            child.send_signal(how)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for child in children.values():
        try:
            child.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
