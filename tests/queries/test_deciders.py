"""Which figures decide another one: all at a tie, none where it is small, none that is below it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from data_pipeline.metrics import metric
from data_pipeline.queries.answers import Answers
from data_pipeline.queries.cards import deciders
from data_pipeline.queries.types import Reading

START = datetime(2026, 3, 1, 16)
AQI = metric("environment.aqi_daily")


@dataclass
class Held:
    """Readings by metric, as the door would hold them."""

    values: dict[str, float] = field(default_factory=dict)

    def reading(self, one: Any, area: Any, grain: Any, start: datetime) -> Reading:
        value = self.values.get(one.id)
        return Reading("c", one.id, "c", grain, start, start, None, None, value, 1, 1, 1, None, None, "ok", 0.0, None, None)


def decided(aqi: float | None, **sub: float) -> tuple[str, ...]:
    held = Held({f"environment.iaqi_{name}": value for name, value in sub.items()} | ({"environment.aqi_daily": aqi} if aqi is not None else {}))
    reading = held.reading(AQI, None, "day", START)
    return deciders(cast(Answers, held), AQI, cast(Any, None), reading)


def test_the_largest_sub_index_is_the_primary_pollutant() -> None:
    # day SO2 9, NO2 38, CO 0.8, O3 148, PM10 86, PM2.5 48 (standards 5.1)
    assert decided(90, so2=9, no2=48, co=20, o3=90, pm10=76, pm25=76) == ("environment.iaqi_o3",)


def test_all_of_them_at_a_tie() -> None:
    assert decided(76, so2=9, no2=48, co=20, o3=60, pm10=76, pm25=76) == ("environment.iaqi_pm25", "environment.iaqi_pm10")


def test_none_where_the_air_is_excellent_or_the_index_is_missing() -> None:
    assert decided(45, so2=7, no2=38, co=15, o3=44, pm10=45, pm25=40) == ()
    assert decided(50, pm25=50) == ()
    assert decided(None, pm25=120) == ()
    assert deciders(cast(Answers, Held()), metric("environment.pm25"), cast(Any, None), Held({"environment.pm25": 99}).reading(metric("environment.pm25"), None, "hour", START)) == ()
