"""A timetable speaks of days to come: figures, courses and records stop at today."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from held import answers, series

from data_pipeline.cities import load_packs
from data_pipeline.metrics import metric
from data_pipeline.queries.answers import Answers, starts_between
from data_pipeline.times import midnight_utc

PACK = load_packs()["420700"]
TRIPS, CITY = metric("transit.trips_n"), PACK.city_area
NOW = datetime(2026, 11, 22, 6)  # 14:00 in Ezhou
TODAY = midnight_utc(date(2026, 11, 22), PACK.tz)


@pytest.fixture
def door() -> Answers:
    """100 trips a day from the first of October to the end of the year, as a feed of the whole winter plans them."""
    days = [midnight_utc(date(2026, 10, 1) + timedelta(days=i), PACK.tz) for i in range(92)]
    months = [midnight_utc(date(2026, m, 1), PACK.tz) for m in (10, 11, 12)]
    held = {
        (TRIPS.id, CITY.id, "day"): series(days, [{"numerator": 100.0, "value": 100.0, "n": 100} for _ in days]),
        (TRIPS.id, CITY.id, "month"): series(months, [{"numerator": n, "value": n, "n": n} for n in (3100.0, 3000.0, 3100.0)]),
    }
    return answers(PACK, held, NOW)


def test_the_newest_day_is_today_and_no_later_one_has_a_figure(door: Answers) -> None:
    assert door.newest_start(TRIPS, CITY.id, "day") == TODAY
    assert door.reading(TRIPS, CITY, "day", TODAY).value == 100
    assert door.reading(TRIPS, CITY, "day", TODAY + timedelta(days=1)).value is None


@pytest.mark.parametrize(("grain", "first", "trips"), [("month", date(2026, 11, 1), 2200), ("quarter", date(2026, 10, 1), 5300), ("week", date(2026, 11, 16), 700)])
def test_a_period_that_is_not_over_counts_the_days_that_have_begun(door: Answers, grain: str, first: date, trips: int) -> None:
    found = door.reading(TRIPS, CITY, grain, midnight_utc(first, PACK.tz))  # type: ignore[arg-type]
    assert found.value == trips and found.is_open
    assert found.data_as_of_utc is not None and found.data_as_of_utc <= NOW


def test_a_month_that_is_over_is_told_as_it_was_planned(door: Answers) -> None:
    assert door.reading(TRIPS, CITY, "month", midnight_utc(date(2026, 10, 1), PACK.tz)).value == 3100
    assert door.reading(TRIPS, CITY, "month", midnight_utc(date(2026, 12, 1), PACK.tz)).value is None


def test_a_course_ends_today(door: Answers) -> None:
    days = starts_between(TODAY - timedelta(days=2), TODAY + timedelta(days=3), "day", PACK.tz)
    assert [value for _, value in door.values(TRIPS, CITY.id, "day", days)] == [100, 100, 100, None, None]
    months = starts_between(midnight_utc(date(2026, 10, 1), PACK.tz), midnight_utc(date(2027, 1, 1), PACK.tz), "month", PACK.tz)
    assert [value for _, value in door.values(TRIPS, CITY.id, "month", months[:2])] == [3100, 2200]
    assert [value for _, value in door.values(TRIPS, CITY.id, "month", months)] == [3100, 2200, None]
