"""The pipeline's loop: live sources, gaps, cities built in the background, trouble with the disk."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from data_pipeline.errors import StoreError
from data_pipeline.home import Home
from data_pipeline.ingest import desk
from data_pipeline.ingest.types import Incoming
from data_pipeline.runner import CATCH_UP, LIVE_OPERATOR, Job, Pipeline
from data_pipeline.store import inbox
from data_pipeline.store.lake import Lake
from data_pipeline.store.lock import WriterLock
from data_pipeline.store.marks import end_message
from data_pipeline.store.status import CityStatus, PipelineStatus, read_status, write_status
from tests.ingest.stage import CITY, START, Stage, stage

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Due:
    """A delivery of one hour of one site."""

    hour_utc: datetime
    dataset: str = "charging_hourly"
    mapping: str | None = None

    @property
    def filename(self) -> str:
        return f"{self.hour_utc:%Y%m%dT%H}.csv"

    def write(self, path: Path) -> None:
        with path.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["site_id", "start_at", "energy_kwh"])
            out.writerow(["S1", f"{self.hour_utc.isoformat()}Z", self.hour_utc.hour])


def live(pack, after: datetime, until: datetime) -> list[Due]:
    """One delivery for every full hour that has ended in (after, until]."""
    first = after.replace(minute=0, second=0, microsecond=0)
    return [Due(first + timedelta(hours=n - 1)) for n in range(500) if after < first + timedelta(hours=n) <= until]


def begun(s: Stage) -> None:
    """A register, and the mark that the simulator has delivered up to the present moment."""
    with s.writer.commit(end_message("first", CITY, s.clock)) as commit:
        commit.take(s.incoming("charging_stations", s.file([s.station(1)]), is_simulated=True))


def hours_known(s: Stage) -> list[datetime]:
    return s.present("charging_hourly").sort("start_at")["start_at"].to_list()


def test_live_sources_deliver_what_is_due_and_nothing_twice(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        begun(s)
        pipeline = Pipeline(s.writer, live)
        pipeline._cities()
        for minutes in (30, 45, 46, 120):
            s.clock = START + timedelta(minutes=minutes)
            pipeline._deliver_live()
        assert hours_known(s) == [START, START + timedelta(hours=1)]
        rows = s.lake.frame("SELECT operator, is_simulated, known_from_utc FROM deliveries WHERE dataset = 'charging_hourly'").rows()
        assert rows == [(LIVE_OPERATOR, True, START + timedelta(minutes=120))] * 2


def test_after_a_stop_the_gap_comes_late_and_is_known_only_from_then(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        begun(s)
        first = Pipeline(s.writer, live)
        first._cities()
        s.clock = START + timedelta(hours=1)
        first._deliver_live()
        s.clock = START + timedelta(hours=30)  # the machine was off for a day
        again = Pipeline(s.writer, live)
        again._cities()
        assert again.cursors == {CITY: START + timedelta(hours=1)}
        again._deliver_live()
        assert hours_known(s) == [START + timedelta(hours=n) for n in range(30)]
        assert s.rows("charging_hourly")["known_from_utc"].unique().sort().to_list() == [START + timedelta(hours=1), s.clock]
        commits = s.lake.value("SELECT count(*) FROM commits WHERE starts_with(what, 'live until') AND what NOT LIKE '%build%'")
        assert commits == 1 + -(-29 // int(CATCH_UP.total_seconds() // 3600))  # a piece at a time


def test_a_source_that_is_real_is_never_simulated(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        begun(s)
        real = s.pack.sources["charging_hourly"].model_copy(update={"state": "real"})
        old, s.pack.sources["charging_hourly"] = s.pack.sources["charging_hourly"], real
        try:
            pipeline = Pipeline(s.writer, live)
            pipeline._cities()
            s.clock = START + timedelta(hours=5)
            pipeline._deliver_live()
        finally:
            s.pack.sources["charging_hourly"] = old
        assert hours_known(s) == []


def test_a_city_without_a_finished_build_gets_no_live_deliveries(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        with s.writer.commit(f"build {CITY} registers") as commit:
            commit.take(s.incoming("charging_stations", s.file([s.station(1)]), is_simulated=True))
        pipeline = Pipeline(s.writer, live)
        pipeline._cities()
        assert pipeline.cursors == {} and pipeline.status.cities == {}


def test_the_inbox_is_served_between_the_commits_of_a_city_being_built(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        answered: list[int] = []
        number = inbox.hand_in(s.home, "delivery", s.incoming("charging_stations", s.file([s.station(1)])).as_arguments(), s.file([s.station(1)]))

        def build(writer, progress) -> None:
            with writer.commit("build part 1") as commit:
                commit.take(Incoming(s.file([s.station(2)]), CITY, "charging_stations", "sim", "a.csv", is_simulated=True))
                progress("records", 1, 2)  # inside a commit nothing else may be done
                assert len(inbox.pending(s.home)) == 1
            progress("records", 2, 2)
            answered.append(len(inbox.pending(s.home)))

        pipeline = Pipeline(s.writer, jobs=[Job(CITY, build)])
        pipeline._run_job(pipeline.jobs.pop())
        assert answered == [0]
        assert inbox.wait(s.home, number, 1)["receipts"][0]["status"] == "accepted"
        assert pipeline.status.cities[CITY] == CityStatus("ready")


def test_a_stop_ends_a_build_between_two_commits_and_keeps_what_is_done(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        def build(writer, progress) -> None:
            for n in range(100):
                with writer.commit(f"part {n}") as commit:
                    commit.take(s.incoming("charging_stations", s.file([s.station(n)]), is_simulated=True))
                if n == 2:
                    pipeline.stop.set()
                progress("records", n, 100)

        pipeline = Pipeline(s.writer, jobs=[Job(CITY, build)])
        pipeline.run()
        assert s.lake.value("SELECT count(*) FROM commits") == 3
        assert pipeline.status.cities[CITY].state == "waiting"


def test_a_full_disk_is_reported_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_pipeline.runner.AFTER_STORE_ERROR_S", 0.0)
    with stage(tmp_path) as s:
        tries: list[int] = []

        def serve(writer) -> int:
            tries.append(1)
            if len(tries) < 3:
                raise StoreError("the disk is full")
            pipeline.stop.set()
            return 0

        monkeypatch.setattr(desk, "serve", serve)
        pipeline = Pipeline(s.writer)
        pipeline.run()
        assert len(tries) == 3
        assert [text.split(" ", 1)[1] for text in pipeline.status.problems] == ["the disk is full"] * 2


def test_the_status_is_that_of_the_running_pipeline_or_none(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.lake.close()
        assert read_status(s.home) is None
        with WriterLock(s.home).acquire("python -m data_pipeline run", answers_inbox=True):
            assert read_status(s.home) is None  # nothing said yet
            status = PipelineStatus(os.getpid(), "2026-03-10T04:00:00", cities={CITY: CityStatus("building", "records", 1, 9)})
            write_status(s.home, status, s.clock)
            found = read_status(s.home)
            assert found is not None and found.cities[CITY] == CityStatus("building", "records", 1, 9)
        assert read_status(s.home) is None  # it has stopped


def test_run_refuses_a_second_pipeline_and_says_who_is_first(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    with Lake.writer(home, "python -m data_pipeline run", answers_inbox=True):
        started = time.monotonic()
        second = subprocess.run(
            [sys.executable, "-m", "data_pipeline", "run", "--home", str(home.root)],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert second.returncode == 1
    assert f"process {os.getpid()} (python -m data_pipeline run)" in second.stderr
    assert time.monotonic() - started < 60
