"""The opening sentence: written by rule, never calm without data, exceptions named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from test_formats import NOW, READING

from components.sentence import parts
from data_pipeline.metrics import Metric, metric
from data_pipeline.queries.types import Band, Card, Event, Source

TTI = metric("traffic.tti")  # better: lower
ON_TIME = metric("services.on_time_share")  # better: higher
BAND = Band(1.0, 1.2, 1.4, 28)


def card(value: float | None, area: str = "420700", status: str = "ok", expected: int = 3) -> Card:
    reading = replace(READING, area=area, value=value, status=status, expected_n=expected)  # type: ignore[arg-type]
    return Card(reading, None, None, BAND, ())


def alert(state: str, severity: str = "medium") -> Event:
    return Event("a", "420700", "alert", None, "题", "title", severity, state, "", NOW, None, "", None, None, True)  # type: ignore[arg-type]


def words(headline: list[tuple[Card, Metric]], elsewhere: list[tuple[Card, Metric]] | None = None,
          events: list[Event] | None = None, sources: list[Source] | None = None) -> str:  # fmt: skip
    found = parts("鄂州市", "Ezhou", {"420704": "鄂城区"}, headline, elsewhere or [], events or [], sources or [], "zh")
    return "；".join(p.text for p in found)


def test_a_city_within_its_usual_ranges_runs_calmly() -> None:
    assert words([(card(1.2), TTI)]) == "鄂州市运行平稳；无未结告警"


def test_without_data_nobody_says_calm() -> None:
    assert words([(card(None, status="missing"), TTI)]) == "鄂州市暂无足够数据，无法判断运行状态；无未结告警；1 项指标暂无数据"


def test_late_figures_are_not_a_ground_for_calm_either() -> None:
    assert words([(card(1.2, status="stale"), TTI)]).startswith("鄂州市暂无足够数据")


def test_a_district_on_the_bad_side_of_its_range_is_named() -> None:
    text = words([(card(1.2), TTI)], [(card(1.9, "420704"), TTI)])
    assert text == "鄂州市运行总体平稳，1 项指标偏离常见范围；鄂城区行程时间比高于同期；无未结告警"


def test_the_good_side_of_a_range_is_no_exception() -> None:
    assert words([(card(0.5), TTI)]) == "鄂州市运行平稳；无未结告警"
    assert "低于同期" in words([(card(0.5), ON_TIME)])


def test_a_deviation_that_rests_on_half_the_reports_is_not_told() -> None:
    calm = words([(card(1.2), TTI)], [(card(1.9, "420704", "partial", expected=6), TTI)])
    assert "高于同期" not in calm


def test_at_most_two_exceptions_are_named_and_each_metric_once() -> None:
    elsewhere = [(card(1.9 + i, f"a{i}"), TTI) for i in range(4)]
    assert words([(card(1.2), TTI)], elsewhere).count("高于同期") == 1


def test_alerts_are_counted_by_state_and_grave_ones_lead() -> None:
    text = words([(card(1.2), TTI)], events=[alert("open"), alert("in_hand"), alert("in_hand"), alert("closed")])
    assert "1 项告警待处理；2 项告警处理中" in text
    assert words([(card(1.2), TTI)], events=[alert("open", "critical")]).startswith("鄂州市有 1 项重要告警")


def test_late_sources_are_told() -> None:
    late = Source("420700", "d", "", "", "", "", "real", "late", 300, 60, NOW - timedelta(hours=2), NOW, 7000, 0, 0)
    assert words([(card(1.2), TTI)], sources=[late]).endswith("1 个数据源迟到")
