"""A page's change of an alert goes through the inbox of the running pipeline."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from data_pipeline.alerts import history
from data_pipeline.cities import load_packs
from data_pipeline.errors import StoreBusy, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest import desk
from data_pipeline.ingest.writer import Writer
from tests.alerts.scene import NOW, TTI_RULE, Q, Scene, make_scene
from tests.fresh import new_store


@pytest.fixture
def running(tmp_path: Path) -> Scene:
    """A store whose lock is held as by a running pipeline, with one open alert."""
    lake = new_store(Home.of(tmp_path / "home"), "run", answers_inbox=True)
    scene = make_scene(lake, tmp_path, TTI_RULE)
    scene.source("road_speeds", NOW + timedelta(hours=12))
    for step in (1, 2):
        scene.put("420704", NOW + step * Q, 2.3)
    scene.evaluate(NOW + 2 * Q)
    return scene


def test_a_change_is_answered_and_stands_in_the_store(running: Scene) -> None:
    home, (alert,) = running.lake.home, running.alerts()
    writer = Writer(running.lake, {**load_packs(), "420700": running.pack}, home, now=lambda: NOW + 2 * Q)
    answered: list[str] = []

    def page() -> None:
        desk.ask_alert_state(home, alert.alert_id, "in_hand", "王敏", "已派警力", timeout_s=20)
        answered.append("taken in hand")
        try:
            desk.ask_alert_state(home, alert.alert_id, "in_hand", "王敏", timeout_s=20)
        except UsageError as error:
            answered.append(error.message)

    thread = threading.Thread(target=page)
    thread.start()
    while thread.is_alive():
        desk.serve(writer)
        thread.join(0.05)
    assert answered[0] == "taken in hand" and "already in_hand" in answered[1]
    changes = [(row.state, row.changed_by, row.note) for row in history(running.lake, alert.alert_id)]
    assert changes[:2] == [("open", "system", ""), ("in_hand", "王敏", "已派警力")]
    running.lake.close()


def test_without_a_pipeline_the_page_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(StoreBusy, match="no pipeline runs"):
        desk.ask_alert_state(Home.of(tmp_path), "x@20260101T000000Z", "closed", "王敏", timeout_s=1)
