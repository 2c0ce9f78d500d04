"""From a delivered file to `/api/v1/events`: an alert opens, a person takes it in hand, it closes."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from data_pipeline.api.router import make_router
from data_pipeline.cities import load_packs
from data_pipeline.cities.make import make_pack
from data_pipeline.home import Home
from data_pipeline.ingest import desk
from data_pipeline.ingest.types import Incoming
from data_pipeline.ingest.writer import Writer
from data_pipeline.queries import Queries
from tests.fresh import new_store

RULE = """
[[rule]]
id = "full"
name_zh = "停车场将满"
name_en = "car parks nearly full"
kind = "metric"
metric = "traffic.parking_occupancy"
areas = ["city"]
grain = "15min"
when = { op = ">", value = 0.95 }
clear = { op = "<", value = 0.8 }
severity = "Moderate"
department = "traffic office"
"""


class Port:
    """A town of one car park with 100 spaces: its store, its pipeline's writer, its API; `clock` is now (UTC)."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, datetime(2026, 6, 9, 8, 0, 30)
        make_pack(folder / "packs", "port", name_zh="港", name_en="Port", timezone="UTC", bbox=(10.0, 50.0, 10.2, 50.1))
        (folder / "packs/port/alerts.toml").write_text(RULE, encoding="utf-8")
        packs, self.home = load_packs(folder / "packs"), Home.of(folder / "home")
        self.lake = new_store(self.home, "python -m data_pipeline run", answers_inbox=True)
        self.writer = Writer(self.lake, packs, self.home, now=lambda: self.clock)
        self.deliver("car_parks", "site_id,name,lon,lat,capacity\nP1,Quay,10.1,50.05,100\n")
        self.queries = Queries.open(self.home, {"port": packs["port"]}, now=lambda: self.clock)
        app = FastAPI()
        app.include_router(make_router(self.queries, self.home))
        self.client = TestClient(app)

    def deliver(self, dataset: str, text: str) -> None:
        path = self.folder / f"{dataset}-{self.clock:%H%M}.csv"
        path.write_text(text, encoding="utf-8")
        receipt = self.writer.take(Incoming(path, "port", dataset, "test", path.name))
        assert (receipt.status, receipt.accepted) == ("accepted", 1)

    def count(self, at: str, free: int, arrives: datetime) -> None:
        self.clock = arrives
        self.deliver("parking_counts", f"site_id,at,free_spaces,capacity\nP1,2026-06-09T{at}+00:00,{free},100\n")

    def events(self, **more: Any) -> list[dict[str, Any]]:
        self.queries.refresh()
        answer = self.client.get("/api/v1/events", params={"city": "port", **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def person(self, state: str, note: str) -> None:
        """What the page does: hand the change to the running pipeline and wait for its answer."""
        asked = threading.Thread(
            target=desk.ask_alert_state, args=(self.home, self.events()[0]["id"], state, "王敏", note), kwargs={"timeout_s": 30}
        )
        asked.start()
        while asked.is_alive():
            desk.serve(self.writer)
            asked.join(0.05)


def test_an_alert_opens_is_taken_in_hand_through_the_inbox_closes_and_shows_in_the_api(tmp_path: Path) -> None:
    port = Port(tmp_path)
    port.count("08:00:00", 40, datetime(2026, 6, 9, 8, 15, 30))
    assert port.events() == []

    port.count("08:15:00", 2, datetime(2026, 6, 9, 8, 30, 30))
    (opened,) = port.events()
    assert (opened["kind"], opened["state"], opened["severity"], opened["area"]) == ("alert", "open", "Moderate", "port")
    assert (opened["metric"], opened["value"]) == ("traffic.parking_occupancy", 0.98)
    assert (opened["department"], opened["opened_at"]) == ("traffic office", "2026-06-09T08:30:30+00:00")

    port.clock = datetime(2026, 6, 9, 8, 32)
    port.person("in_hand", "signs are switched")
    (taken,) = port.events(include_closed=False)
    assert (taken["id"], taken["state"], taken["changed_by"]) == (opened["id"], "in_hand", "王敏")
    assert taken["note"] == "signs are switched"

    port.count("08:30:00", 60, datetime(2026, 6, 9, 8, 45, 30))
    (closed,) = port.events()
    assert (closed["id"], closed["state"]) == (opened["id"], "closed")
    assert closed["closed_at"] == "2026-06-09T08:45:30+00:00"
    assert port.events(include_closed=False) == []
    port.queries.close()
    port.lake.close()
