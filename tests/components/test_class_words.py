"""The class a figure falls in and what decided it, in words beside the figure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_formats import READING

from components.figures import class_words
from data_pipeline.metrics import metric
from data_pipeline.queries.types import Card

AQI, PM25 = metric("environment.aqi_daily"), "environment.iaqi_pm25"


def card(value: float | None, *deciders: str) -> Card:
    return Card(replace(READING, value=value), None, None, None, (), deciders=deciders)


@pytest.mark.parametrize(
    ("value", "deciders", "zh", "en"),
    [
        (45, (), "优", "excellent"), (50, (), "优", "excellent"), (90, ("environment.iaqi_o3",), "良 · 首要污染物 臭氧", "good"),
        (148, (PM25, "environment.iaqi_pm10"), "轻度污染 · 首要污染物 PM2.5、PM10", "light pollution · primary pollutant PM2.5, PM10"),
        (301, (PM25,), "严重污染 · 首要污染物 PM2.5", "severe pollution"), (None, (), "", ""),
    ],
)  # fmt: skip
def test_the_class_and_the_primary_pollutants_stand_beside_the_index(value: float | None, deciders: tuple[str, ...], zh: str, en: str) -> None:
    assert class_words(card(value, *deciders), AQI, "zh") == zh
    assert class_words(card(value, *deciders), AQI, "en").startswith(en)


def test_a_figure_without_classes_has_no_words() -> None:
    assert class_words(card(3.0), metric("environment.pm25"), "zh") == ""
