"""A small store built under the eye of strace, and the web and the pipeline running on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.network.trace import Contact, need_strace, run_traced, started, wait_for

CITY = "420700"


@dataclass(frozen=True)
class Running:
    """The web under trace: its address, and the traces of web and pipeline."""

    url: str
    web_trace: Path
    pipeline_trace: Path
    folder: Path


@pytest.fixture(scope="session")
def build_contacts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[Contact]]:
    """Home folder of a store of one day, and whom its build contacted."""
    need_strace()
    folder = tmp_path_factory.mktemp("network")
    home = folder / "home"
    command = ["-m", "data_pipeline", "build", "--first-screen", "--city", CITY, "--days", "1", "--home", str(home)]
    return home, run_traced(command, folder, "build", timeout_s=300)


@pytest.fixture(scope="session")
def running(build_contacts: tuple[Path, set[Contact]]) -> Iterator[Running]:
    """Pipeline and web on that store, both traced."""
    home, _ = build_contacts
    folder = home.parent
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (
        started(["-m", "data_pipeline", "run", "--home", str(home)], folder, "pipeline") as pipeline,
        started(["app.py", "--home", str(home), "--port", str(port)], folder, "web") as web,
    ):
        wait_for(f"{url}/api/v1/health", folder / "web.log")
        yield Running(url, web, pipeline, folder)
