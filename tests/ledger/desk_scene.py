"""A small store in which Ezhou's departments have reported, and hands that report and review in it."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from data_pipeline.cities import built_in_packs
from data_pipeline.home import Home
from data_pipeline.ingest.types import Incoming
from data_pipeline.ingest.writer import Writer
from data_pipeline.ledger import entries
from data_pipeline.ledger.draft import Draft
from data_pipeline.ledger.entries import Person
from data_pipeline.ledger.types import ReportEntry
from tests.fresh import new_store

CITY, OFFICE, TARGET = "420700", "市科技局", "ez-spinoffs"
NOW = datetime(2022, 9, 15, 4)
ANNA, BEN = Person("anna", True, OFFICE), Person("ben", True)


def month_ends(n: int, last: date = date(2022, 8, 31)) -> list[date]:
    """`n` month ends up to `last`."""
    found = [last]
    while len(found) < n:
        found.append(found[-1].replace(day=1) - timedelta(days=1))
    return found[::-1]


def past_row(on: date, value: float, **more: Any) -> dict[str, Any]:
    """An accepted report as a supplier's line of plan_reports."""
    return {
        "subject": "target", "subject_id": TARGET, "data_on": on.isoformat(), "value": value, "department": OFFICE, "author": "a",
        "author_known": False, "submitted_at": f"{on + timedelta(days=3)}T02:00:00Z", "reviewer": "b", "reviewer_known": False,
        "reviewed_at": f"{on + timedelta(days=4)}T02:00:00Z", "area_id": CITY, **more,
    }  # fmt: skip


class Desk:
    """The writer's side of a store at a fixed time that can be moved."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.home, self.packs = Home.of(folder), built_in_packs()
        self.pack = self.packs[CITY]
        self.lake = new_store(self.home, "test")
        self.writer = Writer(self.lake, self.packs, self.home, now=lambda: self.now)

    def close(self) -> None:
        self.lake.close()

    def deliver(self, rows: list[dict[str, Any]], known: datetime | None = None) -> Any:
        """Lines of plan_reports as a file of a department."""
        path = self.home.root / f"past-{len(rows)}-{known or self.now:%Y%m%d%H}.ndjson"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return self.writer.take(Incoming(path, CITY, "plan_reports", "各部门", path.name, known_from_utc=known))

    def act(self, action: str, person: Person = ANNA, **arguments: Any) -> list[ReportEntry]:
        """What the pipeline does with one piece of work of kind `report`."""
        given = {"action": action, "city": CITY, "person": vars(person), **arguments}
        with self.writer.commit(f"report {action}") as commit:
            return entries.act(commit, given)

    def submit(self, draft: Draft, person: Person = ANNA) -> ReportEntry:
        entry_id = entries.new_id(CITY, self.now.date())
        item = {"entry_id": entry_id, "draft": draft.model_dump(mode="json")}
        return self.act("submit", person, entries=[item])[0]


def draft(**values: Any) -> Draft:
    """A report of `TARGET` at the end of August 2022, changed by `values`."""
    plain = {"city": CITY, "subject": "target", "subject_id": TARGET, "data_on": date(2022, 8, 31), "department": OFFICE, "value": 30.0}
    return Draft(**plain | values)
