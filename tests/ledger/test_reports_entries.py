"""The way of an entry: submitted, reviewed by another person, accepted into the records in the same commit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from desk_scene import ANNA, BEN, CITY, NOW, OFFICE, TARGET, Desk, draft, month_ends, past_row

from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.ingest import desk as work
from data_pipeline.ledger import entries
from data_pipeline.ledger.entries import NeedsConfirmation, Person
from data_pipeline.queries import Queries


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("reports"))
    days = month_ends(8, date(2022, 7, 31))
    receipt = made.deliver([past_row(on, 20.0 + n) for n, on in enumerate(days)], known=NOW - timedelta(days=30))
    assert (receipt.accepted, receipt.quarantined) == (8, 0)
    yield made
    made.close()


@pytest.fixture
def asked(store: Desk) -> Iterator[Queries]:
    queries = Queries.open(store.home, store.packs, now=lambda: store.now)
    yield queries
    queries.close()


def present(store: Desk, entry_id: str) -> str:
    return entries.history(store.lake, CITY, entry_id)[-1][2].state


def test_an_accepted_entry_is_a_record_with_who_and_when(store: Desk, asked: Queries) -> None:
    entry = store.submit(draft(value=28.0, evidence=("https://www.example.gov.cn/a",)))
    assert entry.state == "submitted"
    assert entries.past(store.lake, CITY, TARGET)[-1].value == 27.0  # nothing counts before it is reviewed
    store.now += timedelta(hours=2)
    accepted = store.act("accept", BEN, entry_id=entry.entry_id, note="核对无误")[0]
    record = store.lake.frame("SELECT * FROM rec_plan_reports WHERE entry_id = ?", [entry.entry_id]).row(0, named=True)
    assert (record["value"], record["author"], record["author_known"], record["reviewer"]) == (28.0, "anna", True, "ben")
    assert (record["submitted_at"], record["reviewed_at"]) == (NOW, NOW + timedelta(hours=2))
    assert (record["known_from_utc"], record["delivery_id"]) == (store.now, accepted.delivery_id)
    assert record["is_simulated"] is False
    delivery = store.lake.frame("SELECT * FROM deliveries WHERE delivery_id = ?", [accepted.delivery_id]).row(0, named=True)
    assert (delivery["operator"], delivery["source"], delivery["accepted"]) == ("anna", OFFICE, 1)
    asked.refresh()
    assert asked.report_entry(CITY, entry.entry_id).state == "accepted"
    trail = [(by, step.state) for _, by, step in asked.report_history(CITY, entry.entry_id)]
    assert trail == [("anna", "submitted"), ("ben", "accepted")]


def test_the_ledgers_figure_moves_when_an_entry_is_accepted_and_the_past_stays(store: Desk, asked: Queries) -> None:
    asked.refresh()
    before = asked.ledger_target(CITY, TARGET).pace
    assert before is not None
    entry = store.submit(draft(data_on=store.now.date(), value=before.actual + 2))
    asked.refresh()
    waiting = asked.ledger_target(CITY, TARGET).pace
    assert waiting is not None and waiting.actual == before.actual
    store.now += timedelta(hours=1)
    store.act("accept", BEN, entry_id=entry.entry_id)
    store.now += timedelta(minutes=1)
    asked.refresh()
    after = asked.ledger_target(CITY, TARGET)
    assert after.pace is not None and after.pace.actual == before.actual + 2
    assert after.last_report is not None and (after.last_report.author, after.last_report.reviewer) == ("anna", "ben")
    assert asked.ledger_target(CITY, TARGET, on=date(2022, 8, 20)).pace.actual == 27.0  # type: ignore[union-attr]


def test_nobody_reviews_their_own_entry(store: Desk) -> None:
    entry = store.submit(draft(data_on=date(2022, 6, 15), value=26.0))
    with pytest.raises(UsageError, match="anna wrote entry"):
        store.act("accept", Person("anna", True), entry_id=entry.entry_id)
    assert present(store, entry.entry_id) == "submitted"
    store.act("withdraw", ANNA, entry_id=entry.entry_id)
    assert present(store, entry.entry_id) == "withdrawn"


def test_a_return_needs_a_note_and_a_settled_entry_stays_settled(store: Desk) -> None:
    entry = store.submit(draft(data_on=date(2022, 6, 16), value=26.0))
    with pytest.raises(UsageError, match="returned with a note"):
        store.act("return", BEN, entry_id=entry.entry_id)
    returned = store.act("return", BEN, entry_id=entry.entry_id, note="请附证明材料")[0]
    assert (returned.state, returned.review_note, returned.delivery_id) == ("returned", "请附证明材料", None)
    with pytest.raises(UsageError, match="is returned already"):
        store.act("accept", BEN, entry_id=entry.entry_id)
    again = store.submit(draft(data_on=date(2022, 6, 16), value=26.0, replaces=entry.entry_id))
    assert again.replaces == entry.entry_id
    store.act("withdraw", ANNA, entry_id=again.entry_id)


def test_only_the_author_withdraws(store: Desk) -> None:
    entry = store.submit(draft(data_on=date(2022, 6, 17), value=26.0))
    with pytest.raises(UsageError, match="carol cannot withdraw"):
        store.act("withdraw", Person("carol", True), entry_id=entry.entry_id)
    store.act("withdraw", ANNA, entry_id=entry.entry_id)


def test_a_correction_is_a_new_entry_and_the_old_figure_stays_known(store: Desk) -> None:
    old = store.submit(draft(data_on=date(2022, 5, 20), value=25.0))
    store.act("accept", BEN, entry_id=old.entry_id)
    store.now += timedelta(days=1)
    new = store.submit(draft(data_on=date(2022, 5, 20), value=24.0, replaces=old.entry_id, reason="核减重复统计", confirmed=True))
    store.act("accept", BEN, entry_id=new.entry_id)
    rows = store.lake.frame(
        "SELECT value, known_to_utc FROM rec_plan_reports WHERE subject_id = ? AND data_on = ? ORDER BY known_from_utc", [TARGET, date(2022, 5, 20)]
    ).rows()
    assert [value for value, _ in rows] == [25.0, 24.0]
    assert rows[0][1] == store.now and rows[1][1] is None
    assert present(store, old.entry_id) == "accepted"


def test_an_accepted_report_is_withdrawn_by_review_and_stays_in_the_chain(store: Desk, asked: Queries) -> None:
    on = store.now.date()
    wrong = store.submit(draft(data_on=on, value=31.0))
    store.now += timedelta(hours=1)
    store.act("accept", BEN, entry_id=wrong.entry_id)
    asked.refresh()
    before = asked.ledger_target(CITY, TARGET)
    assert before.pace is not None and (before.pace.actual, before.pace.actual_on) == (31.0, on)
    with pytest.raises(UsageError, match="withdrawn with a reason") as refused:
        store.submit(draft(data_on=on, value=None, stage="withdrawn", replaces=wrong.entry_id))
    assert refused.value.code == "withdraw_reason"
    back = store.submit(draft(data_on=on, value=None, stage="withdrawn", reason="误报：该日没有统计", replaces=wrong.entry_id))
    asked.refresh()
    assert asked.ledger_target(CITY, TARGET).pace.actual == 31.0  # type: ignore[union-attr]  # it waits for its reviewer
    with pytest.raises(UsageError, match="cannot review it"):
        store.act("accept", ANNA, entry_id=back.entry_id)
    store.now += timedelta(hours=1)
    store.act("accept", BEN, entry_id=back.entry_id)
    asked.refresh()
    after = asked.ledger_target(CITY, TARGET)
    assert after.pace is not None and after.pace.actual_on < on and all(point.on != on for point in after.path)
    assert after.last_report is not None and after.last_report.data_on < on
    chain = asked.report_revisions(CITY, TARGET).filter(pl.col("data_on") == on)
    assert chain.select("value", "stage", "reason").rows() == [(31.0, None, None), (None, "withdrawn", "误报：该日没有统计")]
    assert chain["known_to_utc"].to_list() == [store.now, None]
    assert present(store, wrong.entry_id) == "accepted"  # the entry itself is never changed
    # what was taken back may be reported again, and is not there to be taken back twice
    with pytest.raises(UsageError, match="nothing to withdraw"):
        store.submit(draft(data_on=on, value=None, stage="withdrawn", reason="again"))
    assert all(past.data_on != on for past in asked.report_past(CITY, TARGET))


def test_a_warning_is_confirmed_with_a_reason_or_nothing_is_written(store: Desk) -> None:
    count = store.lake.value("SELECT count(*) FROM report_entries")
    for unsure in (draft(data_on=date(2022, 8, 1), value=3.0), draft(data_on=date(2022, 8, 1), value=3.0, confirmed=True)):
        with pytest.raises(NeedsConfirmation, match="does not fall"):
            store.submit(unsure)
    assert store.lake.value("SELECT count(*) FROM report_entries") == count
    entry = store.submit(draft(data_on=date(2022, 8, 1), value=3.0, confirmed=True, reason="口径调整"))
    assert "decrease" in [json.loads(warning)["code"] for warning in entry.warnings]
    store.act("withdraw", ANNA, entry_id=entry.entry_id)


def test_two_reports_of_one_day_do_not_wait_together(store: Desk) -> None:
    entry = store.submit(draft(data_on=date(2022, 4, 10), value=24.0))
    with pytest.raises(UsageError, match="waits for its reviewer"):
        store.submit(draft(data_on=date(2022, 4, 10), value=24.0))
    store.act("withdraw", ANNA, entry_id=entry.entry_id)


def test_an_account_of_one_office_does_not_report_for_another(store: Desk) -> None:
    with pytest.raises(UsageError, match="anna reports for 市科技局, not for 市经信局"):
        store.submit(draft(department="市经信局"))


def test_of_several_entries_all_are_taken_or_none(store: Desk) -> None:
    count = store.lake.value("SELECT count(*) FROM report_entries")
    items = [{"entry_id": f"x-{n}", "draft": draft(data_on=on, value=26.0).model_dump(mode="json")}
             for n, on in enumerate((date(2022, 7, 10), date(2099, 1, 1)))]  # fmt: skip
    with pytest.raises(UsageError, match="after today"):
        store.act("submit", ANNA, entries=items)
    assert store.lake.value("SELECT count(*) FROM report_entries") == count


def test_an_unknown_entry_and_an_unknown_action_are_named(store: Desk) -> None:
    with pytest.raises(UnknownId, match="unknown entry 'nothing'"):
        store.act("accept", BEN, entry_id="nothing")
    with pytest.raises(UsageError, match="'approve' is none of submit, accept"):
        store.act("approve", BEN, entry_id="nothing")


def test_without_a_pipeline_the_work_is_done_under_the_lock(tmp_path: Path) -> None:
    first = Desk(tmp_path / "home")
    first.close()
    item = {"entry_id": "e-1", "draft": draft(data_on=date(2022, 8, 31)).model_dump(mode="json")}
    work.ask_report(first.home, first.packs, {"action": "submit", "city": CITY, "person": vars(ANNA), "entries": [item]})
    queries = Queries.open(first.home, first.packs, now=lambda: NOW)
    assert [(e.entry_id, e.state) for e in queries.report_entries(CITY)] == [("e-1", "submitted")]
    with pytest.raises(UnknownId, match="unknown state 'waiting'"):
        queries.report_entries(CITY, state="waiting")
    queries.close()
