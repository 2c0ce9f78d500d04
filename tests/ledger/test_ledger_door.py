"""The ledger through the door: what was known then, what came since, and answers that are remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from data_pipeline.errors import UnknownId
from data_pipeline.home import Home
from data_pipeline.ingest.types import Incoming
from data_pipeline.queries import Queries
from tests.ledger.desk_scene import CITY, OFFICE, TARGET, Desk, month_ends, past_row

NOW = datetime(2022, 9, 15, 4)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Twelve monthly reports up to August 2022, each known on the tenth of the next month; 10, 11 … 21."""
    made = Desk(tmp_path_factory.mktemp("ledger"))
    with made.writer.commit("history") as commit:
        for k, day in enumerate(month_ends(12)):
            path = made.home.root / f"{day}.ndjson"
            path.write_text(json.dumps(past_row(day, 10.0 + k)) + "\n", encoding="utf-8")
            known = datetime(day.year + day.month // 12, day.month % 12 + 1, 10)
            commit.take(Incoming(path, CITY, "plan_reports", OFFICE, path.name, known_from_utc=known))
    yield made
    made.close()


@pytest.fixture(scope="module")
def queries(desk: Desk) -> Iterator[Queries]:
    made = Queries.open(desk.home, desk.packs, now=lambda: desk.now)
    yield made
    made.close()


def test_a_home_without_a_store_answers_with_the_facts_alone(tmp_path: Path, desk: Desk) -> None:
    empty = Queries.open(Home.of(tmp_path / "nothing"), desk.packs, now=lambda: NOW)
    ledger = empty.ledger(CITY)
    assert (len(ledger.distinct), ledger.snapshot, ledger.on) == (78, None, date(2022, 9, 15))
    assert {row.status for row in ledger.distinct} == {"no_data", "not_measurable"}
    assert empty.report_revisions(CITY, TARGET).is_empty()


def test_each_day_shows_what_was_dated_and_known_by_its_end(queries: Queries) -> None:
    actual = {
        day: queries.ledger_target(CITY, TARGET, day).pace.actual
        for day in (date(2022, 3, 9), date(2022, 3, 10), date(2022, 9, 15))
    }
    # February's report became known on 10 March at 00:00 UTC, 08:00 in Ezhou
    assert actual == {date(2022, 3, 9): 14, date(2022, 3, 10): 15, date(2022, 9, 15): 21}


def test_a_row_says_who_reported_it_and_that_it_is_not_simulated(queries: Queries) -> None:
    row = queries.ledger_target(CITY, TARGET)
    assert (row.last_report.department, row.last_report.data_on, row.is_simulated) == (OFFICE, date(2022, 8, 31), False)
    assert row.path[-1].delivery_id == row.last_report.delivery_id


def test_a_day_to_come_is_today_and_an_answer_is_remembered(queries: Queries) -> None:
    today = queries.ledger(CITY)
    assert queries.ledger(CITY, date(2030, 1, 1)) is today and queries.ledger(CITY) is today


def test_an_unknown_target_or_city_gets_a_suggestion(queries: Queries) -> None:
    with pytest.raises(UnknownId, match="did you mean ez-spinoffs"):
        queries.ledger_target(CITY, "ez-spinofs")
    with pytest.raises(UnknownId, match="unknown city '42070'"):
        queries.ledger("42070")


def test_a_correction_moves_today_with_the_next_snapshot_but_not_the_days_before_it(
    desk: Desk, queries: Queries
) -> None:
    before = queries.ledger(CITY)
    desk.deliver([past_row(date(2022, 8, 31), 19.5, reason="重复计算")], datetime(2022, 9, 14))
    assert queries.ledger(CITY) is before
    queries.refresh()
    assert queries.ledger_target(CITY, TARGET).pace.actual == 19.5
    assert queries.ledger_target(CITY, TARGET, date(2022, 9, 12)).pace.actual == 21
    revisions = queries.report_revisions(CITY, TARGET).filter(data_on=date(2022, 8, 31))
    assert revisions["value"].to_list() == [21, 19.5]
    assert revisions["known_to_utc"].to_list() == [datetime(2022, 9, 14), None]
