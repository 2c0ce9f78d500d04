"""After installation no connection leaves the machine: read from the code, the kernel and a browser."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from data_pipeline.access.gate import is_loopback
from data_pipeline.cities import built_in_packs
from data_pipeline.domains import domains
from pages import discover
from tests.built import CITY, Built
from tests.network.conftest import Running
from tests.network.trace import ROOT, Contact, contacts, need_strace, run_traced

# addresses that only name a vocabulary; nobody fetches them
NAMES = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/1999/xhtml")
ADDRESS = re.compile(r"(?:https?|wss?|ftp):(?:\\?/){2}[^\s\"'`)<>]+|[\"'(=]\s*//[a-z0-9-]+\.[a-z]{2,}", re.IGNORECASE)
SHOWN = (".py", ".css", ".js", ".html", ".toml", ".svg", ".json")


def addresses(text: str) -> list[str]:
    """Addresses of other hosts in a source text."""
    found = [match for match in ADDRESS.findall(text) if not match.startswith(NAMES)]
    hosts = {match: urlsplit(match.strip("\"'(= ")).hostname or "" for match in found}
    return [match for match, host in hosts.items() if not host.startswith("{") and not is_loopback(host)]  # {host}: ours


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('src="https://cdn.example/x.js"', 1),
        ("@import url(//fonts.example.com/css)", 1),
        ('const tiles = "https:\\/\\/tiles.example"', 1),
        ("new WebSocket('wss://live.example')", 1),
        ('xmlns="http://www.w3.org/2000/svg"', 0),
        ('"http://127.0.0.1:8050/"', 0),
        ("location.protocol + '//' + location.host", 0),
        ("a // b.example", 0),
    ],
)
def test_the_search_for_other_hosts_finds_what_it_should(text: str, expected: int) -> None:
    assert len(addresses(text)) == expected


@pytest.mark.parametrize("room", ["assets", "pages", "components", "data_pipeline/api", "data_pipeline/access", "app.py"])
def test_no_page_names_another_host(room: str) -> None:
    place = ROOT / room
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.suffix in SHOWN and "vendor" not in path.parts]
    # Plotly names addresses it would ask only for what we do not draw; what a browser really asks for is recorded below
    assert files, f"nothing to look at in {room}"
    assert {str(path.relative_to(ROOT)): found for path in files if (found := addresses(path.read_text("utf-8")))} == {}


def test_the_trace_would_see_a_connection_to_another_host(tmp_path: Path) -> None:
    need_strace()
    # connecting a UDP socket sends nothing; 192.0.2.1 and 2001:db8::1 are reserved for documentation
    code = (
        "import socket\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))\n"
        "try: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect(('2001:db8::1', 9))\n"
        "except OSError: pass\n"
    )
    assert run_traced(["-c", code], tmp_path, "control", 60) == {Contact("192.0.2.1", 9), Contact("2001:db8::1", 9)}


def test_building_the_store_contacts_nobody(traced_build: Built) -> None:
    assert (traced_build.home / "catalog.sqlite").exists()
    assert {contact for contact in contacts(traced_build.trace) if not contact.is_local} == set()
    # DuckDB has the two extensions that come as Python packages and fetched no other
    assert extensions(traced_build.user) <= {"ducklake", "sqlite_scanner"}


@pytest.mark.browser
@pytest.mark.screens
def test_no_request_of_any_page_and_no_connection_of_any_process_leaves_this_machine(running: Running) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (tests/requirements.txt)")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine (tests/install_browser.sh)")
    after_a_round_of_the_pipeline(running)
    here = urlsplit(running.url).netloc
    requests: list[str] = []
    visited: list[str] = []
    problems: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update",
                  "--disable-gpu-rasterization", "--disable-gpu-compositing"],
        )
        # what is asked for does not depend on the size of the picture; maps are drawn by the processor here
        context = browser.new_context(viewport={"width": 800, "height": 600}, locale="zh-CN")
        context.set_default_timeout(120_000)
        context.on("request", lambda request: requests.append(request.url))
        for address in every_address(context.request, running.url):
            page = context.new_page()
            page.on("websocket", lambda socket: requests.append(socket.url))
            page.on("requestfailed", lambda r: problems.append(f"{r.url}: {r.failure}") if urlsplit(r.url).netloc != here else None)
            page.on("console", lambda m: problems.append(m.text) if "Content Security Policy" in m.text else None)
            answer = page.goto(running.url + address, wait_until="load")
            assert answer is not None and answer.status == 200, address
            wait_for_text(page, address)
            page.wait_for_timeout(800)  # maps, figures and the live connection load after the page
            visited.append(address)
            page.close()
        browser.close()
    foreign = {url for url in requests if urlsplit(url).scheme not in ("data", "blob", "about") and urlsplit(url).netloc != here}
    assert foreign == set()
    assert problems == []
    assert len(visited) >= 4 and len(requests) > len(visited)
    for name, trace in (("web", running.web_trace), ("pipeline", running.pipeline_trace)):
        assert {contact for contact in contacts(trace) if not contact.is_local} == set(), name
    assert extensions(running.folder / "user") <= {"ducklake", "sqlite_scanner"}


def after_a_round_of_the_pipeline(running: Running) -> None:
    """Wait until the pipeline has committed, then end it: every commit makes all pages anew, which is slow under a trace."""
    first = httpx.get(f"{running.url}/api/v1/health").json()["snapshot"]
    end = time.monotonic() + 120
    while httpx.get(f"{running.url}/api/v1/health").json()["snapshot"] == first:
        assert time.monotonic() < end, "the pipeline committed nothing within 120 s"
        time.sleep(0.5)
    running.stop_pipeline()


def wait_for_text(page, address: str) -> None:
    """Wait until the page shows something (the page's own policy forbids the driver's way of waiting)."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if len(page.inner_text("body").strip()) > 40:
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"{address} stayed empty")


def extensions(user: Path) -> set[str]:
    """Names of the DuckDB extensions in the (at first empty) user directory of traced processes."""
    return {path.name.removesuffix(".duckdb_extension") for path in user.rglob("*.duckdb_extension")}


def every_address(api, url: str) -> list[str]:
    """One address of every page (`make screens`: in both languages and themes), and the pages the server writes itself."""
    areas = api.get(f"{url}/api/v1/areas?city={CITY}").json()
    sites = api.get(f"{url}/api/v1/sites?city={CITY}").json()["features"]
    events = api.get(f"{url}/api/v1/events?city={CITY}").json()
    by_level = {area["level"]: area["area"] for area in areas}
    targets = api.get(f"{url}/api/v1/targets?city={CITY}").json()
    known = {
        "area": list(by_level.values()), "site": [one["id"] for one in sites[:1]], "event": [one["id"] for one in events[:1]],
        "target": [one["target_id"] for one in targets[:1]], "department": [targets[0]["lead_dept_zh"].split(";")[0] or "市经信局"],
        "domain": list(domains())[:1], "metric": ["traffic.tti"], "scene": [built_in_packs()[CITY].wall().scenes[0].id],
    }  # fmt: skip
    found = []
    for page in discover():
        names = re.findall(r"\{(\w+)\}", page.pattern)
        assert set(names) <= set(known), f"page {page.id}: this test does not know how to fill {page.pattern}"
        filled = [page.pattern]
        for name in names:
            filled = [pattern.replace(f"{{{name}}}", value) for pattern in filled for value in known[name]]
        found += filled
    light = [f"{path}?city={CITY}&lang=en&theme=light" for path in found]
    if os.environ.get("CITY_BRAIN_SCREENS") == "all":
        found += light
    else:  # every third page; every other one in English and by daylight
        found = [light[n] if n % 2 else path for n, path in enumerate(found)][::3]
    return [*found, "/login", "/login?lang=en", "/api/docs"]
