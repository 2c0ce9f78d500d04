"""Numbers, changes, times and states as words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from components import formats
from components.i18n import Lang
from data_pipeline.queries.types import Change, Reading

TZ = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 22, 2, 15)  # 10:15 local
READING = Reading(
    city="420700", metric="traffic.tti", area="420700", grain="hour", period_start_utc=datetime(2026, 11, 22, 0),
    period_end_utc=datetime(2026, 11, 22, 1), numerator=3.0, denominator=2.0, value=1.5, n=3, reported_n=3, expected_n=3,
    children_reported=None, children_expected=None, status="ok", simulated_share=None,
    data_as_of_utc=datetime(2026, 11, 22, 0, 15), known_from_utc=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "lang", "expected"),
    [
        (None, "count", 0, "zh", "暂无数据"),
        (None, "share", 4, "en", "No data"),
        (0.0, "count", 0, "zh", "0"),
        (0.8765, "share", 4, "zh", "87.7%"),
        (0.5, "share", 2, "en", "50%"),
        (2134, "count", 0, "zh", "2,134"),
        (12345, "kwh", 0, "zh", "1.23 万千瓦时"),
        (12345, "kwh", 0, "en", "12,345 kWh"),
        (123456789, "yuan", 0, "zh", "1.23 亿元"),
        (1234567, "kwh", 0, "en", "1.23 m kWh"),
        (1.005, "ratio", 2, "zh", "1.01"),  # half up on the decimal written, not on the binary one
        (2.5, "index", 0, "zh", "3"),
        (-0.04, "degc", 1, "zh", "0.0 ℃"),
        (1.4286, "ratio", 2, "en", "1.43"),
    ],
)
def test_a_figure_reads_as_its_unit_and_language_want(
    value: float | None, unit: str, decimals: int, lang: Lang, expected: str
) -> None:
    assert formats.figure(value, unit, decimals, lang).text == expected


def test_exact_figures_keep_every_declared_digit() -> None:
    assert formats.figure(0.876543, "share", 4, "zh", exact=True).text == "87.65%"
    assert formats.figure(123456, "kwh", 0, "zh", exact=True).text == "123,456 千瓦时"


def test_a_share_changes_in_points_and_another_figure_in_per_cent() -> None:
    item = Change(before=0.80, relative=0.025, points=0.02, period_start_utc=NOW)
    assert formats.change(item, "share", 4, "zh").amount == "2.0 百分点"  # type: ignore[union-attr]
    assert formats.change(item, "ratio", 2, "zh").amount == "2.5%"  # type: ignore[union-attr]


def test_a_change_without_a_base_is_not_shown() -> None:
    assert formats.change(None, "ratio", 2, "zh") is None
    assert formats.change(Change(0.0, None, 3.0, NOW), "count", 0, "zh") is None


def test_a_change_that_rounds_to_nothing_is_unchanged() -> None:
    words = formats.change(Change(1.0, 0.0004, 0.0004, NOW), "ratio", 2, "zh")
    assert words is not None and (words.arrow, words.amount) == ("→", "持平")


def test_a_late_figure_says_as_of_when_and_how_late() -> None:
    late = replace(READING, status="stale", late_s=7260)
    assert formats.status_words(late, TZ, "zh", NOW) == ["数据截至 08:15，已迟 2 小时"]


def test_a_partial_figure_counts_areas_where_areas_report() -> None:
    partial = replace(READING, status="partial", children_reported=12, children_expected=14)
    assert formats.status_words(partial, TZ, "zh", NOW) == ["12/14 已报"]


def test_partial_never_rounds_up_to_complete() -> None:
    partial = replace(READING, status="partial", reported_n=9999, expected_n=10000)
    assert formats.status_words(partial, TZ, "zh", NOW) == ["已报 99.9%"]


def test_a_missing_figure_says_why() -> None:
    missing = replace(READING, status="missing", value=None)
    suppressed = replace(READING, status="suppressed", value=None)
    assert formats.status_words(missing, TZ, "zh", NOW) == ["本期无上报"]
    assert formats.status_words(suppressed, TZ, "zh", NOW) == ["样本不足，不予显示"]


def test_a_complete_figure_says_nothing() -> None:
    assert formats.status_words(READING, TZ, "zh", NOW) == []


@pytest.mark.parametrize(("share", "words"), [(None, ""), (0.0, ""), (1.0, "模拟"), (0.35, "含模拟 35%"), (0.001, "含模拟 1%")])
def test_simulated_is_said_with_its_share(share: float | None, words: str) -> None:
    assert formats.simulated_words(share, "zh") == words


def test_periods_are_told_on_the_citys_clock() -> None:
    day = replace(READING, grain="day", period_start_utc=datetime(2026, 11, 20, 16))
    quarter = replace(READING, grain="quarter", period_start_utc=datetime(2026, 9, 30, 16))
    assert formats.period(READING, TZ, "zh", NOW) == "08:00–09:00"
    assert formats.period(READING, TZ, "zh", datetime(2026, 11, 23, 2)) == "11月22日 08:00–09:00"
    assert formats.period(READING, TZ, "zh", datetime(2026, 11, 23, 2), brief=True) == "11月22日 08:00"
    assert formats.period(READING, TZ, "zh", NOW, brief=True) == "08:00–09:00"
    assert formats.period(day, TZ, "zh", NOW) == "11月21日"
    assert formats.period(quarter, TZ, "en", NOW) == "2026 Q4"


def test_a_moment_of_another_year_names_the_year() -> None:
    assert formats.moment(datetime(2025, 1, 2, 3, 4), TZ, "zh", NOW) == "2025年1月2日 11:04"
    assert formats.moment(None, TZ, "zh", NOW) == "暂无数据"


def test_figures_side_by_side_share_one_unit() -> None:
    shown, unit = formats.alike([37300, 6727, None], "kwh", 0, "zh")
    assert [f.text for f in shown] == ["3.73 万千瓦时", "0.67 万千瓦时", "暂无数据"] and unit == "万千瓦时"
    small, unit = formats.alike([900, 20], "kwh", 0, "zh")
    assert [f.text for f in small] == ["900 千瓦时", "20 千瓦时"] and unit == "千瓦时"
    fast, unit = formats.alike([503653, 800], "kbps", 0, "zh")
    assert [f.text for f in fast] == ["503.7 兆比特/秒", "0.8 兆比特/秒"]


def test_a_sum_over_an_open_day_is_called_so_far() -> None:
    today = replace(READING, grain="day", is_open=True)
    assert formats.period_words(today, TZ, "zh", NOW, so_far=True) == "今日累计"
    assert formats.period_words(replace(today, is_open=False), TZ, "zh", NOW, so_far=True) == "11月22日"
