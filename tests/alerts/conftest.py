"""Scenes ready to use: the road rule and the freshness rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from data_pipeline.home import Home
from data_pipeline.store.lake import Lake
from tests.alerts.scene import LATE_RULE, NOW, TTI_RULE, Scene, make_scene
from tests.fresh import new_store


@pytest.fixture(scope="session")
def alert_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """One store for all scenes; each scene empties it first."""
    lake = new_store(Home.of(tmp_path_factory.mktemp("alerts")))
    yield lake
    lake.close()


@pytest.fixture
def jam(alert_lake: Lake, tmp_path: Path) -> Scene:
    """The road rule over districts; its source is in time for hours to come."""
    scene = make_scene(alert_lake, tmp_path, TTI_RULE)
    scene.source("road_speeds", NOW + timedelta(hours=12))
    return scene


@pytest.fixture
def late(alert_lake: Lake, tmp_path: Path) -> Scene:
    """The freshness rule over air quality."""
    return make_scene(alert_lake, tmp_path, LATE_RULE)
