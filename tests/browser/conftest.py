"""A browser on pages whose figures come from a stand-in, so that a test can change them at will."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pages"))

from fake_queries import FakeQueries  # noqa: E402

from app import create_app  # noqa: E402
from data_pipeline.home import Home  # noqa: E402
from tests.built import built  # noqa: E402

CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--use-gl=angle",
                    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
                    # only maps need WebGL; the rest of a page is drawn at a third less cost without going through it
                    "--disable-gpu-rasterization", "--disable-gpu-compositing"]  # fmt: skip


class Site:
    """The web on a free port of this machine; `stop` ends it as a crash would look to a browser."""

    def __init__(self, queries: FakeQueries, home: Home | None = None) -> None:
        self.queries, self.home = queries, home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        app = create_app(self.queries, self.queries.packs, home=self.home)  # type: ignore[arg-type]
        config = uvicorn.Config(app.server, host="127.0.0.1", port=self.port, log_level="warning",
                                timeout_graceful_shutdown=1)  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < until, "the web did not start within 20 s"
            time.sleep(0.05)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)


def fake() -> FakeQueries:
    return FakeQueries(now=datetime.now(UTC).replace(tzinfo=None), built=("420700", "511400", "500114"))


@pytest.fixture(scope="session")
def site_class() -> type[Site]:
    """For tests that bring their own stand-in."""
    return Site


@pytest.fixture()
def site() -> Iterator[Site]:
    running = Site(fake())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def still_site() -> Iterator[Site]:
    """One web for all tests that only look."""
    running = Site(fake())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def real_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small store for all tests on real data; CITY_BRAIN_TEST_HOME names one that is built already. Not to be written."""
    given = os.environ.get("CITY_BRAIN_TEST_HOME")
    return Path(given) if given else built(tmp_path_factory).home


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # a module each: Playwright's loop runs in this thread, and tests after these start loops of their own
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (tests/requirements.txt)")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed; see tests/install_browser.sh")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield chromium
        chromium.close()
