"""Fixtures of the aggregation tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from data_pipeline.aggregate.examples import example_store
from data_pipeline.store.lake import Lake


@pytest.fixture(scope="session")
def empty_lake() -> Iterator[Lake]:
    """A store whose tests leave nothing behind."""
    with example_store() as lake:
        yield lake
