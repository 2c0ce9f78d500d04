"""How many kills: a sample by default, all of them by `CITY_BRAIN_KILLS=50 python -m pytest -m torture`."""

from __future__ import annotations

import os

import pytest

SAMPLE = 5


@pytest.fixture(scope="session")
def kills() -> int:
    """Number of kills of the matrix; the environment variable CITY_BRAIN_KILLS decides."""
    return int(os.environ.get("CITY_BRAIN_KILLS", SAMPLE))
