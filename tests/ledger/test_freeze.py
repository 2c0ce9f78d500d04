"""Freezes: a ledger is kept whole, under a name used once, and what changed between two is listed worst first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from components.refusal import error_words
from data_pipeline.errors import StoreBusy, StoreError, UnknownId, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest import desk
from data_pipeline.ingest.writer import Writer
from data_pipeline.ledger import freeze as kept
from data_pipeline.ledger.diff import KINDS, by_kind, diff
from data_pipeline.ledger.types import Ledger, LedgerTarget
from data_pipeline.store import inbox
from data_pipeline.store.lake import Lake
from tests.fresh import new_store
from tests.ledger import frozen


@pytest.fixture()
def writer(tmp_path: Path) -> Iterator[Writer]:
    home = Home(tmp_path / "home")
    with new_store(home) as lake:
        yield Writer(lake, {frozen.CITY: frozen.pack()}, home, refresh=lambda *_, **__: 0, evaluate=lambda *_, **__: 0)


def test_a_frozen_ledger_reads_back_as_the_same_values() -> None:
    assert kept.thaw(frozen.freeze()) == frozen.ledger()


def test_the_payload_is_canonical_json_and_its_hash_is_that_of_its_bytes() -> None:
    one = frozen.freeze()
    again = json.dumps(json.loads(one.payload), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert again == one.payload
    assert hashlib.sha256(one.payload.encode()).hexdigest() == one.sha256


def test_a_changed_payload_is_not_thawed() -> None:
    one = frozen.freeze()
    with pytest.raises(StoreError, match="hash"):
        kept.thaw(replace(one, payload=one.payload.replace('"status":"done"', '"status":"behind"', 1)))


def test_a_freeze_of_another_format_says_so() -> None:
    payload = kept.canonical({"format": 99, "ledger": {}})
    one = replace(frozen.freeze(), payload=payload, sha256=kept.sha256_of(payload))
    with pytest.raises(StoreError, match="format 99"):
        kept.thaw(one)


@pytest.mark.parametrize("name", ["", "   ", "会" * 81])
def test_a_freeze_needs_a_name_of_a_length_that_fits(name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        kept.make(frozen.ledger(), name, "张三", True, frozen.NOW)


def test_the_store_keeps_a_freeze_and_finds_it_by_id_and_by_name(writer: Writer) -> None:
    one = frozen.freeze()
    with writer.commit("freeze") as commit:
        kept.record(writer.lake, one, commit.commit_seq)
    assert [(f.freeze_id, f.by, f.by_known, f.payload) for f in kept.listed(writer.lake, frozen.CITY)] == [(one.freeze_id, "张三", False, "")]
    assert kept.one(writer.lake, frozen.CITY, one.freeze_id) == one
    assert kept.one(writer.lake, frozen.CITY, "十一月调度会") == one


def test_a_name_is_used_once_in_a_city(writer: Writer) -> None:
    one = frozen.freeze()
    with writer.commit("freeze") as commit:
        kept.record(writer.lake, one, commit.commit_seq)
    with pytest.raises(UsageError, match="is taken") as told, writer.commit("again") as commit:
        kept.record(writer.lake, one, commit.commit_seq)
    assert told.value.code == "freeze_taken"
    assert one.freeze_id in error_words(told.value, "zh") and "请另取名称" in error_words(told.value, "zh")
    assert len(kept.listed(writer.lake, frozen.CITY)) == 1


def test_an_unknown_freeze_is_answered_with_one_that_is_near(writer: Writer) -> None:
    with writer.commit("freeze") as commit:
        kept.record(writer.lake, frozen.freeze(name="November review"), commit.commit_seq)
    with pytest.raises(UnknownId, match="November review"):
        kept.one(writer.lake, frozen.CITY, "Novembre review")


def test_the_running_pipeline_takes_a_freeze_from_its_inbox(writer: Writer, tmp_path: Path) -> None:
    one = frozen.freeze()
    inbox.hand_in(writer.home, "freeze", kept.arguments_of(one), kept.write_payload(one, tmp_path))
    assert desk.serve(writer) == 1
    assert kept.one(writer.lake, frozen.CITY, one.freeze_id) == one


def test_a_freeze_that_arrives_changed_is_refused(writer: Writer, tmp_path: Path) -> None:
    one = frozen.freeze()
    file = kept.write_payload(replace(one, payload=one.payload + " "), tmp_path)
    number = inbox.hand_in(writer.home, "freeze", kept.arguments_of(one), file)
    desk.serve(writer)
    with pytest.raises(UsageError, match="arrived changed"):
        inbox.wait(writer.home, number, 1.0)
    assert kept.listed(writer.lake, frozen.CITY) == []


def test_without_a_pipeline_the_lock_is_taken(tmp_path: Path) -> None:
    home, one = Home(tmp_path / "home"), frozen.freeze()
    home.root.mkdir()
    desk.ask_freeze(home, one, {frozen.CITY: frozen.pack()})
    with Lake.reader(home) as lake:
        assert kept.one(lake, frozen.CITY, one.name).sha256 == one.sha256


def test_the_web_never_writes_a_freeze_itself(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    with pytest.raises(StoreBusy, match="no pipeline runs"):
        desk.ask_freeze(home, frozen.freeze())
    assert list(home.root.glob("**/*.sqlite")) == []


# ---------------------------------------------------------------------- what changed


def first(ledger: Ledger, status: str) -> LedgerTarget:
    return next(row for row in ledger.targets if row.status == status and row.pace is not None and not row.target.same_as)


def changed(ledger: Ledger, row: LedgerTarget, **more: object) -> Ledger:
    mine = replace(row, **more)  # type: ignore[arg-type]
    return replace(ledger, targets=tuple(mine if r is row else r for r in ledger.targets))


def test_a_ledger_has_no_changes_against_itself() -> None:
    assert diff(frozen.ledger(), frozen.ledger()) == []


def test_a_target_that_comes_to_a_standstill_is_the_first_change() -> None:
    old = frozen.ledger()
    row = first(old, "done")
    new = changed(old, row, status="stalled")
    (found,) = diff(old, new)
    assert (found.kind, found.before, found.after, found.subject_id) == ("status_worse", "done", "stalled", row.target.target_id)
    assert diff(new, old)[0].kind == "status_better"


def test_getting_or_losing_data_is_neither_better_nor_worse() -> None:
    old = frozen.ledger()
    new = changed(old, first(old, "done"), status="no_data")
    assert [c.kind for c in diff(old, new)] == ["status_other"]


def test_a_fall_is_progress_where_less_is_better() -> None:
    old = frozen.ledger()
    row = first(old, "stalled")
    assert row.pace is not None
    falling = replace(row.pace, base=20.0, goal=8.0, actual=12.0)
    start = changed(old, row, pace=falling)
    held = next(r for r in start.targets if r.target.target_id == row.target.target_id)
    (found,) = diff(start, changed(start, held, pace=replace(falling, actual=9.0)))
    # (9 - 12) / (8 - 20) of the way
    assert (found.kind, found.before, found.after, found.weight) == ("actual_up", 12.0, 9.0, 0.25)


def test_a_rewritten_promise_and_a_blocked_project_are_named() -> None:
    old = frozen.ledger()
    row = first(old, "done")
    new = changed(old, row, target=replace(row.target, value=1.0, deadline="2030-12-31", lead_dept_zh="市教育局"))
    free = next(p for p in new.projects if p.blocked is False)
    stuck = replace(free, blocked=True, blocked_cause="用地未批")
    new = replace(new, projects=tuple(stuck if p is free else p for p in new.projects))
    found = {c.kind: c for c in diff(old, new)}
    assert list(found) == ["goal", "deadline", "owner", "blocked"]
    assert found["deadline"].after == "2030-12-31"
    assert found["blocked"].after == "用地未批"


def test_targets_that_appear_or_vanish_are_listed() -> None:
    old = frozen.ledger()
    new = replace(old, targets=old.targets[1:])
    assert [(c.kind, c.subject_id) for c in diff(old, new)] == [("removed", old.targets[0].target.target_id)]
    assert [c.kind for c in diff(new, old)] == ["added"]


def test_changes_come_in_the_order_a_meeting_reads_them() -> None:
    found = diff(frozen.ledger(date(2022, 6, 30)), frozen.ledger())
    places = [KINDS.index(c.kind) for c in found]
    assert places == sorted(places)
    assert sum(by_kind(found).values()) == len(found) > 10


def test_ledgers_of_two_cities_are_not_compared() -> None:
    with pytest.raises(ValueError, match="two cities"):
        diff(frozen.ledger(), replace(frozen.ledger(), city="330600"))
