"""The lake: one writer, readers that see whole commits, errors that leave the last snapshot readable."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.contracts import contracts
from data_pipeline.errors import StoreBusy, StoreError
from data_pipeline.home import Home
from data_pipeline.store.lake import Lake, all_tables, newest_snapshot
from data_pipeline.store.schema import TABLES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.of(tmp_path / "home")


def row(number: int) -> pl.DataFrame:
    return pl.DataFrame({"commit_seq": [number], "what": [f"commit {number}"]})


def many(rows: int) -> pl.DataFrame:
    """Rows that do not compress, so that they take room on a disk."""
    noise = pl.int_range(rows, eager=True).hash(7).cast(pl.String)
    return pl.DataFrame({"commit_seq": pl.int_range(rows, eager=True), "what": noise + noise.reverse()})


def test_the_writer_makes_every_declared_table_and_opens_them_again(home: Home) -> None:
    for _ in range(2):
        with Lake.writer(home) as lake:
            found = lake.frame("SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'lake'")
        made = {t: dict(g.select("column_name", "data_type").iter_rows()) for (t,), g in found.group_by("table_name")}
        assert made == all_tables()
        assert set(made) == set(TABLES) | {f"rec_{name}" for name in contracts()}


def test_a_column_that_a_new_version_adds_is_added_to_an_old_store(home: Home) -> None:
    with Lake.writer(home) as lake:
        lake.execute("ALTER TABLE alerts DROP COLUMN note")
    with Lake.writer(home) as lake:
        assert "note" in lake.frame("SELECT * FROM alerts").columns


def test_a_column_of_another_type_is_refused_by_name(home: Home) -> None:
    with Lake.writer(home) as lake:
        lake.execute("ALTER TABLE alerts DROP COLUMN note")
        lake.execute("ALTER TABLE alerts ADD COLUMN note BIGINT")
    with pytest.raises(StoreError, match=r"alerts\.note is BIGINT in this store but VARCHAR"):
        Lake.writer(home)


def test_a_reader_never_creates_a_store(home: Home) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        Lake.reader(home)
    assert not home.root.exists()
    assert newest_snapshot(home) is None


def test_a_commit_appears_as_a_whole_or_not_at_all(home: Home) -> None:
    with Lake.writer(home) as writer, Lake.reader(home) as reader:
        before = newest_snapshot(home)
        with writer.transaction("two tables"):
            writer.append("commits", row(1))
            writer.append("localities", pl.DataFrame({"locality_id": [1], "city": ["x"], "area_id": ["x"]}))
            assert writer.value("SELECT count(*) FROM commits") == 1  # the writer sees its own work
            assert reader.value("SELECT count(*) FROM commits") == 0
            assert newest_snapshot(home) == before
        assert reader.frame("SELECT (SELECT count(*) FROM commits), (SELECT count(*) FROM localities)").row(0) == (1, 1)
        with pytest.raises(ZeroDivisionError), writer.transaction("fails"):
            writer.append("commits", row(2))
            raise ZeroDivisionError
        assert writer.value("SELECT count(*) FROM commits") == 1


def test_everything_read_while_pinned_belongs_to_one_snapshot(home: Home) -> None:
    with Lake.writer(home) as writer, Lake.reader(home) as reader:
        with reader.pinned() as pinned:
            assert reader.value("SELECT count(*) FROM commits") == 0
            with writer.transaction("meanwhile"):
                writer.append("commits", row(1))
            assert reader.value("SELECT count(*) FROM commits") == 0
        assert pinned is not None and pinned.id < newest_snapshot(home).id
        assert reader.value("SELECT count(*) FROM commits") == 1


def test_the_store_can_be_read_as_it_was_and_changes_since_are_listed(home: Home) -> None:
    with Lake.writer(home) as lake:
        with lake.transaction("one"):
            lake.append("commits", row(1))
        first = lake.snapshot()
        with lake.transaction("two"):
            lake.append("commits", row(2))
        assert lake.value(f"SELECT count(*) FROM {lake.at('commits', first.id)}") == 1
        changes = lake.changes("commits", first.id)
        assert changes.select("change_type", "commit_seq").rows() == [("insert", 2)]
        assert lake.changes("commits", lake.snapshot().id).is_empty()
        with pytest.raises(StoreError, match="no table 'nonsense'"):
            lake.at("nonsense", 1)


def test_the_moment_of_a_snapshot_is_naive_utc(home: Home) -> None:
    with Lake.writer(home):
        found = newest_snapshot(home)
    assert found.at_utc.tzinfo is None
    assert abs((found.at_utc - datetime.utcnow()).total_seconds()) < 60


def test_rows_with_an_unknown_column_are_refused_by_name(home: Home) -> None:
    with Lake.writer(home) as lake, pytest.raises(StoreError, match="table commits has no column colour"):
        lake.append("commits", pl.DataFrame({"colour": ["red"]}))


def test_constants_are_written_into_every_row(home: Home) -> None:
    with Lake.writer(home) as lake:
        frame = pl.DataFrame({"area_id": ["a", "b"]})
        assert lake.append("localities", frame, {"city": "x", "locality_id": 7}) == 2
        assert lake.frame("SELECT * FROM localities ORDER BY area_id").rows() == [(7, "x", "a"), (7, "x", "b")]


def test_rows_are_written_in_the_order_of_their_table_and_columns_without_values_stay_null(home: Home) -> None:
    days = [date(2026, 3, 3), date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 1)]
    frame = pl.DataFrame({"local_day": days, "row_number": [1, 2, 3, 4], "site_id": pl.Series([None] * 4, dtype=pl.String)})
    frame = pl.concat([frame] * 100)  # more rows than are inlined in the catalogue
    with Lake.writer(home) as lake:
        assert lake.append("rec_road_speeds", frame, {"city": "x"}) == 400
        found = lake.frame("SELECT local_day, row_number, site_id, city FROM rec_road_speeds")
        assert found["local_day"].is_sorted() and found["site_id"].null_count() == 400
        assert found["row_number"].value_counts().sort("row_number")["count"].to_list() == [100] * 4
        ordered = frame.sort("local_day", maintain_order=True)
        assert found["row_number"].to_list() == ordered["row_number"].to_list()
        assert set(found["city"]) == {"x"}


def test_a_second_writer_is_told_who_writes(home: Home) -> None:
    with Lake.writer(home, "python -m data_pipeline build"), pytest.raises(StoreBusy) as caught:
        Lake.writer(home)
    text = str(caught.value)
    assert f"process {os.getpid()}" in text and "python -m data_pipeline build" in text and "since" in text


def test_the_lock_dies_with_its_process(home: Home) -> None:
    code = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from data_pipeline.home import Home\nfrom data_pipeline.store.lock import WriterLock\n"
        "WriterLock(Home.of(sys.argv[2])).acquire('doomed'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(ROOT), str(home.root)], check=False)
    assert "doomed" in home.lock.read_text()  # the text is left behind, the lock is not
    Lake.writer(home).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be written"):
        Lake.writer(Home.of(tmp_path / "file" / "home"))


def test_a_store_whose_files_cannot_be_written_stops_the_commit_and_stays_readable(home: Home) -> None:
    with Lake.writer(home) as lake:
        with lake.transaction("good"):
            lake.append("commits", row(1))
        shutil.rmtree(home.lake)
        home.lake.write_text("a file where the folder was")
        with pytest.raises(StoreError, match="could not be read or written") as caught, lake.transaction("bad"):
            lake.append("commits", many(5_000))
        assert "the last snapshot stays readable" in str(caught.value)
        with Lake.reader(home) as reader:
            assert reader.value("SELECT count(*) FROM commits") == 1
        home.lake.unlink()
        home.lake.mkdir()
        with lake.transaction("good again"):
            lake.append("commits", many(5_000))
        assert lake.value("SELECT count(*) FROM commits") == 5_001


def test_no_second_copy_of_sqlite_opens_the_catalogue() -> None:
    """Closing a file drops every lock the process holds on it: readers then see a log rewritten under them."""
    rooms = [ROOT / "app.py", *(p for room in ("data_pipeline", "components", "pages") for p in (ROOT / room).rglob("*.py"))]
    wrong = [p for p in rooms if p.exists() and re.search(r"^\s*(import|from) sqlite3", p.read_text(encoding="utf-8"), re.M)]
    assert wrong == []


def test_the_newest_snapshot_is_seen_at_once_by_other_threads_and_processes(home: Home) -> None:
    with Lake.writer(home) as lake:
        for number in range(3):
            with lake.transaction("one more"):
                lake.append("commits", row(number))
            assert newest_snapshot(home).id == lake.value("SELECT id FROM lake.current_snapshot()")
    first = newest_snapshot(home)
    shutil.rmtree(home.root)
    assert newest_snapshot(home) is None
    with Lake.writer(home):
        assert newest_snapshot(home).id < first.id  # another store in the same place


FULL_DISK = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from data_pipeline.errors import StoreError
from data_pipeline.home import Home
from data_pipeline.store.lake import Lake
from tests.store.test_lake import many, row
home = Home.of(sys.argv[2])
with Lake.writer(home) as lake:
    with lake.transaction("good"):
        lake.append("commits", row(1))
    room = home.catalog.stat().st_size + 200_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        with lake.transaction("too much"):
            lake.append("commits", many(400_000))
    except StoreError as error:
        print("stopped:", error.message)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("rows", lake.value("SELECT count(*) FROM commits"))
    with lake.transaction("room again"):
        lake.append("commits", many(1_000))
    print("rows", lake.value("SELECT count(*) FROM commits"))
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file size on this system")
def test_a_disk_without_room_stops_the_commit_and_the_next_one_works_again(home: Home) -> None:
    """Files may not grow beyond a limit (RLIMIT_FSIZE): writes fail as they do on a full disk."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(ROOT), str(home.root)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0].startswith("stopped: the store"), done.stdout
    assert lines[1:] == ["rows 1", "rows 1001"]
