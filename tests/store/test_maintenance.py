"""Maintenance changes files, never what is in them; old snapshots go by the rule."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.home import Home
from data_pipeline.store.lake import Lake
from data_pipeline.store.maintenance import Retention, all_steps, inlined_rows, maintain, small_steps, to_expire
from data_pipeline.times import now_utc
from tests.fresh import new_store

NOW = datetime(2026, 11, 22, 12)


@pytest.fixture
def lake(tmp_path: Path):
    with new_store(Home.of(tmp_path / "home")) as made:
        yield made


def commit(lake: Lake, first: int, n: int, city: str = "a") -> None:
    frame = pl.DataFrame({"locality_id": range(first, first + n), "area_id": ["x"] * n})
    with lake.transaction("test"):
        lake.append("localities", frame, {"city": city})


def test_all_of_the_last_week_and_one_a_day_for_half_a_year_are_kept() -> None:
    hourly = [(n, NOW - timedelta(hours=n)) for n in range(24 * 200)]  # ids fall with time here: the rule is by id
    snapshots = [(len(hourly) - number, moment) for number, moment in hourly]
    gone = set(to_expire(snapshots, NOW, Retention()))
    kept = [(number, moment) for number, moment in snapshots if number not in gone]
    recent = [moment for _, moment in kept if NOW - moment <= timedelta(days=7)]
    older = [moment for _, moment in kept if NOW - moment > timedelta(days=7)]
    assert len(recent) == 7 * 24 + 1
    assert all(moment.hour == 23 for moment in older)  # the last of each day
    assert len(older) == len({moment.date() for moment in older}) == 173  # 26 May … 14 November
    assert min(older) >= NOW - timedelta(days=180)


def test_the_newest_snapshot_never_expires() -> None:
    snapshots = [(1, NOW - timedelta(days=900)), (2, NOW - timedelta(days=800))]
    assert to_expire(snapshots, NOW, Retention()) == [1]


def test_small_commits_are_flushed_merged_and_read_as_before(lake: Lake) -> None:
    for n in range(12):
        commit(lake, n * 300, 300)  # above the inlining limit: a file each
    commit(lake, 90_000, 50)
    assert inlined_rows(lake) == {"localities": 50}
    before = lake.frame("SELECT * FROM localities ORDER BY locality_id")
    old = lake.snapshot()
    done = {step: said for step, said, _ in maintain(lake, now_utc())}
    assert done["flush localities"] == "50 rows written to Parquet"
    assert done["merge localities"].endswith("files became 1")
    assert lake.frame("SELECT * FROM localities ORDER BY locality_id").equals(before)
    assert lake.value(f"SELECT count(*) FROM {lake.at('localities', old.id)}") == before.height
    assert inlined_rows(lake) == {}


def test_a_file_with_many_deleted_rows_is_written_anew(lake: Lake) -> None:
    commit(lake, 0, 1000)
    with lake.transaction("delete"):
        lake.execute("DELETE FROM localities WHERE locality_id % 2 = 0")
    done = {step: said for step, said, _ in maintain(lake, now_utc())}
    assert done["rewrite localities"].startswith("1 files")
    assert lake.value("SELECT count(*) FROM localities") == 500


def test_expired_snapshots_give_their_files_back_and_the_rest_stays_whole(lake: Lake) -> None:
    commit(lake, 0, 1000)
    with lake.transaction("replace"):
        lake.execute("DELETE FROM localities")
        lake.append("localities", pl.DataFrame({"locality_id": [1], "city": ["a"], "area_id": ["x"]}))
    later = now_utc() + timedelta(days=400)
    done = {step: said for step, said, _ in maintain(lake, later)}
    assert not done["expire snapshots"].startswith("0 of")
    maintain(lake, later + timedelta(days=1))
    assert lake.frame("SELECT locality_id FROM localities")["locality_id"].to_list() == [1]
    assert not [f for f in lake.home.lake.rglob("*.parquet") if pl.read_parquet(f).height == 1000]


def test_what_a_kill_left_behind_is_removed_after_a_day(lake: Lake) -> None:
    commit(lake, 0, 300)
    orphan = lake.home.lake / "main" / "localities" / "ducklake-00000000-0000-7000-8000-000000000000.parquet"
    pl.DataFrame({"locality_id": [1]}).write_parquet(orphan)
    half = lake.home.deliveries / ".incoming-abc"
    half.parent.mkdir(parents=True)
    half.write_text("half a file")
    maintain(lake, now_utc())
    assert orphan.exists() and half.exists()  # a day's grace: a commit may be under way
    for path in (orphan, half):
        os.utime(path, (0, 0))
    maintain(lake, now_utc() + timedelta(days=2))
    assert not orphan.exists() and not half.exists()
    assert lake.value("SELECT count(*) FROM localities") == 300


def test_nothing_to_do_takes_only_the_last_two_steps(lake: Lake) -> None:
    maintain(lake, now_utc())
    assert [step.name for step in all_steps(lake, now_utc())] == ["expire snapshots", "remove old files"]
    assert list(small_steps(lake)) == []
