"""Work handed to the running pipeline: taken once, answered, and not lost by a kill."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from data_pipeline.errors import CityBrainError, DeliveryError, StoreBusy, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest import desk
from data_pipeline.ingest.quarantine import Wanted
from data_pipeline.ingest.types import Incoming
from data_pipeline.mappings import Mapping
from data_pipeline.runner import Pipeline
from data_pipeline.store import inbox
from data_pipeline.store.lock import WriterLock, holder
from data_pipeline.times import now_utc
from tests.ingest.stage import Stage, hour, stage


def handed_in(s: Stage, path: Path, dataset: str = "charging_stations", **changes) -> str:
    arguments = s.incoming(dataset, path, **changes).as_arguments()
    return inbox.hand_in(s.home, "delivery", arguments, path)


def test_a_delivery_goes_through_the_inbox_unchanged(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        mapping = Mapping(dataset="charging_stations", constants={"operator": "国网"})
        given = s.incoming("charging_stations", s.file([s.station(1)]), mapping=mapping, mapping_name="m", operator="李")
        found = Incoming.from_arguments(given.path, json.loads(json.dumps(given.as_arguments())))
        assert found == given


def test_submissions_are_taken_in_the_order_they_came_and_answered(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        numbers = [handed_in(s, s.file([s.station(n)])) for n in range(3)]
        assert [work.id for work in inbox.pending(s.home)] == numbers
        assert desk.serve(s.writer) == 3
        receipts = [inbox.wait(s.home, number, 1)["receipts"][0] for number in numbers]
        assert [r["delivery_id"] for r in receipts] == [1, 2, 3]
        assert list(s.home.inbox.iterdir()) == []  # answers are cleared by who read them


def test_what_the_pipeline_finds_wrong_reaches_who_asked_in_its_own_words(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        number = inbox.hand_in(s.home, "alert_state", {"alert_id": "a", "state": "x", "by": "李", "note": ""})
        other = inbox.hand_in(s.home, "dance", {})
        desk.serve(s.writer)
        with pytest.raises(UsageError, match="none of open, in_hand, closed") as caught:
            inbox.wait(s.home, number, 1)
        assert caught.value.exit_code == 2
        with pytest.raises(UsageError, match="no work of kind 'dance'"):
            inbox.wait(s.home, other, 1)


def test_a_fault_met_by_one_upload_does_not_stop_the_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stage(tmp_path) as s:
        def fails(commit, submission):
            commit.take(Incoming.from_arguments(submission.file, submission.arguments))
            raise RuntimeError("an unforeseen fault")

        good, bad = s.file([s.station(1)]), s.file([s.station(2)])
        monkeypatch.setitem(desk.WORK, "delivery", fails)
        number = handed_in(s, bad)
        desk.serve(s.writer)
        monkeypatch.undo()
        with pytest.raises(CityBrainError, match="RuntimeError: an unforeseen fault"):
            inbox.wait(s.home, number, 1)
        handed_in(s, good)
        desk.serve(s.writer)
        assert s.present("charging_stations")["site_id"].to_list() == ["S1"]


def test_work_committed_before_a_kill_is_answered_and_not_done_again(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        number = handed_in(s, s.file([s.station(1), s.station(2)]))
        (work,) = inbox.pending(s.home)
        with s.writer.commit(f"{work.mark} delivery") as commit:
            desk.WORK["delivery"](commit, work)
        # killed here: committed, not answered; the next pipeline finds the submission again
        assert len(inbox.pending(s.home)) == 1
        desk.serve(s.writer)
        (receipt,) = inbox.wait(s.home, number, 1)["receipts"]
        assert (receipt["status"], receipt["accepted"]) == ("accepted", 2)
        assert s.lake.value("SELECT count(*) FROM deliveries") == 1


def test_half_a_submission_is_never_seen(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        hidden = s.home.inbox / ".123-half"
        hidden.mkdir(parents=True)
        (hidden / "manifest.json").write_text('{"kind": "delivery"')
        assert inbox.pending(s.home) == []
        assert desk.serve(s.writer) == 0
        os.utime(hidden, (0, 0))
        assert inbox.clear(s.home, now_utc()) == 1
        assert not hidden.exists()


def test_nobody_to_answer_is_said_at_once(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    with pytest.raises(StoreBusy, match="no pipeline runs"):
        inbox.ask(home, "delivery", {}, timeout_s=1)
    with WriterLock(home).acquire("python -m data_pipeline build"), pytest.raises(StoreBusy, match="build"):
        inbox.ask(home, "delivery", {}, timeout_s=1)


def test_an_answer_that_does_not_come_in_time_says_that_the_work_stays(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    with WriterLock(home).acquire("python -m data_pipeline run", answers_inbox=True):
        assert holder(home).answers_inbox
        with pytest.raises(StoreBusy, match="did not answer within 0.3 s") as caught:
            inbox.ask(home, "delivery", {}, timeout_s=0.3)
        assert "do not send it again" in caught.value.hint
    assert len(inbox.pending(home)) == 1


def test_a_pipeline_that_stops_before_answering_is_noticed(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    number = inbox.hand_in(home, "delivery", {})
    started = time.monotonic()
    with pytest.raises(StoreBusy, match="stopped before it answered"):
        inbox.wait(home, number, 30)
    assert time.monotonic() - started < 5


def test_a_file_that_is_not_there_is_not_handed_in(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    with pytest.raises(DeliveryError, match="not there"):
        inbox.hand_in(home, "delivery", {}, tmp_path / "gone.csv")
    assert inbox.pending(home) == []


def test_the_running_pipeline_takes_deliveries_replays_and_stops_when_told(tmp_path: Path) -> None:
    """The loop itself, in a thread; the lock says that it answers."""
    with stage(tmp_path) as s:
        s.lake.close()
        from data_pipeline.ingest.writer import Writer
        from data_pipeline.store.lake import Lake

        lake = Lake.writer(s.home, "python -m data_pipeline run", answers_inbox=True)
        quiet = {"refresh": lambda *a, **k: 0, "evaluate": lambda *a, **k: 0}
        writer = Writer(lake, s.packs, s.home, now=lambda: s.clock + timedelta(days=1), **quiet)
        pipeline = Pipeline(writer)
        thread = threading.Thread(target=pipeline.run)
        thread.start()
        try:
            row = {"site_id": "S1", "start_at": hour(8), "energy_kwh": 5}
            early = inbox.submit(s.home, s.incoming("charging_hourly", s.file([row])), 30)
            assert early.quarantined == 1
            register = inbox.submit(s.home, s.incoming("charging_stations", s.file([s.station(1)])), 30)
            assert register.accepted == 1
            (again,) = desk.ask_replay(s.home, Wanted(rule="unknown_site"), None, "李", 30)
            assert (again.accepted, again.quarantined) == (1, 0)
            with pytest.raises(UsageError, match="unknown city 'nowhere'"):
                inbox.submit(s.home, Incoming(s.file([row]), "nowhere", "charging_hourly", "x", "x.csv"), 30)
        finally:
            pipeline.stop.set()
            thread.join(30)
        lake.close()
        assert not thread.is_alive()
        assert holder(s.home) is None
