"""What a city shows while its history is still being delivered."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from query_town import Town

from components.formats import status_words
from data_pipeline.store.marks import end_message, step_message

UNTIL = datetime(2026, 4, 3, 4)


def commit(town: Town, message: str) -> None:
    """One commit of the toy city that says `message`."""
    seq = (town.lake.value("SELECT max(commit_seq) FROM commits") or 0) + 1
    with town.lake.transaction("test"):
        town.lake.append("commits", pl.DataFrame([{"commit_seq": seq, "at_utc": town.clock, "what": message, "cities": "toy"}]))
    town.queries.refresh()


def words(town: Town, metric: str) -> list[str]:
    return status_words(town.queries.card(metric, "toy").reading, town.pack.tz, "zh")


def test_a_city_is_shown_when_its_first_part_is_there_and_read_in_one_go(town: Town) -> None:
    commit(town, step_message("toy", "registers"))
    town.commit(town.charge(datetime(2026, 4, 2), {"a": 5.0}, 24))
    commit(town, step_message("toy", "readings"))
    assert town.queries.is_being_built("toy") and not town.queries.has_data("toy")
    commit(town, end_message("first", "toy", UNTIL))
    assert town.queries.is_being_built("toy") and town.queries.has_data("toy")
    commit(town, end_message("further", "toy", UNTIL))
    assert town.queries.has_data("toy") and not town.queries.is_being_built("toy")


def test_a_figure_that_is_not_delivered_yet_says_so_and_is_not_called_missing(town: Town) -> None:
    commit(town, step_message("toy", "registers"))
    commit(town, end_message("first", "toy", UNTIL))
    assert words(town, "charging.energy_kwh") == ["建立中"]
    commit(town, end_message("further", "toy", UNTIL))
    assert words(town, "charging.energy_kwh") == ["本期无上报"]
