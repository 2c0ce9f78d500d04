"""Which tables have rows, told from the catalogue alone."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data_pipeline.home import Home
from data_pipeline.store.lake import Lake
from tests.fresh import new_store


def test_a_table_counts_as_filled_from_its_first_rows_few_or_many(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with new_store(home, "test") as lake:
        assert lake.filled_tables() == set()
        with lake.transaction("a few rows, kept in the catalogue"):
            lake.append("commits", pl.DataFrame({"commit_seq": [1]}))
        with lake.transaction("many rows, a file"):
            lake.append("localities", pl.DataFrame({"locality_id": range(5_000)}))
        assert lake.filled_tables() == {"commits", "localities"}
    with Lake.reader(home) as lake:
        assert lake.filled_tables() == {"commits", "localities"}
