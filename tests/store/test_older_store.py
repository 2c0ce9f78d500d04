"""A store of an older version, read before a pipeline has brought it up to date: what it lacks is no data, never an error."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from data_pipeline.errors import StoreError
from data_pipeline.home import Home
from data_pipeline.store.lake import Lake, all_tables
from tests.fresh import new_store


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A store whose table `localities` lacks `area_id` and which has no table `alerts`."""
    made = Home.of(tmp_path / "home")
    with new_store(made) as lake:
        with lake.transaction("a row of the older version"):
            lake.append("localities", pl.DataFrame({"locality_id": [7], "city": ["x"]}))
        lake.execute("ALTER TABLE localities DROP COLUMN area_id")
        lake.execute("DROP TABLE alerts")
    return made


def test_a_missing_column_reads_as_null_and_a_missing_table_as_empty(home: Home) -> None:
    with Lake.reader(home) as lake:
        found = lake.frame("SELECT * FROM localities")
        assert found.rows(named=True) == [{"locality_id": 7, "city": "x", "area_id": None}]
        assert lake.value("SELECT count(*) FROM localities WHERE area_id = ?", ["x"]) == 0
        assert lake.is_empty("alerts")
        assert lake.frame("SELECT * FROM alerts").columns == list(all_tables()["alerts"])
        with lake.pinned():
            assert lake.value("SELECT count(*) FROM localities") == 1


def test_a_reader_sees_what_the_writer_adds_to_an_older_store_while_it_is_open(home: Home) -> None:
    with Lake.reader(home) as reader:
        assert reader.is_empty("alerts")
        with Lake.writer(home) as writer, writer.transaction("new rows"):
            writer.append("localities", pl.DataFrame({"locality_id": [8], "city": ["x"], "area_id": ["y"]}))
            writer.append("alerts", pl.DataFrame({"alert_id": ["a"]}))
        with reader.pinned():
            rows = reader.frame("SELECT locality_id, area_id FROM localities ORDER BY 1").rows()
        assert rows == [(7, None), (8, "y")]
        assert reader.value("SELECT alert_id FROM alerts") == "a"


def test_a_reader_refuses_a_column_of_another_type_and_names_it(home: Home) -> None:
    with new_store(home) as lake:
        lake.execute("ALTER TABLE localities DROP COLUMN area_id")
        lake.execute("ALTER TABLE localities ADD COLUMN area_id BIGINT")
    with pytest.raises(StoreError, match=r"localities\.area_id is BIGINT in this store but VARCHAR in this version"):
        Lake.reader(home)
