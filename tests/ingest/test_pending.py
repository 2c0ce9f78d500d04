"""Many deliveries in one commit leave what each would have left in a commit of its own."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.ingest import pending
from tests.ingest.stage import START, Stage, hour, stage

REQUESTS = [f"R{n}" for n in range(6)]
STATES = ["open", "cancelled", "referred"]


def said(picked: random.Random) -> list[dict]:
    """Some requests as one delivery tells them, each with its time of change or without one."""
    rows = []
    for request in picked.sample(REQUESTS, picked.randint(1, 5)):
        updated = hour(picked.randint(1, 200)) if picked.random() < 0.8 else ""
        rows.append({"request_id": request, "created_at": hour(0), "updated_at": updated, "status": picked.choice(STATES), "area_id": "420704"})
    return rows


def together(s: Stage, deliveries: list[list[dict]], at_once: int) -> pl.DataFrame:
    """The records after the deliveries, `at_once` of them to a commit; each is known a minute after the one before."""
    for first in range(0, len(deliveries), at_once):
        with s.writer.commit("several") as commit:
            for number, rows in enumerate(deliveries[first : first + at_once], first):
                path = s.file(rows, f"{number}.csv")
                commit.take(s.incoming("service_requests", path, known_from_utc=START + timedelta(minutes=number)))
    names = ["request_id", "status", "updated_at", "known_from_utc", "known_to_utc", "row_number", "delivery_id"]
    return s.rows("service_requests").select(names).sort(names)


@pytest.mark.parametrize("seed", range(5))
def test_corrections_of_one_commit_and_of_many_make_the_same_chain(tmp_path: Path, seed: int) -> None:
    picked = random.Random(seed)
    deliveries = [said(picked) for _ in range(9)]
    with stage(tmp_path / "each") as s:
        each = together(s, deliveries, 1)
    with stage(tmp_path / "all") as s:
        every = together(s, deliveries, 9)
    with stage(tmp_path / "some") as s:
        some = together(s, deliveries, 4)  # the later commits correct what stands in the store, twice and more in one commit
    assert each["known_to_utc"].drop_nulls().len() > 3
    assert every.equals(each) and some.equals(each)


def test_rows_held_back_are_seen_by_the_next_delivery_and_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stage(tmp_path) as s:
        appended: list[str] = []
        append = s.lake.append
        monkeypatch.setattr(s.lake, "append", lambda table, *rest: (appended.append(table), append(table, *rest))[1])
        rows = [{"request_id": r, "created_at": hour(0), "updated_at": hour(1), "status": "open", "area_id": "420704"} for r in REQUESTS]
        with s.writer.commit("several") as commit:
            receipts = [
                commit.take(s.incoming("service_requests", s.file([row | {"status": status} for row in rows])))
                for status in ("open", "open", "referred")
            ]
        # the second file has the first one's bytes, the third other words of the same moment
        assert [r.status for r in receipts] == ["accepted", "duplicate_delivery", "accepted"]
        assert receipts[2].corrections == len(REQUESTS)
        # the look for the same bytes writes what there is; the corrections are one more statement, the ends none
        assert appended.count("rec_service_requests") == 2


def test_much_is_written_before_the_commit_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "FLUSH_ROWS", 10)
    deliveries = [said(random.Random(seed)) for seed in range(12)]
    with stage(tmp_path / "much") as s:
        much = together(s, deliveries, 12)
    monkeypatch.undo()
    with stage(tmp_path / "little") as s:
        assert together(s, deliveries, 12).equals(much)
