"""Sentences of alerts: units, rounding and length of time read as a person would say them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from data_pipeline.alerts import Condition, load_rules
from data_pipeline.alerts.words import bound, metric_title, number, span
from data_pipeline.cities import load_packs
from data_pipeline.metrics import metric


@pytest.mark.parametrize(
    ("metric_id", "value", "zh", "en"),
    [
        ("sensing.online_share", 0.8754, "87.54%", "87.54%"),
        ("traffic.tti", 2.3, "2.30", "2.30"),
        ("environment.aqi_daily", 163.0, "163", "163"),
        ("services.requests_n", 12480, "12,480", "12,480"),
        ("traffic.speed_kmh", 25.15, "25.1 公里/时", "25.1 km/h"),
    ],
)
def test_figures_carry_their_unit(metric_id: str, value: float, zh: str, en: str) -> None:
    assert number(value, metric(metric_id)) == (zh, en)


def test_bounds_are_written_without_needless_zeros() -> None:
    assert bound(Condition(op=">", value=2.0), metric("traffic.tti")) == ("高于 2.0", "above 2.0")
    assert bound(Condition(op="<", value=0.88), metric("sensing.online_share")) == ("低于 88%", "below 88%")


@pytest.mark.parametrize(
    ("minutes", "zh", "en"),
    [(30, "30 分钟", "30 min"), (119, "119 分钟", "119 min"), (150, "2 小时", "2 h"), (47 * 60, "47 小时", "47 h"),
     (50 * 60, "2 天", "2 days")],
)  # fmt: skip
def test_lengths_of_time_use_the_largest_fitting_unit(minutes: int, zh: str, en: str) -> None:
    assert span(timedelta(minutes=minutes)) == (zh, en)


def test_every_rule_of_every_city_makes_a_full_sentence_in_both_languages() -> None:
    for pack in load_packs().values():
        for rule in load_rules(pack):
            if rule.kind == "metric":
                names = (pack.name_zh, pack.name_en)
                zh, en = metric_title(rule, metric(rule.metric), names, 1.0, timedelta(minutes=45))
                assert zh.startswith(pack.name_zh) and "已持续 45 分钟" in zh
                assert en.startswith(pack.name_en) and en.endswith("for 45 min")
