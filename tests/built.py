"""The real store that tests look at: built once a run by the command line, whatever the number of test processes.

Where processes can be traced the build runs under strace, so that the same build also answers whom it contacted
(tests/network).
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.network.trace import can_trace, run_traced

CITY = "420700"
DAYS = 3  # of the simulated sources; 25 months of figures come before them whatever the days
TIMEOUT_S = 900


@dataclass(frozen=True)
class Built:
    """A home folder of one simulated city, and the trace of its build; `trace` is no file where nothing can be traced.

    Nobody writes to `home`: tests that do so work on a copy.
    """

    home: Path
    trace: Path

    @property
    def user(self) -> Path:
        """The home directory the build ran with, at first empty."""
        return self.home.parent / "user"


def built(factory: pytest.TempPathFactory) -> Built:
    """The store of this run; the first test process that asks builds it, the others wait for it."""
    base = factory.getbasetemp()
    # pytest-xdist gives each process a folder of its own in the folder of the run
    root = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = root / "built"
    folder.mkdir(exist_ok=True)
    found, done = Built(folder / "home", folder / "build.trace"), folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            command = ["-m", "data_pipeline", "build", "--city", CITY, "--days", str(DAYS), "--home", str(found.home)]
            run_traced(command, folder, "build", TIMEOUT_S, traceable=can_trace() == "")
            done.touch()
    return found
