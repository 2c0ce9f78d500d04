"""Fixtures of the query tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "aggregate")]

from query_town import Town  # noqa: E402 - the folders are on the path only now


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """An empty town at noon of 3 April 2026, local time."""
    made = Town(tmp_path / "home")
    yield made
    made.queries.close()
    made.lake.close()
