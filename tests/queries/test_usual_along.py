"""The usual range of a whole course: for each period the one it would have been given alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from query_town import Town

TTI = "charging.time_utilisation"
DAYS = 66  # before 3 April 2026


def utc(local: datetime) -> datetime:
    return local - timedelta(hours=8)


def history(town: Town) -> dict[datetime, float]:
    """One station, two hours a day, another share each day; what is expected is reckoned from this alone."""
    shares: dict[datetime, float] = {}
    rows = []
    for n in range(DAYS, 0, -1):
        for hour in (8, 9):
            at = datetime(2026, 4, 3, hour) - timedelta(days=n)
            shares[at] = ((n * 37 + hour * 11) % 90 + 5) / 100
            rows.append({"site_id": "a", "area_id": "east", "start_at": at, "guns": 10.0, "energy_kwh": 1.0, "charging_gun_hours": 10 * shares[at]})
    town.commit(lambda toy: toy.sites("charging_stations", {"a": "east"}), lambda toy: toy.deliver("charging_hourly", rows, town.clock, now=town.clock))
    return shares


def expected(shares: dict[datetime, float], at: datetime, day: datetime) -> tuple[float, float]:
    """10th and 90th percentile of the same hour on days of the same kind in the eight weeks before `day`."""
    first = day - timedelta(weeks=8)
    past = [v for t, v in shares.items() if t.hour == at.hour and (t.weekday() >= 5) == (at.weekday() >= 5) and first <= t < day]
    return tuple(np.percentile(past, [10, 90]))  # type: ignore[return-value]


def test_every_hour_of_a_course_has_the_range_of_its_hour_and_kind_of_day(town: Town) -> None:
    shares = history(town)
    newest = datetime(2026, 4, 2)
    found = town.queries.usual(TTI, "east", "hour", utc(newest - timedelta(days=6)), utc(newest + timedelta(days=1)))
    assert len(found) == 14, "two hours of each of seven days; hours without a past have none"
    for start, band in found:
        low, high = expected(shares, start + timedelta(hours=8), newest)
        assert (band.low, band.high) == (pytest.approx(low), pytest.approx(high))


def test_every_day_of_a_course_is_compared_with_the_eight_weeks_before_it(town: Town) -> None:
    shares = history(town)
    day_share = {t.replace(hour=0): (v + shares[t.replace(hour=9)]) / 2 for t, v in shares.items() if t.hour == 8}
    newest = datetime(2026, 4, 2)
    found = dict(town.queries.usual(TTI, "east", "day", utc(newest - timedelta(days=2)), utc(newest + timedelta(days=1))))
    assert len(found) == 3
    for start, band in found.items():
        day = start + timedelta(hours=8)
        low, high = expected({t.replace(hour=day.hour): v for t, v in day_share.items()}, day, day)
        assert (band.low, band.high) == (pytest.approx(low), pytest.approx(high))


def test_the_card_carries_a_range_for_each_point_of_its_trend_and_the_last_is_its_own(town: Town) -> None:
    history(town)
    town.clock = utc(datetime(2026, 4, 2, 10, 5))
    card = town.queries.card(TTI, "east")
    assert card.band is not None and len(card.trend_bands) == len(card.trend) == 24
    assert card.trend_bands[-1] == card.band
    assert sum(band is not None for band in card.trend_bands) == 2, "08:00 and 09:00; nothing is charged at other hours"


def test_weeks_and_stocks_have_none(town: Town) -> None:
    history(town)
    assert town.queries.usual(TTI, "east", "week", utc(datetime(2026, 3, 2)), utc(datetime(2026, 4, 3))) == []
