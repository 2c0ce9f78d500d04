"""The calendar the simulated city lives by."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from data_pipeline.holidays import KINDS, day_kinds, holidays
from data_pipeline.simulate.clock import Clock, seconds

SHANGHAI = ZoneInfo("Asia/Shanghai")
# from the notices of the General Office of the State Council for 2024, 2025 and 2026
PUBLISHED = {
    "2024-02-04": "workday", "2024-02-10": "spring_festival", "2024-02-17": "spring_festival", "2024-02-18": "workday",
    "2024-09-17": "holiday", "2024-10-07": "holiday", "2024-10-08": "workday", "2024-10-12": "workday",
    "2025-01-26": "workday", "2025-01-28": "spring_festival", "2025-02-04": "spring_festival", "2025-10-08": "holiday",
    "2025-10-11": "workday", "2026-01-04": "workday", "2026-02-14": "workday", "2026-02-15": "spring_festival",
    "2026-02-23": "spring_festival", "2026-02-28": "workday", "2026-05-09": "workday", "2026-06-19": "holiday",
    "2026-09-20": "workday", "2026-09-27": "holiday", "2026-10-10": "workday", "2026-10-11": "weekend", "2026-11-20": "workday",
}  # fmt: skip


@pytest.mark.parametrize(("day", "kind"), PUBLISHED.items())
def test_days_are_of_the_kind_the_state_council_announced(day: str, kind: str) -> None:
    ordinal = np.array([date.fromisoformat(day).toordinal()])
    assert KINDS[int(day_kinds(ordinal, in_china=True)[0])] == kind


def test_each_break_is_as_long_as_announced() -> None:
    length = {(h.name_zh, a.year): (b - a).days + 1 for h in holidays().holiday for a, b in h.days}
    assert length[("春节", 2024)] == 8 and length[("春节", 2025)] == 8 and length[("春节", 2026)] == 9
    assert length[("国庆节", 2025)] == 8 and length[("国庆节", 2026)] == 7
    worked = [d.weekday() for d in holidays().worked_weekends.days]
    assert min(worked) >= 5, "worked days of the calendar are weekend days"


def test_elsewhere_only_weekends_are_free() -> None:
    kinds = day_kinds(np.array([date(2026, 10, 1).toordinal(), date(2026, 10, 3).toordinal()]), in_china=False)
    assert [KINDS[k] for k in kinds] == ["workday", "weekend"]


def test_the_local_clock_is_right_through_a_change_of_summer_time() -> None:
    # Berlin leaves summer time on 2025-10-26 at 01:00 UTC
    t = np.array([seconds(datetime(2025, 10, 26, h)) for h in (0, 1, 2)])
    np.testing.assert_allclose(Clock.at(t, ZoneInfo("Europe/Berlin")).hour, [2.0, 2.0, 3.0])
    clock = Clock.at(np.array([seconds(datetime(2026, 11, 21, 16))]), SHANGHAI)
    assert clock.hour[0] == 0.0 and date.fromordinal(int(clock.day[0])) == date(2026, 11, 22) and clock.weekday[0] == 6
