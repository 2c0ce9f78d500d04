"""SIGKILL at random moments while the pipeline commits: nothing accepted is lost, nothing counts twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.home import Home
from data_pipeline.store import inbox
from data_pipeline.store.lake import Lake
from tests.torture import child
from tests.torture.watcher import broken

pytestmark = pytest.mark.torture
ROOT = Path(__file__).resolve().parents[2]
SEED = 20261122


def start(module: str, *arguments: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.torture.{module}", *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def accepted(ledger: Path) -> list[list[str]]:
    """What was acknowledged as accepted: done, number, delivery id, status, rows."""
    lines = [line.split() for line in ledger.read_text().splitlines()]
    return [line for line in lines if line[0] == "done" and line[3] == "accepted"]


def wait_for(true: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so, at most some seconds."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)


def expected(last: int) -> pl.DataFrame:
    """Present records after deliveries 0 … last, computed without the product."""
    frames = [child.hours(number).with_columns(n=pl.lit(number)) for number in range(last + 1)]
    last_word = pl.concat(frames).group_by("site_id", "start_at").agg(pl.col("energy_kwh").sort_by("n").last())
    # the files carry local times; 鄂州 is eight hours ahead of UTC all year
    return last_word.with_columns(pl.col("start_at") - timedelta(hours=8)).sort("site_id", "start_at")


def test_a_pipeline_killed_while_it_commits_loses_nothing_and_counts_nothing_twice(tmp_path: Path, kills: int) -> None:
    home, ledger, report = Home.of(tmp_path / "home"), tmp_path / "ledger", tmp_path / "report"
    home.root.mkdir()
    chance = random.Random(SEED)
    watcher = start("watcher", home.root, report)
    in_commit = 0
    try:
        for kill in range(kills):
            worker = start("child", home.root, ledger)
            assert worker.stdout is not None and worker.stdout.readline() == "ready\n", "the store opens after a kill"
            before = len(accepted(ledger))
            if kill % 2 == 0:  # every other time only once something has been accepted, so that the store grows
                wait_for(lambda before=before: len(accepted(ledger)) > before, 60)
            time.sleep(chance.uniform(0.0, 1.5))
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            with Lake.writer(home) as lake:  # the lock is free, the store opens and is whole
                assert broken(lake) == {}
                stored = dict(lake.frame("SELECT delivery_id, accepted FROM deliveries").iter_rows())
            in_commit += ledger.read_text().splitlines()[-1].startswith("begin")
            for _, _, delivery, _, rows in accepted(ledger):
                assert stored[int(delivery)] == int(rows), f"delivery {delivery} was acknowledged and is gone"
    finally:
        (home.root / "enough").touch()
        watcher.wait(60)
    seen = json.loads(report.read_text())
    assert seen["problems"] == []
    assert seen["reads"] > 0
    with Lake.reader(home) as lake:
        last = lake.value("SELECT max(CAST(regexp_extract(filename, '[0-9]+') AS INTEGER)) FROM deliveries WHERE dataset = 'charging_hourly'")
        found = lake.frame("SELECT site_id, start_at, energy_kwh FROM rec_charging_hourly WHERE known_to_utc IS NULL")
        times = lake.frame("SELECT filename, count(*) AS n FROM deliveries WHERE status = 'accepted' GROUP BY 1 HAVING count(*) > 1")
    assert times.is_empty(), "no delivery is accepted twice"
    assert found.sort("site_id", "start_at").equals(expected(last))
    print(f"\n{kills} kills, {last + 1} deliveries, {in_commit} kills inside a commit; {seen['reads']} reads of {seen['snapshots']} snapshots")


def test_what_waits_in_the_inbox_survives_kills_and_is_answered_once(tmp_path: Path) -> None:
    """The whole pipeline (`run`), killed twice while it works off its inbox."""
    home = Home.of(tmp_path / "home")
    folder = tmp_path / "files"
    folder.mkdir()
    from data_pipeline.cities import load_packs

    files = [child.delivery(folder, "charging_stations", child.register(load_packs()[child.CITY]), "register.csv")]
    files += [child.delivery(folder, "charging_hourly", child.hours(n), f"hours-{n:06d}.csv") for n in range(6)]
    numbers = [inbox.hand_in(home, "delivery", one.as_arguments(), one.path) for one in files]
    command = [sys.executable, "-m", "data_pipeline", "run", "--home", str(home.root), "--no-simulator"]
    chance = random.Random(SEED)
    for _ in range(2):
        pipeline = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        waiting = len(inbox.pending(home))
        wait_for(lambda waiting=waiting: len(inbox.pending(home)) < waiting, 60)
        time.sleep(chance.uniform(0.0, 0.5))
        pipeline.send_signal(signal.SIGKILL)
        pipeline.wait()
    pipeline = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_for(lambda: not inbox.pending(home), 120)
    pipeline.send_signal(signal.SIGTERM)
    assert pipeline.wait(30) == 0, "a signal to stop lets the present commit end"
    answers = [inbox.wait(home, number, 1)["receipts"][0] for number in numbers]
    assert [a["status"] for a in answers] == ["accepted"] * len(numbers)
    with Lake.reader(home) as lake:
        assert broken(lake) == {}
        # what the pipeline makes itself (the coverage model) is another's delivery
        assert lake.value("SELECT count(*) FROM deliveries WHERE source = 'torture'") == len(numbers)
        assert lake.value("SELECT count(*) FROM rec_charging_hourly WHERE known_to_utc IS NULL") == expected(5).height
