"""The store built under the eye of strace, and the web and the pipeline running on a copy of it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.real import copy_of
from tests.built import Built, built
from tests.network.trace import need_strace, started, wait_for


@dataclass(frozen=True)
class Running:
    """The web under trace: its address, and the traces of web and pipeline. `stop_pipeline` ends it as Ctrl-C does."""

    url: str
    web_trace: Path
    pipeline_trace: Path
    folder: Path
    stop_pipeline: Callable[[], None]


@pytest.fixture(scope="session")
def traced_build(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The store of this run, built under trace."""
    need_strace()
    return built(tmp_path_factory)


@pytest.fixture(scope="module")
def running(traced_build: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Pipeline and web on a copy of that store, both traced."""
    folder = tmp_path_factory.mktemp("network")
    home = copy_of(traced_build.home, folder / "home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as pipelines, started(["app.py", "--home", str(home), "--port", str(port)], folder, "web") as web:
        pipeline = pipelines.enter_context(started(["-m", "data_pipeline", "run", "--home", str(home)], folder, "pipeline"))
        wait_for(f"{url}/api/v1/health", folder / "web.log")
        yield Running(url, web, pipeline, folder, pipelines.close)
