"""The local clock: when it changes, against what the laws of the places say."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from data_pipeline.times import offset_steps

HOUR = 3600


def test_every_change_of_a_clock_in_thirty_years_is_found() -> None:
    starts, offsets = offset_steps(ZoneInfo("America/New_York"), datetime(1995, 1, 1), datetime(2025, 1, 1))
    assert len(starts) == 1 + 2 * 30  # twice a year
    assert set(offsets) == {-5 * HOUR, -4 * HOUR}
    # 15 U.S.C. 260a: 2 a.m. on the second Sunday of March and the first Sunday of November
    assert datetime(2024, 3, 10, 7) in starts and datetime(2024, 11, 3, 6) in starts


def test_a_clock_that_moves_by_half_an_hour_is_followed() -> None:
    # Lord Howe Island: 2 a.m. on the first Sundays of April and October
    starts, offsets = offset_steps(ZoneInfo("Australia/Lord_Howe"), datetime(2025, 4, 1), datetime(2025, 11, 1))
    assert starts[1:] == [datetime(2025, 4, 5, 15), datetime(2025, 10, 4, 15, 30)]
    assert offsets == [39_600, 37_800, 39_600]


def test_china_has_had_one_offset_since_the_summer_times_of_1986_to_1991() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    assert offset_steps(shanghai, datetime(1992, 1, 1), datetime(2030, 1, 1)) == ([datetime(1992, 1, 1)], [8 * HOUR])
    # from 2 a.m. on 4 May to 2 a.m. (summer time) on 14 September
    starts, offsets = offset_steps(shanghai, datetime(1986, 1, 1), datetime(1987, 1, 1))
    assert list(zip(starts, offsets, strict=True))[1:] == [(datetime(1986, 5, 3, 18), 9 * HOUR), (datetime(1986, 9, 13, 17), 8 * HOUR)]
