"""What the web held of the readings, kept for its next start: a start from it knows what one from the lake knows."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from query_town import SOURCES
from toy import toy_pack

from data_pipeline.home import Home
from data_pipeline.queries import Queries
from data_pipeline.queries.kept import _LAYOUT, FORMAT, Mark, keep, kept
from data_pipeline.queries.mirror import RECENT, State
from data_pipeline.queries.series import COLUMNS, HELD, NEWEST_ROWS, Compressed, Series, microseconds
from data_pipeline.store.lake import Lake
from data_pipeline.times import SUB_DAY_SECONDS
from tests.fresh import new_store

NOON = datetime(2026, 4, 3, 4)  # of the toy city, in UTC
HOUR = 3_600_000_000
METRIC = "charging.energy_kwh"


class Town:
    """A store whose readings the test writes itself: what makes them is tested in tests/aggregate."""

    def __init__(self, folder: Path) -> None:
        self.home, self.pack = Home.of(folder), toy_pack(SOURCES)
        self.lake, self.seq, self.clock = new_store(self.home, "test"), 0, NOON
        self.doors: list[Queries] = []

    def open(self, keeps: bool = True) -> Queries:
        """A door to it, closed with the town."""
        self.doors.append(Queries.open(self.home, {"toy": self.pack}, now=lambda: NOON, keeps=keeps))
        return self.doors[-1]

    def close(self) -> None:
        for door in self.doors:
            door.close()
        self.lake.close()

    def commit(self, begins: datetime, hours: int, value: float, areas: str = "toy east west", grain: str = "hour") -> None:
        """Readings of so many periods in a row, in place of those that were there; n = 0 says that there is none any more."""
        self.seq += 1
        step = timedelta(days=1) if grain == "day" else timedelta(hours=1)
        rows = [
            {"city": "toy", "metric": METRIC, "area_id": area, "grain": grain, "period_start_utc": begins + i * step,
             "period_end_utc": begins + (i + 1) * step, "numerator": value + i, "value": value + i if value else None,
             "n": int(value > 0), "origin": "records", "data_as_of_utc": begins + (i + 1) * step, "known_from_utc": self.clock,
             "commit_seq": self.seq}
            for area in areas.split() for i in range(hours)
        ]  # fmt: skip
        columns = self.lake.frame("SELECT * FROM readings LIMIT 0").schema
        with self.lake.transaction("test"):
            self.lake.execute(
                "DELETE FROM readings WHERE metric = ? AND grain = ? AND list_contains(?, area_id) AND period_start_utc BETWEEN ? AND ?",
                [METRIC, grain, areas.split(), begins, begins + (hours - 1) * step],
            )
            self.lake.append("readings", pl.DataFrame(rows, schema={name: columns[name] for name in rows[0]}))
            done = {"commit_seq": [self.seq], "at_utc": [self.clock + timedelta(seconds=self.seq)], "what": ["test"], "cities": ["toy"]}
            self.lake.append("commits", pl.DataFrame(done))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path / "home")
    yield made
    made.close()


def _rows(state: State) -> dict[tuple[str, str, str], list[tuple[int, list[float]]]]:
    """Every row that a state must hold, bit by bit: below a day the last 72 hours of each figure."""
    found = {}
    for key, one in state.series.items():
        oldest = state.newest[key[0], key[2]] - microseconds(datetime(1970, 1, 1) + RECENT) if key[2] in SUB_DAY_SECONDS else -(2**62)
        bits = np.ascontiguousarray(one.data).view(np.int64).tolist()
        found[key] = [(start, row) for start, row in zip(one.starts.tolist(), bits, strict=True) if start > oldest]
    return {key: rows for key, rows in found.items() if rows}


@pytest.fixture
def lake_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many readings each question to the lake brought."""
    asked: list[int] = []
    frame = Lake.frame

    def counted(self: Lake, sql: str, params: Any = ()) -> Any:
        found = frame(self, sql, params)
        if "from_figures" in sql:
            asked.append(found.height)
        return found

    monkeypatch.setattr(Lake, "frame", counted)
    return asked


def test_a_start_from_the_file_reads_only_what_came_since(town: Town, lake_rows: list[int]) -> None:
    town.commit(NOON - timedelta(hours=400), 400, 5.0)
    town.open().close()
    lake_rows.clear()
    again = town.open()
    assert sum(lake_rows) == 0 and again.has_data("toy")
    assert _rows(again._mirror.state) == _rows(town.open(keeps=False)._mirror.state)
    town.commit(NOON, 1, 100.0)
    lake_rows.clear()
    last = town.open()
    assert lake_rows == [3]
    assert last.latest(METRIC, "toy", "hour").value == 100.0
    assert _rows(last._mirror.state) == _rows(town.open(keeps=False)._mirror.state)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_between_two_starts_the_file_and_the_lake_agree(town: Town, seed: int) -> None:
    """Late figures, corrected ones, some that are gone again, in any order, with a restart after any of them."""
    dice = random.Random(seed)
    for _ in range(10):
        for _ in range(dice.randint(1, 3)):
            grain, areas = dice.choice(["hour", "day"]), " ".join(dice.sample(["toy", "east", "west"], dice.randint(1, 3)))
            step = timedelta(hours=dice.randrange(200)) if grain == "hour" else timedelta(days=dice.randrange(60), hours=12)
            town.commit(NOON - step, dice.randint(1, 40), float(dice.randrange(5)), areas, grain)
        if dice.random() < 0.4:
            door = town.open()
            assert _rows(door._mirror.state) == _rows(town.open(keeps=False)._mirror.state)
            door.close()
    assert _rows(town.open()._mirror.state) == _rows(town.open(keeps=False)._mirror.state)


def test_who_follows_writes_the_file_and_answers_from_it(town: Town) -> None:
    town.commit(NOON - timedelta(hours=100), 100, 1.0)
    door = town.open()
    town.commit(NOON, 1, 100.0)
    door.refresh()
    before = _rows(door._mirror.state)
    assert not door._mirror.keep_one(), "written a moment ago"
    assert door._mirror.keep_one(0.0) and not door._mirror.keep_one(0.0)
    found = kept(town.home, "toy")
    assert found is not None and found[0].commit_seq == door._mirror.state.commit_seq
    assert _rows(door._mirror.state) == before
    # the rows lie in the file now, not in memory of their own
    assert not any(one.held[0].flags.owndata or one.held[1].flags.owndata for one in door._mirror.state.series.values())


def _another_store(town: Town, tmp_path: Path) -> None:
    other = Town(tmp_path / "other")
    other.clock += timedelta(microseconds=1)
    other.commit(NOON, 3, 666.0)
    other.open().close()
    other.close()
    (other.home.held / "toy.arrow").replace(town.home.held / "toy.arrow")


def _cut_short(town: Town, _: Path) -> None:
    path = town.home.held / "toy.arrow"
    path.write_bytes(path.read_bytes()[:-400])


def _something_else(town: Town, _: Path) -> None:
    (town.home.held / "toy.arrow").write_bytes(b"ARROW1\0\0 nothing of the kind")


def _of_another_layout(town: Town, _: Path) -> None:
    path = town.home.held / "toy.arrow"
    path.write_bytes(path.read_bytes().replace(_LAYOUT.encode(), b"0" * 64))


@pytest.mark.parametrize("spoil", [_another_store, _cut_short, _something_else, _of_another_layout])
def test_a_file_that_is_not_ours_is_passed_over(town: Town, tmp_path: Path, lake_rows: list[int], spoil: Any) -> None:
    town.commit(NOON - timedelta(hours=50), 50, 1.0)
    town.open().close()
    spoil(town, tmp_path)
    lake_rows.clear()
    again = town.open()
    assert sum(lake_rows) == 150, "read anew"
    assert _rows(again._mirror.state) == _rows(town.open(keeps=False)._mirror.state)


def test_a_file_that_lacks_a_lot_is_not_gone_on_from(town: Town, lake_rows: list[int]) -> None:
    town.commit(NOON - timedelta(hours=10), 10, 1.0)
    town.open().close()
    town.commit(NOON, 20, 1.0)
    lake_rows.clear()
    again = town.open()
    assert sum(lake_rows) == 90
    assert _rows(again._mirror.state) == _rows(town.open(keeps=False)._mirror.state)


def test_where_nothing_can_be_written_the_web_goes_on_and_says_so(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    town.commit(NOON, 1, 100.0)
    town.home.held.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        door = town.open()
    assert door.latest(METRIC, "toy", "hour").value == 100.0
    assert "toy" in caplog.text and "cannot be kept" in caplog.text


def test_a_disk_that_fills_leaves_the_file_of_before(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.commit(NOON - timedelta(hours=1), 1, 100.0)
    door = town.open()
    before = (town.home.held / "toy.arrow").read_bytes()
    town.commit(NOON, 1, 50.0)
    door.refresh()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data_pipeline.queries.kept.os.fsync", full)
    assert door._mirror.keep_one(0.0)
    assert (town.home.held / "toy.arrow").read_bytes() == before
    assert [path.name for path in town.home.held.iterdir()] == ["toy.arrow"]
    assert door.latest(METRIC, "toy", "hour").value == 50.0


def test_rows_in_little_room_as_doubles_and_folds_come_back_to_the_bit(town: Town) -> None:
    rng = np.random.default_rng(3)
    starts = np.arange(300, dtype=np.int64) * HOUR
    table = rng.normal(size=(300, len(COLUMNS)))
    table[:, 3:7], table[:, 9] = rng.integers(0, 1000, (300, 4)), rng.integers(0, 2, 300)
    table[rng.random(300) < 0.2, 0] = np.nan
    large = table.copy()
    large[:, 3] = 2.0**24 + 1  # more than the little room holds exactly
    series = {
        ("m", "a", "hour"): Series(starts, table).folded(), ("m", "b", "hour"): Series(starts, large).folded(),
        ("m", "c", "5min"): Series(starts, table).packed(), ("m", "d", "5min"): Series(starts, large).packed(),
        ("m", "e", "hour"): Series(starts, table).folded().before(200 * HOUR),  # a part of a fold
        ("n", "a", "day"): Series(starts[:1], table[:1]),
    }  # fmt: skip
    assert {one.held[1].dtype == HELD for one in series.values()} == {True, False}
    assert len(series["m", "a", "hour"].held[0]) == NEWEST_ROWS
    mark = Mark(5, datetime(2026, 1, 1, 2, 3, 4, 5))
    keep(town.home, "toy", mark, series)
    found = kept(town.home, "toy")
    assert found is not None and found[0] == mark and list(found[1]) == list(series)
    for key, one in series.items():
        again = found[1][key]
        assert again.starts.tolist() == one.starts.tolist()
        assert np.ascontiguousarray(again.data).view(np.int64).tolist() == np.ascontiguousarray(one.data).view(np.int64).tolist()
        # and goes on growing as before
        newer = Series(np.array([300 * HOUR]), table[:1])
        assert again.merged(newer).data.shape == one.merged(newer).data.shape


def test_nothing_is_written_where_it_was_not_asked_for(town: Town) -> None:
    town.commit(NOON, 1, 100.0)
    town.open(keeps=False).close()
    assert not town.home.held.exists()


def test_a_fold_written_before_is_still_understood() -> None:
    """What stood in a file of the first layout; who has to change it raises `FORMAT`, so that such files are passed over."""

    class Written(Compressed):
        n, ratio, first_us, last_us, known_us = 5, 100.0, 0, 0, 0.0
        compressed = b64decode(
            "KLUv/WC4APUCAILEDhmwJemQpCzDgEYPZ0kSB94CxlvDMUxoMqFSl8v3JiTJS9t2mpmZCUBERoAYePAv/CN3d0VV1WFmRv8HDQAACY4iD5B4WQJyG7CUVHsgA/gFQQnAC9YCbo8PeAI="
        )

    assert FORMAT == 1
    starts, table = Written().unfold()
    assert starts.tolist() == [1_700_000_000_000_000 + i * HOUR for i in range(5)]
    np.testing.assert_array_equal(table[:, 0], [3, 4, 5, np.nan, 7])
    np.testing.assert_array_equal(table[:, 2], [37.5, 50, 62.5, np.nan, 87.5])
    assert table[:, 3:7].tolist() == [[1, 2, 3, 0]] * 5 and table[:, 9].tolist() == [0, 1, 0, 1, 0]
    assert (table[:, 7] - starts).tolist() == [9] * 5 and (table[:, 8] - starts).tolist() == [10] * 5


def test_it_is_written_and_read_in_a_process_without_pandas(town: Town) -> None:
    """The web is one, though pandas is installed: Arrow must not stumble over what keeps it out."""
    script = """
import sys
from datetime import datetime
from pathlib import Path
import numpy as np
from data_pipeline.store.newest import extended_connection, without_pandas
without_pandas()
from data_pipeline.home import Home
from data_pipeline.queries.kept import Mark, keep, kept
from data_pipeline.queries.series import COLUMNS, Series
assert extended_connection().execute("SELECT ?", [3]).fetchall() == [(3,)]
home, mark = Home(Path(sys.argv[1])), Mark(1, datetime(2026, 1, 1))
keep(home, "toy", mark, {("m", "a", "hour"): Series(np.arange(100), np.ones((100, len(COLUMNS)))).folded()})
print(kept(home, "toy")[0] == mark, "pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script, str(town.home.root)], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["True", "False"], done.stderr
    assert version("pandas")
